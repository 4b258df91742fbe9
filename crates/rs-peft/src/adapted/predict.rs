//! Classes of whole images, from logits.

use burn::tensor::backend::Backend;
use eval::metric::Probabilities;
use rs_datasets::Sample;

use super::head::ModelHead;
use super::manifest::HeadEntry;
use super::{AdaptedError, AdaptedModel};
use crate::experiment::Windows;
use crate::run::segmentation::logit_sums::LogitSums;
use crate::run::segmentation::windows::{BATCH_PIXELS, check_fits, pixels, places};

/// What a model says about an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Classified {
    /// The likeliest class.
    pub class: usize,
    /// Probability of every class.
    pub probabilities: Vec<f64>,
}

/// The class of every pixel of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelMap {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Classes, row by row, those of pixels without a measurement included.
    pub classes: Vec<usize>,
    /// Whether each pixel was measured.
    pub valid: Vec<bool>,
}

impl<B: Backend> AdaptedModel<B> {
    /// Class and probabilities of images.
    ///
    /// # Errors
    /// [`AdaptedError::Task`] for a model with a class per pixel; as [`AdaptedModel::logits`].
    pub fn classify(&self, samples: &[Sample]) -> Result<Vec<Classified>, AdaptedError> {
        if !matches!(self.head, ModelHead::Classes { .. }) {
            return Err(AdaptedError::Task {
                found: "segmentation",
                asked: "a class per image",
                expected: "classification",
            });
        }
        if samples.is_empty() {
            return Ok(Vec::new());
        }
        let logits = self.logits_of(samples)?;
        let probabilities = Probabilities::from_logits(&logits.values, logits.shape[1])?;
        let classes = probabilities.predictions();
        Ok(classes
            .into_iter()
            .enumerate()
            .map(|(row, class)| Classified {
                class,
                probabilities: probabilities.row(row).to_vec(),
            })
            .collect())
    }

    /// The class of every pixel of an image, by windows of the training size whose logits are averaged where they overlap, or by
    /// one window of the image's extent, as the model was scored.
    ///
    /// # Errors
    /// [`AdaptedError::Task`] for a model with a class per image; an image smaller than a window; as [`AdaptedModel::logits`].
    pub fn label_map(&self, sample: &Sample) -> Result<LabelMap, AdaptedError> {
        let HeadEntry::Segmentation { evaluate, .. } = &self.manifest.head else {
            return Err(AdaptedError::Task {
                found: "classification",
                asked: "a class per pixel",
                expected: "segmentation",
            });
        };
        let channels = self.prepare(sample)?;
        let [height, width] = [channels.image.height, channels.image.width];
        let side = self.manifest.input.size;
        let window = match evaluate {
            Windows::Sliding => [side, side],
            Windows::Whole => [height, width],
        };
        check_fits(&channels, window)?;
        self.check_extent(&sample.id, window)?;
        let count = self.manifest.classes.len();
        let mut sums = LogitSums::new(count, [height, width]);
        let at_once = (BATCH_PIXELS / (window[0] * window[1])).max(1);
        for chunk in places([height, width], window).chunks(at_once) {
            let data: Vec<f32> = chunk
                .iter()
                .flat_map(|&place| pixels(&channels.image, place, window))
                .collect();
            let logits = self.forward(data, [chunk.len(), window[0], window[1]]);
            let one = count * window[0] * window[1];
            for (&place, logits) in chunk.iter().zip(logits.chunks(one)) {
                sums.add(logits, place, window);
            }
        }
        Ok(LabelMap {
            height,
            width,
            classes: sums.predictions(),
            valid: self.measured(sample),
        })
    }

    /// Which pixels of an image are measured in every band that the model needs.
    fn measured(&self, sample: &Sample) -> Vec<bool> {
        let image = &sample.image;
        let mut valid = match &sample.valid {
            Some(mask) => mask.valid.clone(),
            None => vec![true; image.height * image.width],
        };
        for name in self.needed_bands() {
            if let Ok(band) = image.bands.index_of(name) {
                let values = image.band(band);
                valid
                    .iter_mut()
                    .zip(values)
                    .for_each(|(valid, value)| *valid &= value.is_finite());
            }
        }
        valid
    }
}
