//! Positions at rates that depend on the size of a pixel, beside numbers about time and place (Clay).

use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

/// How many numbers about time and place every token of a patch holds.
pub const METADATA: usize = 8;

/// Sine-cosine positions whose rates scale with the size of a pixel, in all but the last eight channels; these hold sine and
/// cosine of week, hour, latitude and longitude, the same for every patch (Clay 1.5, `add_encodings`).
#[derive(Module, Clone, Debug)]
pub struct MetadataPositions {
    /// Width of a token.
    pub dim: usize,
    /// Size of a pixel in metres: one number for all images, or one per image of a batch.
    #[module(skip)]
    pub resolutions: Vec<f64>,
    /// Sine and cosine of week and hour, then of latitude and longitude, for all images or for each; zeros when unknown.
    #[module(skip)]
    pub metadata: Vec<[f64; METADATA]>,
}

impl MetadataPositions {
    /// Positions `[n, rows * columns, dim]` for `n` resolutions or sets of numbers, whichever are more.
    ///
    /// # Panics
    /// When there are several of both and not as many.
    pub(crate) fn rows<B: Backend>(&self, grid: [usize; 2], device: &B::Device) -> Tensor<B, 3> {
        let images = self.resolutions.len().max(self.metadata.len());
        let fits = |count: usize| count == 1 || count == images;
        assert!(
            fits(self.resolutions.len()) && fits(self.metadata.len()),
            "{} resolutions and {} sets of metadata do not belong to the same images",
            self.resolutions.len(),
            self.metadata.len()
        );
        let [rows, columns] = grid;
        let width = self.dim - METADATA;
        let quarter = width / 4;
        let mut values = Vec::with_capacity(images * rows * columns * self.dim);
        for image in 0..images {
            let resolution = self.resolutions[image % self.resolutions.len()] as f32;
            let about = self.metadata[image % self.metadata.len()].map(|v| v as f32);
            // In single precision and in this order of operations, like the published code.
            let rates: Vec<f32> = (0..quarter)
                .map(|i| {
                    let share = i as f32 / (quarter.max(2) - 1) as f32;
                    1.0 / 10_000f32.powf(2.0 * share / width as f32) * resolution
                })
                .collect();
            for y in 0..rows {
                for x in 0..columns {
                    for place in [x as f32, y as f32] {
                        let angles = || rates.iter().map(|rate| f64::from(place * rate));
                        values.extend(angles().map(|a| a.sin() as f32));
                        values.extend(angles().map(|a| a.cos() as f32));
                    }
                    values.extend(about);
                }
            }
        }
        let shape = [images, rows * columns, self.dim];
        Tensor::from_data(TensorData::new(values, shape), device)
    }
}
