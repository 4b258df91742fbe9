//! Which patches are masked: decided on the host, so that a plan is the same on every backend.

use rand_chacha::rand_core::RngCore;

use crate::{BackboneError, SeededInit};

/// For each sample of a batch, which patches are visible and in which order the encoder sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskPlan {
    batch: usize,
    patches: usize,
    visible: usize,
    /// Patches of each sample in shuffled order, visible ones first: `[batch, patches]`.
    shuffled: Vec<usize>,
}

impl MaskPlan {
    /// A random plan: per sample, patches are ordered by random numbers from a ChaCha stream of `seed`, and the first
    /// `patches * (1 - ratio)` are visible.
    ///
    /// # Errors
    /// [`BackboneError::Mask`] when the batch is empty or no patch would be visible, or none masked.
    pub fn random(
        batch: usize,
        patches: usize,
        ratio: f64,
        seed: u64,
    ) -> Result<Self, BackboneError> {
        let mut rng = SeededInit::new(seed).stream("mask plan");
        let noise: Vec<u64> = (0..batch * patches).map(|_| rng.next_u64()).collect();
        Self::order(noise, batch, patches, ratio, u64::cmp)
    }

    /// The plan that the published code makes of given random numbers, `[batch, patches]`: the smallest are visible.
    ///
    /// # Errors
    /// [`BackboneError::Mask`] when the numbers are not `batch * patches` finite ones, or as for [`MaskPlan::random`].
    pub fn from_noise(
        noise: &[f32],
        batch: usize,
        patches: usize,
        ratio: f64,
    ) -> Result<Self, BackboneError> {
        if noise.len() != batch * patches || noise.iter().any(|v| !v.is_finite()) {
            return Err(BackboneError::Mask(format!(
                "{} numbers of noise, expected {} finite ones",
                noise.len(),
                batch * patches
            )));
        }
        Self::order(noise.to_vec(), batch, patches, ratio, f32::total_cmp)
    }

    fn order<T>(
        noise: Vec<T>,
        batch: usize,
        patches: usize,
        ratio: f64,
        compare: fn(&T, &T) -> std::cmp::Ordering,
    ) -> Result<Self, BackboneError> {
        let visible = visible(patches, ratio);
        if batch == 0 || visible == 0 || visible >= patches {
            return Err(BackboneError::Mask(format!(
                "a batch of {batch} with {visible} of {patches} patches visible; some must be visible and some masked"
            )));
        }
        let shuffled = noise
            .chunks_exact(patches)
            .flat_map(|noise| {
                let mut order: Vec<usize> = (0..patches).collect();
                order.sort_by(|a, b| compare(&noise[*a], &noise[*b]));
                order
            })
            .collect();
        Ok(Self {
            batch,
            patches,
            visible,
            shuffled,
        })
    }

    /// Number of samples.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Number of patches of a sample.
    pub fn patches(&self) -> usize {
        self.patches
    }

    /// Number of visible patches of a sample.
    pub fn visible(&self) -> usize {
        self.visible
    }

    /// Whether each patch is masked, `[batch, patches]` row by row.
    pub fn mask(&self) -> Vec<bool> {
        let mut mask = vec![true; self.batch * self.patches];
        for row in self.visible_rows() {
            mask[row] = false;
        }
        mask
    }

    /// Visible patches as patch numbers within their sample, `[batch, visible]`.
    pub(crate) fn visible_patches(&self) -> impl Iterator<Item = usize> + '_ {
        self.shuffled
            .chunks_exact(self.patches)
            .flat_map(|order| order[..self.visible].iter().copied())
    }

    /// Visible patches as rows of `[batch * patches]`.
    pub(crate) fn visible_rows(&self) -> impl Iterator<Item = usize> + '_ {
        self.visible_patches()
            .enumerate()
            .map(|(at, patch)| at / self.visible * self.patches + patch)
    }

    /// Masked patches as rows of `[batch * patches]`.
    pub(crate) fn masked_rows(&self) -> impl Iterator<Item = usize> + '_ {
        self.shuffled
            .chunks_exact(self.patches)
            .enumerate()
            .flat_map(move |(sample, order)| {
                order[self.visible..]
                    .iter()
                    .map(move |patch| sample * self.patches + patch)
            })
    }

    /// For every patch, `[batch * patches]`: the row of its token among the `batch * visible` visible ones, or that number
    /// itself for a masked patch (the row of the mask token behind them).
    pub(crate) fn restore_rows(&self) -> Vec<usize> {
        let mut rows = vec![self.batch * self.visible; self.batch * self.patches];
        for (at, row) in self.visible_rows().enumerate() {
            rows[row] = at;
        }
        rows
    }
}

/// Number of visible patches, rounded down as in the published code: `int(patches * (1 - ratio))`.
pub(crate) fn visible(patches: usize, ratio: f64) -> usize {
    let count = patches as f64 * (1.0 - ratio);
    // NaN and negative counts become 0; ratios below 0 give more than all patches, which callers refuse as well.
    (count as usize).min(patches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_patch_is_visible_or_masked_once() {
        let plan = MaskPlan::random(3, 16, 0.75, 5).unwrap();
        assert_eq!((plan.visible(), plan.patches(), plan.batch()), (4, 16, 3));
        let mut rows: Vec<usize> = plan.visible_rows().chain(plan.masked_rows()).collect();
        rows.sort_unstable();
        assert_eq!(rows, (0..48).collect::<Vec<_>>());
        let restore = plan.restore_rows();
        for (at, row) in plan.visible_rows().enumerate() {
            assert_eq!(restore[row], at);
        }
        assert!(plan.masked_rows().all(|row| restore[row] == 12));
        assert_eq!(plan.mask().iter().filter(|masked| **masked).count(), 36);
    }

    #[test]
    fn a_seed_repeats_and_another_differs() {
        let plan = |seed| MaskPlan::random(2, 64, 0.75, seed).unwrap();
        assert_eq!(plan(1), plan(1));
        assert_ne!(plan(1), plan(2));
    }

    #[test]
    fn the_smallest_noise_is_visible() {
        let plan = MaskPlan::from_noise(&[0.9, 0.1, 0.5, 0.3], 1, 4, 0.5).unwrap();
        assert_eq!(plan.visible_patches().collect::<Vec<_>>(), [1, 3]);
        assert_eq!(plan.mask(), [true, false, true, false]);
    }

    #[test]
    fn impossible_plans_are_errors() {
        assert!(MaskPlan::random(0, 4, 0.5, 0).is_err());
        assert!(MaskPlan::random(1, 4, 1.0, 0).is_err());
        assert!(MaskPlan::random(1, 4, 0.0, 0).is_err());
        assert!(MaskPlan::random(1, 4, f64::NAN, 0).is_err());
        assert!(MaskPlan::from_noise(&[0.0; 3], 1, 4, 0.5).is_err());
        assert!(MaskPlan::from_noise(&[f32::NAN; 4], 1, 4, 0.5).is_err());
    }
}
