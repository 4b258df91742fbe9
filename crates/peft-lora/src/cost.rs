//! How much arithmetic a method adds to a forward pass, by arithmetic on the configuration: nothing is run.

use vit_backbone::VitConfig;

use crate::config::MethodConfig;
use crate::error::PeftError;
use crate::lora_config::LoraConfig;
use crate::targets::plan;

impl MethodConfig {
    /// Multiply-adds of matrix products in the forward pass of one image `[height, width]` through backbone and adapter, as
    /// [`VitConfig::multiply_adds`] counts them. The adapter is not merged, although weights could hold some of the methods.
    /// Work that is done once for a batch (the lengths of DoRA's columns) and element by element (scales) is not counted.
    ///
    /// # Errors
    /// What [`MethodConfig::count`] reports.
    pub fn multiply_adds(&self, config: &VitConfig, image: [usize; 2]) -> Result<u64, PeftError> {
        // Refuses whatever does not fit the backbone.
        self.count(config)?;
        let patches = config.patch_tokens(image);
        let tokens = config.prefix_tokens() + patches;
        let base = config.multiply_adds(image, 0);
        let per_token = |numbers: usize| (tokens as u64).saturating_mul(numbers as u64);
        let added = match self {
            Self::Frozen | Self::Full | Self::Scratch | Self::NormTuning => 0,
            Self::BitFit(_) | Self::Ia3(_) => 0,
            Self::Lora(lora) | Self::Dora(lora) => per_token(factors(lora, config)?),
            Self::Slr(slr) => {
                let (maps, patch) = slr.multiply_adds(config)?;
                per_token(maps).saturating_add((patches as u64).saturating_mul(patch as u64))
            }
            Self::Houlsby(houlsby) => per_token(4 * config.depth * houlsby.width * config.dim),
            Self::AdaptFormer(parallel) => {
                per_token(2 * config.depth * parallel.width * config.dim)
            }
            // The prompts pass through every block: deep ones replace those of the block before.
            Self::Vpt(vpt) => return Ok(config.multiply_adds(image, vpt.prompts)),
        };
        Ok(base.saturating_add(added))
    }
}

/// Multiply-adds per token of both factors of every map.
fn factors(lora: &LoraConfig, config: &VitConfig) -> Result<usize, PeftError> {
    let maps = plan(lora, config)?;
    Ok(maps
        .iter()
        .map(|map| map.rank * (map.inputs + map.outputs))
        .sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::{AdaptFormerConfig, HoulsbyConfig, SlrConfig, VptConfig};

    /// Two blocks on four patches and a class token.
    fn vit() -> VitConfig {
        VitConfig {
            image_size: 8,
            patch_size: 4,
            dim: 6,
            depth: 2,
            heads: 2,
            mlp_dim: 10,
            ..VitConfig::default()
        }
    }

    fn added(method: MethodConfig) -> u64 {
        let all = method.multiply_adds(&vit(), [8, 8]).unwrap();
        all - vit().multiply_adds([8, 8], 0)
    }

    #[test]
    fn what_is_merged_or_elementwise_adds_nothing() {
        for method in [
            MethodConfig::Frozen,
            MethodConfig::Full,
            MethodConfig::NormTuning,
            MethodConfig::bitfit(),
        ] {
            assert_eq!(added(method), 0);
        }
    }

    #[test]
    fn low_rank_maps_and_bottlenecks_are_counted_per_token() {
        let (tokens, blocks) = (5, 2);
        let all = 6 + 18 + 6 + 6 + 6 + 10 + 10 + 6;
        let lora = LoraConfig::new(3, 3.0, ["all-linear"]);
        assert_eq!(
            added(MethodConfig::Lora(lora.clone())),
            tokens * blocks * 3 * all
        );
        assert_eq!(added(MethodConfig::Dora(lora)), tokens * blocks * 3 * all);
        let query = LoraConfig::new(3, 3.0, ["qkv.q"]);
        assert_eq!(added(MethodConfig::Lora(query)), tokens * blocks * 3 * 12);
        let slr = SlrConfig {
            rank: 3,
            ..SlrConfig::default()
        };
        assert_eq!(
            added(MethodConfig::Slr(slr.clone())),
            tokens * blocks * 3 * all
        );
        let slr = SlrConfig {
            patch_embed: true,
            ..slr
        };
        // Each of four patches: four 2 x 2 subpatches of three channels to rank 3, those to the token.
        let patch = 4 * (4 * 12 * 3 + 3 * 4 * 6);
        assert_eq!(
            added(MethodConfig::Slr(slr)),
            tokens * blocks * 3 * all + patch
        );
        let houlsby = HoulsbyConfig {
            width: 4,
            ..HoulsbyConfig::default()
        };
        assert_eq!(
            added(MethodConfig::Houlsby(houlsby)),
            tokens * blocks * 2 * 2 * 4 * 6
        );
        let parallel = AdaptFormerConfig {
            width: 4,
            ..AdaptFormerConfig::default()
        };
        assert_eq!(
            added(MethodConfig::AdaptFormer(parallel)),
            tokens * blocks * 2 * 4 * 6
        );
    }

    #[test]
    fn prompts_are_tokens() {
        let vpt = MethodConfig::Vpt(VptConfig {
            prompts: 3,
            ..VptConfig::default()
        });
        let found = vpt.multiply_adds(&vit(), [8, 8]).unwrap();
        assert_eq!(found, vit().multiply_adds([8, 8], 3));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let lora = LoraConfig::new(3, 3.0, ["no-such-map"]);
        assert!(
            MethodConfig::Lora(lora)
                .multiply_adds(&vit(), [8, 8])
                .is_err()
        );
    }
}
