//! How many parameters a method trains, by arithmetic on the configuration: nothing is allocated.

use vit_backbone::{LinearMap, VitConfig};

use crate::config::MethodConfig;
use crate::error::PeftError;
use crate::place::linear_dims;
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
        let base = config.parameter_count();
        let norms =
            2 * config.depth + usize::from(config.final_norm) + usize::from(config.pre_norm);
        let (trainable, added) = match self {
            Self::Frozen => (0, 0),
            Self::Full | Self::Scratch => (base, 0),
            Self::NormTuning => (norms * 2 * config.dim, 0),
            Self::BitFit(bitfit) => {
                bitfit.check(config)?;
                let linears: usize = LinearMap::ALL
                    .iter()
                    .filter(|map| **map != LinearMap::Qkv || config.qkv_bias)
                    .map(|map| linear_dims(*map, config).1)
                    .sum();
                let betas = if bitfit.norms { norms * config.dim } else { 0 };
                let patch = if bitfit.patch_embed && config.patch_bias {
                    config.dim
                } else {
                    0
                };
                (config.depth * linears + betas + patch, 0)
            }
            Self::Lora(lora) => {
                let count = plan(lora, config)?
                    .iter()
                    .map(|map| map.rank * (map.inputs + map.outputs))
                    .sum();
                (count, count)
            }
        };
        Ok(ParameterCount {
            trainable,
            base,
            added,
        })
    }
}

#[cfg(test)]
mod tests {
    use vit_backbone::PositionKind;

    use super::*;
    use crate::lora_config::LoraConfig;

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
            format!("{:.2}", count(MethodConfig::NormTuning).percent_of_base()),
            "0.03"
        );
        assert_eq!(count(MethodConfig::bitfit()).trainable, 271_360);
        assert_eq!(
            format!("{:.2}", count(MethodConfig::bitfit()).percent_of_base()),
            "0.09"
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
