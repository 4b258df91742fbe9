//! What the images of a model are and how they become its channels: data, so that a file can hold it.

use std::sync::Arc;

use rs_datasets::{BandSet, DataError, Image, InputUnit, Pipeline, Sample, sample_stream};
use serde::{Deserialize, Serialize};

/// From an image in raw units to the channels that enter a model. Statistics stand in the steps that use them, with their source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelInput {
    /// The bands of an image, in storage order; the steps choose among them by name.
    pub bands: BandSet,
    /// What the values of an image mean.
    pub unit: InputUnit,
    /// Side in pixels: of the square that images are resized to for a class per image, of a window otherwise.
    pub size: usize,
    /// The steps.
    pub steps: InputSteps,
}

/// The steps from an image to channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSteps {
    /// Each makes some of the channels; they are joined in this order. No step is random.
    pub parts: Vec<Pipeline>,
    /// The channels that come out: the backbone's, then those that are read as spectra.
    pub channels: BandSet,
}

impl InputSteps {
    /// The sample with the channels in place of its bands.
    ///
    /// # Errors
    /// Whatever a step gives; [`DataError::Setting`] where there is none.
    pub fn apply(&self, sample: &Sample) -> Result<Sample, DataError> {
        // No step is random; the stream is an argument that nothing draws from.
        let mut stream = sample_stream(0, 0, &sample.id, 0);
        let mut joined: Option<Sample> = None;
        for part in &self.parts {
            let next = part.apply(sample.clone(), &mut stream)?;
            joined = Some(match joined {
                None => next,
                Some(mut whole) => {
                    let mut data = std::mem::take(&mut whole.image.data);
                    data.extend_from_slice(&next.image.data);
                    whole.image = Image::new(
                        Arc::new(self.channels.clone()),
                        InputUnit::Standardised,
                        next.image.height,
                        next.image.width,
                        data,
                    )?;
                    whole
                }
            });
        }
        joined.ok_or_else(|| DataError::Setting {
            what: "input".into(),
            detail: "no band was chosen".into(),
        })
    }
}
