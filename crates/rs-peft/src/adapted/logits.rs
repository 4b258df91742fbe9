//! From images in raw units to logits.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use rs_datasets::{Image, Label, Sample, Step};

use super::head::ModelHead;
use super::{AdaptedError, AdaptedModel};
use crate::run::Adapter;

/// Most pixels of a forward pass: 64 images of 64 pixels, and one window of any size.
const BATCH_PIXELS: usize = 64 * 64 * 64;

/// Logits on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Logits {
    /// `[batch, classes]`, or `[batch, classes, height, width]` for a class per pixel.
    pub shape: Vec<usize>,
    /// The values, row-major.
    pub values: Vec<f32>,
}

impl<B: Backend> AdaptedModel<B> {
    /// Logits of images in the unit of the training images. Pixels without a measurement are NaN in at least one band.
    ///
    /// For a class per image images may have any extent, each its own: they are resized. For a class per pixel they are the
    /// windows that the backbone sees, all of one extent whose sides are multiples of the patch.
    ///
    /// # Shapes
    /// - `images`: `[bands, height, width]` each, with all bands that the model needs, by name
    /// - result: `[batch, classes]`, or `[batch, classes, height, width]`
    ///
    /// # Errors
    /// [`AdaptedError::Bands`], [`AdaptedError::Unit`], [`AdaptedError::NothingMeasured`], [`AdaptedError::Extent`].
    pub fn logits(&self, images: &[Image]) -> Result<Logits, AdaptedError> {
        let samples: Vec<Sample> = images
            .iter()
            .enumerate()
            .map(|(at, image)| Sample {
                image: image.clone(),
                valid: None,
                label: Label::None,
                id: format!("image {at}"),
                geo: None,
            })
            .collect();
        self.logits_of(&samples)
    }

    /// The same of samples, whose masks say which pixels hold a measurement and whose ids stand in errors.
    ///
    /// # Errors
    /// As [`AdaptedModel::logits`].
    pub fn logits_of(&self, samples: &[Sample]) -> Result<Logits, AdaptedError> {
        let classes = self.manifest.classes.len();
        let mut prepared: Vec<Sample> = Vec::with_capacity(samples.len());
        for sample in samples {
            prepared.push(self.prepare(sample)?);
        }
        let Some(first) = prepared.first() else {
            return Ok(Logits {
                shape: vec![0, classes],
                values: Vec::new(),
            });
        };
        let extent = [first.image.height, first.image.width];
        for sample in &prepared {
            let found = [sample.image.height, sample.image.width];
            if found != extent {
                let expected = format!(
                    "all windows of a batch have the extent of the first, {} x {}",
                    extent[0], extent[1]
                );
                return Err(AdaptedError::Extent {
                    image: sample.id.clone(),
                    height: found[0],
                    width: found[1],
                    expected,
                });
            }
            self.check_extent(&sample.id, extent)?;
        }
        let at_once = (BATCH_PIXELS / (extent[0] * extent[1])).max(1);
        let mut values = Vec::new();
        for chunk in prepared.chunks(at_once) {
            let data: Vec<f32> = chunk
                .iter()
                .flat_map(|sample| sample.image.data.iter().copied())
                .collect();
            values.extend(self.forward(data, [chunk.len(), extent[0], extent[1]]));
        }
        let mut shape = vec![prepared.len(), classes];
        if matches!(self.head, ModelHead::Pixels { .. }) {
            shape.extend(extent);
        }
        Ok(Logits { shape, values })
    }

    /// The channels of an image, after a look at whether it can be what the model takes.
    pub(super) fn prepare(&self, sample: &Sample) -> Result<Sample, AdaptedError> {
        let input = &self.manifest.input;
        let image = &sample.image;
        let needed = self.needed_bands();
        let missing: Vec<&str> = needed
            .iter()
            .copied()
            .filter(|name| image.bands.index_of(name).is_err())
            .collect();
        if !missing.is_empty() {
            return Err(AdaptedError::Bands {
                image: sample.id.clone(),
                missing: missing.join(", "),
                expected: needed.join(", "),
                found: image.bands.names().join(", "),
            });
        }
        if image.unit != input.unit {
            return Err(AdaptedError::Unit {
                image: sample.id.clone(),
                found: format!("{:?}", image.unit),
                expected: format!("{:?}", input.unit),
            });
        }
        let area = image.height * image.width;
        let measured = (0..area).any(|pixel| {
            let valid = sample.valid.as_ref().is_none_or(|mask| mask.valid[pixel]);
            let finite = |name: &&str| {
                let band = image.bands.index_of(name);
                band.is_ok_and(|band| image.band(band)[pixel].is_finite())
            };
            valid && needed.iter().all(finite)
        });
        if !measured {
            return Err(AdaptedError::NothingMeasured {
                image: sample.id.clone(),
            });
        }
        Ok(input.steps.apply(sample)?)
    }

    /// Names of the bands that enter the model, each once.
    pub fn needed_bands(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for step in self.manifest.input.steps.parts.iter().flat_map(|part| &part.steps) {
            if let Step::SelectBands(select) = step {
                for name in &select.bands {
                    if !names.contains(&name.as_str()) {
                        names.push(name);
                    }
                }
            }
        }
        names
    }

    /// That the backbone and the adapter can see windows of this extent.
    pub(super) fn check_extent(
        &self,
        image: &str,
        [height, width]: [usize; 2],
    ) -> Result<(), AdaptedError> {
        let config = &self.backbone.config;
        let bad = |expected: String| {
            Err(AdaptedError::Extent {
                image: image.into(),
                height,
                width,
                expected,
            })
        };
        let patch = config.patch_size;
        if height % patch != 0 || width % patch != 0 {
            return bad(format!("sides must be multiples of the patch, {patch}"));
        }
        if let Err(error) = config.check_image([1, config.in_channels, height, width]) {
            return bad(error.to_string());
        }
        if let Adapter::Deflect(deflect) = &self.adapter.method {
            let channels = self.manifest.input.steps.channels.len();
            deflect.check_image([1, channels, height, width], config)?;
        }
        Ok(())
    }

    /// Logits of channels `[images, channels, height, width]`.
    pub(super) fn forward(&self, data: Vec<f32>, [images, height, width]: [usize; 3]) -> Vec<f32> {
        let channels = data.len() / (images * height * width);
        let data = TensorData::new(data, [images, channels, height, width]);
        let input = Tensor::<B, 4>::from_data(data, &self.device);
        let base = &self.backbone.vit;
        match &self.head {
            ModelHead::Classes { readout, head } => {
                let logits = head.forward(readout.features(base, &self.adapter, input));
                logits.into_data().iter::<f32>().collect()
            }
            ModelHead::Pixels { readout, head } => {
                let (maps, _) = readout.maps(base, &self.adapter, input);
                let logits = head.forward(maps, [height, width]);
                logits.into_data().iter::<f32>().collect()
            }
        }
    }
}
