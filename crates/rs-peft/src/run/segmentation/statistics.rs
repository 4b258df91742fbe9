//! Statistics of token features over the training windows, summed up in passing: the features themselves can be too many to keep.

use burn::tensor::backend::Backend;
use heads::Standardiser;
use rs_datasets::image_tensor;
use vit_backbone::{Seam, Vit};

use crate::run::RunError;
use crate::run::batches::loader;
use crate::run::map_readout::MapReadout;
use crate::run::seed::Samples;

/// Windows per forward pass.
const BATCH: usize = 16;

/// Mean and standard deviation of every channel of the maps, side by side, over all tokens of the windows.
pub(super) fn of_tokens<B: Backend, S: Seam<B>>(
    tiles: &Samples,
    readout: &MapReadout,
    base: &Vit<B>,
    seam: &S,
    device: &B::Device,
) -> Result<Standardiser, RunError> {
    let batches = loader(tiles, tiles.train_indices(), BATCH, false, None)?.epoch(0);
    let mut moments: Vec<Moments> = Vec::new();
    for batch in batches {
        let (maps, _) = readout.maps(base, seam, image_tensor::<B>(&batch?, device));
        let mut channel = 0;
        for map in maps {
            let [images, channels, height, width] = map.dims();
            moments.resize(moments.len().max(channel + channels), Moments::default());
            let values: Vec<f32> = map.into_data().iter::<f32>().collect();
            for (at, plane) in values.chunks(height * width).enumerate() {
                moments[channel + at % channels].add(plane);
            }
            debug_assert_eq!(values.len(), images * channels * height * width);
            channel += channels;
        }
    }
    Ok(Standardiser {
        mean: moments.iter().map(|m| m.mean).collect(),
        std: moments.iter().map(Moments::std).collect(),
    })
}

/// Count, mean and sum of squared deviations, joined group by group (Chan et al. 1979), so that a large mean costs no digits.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, values: &[f32]) {
        let count = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
        let squares: f64 = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum();
        let (difference, total) = (mean - self.mean, self.count + count);
        self.squares += squares + difference * difference * self.count * count / total;
        self.mean += difference * count / total;
        self.count = total;
    }

    /// 1 for a channel that is constant up to rounding.
    fn std(&self) -> f64 {
        let variance = self.squares / self.count.max(1.0);
        let rounding = (self.mean * f64::from(f32::EPSILON)).powi(2);
        if variance <= rounding || variance == 0.0 {
            1.0
        } else {
            variance.sqrt()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_groups_are_those_of_all() {
        let values: Vec<f32> = (0..60).map(|i| 1000.0 + (i * i % 17) as f32).collect();
        let (mut whole, mut parts) = (Moments::default(), Moments::default());
        whole.add(&values);
        values.chunks(7).for_each(|part| parts.add(part));
        assert!((whole.mean - parts.mean).abs() < 1e-9);
        assert!((whole.std() - parts.std()).abs() < 1e-9);
        let mut constant = Moments::default();
        constant.add(&[3.0, 3.0]);
        assert_eq!(constant.std(), 1.0);
    }
}
