//! Standardising the numbers of a patch with statistics of the training images.
//!
//! The statistics are fitted once, before training, and are part of the adapter: saved with it, never trained.

use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::error::DeflectError;
use crate::pixel_set::{PixelSet, Pooled};

/// Mean and standard deviation of every number of a patch over the training patches, on the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standardisation {
    /// What each number is, see [`PixelSet::names`].
    pub names: Vec<String>,
    /// Means, physical units.
    pub mean: Vec<f32>,
    /// Standard deviations (divided by the number of patches), not negative; 0 for numbers that never change.
    pub std: Vec<f32>,
}

/// Running mean and sum of squared deviations (Welford 1962), in double precision.
#[derive(Debug, Clone, Copy, Default)]
struct Running {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Running {
    fn add(&mut self, value: f64) {
        self.count += 1;
        let away = value - self.mean;
        self.mean += away / self.count as f64;
        self.squares += away * (value - self.mean);
    }
}

impl Standardisation {
    /// Fits the statistics on batches of images of the training split, `[batch, channels, height, width]` each.
    /// Unknown numbers (patches without a valid pixel) are left out.
    ///
    /// # Errors
    /// [`DeflectError::Image`] for an image that does not fit; [`DeflectError::Standardisation`] when some number is known in no patch.
    pub fn fit<B: Backend>(
        pixel_set: &PixelSet,
        batches: impl IntoIterator<Item = Tensor<B, 4>>,
    ) -> Result<Self, DeflectError> {
        let names = pixel_set.names();
        let mut running = vec![Running::default(); names.len()];
        for image in batches {
            pixel_set.check_image(image.dims())?;
            let Pooled { values, known } = pixel_set.pool(image);
            let (values, known) = (values.into_data(), known.into_data());
            let pairs = values.iter::<f64>().zip(known.iter::<f64>());
            for (place, (value, known)) in pairs.enumerate() {
                if known > 0.5 {
                    running[place % names.len()].add(value);
                }
            }
        }
        if let Some(place) = running.iter().position(|running| running.count == 0) {
            return Err(DeflectError::Standardisation {
                what: format!("no training patch has a valid pixel for `{}`", names[place]),
            });
        }
        let std = |r: &Running| (r.squares / r.count as f64).sqrt() as f32;
        Ok(Self {
            mean: running.iter().map(|r| r.mean as f32).collect(),
            std: running.iter().map(std).collect(),
            names,
        })
    }

    /// Refuses statistics that are not those of this pixel set.
    ///
    /// # Errors
    /// [`DeflectError::Standardisation`].
    pub fn check(&self, pixel_set: &PixelSet) -> Result<(), DeflectError> {
        let fail = |what: String| Err(DeflectError::Standardisation { what });
        let names = pixel_set.names();
        if self.mean.len() != self.names.len() || self.std.len() != self.names.len() {
            return fail(format!(
                "{} names, {} means and {} standard deviations",
                self.names.len(),
                self.mean.len(),
                self.std.len()
            ));
        }
        if self.names.len() != names.len() {
            return fail(format!(
                "they hold {} numbers, the pixel set {}",
                self.names.len(),
                names.len()
            ));
        }
        if let Some((found, expected)) = self.names.iter().zip(&names).find(|(a, b)| a != b) {
            return fail(format!(
                "they hold `{found}` where the pixel set has `{expected}`"
            ));
        }
        let bad = |(mean, std): (&f32, &f32)| !(mean.is_finite() && std.is_finite() && *std >= 0.0);
        match self.mean.iter().zip(&self.std).position(bad) {
            Some(place) => fail(format!("`{}` has no finite mean and spread", names[place])),
            None => Ok(()),
        }
    }

    /// One over the standard deviation, and 0 for numbers whose spread is rounding noise: they tell nothing.
    fn inverse(&self) -> Vec<f32> {
        let one = |(mean, std): (&f32, &f32)| {
            if *std > 1e-6 * (mean.abs() + 1e-6) {
                1.0 / std
            } else {
                0.0
            }
        };
        self.mean.iter().zip(&self.std).map(one).collect()
    }
}

/// The statistics on a device: constants of the adapter.
#[derive(Module, Debug)]
pub struct Standardise<B: Backend> {
    /// `[numbers]`.
    mean: Tensor<B, 1>,
    /// One over the standard deviation, `[numbers]`.
    inverse: Tensor<B, 1>,
    /// Bound of the result.
    clip: f64,
    /// The same on the host.
    #[module(skip)]
    host: Standardisation,
}

impl<B: Backend> Standardise<B> {
    /// Puts statistics on a device.
    pub(crate) fn new(host: Standardisation, clip: f64, device: &B::Device) -> Self {
        let row = |values: Vec<f32>| {
            let shape = [values.len()];
            Tensor::from_data(TensorData::new(values, shape), device)
        };
        Self {
            mean: row(host.mean.clone()),
            inverse: row(host.inverse()),
            clip,
            host,
        }
    }

    /// `(value - mean) / std`, cut at plus and minus `clip`; 0 (the training mean) where unknown. `[batch, patches, numbers]`.
    pub fn forward(&self, pooled: &Pooled<B>) -> Tensor<B, 3> {
        let centred = pooled.values.clone() - self.mean.clone().unsqueeze();
        let scaled = centred * self.inverse.clone().unsqueeze();
        scaled.clamp(-self.clip, self.clip) * pooled.known.clone()
    }

    /// The statistics on the host.
    pub fn host(&self) -> &Standardisation {
        &self.host
    }
}
