//! Samples side by side, ready for a model.

use std::sync::Arc;

use crate::{BandSet, DataError, InputUnit, Label, Mask, OrientedObject, Sample};

/// Images of one extent, bands and unit, with their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Values `[sample, band, row, column]`, row-major, all finite.
    pub images: Vec<f32>,
    /// Extents of `images`: samples, bands, rows, columns.
    pub shape: [usize; 4],
    /// Bands of the images.
    pub bands: Arc<BandSet>,
    /// Unit of the values.
    pub unit: InputUnit,
    /// Class index per sample; empty when the samples have no class per image.
    pub labels: Vec<usize>,
    /// Indices of all classes of each sample, for data sets that name several; `None` otherwise.
    pub label_sets: Option<Vec<Vec<usize>>>,
    /// Class index per pixel `[sample, row, column]`, -1 where it is to be ignored; `None` without label masks.
    pub masks: Option<Vec<i32>>,
    /// Objects per sample, in pixels of the images; `None` without labelled objects.
    pub objects: Option<Vec<Vec<OrientedObject>>>,
    /// Validity per pixel `[sample, row, column]`; `None` when all pixels of all samples are valid.
    pub valid: Option<Vec<bool>>,
    /// Ids of the samples.
    pub ids: Vec<String>,
}

impl Batch {
    /// Joins samples in the given order.
    ///
    /// # Errors
    /// [`DataError::InSample`] when a sample has other extents, bands, unit or kind of label than the first one, a mask of another
    /// extent than its image, or a pixel that is not finite; [`DataError::Shape`] without a sample.
    pub fn new(samples: Vec<Sample>) -> Result<Self, DataError> {
        let first = samples.first().ok_or_else(|| DataError::Shape {
            expected: "at least one sample".into(),
            found: "none".into(),
        })?;
        let (height, width) = (first.image.height, first.image.width);
        let (bands, unit) = (first.image.bands.clone(), first.image.unit);
        let kind = std::mem::discriminant(&first.label);
        let any_invalid = samples.iter().any(|sample| sample.valid.is_some());
        let mut batch = Self {
            images: Vec::with_capacity(samples.len() * first.image.data.len()),
            shape: [samples.len(), bands.len(), height, width],
            labels: Vec::new(),
            label_sets: matches!(first.label, Label::Classes(_)).then(Vec::new),
            masks: matches!(first.label, Label::Segmentation { .. }).then(Vec::new),
            objects: matches!(first.label, Label::Objects(_)).then(Vec::new),
            valid: any_invalid.then(Vec::new),
            ids: Vec::with_capacity(samples.len()),
            bands,
            unit,
        };
        for sample in samples {
            let id = sample.id.clone();
            let same_kind = std::mem::discriminant(&sample.label) == kind;
            batch
                .push(sample, same_kind)
                .map_err(|source| DataError::InSample {
                    id,
                    source: Box::new(source),
                })?;
        }
        Ok(batch)
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.shape[0]
    }

    /// Whether there is no sample; never true for a batch that was built.
    pub fn is_empty(&self) -> bool {
        self.shape[0] == 0
    }

    fn push(&mut self, sample: Sample, same_kind: bool) -> Result<(), DataError> {
        let [_, _, height, width] = self.shape;
        let image = sample.image;
        if (image.height, image.width) != (height, width)
            || *image.bands != *self.bands
            || image.unit != self.unit
        {
            return Err(DataError::Shape {
                expected: format!(
                    "{height} x {width} pixels of {} in {:?}, like the first of the batch (resize, pad or crop all of them)",
                    self.bands.names().join(", "),
                    self.unit
                ),
                found: format!(
                    "{} x {} of {} in {:?}",
                    image.height,
                    image.width,
                    image.bands.names().join(", "),
                    image.unit
                ),
            });
        }
        if !same_kind {
            return Err(DataError::Shape {
                expected: "a label of the same kind as the first of the batch".into(),
                found: match sample.label {
                    Label::Class(_) => "a class".into(),
                    Label::Classes(_) => "a set of classes".into(),
                    Label::Segmentation { .. } => "a label mask".into(),
                    Label::Objects(_) => "objects".into(),
                    Label::None => "no label".into(),
                },
            });
        }
        if let Some(at) = image.data.iter().position(|value| !value.is_finite()) {
            let area = height * width;
            return Err(DataError::Shape {
                expected: "finite values (put fill_invalid at the end of the pipeline)".into(),
                found: format!(
                    "{} in band {}, row {}, column {}",
                    image.data[at],
                    self.bands.as_slice()[at / area].name,
                    at % area / width,
                    at % width
                ),
            });
        }
        match sample.label {
            Label::Class(class) => self.labels.push(class),
            Label::Classes(classes) => self.label_sets.get_or_insert_default().push(classes),
            Label::Segmentation {
                height: h,
                width: w,
                classes,
            } => {
                if (h, w, classes.len()) != (height, width, height * width) {
                    return Err(DataError::Shape {
                        expected: format!("a label mask of {height} x {width}"),
                        found: format!("{h} x {w} with {} values", classes.len()),
                    });
                }
                self.masks.get_or_insert_default().extend(classes);
            }
            Label::Objects(objects) => self.objects.get_or_insert_default().push(objects),
            Label::None => {}
        }
        if let Some(all) = &mut self.valid {
            match sample.valid {
                Some(Mask { valid, .. }) if valid.len() == height * width => all.extend(valid),
                Some(mask) => {
                    return Err(DataError::Shape {
                        expected: format!("a valid mask of {height} x {width}"),
                        found: format!("{} x {}", mask.height, mask.width),
                    });
                }
                None => all.resize(all.len() + height * width, true),
            }
        }
        self.images.extend(image.data);
        self.ids.push(sample.id);
        Ok(())
    }
}
