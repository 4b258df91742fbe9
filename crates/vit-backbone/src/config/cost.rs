//! How much arithmetic a forward pass takes, by arithmetic on the configuration: nothing is run.
//!
//! Counted are the multiply-adds of matrix products (patch embedding, linear maps, attention), which are all but a few percent
//! of the work; norms, activations, softmax and sums are not counted. Positions, biases and the head are not either.

use super::VitConfig;

impl VitConfig {
    /// Number of patch tokens of an image `[height, width]`; of every channel group, where the model has groups.
    pub fn patch_tokens(&self, image: [usize; 2]) -> usize {
        let [height, width] = image.map(|side| side / self.patch_size.max(1));
        let groups = self.channel_groups.as_ref().map_or(1, |c| c.groups.len());
        groups.saturating_mul(height).saturating_mul(width)
    }

    /// Multiply-adds of the forward pass of one image `[height, width]` through all blocks, with `extra` tokens beside prefix
    /// and patches (prompts of an adapter). A floating-point operation count is twice this.
    pub fn multiply_adds(&self, image: [usize; 2], extra: usize) -> u64 {
        let tokens = self
            .patch_tokens(image)
            .saturating_add(self.prefix_tokens() + extra);
        let area = self.patch_size * self.patch_size;
        // Channel groups have a grid of tokens each, but every channel is in one group: the sum is that of one embedding.
        let channels = match &self.channel_groups {
            None => self.in_channels,
            Some(channels) => channels.groups.iter().map(Vec::len).sum(),
        };
        let grid = image.map(|side| side / self.patch_size.max(1));
        let patches = product(&[grid[0], grid[1], channels * area, self.dim]);
        let linears = 4 * self.dim * self.dim + (self.mlp_dim + self.mlp_inner()) * self.dim;
        let block =
            product(&[tokens, linears]).saturating_add(self.attention_multiply_adds(tokens));
        patches.saturating_add(block.saturating_mul(self.depth as u64))
    }

    /// Multiply-adds of both products of one attention (queries with keys, weights with values) over `tokens` tokens.
    pub fn attention_multiply_adds(&self, tokens: usize) -> u64 {
        product(&[2, tokens, tokens, self.dim])
    }
}

fn product(factors: &[usize]) -> u64 {
    factors
        .iter()
        .fold(1u64, |all, &factor| all.saturating_mul(factor as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_large_models_take_what_is_commonly_published() {
        let count = VitConfig::default().multiply_adds([224, 224], 0);
        // 12 blocks of 197 tokens, 196 patches.
        assert_eq!(
            count,
            12 * (197 * 7_077_888 + 2 * 197 * 197 * 768) + 196 * 768 * 768
        );
        assert_eq!(format!("{:.1}", count as f64 / 1e9), "17.6");
        let large = VitConfig::large().multiply_adds([224, 224], 0);
        assert_eq!(format!("{:.1}", large as f64 / 1e9), "61.6");
    }

    #[test]
    fn every_term_counts() {
        let config = VitConfig {
            image_size: 8,
            patch_size: 4,
            dim: 6,
            depth: 2,
            heads: 2,
            mlp_dim: 10,
            ..VitConfig::default()
        };
        // Four patches of 48 numbers; five tokens.
        let block = 5 * (3 * 36 + 36 + 2 * 60) + 2 * 25 * 6;
        assert_eq!(config.multiply_adds([8, 8], 0), 4 * 48 * 6 + 2 * block);
        let longer = 7 * (3 * 36 + 36 + 2 * 60) + 2 * 49 * 6;
        assert_eq!(config.multiply_adds([8, 8], 2), 4 * 48 * 6 + 2 * longer);
        assert_eq!(config.patch_tokens([8, 12]), 6);
    }

    #[test]
    fn silly_sizes_do_not_overflow() {
        let huge = VitConfig::large().multiply_adds([usize::MAX, usize::MAX], 0);
        assert_eq!(huge, u64::MAX);
    }
}
