//! How many parameters a method trains, by arithmetic on the configuration: nothing is allocated.

use vit_backbone::{LinearMap, VitConfig};

use crate::config::{BitFitConfig, MethodConfig};
use crate::error::PeftError;
use crate::lora_config::{LoraBias, LoraConfig};
use crate::methods::dora::check_targets;
use crate::place::{linear_dims, norm_count};
use crate::targets::plan;

/// Parameters trained, and parameters there are. The head is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterCount {
    /// Scalars that the method trains.
    pub trainable: usize,
    /// Scalars of the base (fixed sin-cos positions are no parameters).
    pub base: usize,
    /// Scalars that come on top of the base's when it is used: those of a LoRA; 0 for methods that train copies of the base's.
    pub added: usize,
}

impl ParameterCount {
    /// Scalars of base and adapter together.
    pub fn total(&self) -> usize {
        self.base + self.added
    }

    /// Trained scalars in percent of the base's.
    pub fn percent_of_base(&self) -> f64 {
        100.0 * self.trainable as f64 / self.base as f64
    }

    /// Trained scalars in percent of base and adapter together, as PEFT prints it.
    pub fn percent_of_total(&self) -> f64 {
        100.0 * self.trainable as f64 / self.total() as f64
    }
}

impl MethodConfig {
    /// Counts without building anything.
    ///
    /// # Errors
    /// What [`MethodConfig::validate`], [`plan`] and `MethodConfig::init` report; [`PeftError::Backbone`] for an invalid
    /// `config`.
    pub fn count(&self, config: &VitConfig) -> Result<ParameterCount, PeftError> {
        config.validate()?;
        self.validate()?;
        let base = config.parameter_count();
        let (trainable, added) = match self {
            Self::Frozen => (0, 0),
            Self::Full | Self::Scratch => (base, 0),
            Self::NormTuning => (norm_count(config) * 2 * config.dim, 0),
            Self::BitFit(bitfit) => {
                bitfit.check(config)?;
                (biases(bitfit, config), 0)
            }
            Self::Lora(lora) => low_rank(lora, config, false)?,
            Self::Dora(dora) => low_rank(dora, config, true)?,
            Self::Ia3(ia3) => only_added(ia3.count(config)?),
            Self::Slr(slr) => with_copies(slr.count(config)?),
            Self::Houlsby(houlsby) => with_copies(houlsby.count(config)),
            Self::AdaptFormer(adaptformer) => only_added(adaptformer.count(config)),
            Self::Vpt(vpt) => only_added(vpt.count(config)),
        };
        Ok(ParameterCount {
            trainable,
            base,
            added,
        })
    }
}

/// Trained and added of a method that only adds.
fn only_added(added: usize) -> (usize, usize) {
    (added, added)
}

/// Trained and added of a method that adds and trains copies of some of the base's.
fn with_copies((added, copies): (usize, usize)) -> (usize, usize) {
    (added + copies, added)
}

/// Scalars of the base's biases.
fn biases(bitfit: &BitFitConfig, config: &VitConfig) -> usize {
    let linears: usize = LinearMap::ALL
        .iter()
        .map(|map| bias_length(*map, config))
        .sum();
    let betas = if bitfit.norms {
        norm_count(config) * config.dim
    } else {
        0
    };
    let patch = if bitfit.patch_embed && config.patch_bias {
        config.dim
    } else {
        0
    };
    config.depth * linears + betas + patch
}

/// Length of a linear map's bias, 0 where it has none.
fn bias_length(map: LinearMap, config: &VitConfig) -> usize {
    if has_bias(map, config) {
        linear_dims(map, config).1
    } else {
        0
    }
}

/// Whether a linear map has a bias.
pub(crate) fn has_bias(map: LinearMap, config: &VitConfig) -> bool {
    match map {
        LinearMap::Qkv => config.qkv_bias,
        LinearMap::Proj => config.proj_bias,
        LinearMap::Fc1 | LinearMap::Fc2 => true,
    }
}

/// Trained and added of a LoRA, with a magnitude per output if it is a DoRA.
fn low_rank(
    lora: &LoraConfig,
    config: &VitConfig,
    magnitudes: bool,
) -> Result<(usize, usize), PeftError> {
    if magnitudes {
        check_targets(lora, config)?;
    }
    let maps = plan(lora, config)?;
    let added = maps
        .iter()
        .map(|map| {
            let own = if magnitudes { map.outputs } else { 0 };
            map.rank * (map.inputs + map.outputs) + own
        })
        .sum();
    let copies = match lora.bias {
        LoraBias::None => 0,
        LoraBias::All => {
            BitFitConfig::default().check(config)?;
            biases(&BitFitConfig::default(), config)
        }
        LoraBias::LoraOnly => {
            let mut sites: Vec<_> = maps.iter().map(|map| map.target.site).collect();
            sites.dedup();
            sites.iter().map(|site| bias_length(site.map, config)).sum()
        }
    };
    Ok(with_copies((added, copies)))
}

#[cfg(test)]
mod tests {
    use vit_backbone::PositionKind;

    use super::*;
    use crate::methods::{AdaptFormerConfig, HoulsbyConfig, Ia3Config, SlrConfig, VptConfig};

    /// ViT-L/16 as Scale-MAE publishes it: fixed positions, no final norm.
    fn scale_mae() -> VitConfig {
        VitConfig {
            positions: PositionKind::SinCos2d,
            final_norm: false,
            ..VitConfig::large()
        }
    }

    #[test]
    fn the_published_percentages_of_scale_mae_come_out() {
        let count = |method: MethodConfig| method.count(&scale_mae()).unwrap();
        let lora = |rank, targets: &[&str]| {
            count(MethodConfig::Lora(LoraConfig::new(
                rank,
                rank as f64,
                targets.iter().copied(),
            )))
        };
        assert_eq!(
            count(MethodConfig::Frozen),
            ParameterCount {
                trainable: 0,
                base: 303_097_856,
                added: 0
            }
        );
        assert_eq!(count(MethodConfig::Full).percent_of_base(), 100.0);
        assert_eq!(count(MethodConfig::NormTuning).trainable, 98_304);
        assert_eq!(
            format!("{:.4}", count(MethodConfig::NormTuning).percent_of_base()),
            "0.0324"
        );
        assert_eq!(count(MethodConfig::bitfit()).trainable, 271_360);
        assert_eq!(
            format!("{:.4}", count(MethodConfig::bitfit()).percent_of_base()),
            "0.0895"
        );
        let all = lora(16, &["all-linear"]);
        assert_eq!(all.trainable, 6_291_456);
        assert_eq!(format!("{:.3}", all.percent_of_base()), "2.076");
        assert_eq!(format!("{:.3}", all.percent_of_total()), "2.034");
        assert_eq!(
            format!("{:.2}", lora(16, &["qkv"]).percent_of_base()),
            "0.52"
        );
        assert_eq!(
            format!("{:.2}", lora(16, &["qkv", "attn.proj"]).percent_of_base()),
            "0.78"
        );
        assert_eq!(
            format!("{:.2}", lora(64, &["qkv"]).percent_of_base()),
            "2.08"
        );
        // Query and value alone: two maps of 1024 + 1024 per rank.
        assert_eq!(lora(8, &["qkv.q", "qkv.v"]).trainable, 24 * 8 * 2 * 2048);
    }

    #[test]
    fn the_published_counts_of_slr_come_out() {
        let count = |slr: SlrConfig| MethodConfig::Slr(slr).count(&scale_mae()).unwrap();
        let lora = LoraConfig::new(16, 16.0, ["all-linear"]);
        let lora = MethodConfig::Lora(lora).count(&scale_mae()).unwrap();
        let plain = count(SlrConfig {
            bias: false,
            ..SlrConfig::default()
        });
        assert_eq!(plain.trainable, 6_684_672);
        let preset = MethodConfig::preset("slr-r16-all").unwrap();
        assert_eq!(preset.count(&scale_mae()).unwrap(), plain);
        assert_eq!(format!("{:.3}", plain.percent_of_base()), "2.205");
        assert_eq!(format!("{:.3}", plain.percent_of_total()), "2.158");
        // What SLR has more than LoRA is its scales.
        assert_eq!(plain.trainable - lora.trainable, 393_216);
        let biases = count(SlrConfig::default());
        assert_eq!(biases.trainable, 6_907_392);
        assert_eq!(format!("{:.3}", biases.percent_of_base()), "2.279");
        assert_eq!(format!("{:.3}", biases.percent_of_total()), "2.228");
        let norms = count(SlrConfig {
            norms: true,
            ..SlrConfig::default()
        });
        assert_eq!(norms.trainable - biases.trainable, 98_304);
        assert_eq!(norms.added, biases.added);
        assert_eq!(format!("{:.3}", norms.percent_of_base()), "2.311");
        // The convolutions on the patch embedding, scale included.
        let patches = count(SlrConfig {
            patch_embed: true,
            ..SlrConfig::default()
        });
        assert_eq!(patches.trainable - biases.trainable, 264_976);
    }

    #[test]
    fn counts_of_the_other_methods_are_those_of_their_formulas() {
        let count = |method: MethodConfig| method.count(&scale_mae()).unwrap();
        let (d, m, blocks) = (1024, 64, 24);
        let adapters = count(MethodConfig::Houlsby(HoulsbyConfig::default()));
        // 2 m d + d + m per adapter (Houlsby et al. 2019, section 2.1), two in a block, and the norms.
        assert_eq!(adapters.added, blocks * 2 * (2 * m * d + d + m));
        assert_eq!(adapters.trainable, adapters.added + 98_304);
        let parallel = count(MethodConfig::AdaptFormer(AdaptFormerConfig::default()));
        assert_eq!(parallel.trainable, blocks * (2 * m * d + d + m));
        // Keys, values, hidden activations.
        let ia3 = count(MethodConfig::Ia3(Ia3Config::default()));
        assert_eq!(ia3.trainable, blocks * (d + d + 4 * d));
        let vpt = |deep| {
            count(MethodConfig::Vpt(VptConfig {
                deep,
                ..VptConfig::default()
            }))
        };
        assert_eq!(vpt(false).trainable, 10 * d);
        assert_eq!(vpt(true).trainable, blocks * 10 * d);
        let lora = LoraConfig::new(8, 8.0, ["qkv", "fc2"]);
        let plain = count(MethodConfig::Lora(lora.clone()));
        let dora = count(MethodConfig::Dora(lora.clone()));
        assert_eq!(dora.trainable - plain.trainable, blocks * (3 * d + d));
        let with = |bias| {
            let lora = LoraConfig {
                bias,
                ..lora.clone()
            };
            count(MethodConfig::Lora(lora)).trainable - plain.trainable
        };
        assert_eq!(with(LoraBias::LoraOnly), blocks * (3 * d + d));
        assert_eq!(with(LoraBias::All), 271_360);
    }

    #[test]
    fn bitfit_options_and_missing_biases_are_counted() {
        let config = VitConfig {
            qkv_bias: false,
            ..scale_mae()
        };
        let count = |norms, patch_embed| {
            let method = MethodConfig::BitFit(crate::BitFitConfig { norms, patch_embed });
            method.count(&config).unwrap().trainable
        };
        assert_eq!(count(true, true), 271_360 - 24 * 3072);
        assert_eq!(count(true, true) - count(false, true), 24 * 2 * 1024);
        assert_eq!(count(true, true) - count(true, false), 1024);
    }
}
