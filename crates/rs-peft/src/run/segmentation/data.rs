//! The images of one seed: training, validation and test rows, decoded as often as memory demands.

use std::ops::Range;
use std::sync::Arc;

use rs_datasets::{DataError, Dataset, Label, Split, Task};

use crate::run::RunError;
use crate::run::held::held;

/// Names under which published splits call the part for model selection.
const VALIDATION: [&str; 3] = ["val", "valid", "validation"];

/// Images with a class per pixel: training rows first, then validation rows, then test rows.
pub(super) struct Images {
    pub(super) all: Arc<dyn Dataset>,
    pub(super) train: Range<usize>,
    pub(super) validation: Range<usize>,
    pub(super) test: Range<usize>,
    /// Whether they lie decoded in memory.
    pub(super) decoded: bool,
}

impl Images {
    /// The rows of a split; those for validation only where they are asked for.
    pub(super) fn new(
        view: Arc<dyn Dataset>,
        split: &Split,
        validate: bool,
    ) -> Result<Self, RunError> {
        let train = split.indices("train", view.as_ref())?;
        let validation = match VALIDATION.iter().find(|name| split.part(name).is_ok()) {
            Some(name) if validate => split.indices(name, view.as_ref())?,
            None if validate => split.indices(VALIDATION[0], view.as_ref())?,
            _ => Vec::new(),
        };
        let test = split.indices("test", view.as_ref())?;
        if view.info().task != Task::Segmentation {
            return Err(RunError::Data(DataError::Setting {
                what: "segmentation".into(),
                detail: format!(
                    "`{}` has no class per pixel; use a data set that has, or leave [segmentation] out",
                    view.name()
                ),
            }));
        }
        let (a, b) = (train.len(), train.len() + validation.len());
        let wanted: Vec<usize> = train.into_iter().chain(validation).chain(test).collect();
        let count = wanted.len();
        let (all, decoded) = held(view, wanted)?;
        Ok(Self {
            all,
            train: 0..a,
            validation: a..b,
            test: b..count,
            decoded,
        })
    }

    /// Pixels per class of the training images.
    pub(super) fn class_counts(&self) -> Result<Vec<usize>, RunError> {
        let mut counts = vec![0; self.all.classes().len()];
        for row in self.train.clone() {
            if let Label::Segmentation { classes, .. } = self.all.load(row)?.label {
                for class in classes {
                    if let Some(count) = usize::try_from(class).ok().and_then(|c| counts.get_mut(c))
                    {
                        *count += 1;
                    }
                }
            }
        }
        Ok(counts)
    }
}
