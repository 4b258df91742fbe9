//! What is in the images, and what was detected in them.

use std::collections::HashMap;

use oriented_boxes::Quad;

use crate::EvalError;

/// One object that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct TruthObject {
    /// Index into the class list.
    pub class: usize,
    /// Where, in pixels of the image.
    pub quad: Quad,
    /// Whether it is too hard to be asked for: finding it is neither right nor wrong.
    pub difficult: bool,
}

/// The objects of one image; none is allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageTruth {
    /// Name without extension, e.g. `P0706`.
    pub name: String,
    /// Its objects.
    pub objects: Vec<TruthObject>,
}

/// The objects of all images.
#[derive(Clone, Debug)]
pub struct GroundTruth {
    classes: Vec<String>,
    images: Vec<ImageTruth>,
    index: HashMap<String, usize>,
}

impl GroundTruth {
    /// The ground truth of some images.
    ///
    /// # Errors
    /// [`EvalError::Classes`] without a class or when one occurs twice, [`EvalError::Duplicate`] when an image occurs twice,
    /// [`EvalError::Label`] for an object whose class is not in the list.
    pub fn new(classes: Vec<String>, images: Vec<ImageTruth>) -> Result<Self, EvalError> {
        for (at, class) in classes.iter().enumerate() {
            if classes[..at].contains(class) {
                return Err(EvalError::Classes {
                    problem: format!("`{class}` occurs twice; name each class once"),
                });
            }
        }
        if classes.is_empty() {
            return Err(EvalError::Classes {
                problem: "expected at least one class, found none".into(),
            });
        }
        let mut index = HashMap::with_capacity(images.len());
        for (at, image) in images.iter().enumerate() {
            if let Some(first) = index.insert(image.name.clone(), at) {
                return Err(EvalError::Duplicate {
                    what: format!("the image `{}`", image.name),
                    first: format!("image {first}"),
                    second: format!("image {at}"),
                });
            }
            if let Some(object) = image.objects.iter().find(|o| o.class >= classes.len()) {
                return Err(EvalError::Label {
                    role: "true",
                    position: at,
                    label: object.class,
                    classes: classes.len(),
                });
            }
        }
        Ok(Self {
            classes,
            images,
            index,
        })
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The images in their order.
    pub fn images(&self) -> &[ImageTruth] {
        &self.images
    }

    /// Index of an image by name.
    pub fn image(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }
}

/// One detection of a class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoredBox {
    /// Index of the image in the ground truth.
    pub image: usize,
    /// How sure, finite; larger is surer.
    pub score: f64,
    /// Where, in pixels of the image.
    pub quad: Quad,
}
