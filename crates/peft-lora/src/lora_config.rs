//! The numbers of a LoRA: ranks, scale, dropout, places, initial values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::invalid;
use crate::error::PeftError;

/// Ranks above this are refused: no linear map of a published vision transformer is wider, so such a rank is a typing error.
pub const MAX_RANK: usize = 16_384;

/// Low-rank adaptation: `y = x W + b + s * drop(x) A B`, with `A [in, rank]` random, `B [rank, out]` zero at the start.
///
/// The scale is `s = alpha / rank`, or `alpha / sqrt(rank)` with `rslora` (Kalajdzievski, A Rank Stabilization Scaling
/// Factor for Fine-Tuning with LoRA, 2023).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraConfig {
    /// Rank of the update, 1 to [`MAX_RANK`].
    pub rank: usize,
    /// Numerator of the scale, above 0.
    pub alpha: f64,
    /// Chance that an input of `A` is zeroed while training, 0 up to but not including 1. Never applied in inference.
    #[serde(default)]
    pub dropout: f64,
    /// Divide alpha by the square root of the rank instead of the rank.
    #[serde(default)]
    pub rslora: bool,
    /// The linear maps to adapt, see [`crate::targets`]: `all-linear`, suffixes (`qkv`, `attn.proj`), parts of the fused map
    /// (`qkv.q`, `qkv.k`, `qkv.v`), full names (`blocks.3.mlp.fc1`), or globs (`blocks.*.mlp.*`).
    pub targets: Vec<String>,
    /// Other ranks at the places that a pattern matches.
    #[serde(default)]
    pub rank_pattern: BTreeMap<String, usize>,
    /// Other alphas at the places that a pattern matches.
    #[serde(default)]
    pub alpha_pattern: BTreeMap<String, f64>,
    /// How `A` is drawn.
    #[serde(default)]
    pub init: LoraInit,
    /// Which biases are trained beside the updates. Left out of files where it is `none`.
    #[serde(default, skip_serializing_if = "LoraBias::is_none")]
    pub bias: LoraBias,
    /// LoRA+ (Hayou et al., ICML 2024): the learning rate of `B` is this many times that of `A`. At least 1; 1 is plain LoRA, the
    /// paper recommends 16 for a start. See [`crate::RateGroup`]. Left out of files where it is 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub b_rate_ratio: f64,
}

fn one() -> f64 {
    1.0
}

fn is_one(value: &f64) -> bool {
    *value == 1.0
}

/// Which biases a LoRA trains, under the names of PEFT. Those of the head are the head's own affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoraBias {
    /// None.
    #[default]
    None,
    /// Those of the adapted linear maps.
    LoraOnly,
    /// Every bias of the backbone, as BitFit.
    All,
}

impl LoraBias {
    /// Whether no bias is trained.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// PEFT's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::LoraOnly => "lora_only",
            Self::All => "all",
        }
    }
}

/// How the down-projection `A` of a LoRA is drawn; `B` is always zero, so that the start is the pretrained model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoraInit {
    /// Kaiming uniform with a = sqrt(5), that is uniform in `±1/sqrt(in)`: the default of PEFT and of the published code.
    #[default]
    KaimingUniform,
    /// Normal with standard deviation `1/rank`: what PEFT calls `gaussian`.
    Gaussian,
}

impl LoraConfig {
    /// A LoRA without dropout, with the scale `alpha / rank`, on the maps that `targets` names.
    pub fn new<S: Into<String>>(
        rank: usize,
        alpha: f64,
        targets: impl IntoIterator<Item = S>,
    ) -> Self {
        Self {
            rank,
            alpha,
            dropout: 0.0,
            rslora: false,
            targets: targets.into_iter().map(Into::into).collect(),
            rank_pattern: BTreeMap::new(),
            alpha_pattern: BTreeMap::new(),
            init: LoraInit::default(),
            bias: LoraBias::default(),
            b_rate_ratio: 1.0,
        }
    }

    /// A short name for tables.
    pub(crate) fn label(&self, kind: &str) -> String {
        let plus = if self.b_rate_ratio > 1.0 { "+" } else { "" };
        let bias = match self.bias {
            LoraBias::None => "",
            LoraBias::LoraOnly => " + biases of adapted maps",
            LoraBias::All => " + all biases",
        };
        let targets = self.targets.join(", ");
        format!("{kind}{plus} r={} ({targets}){bias}", self.rank)
    }

    /// The factor `s` of the update for a rank and an alpha.
    pub fn scale_of(&self, rank: usize, alpha: f64) -> f64 {
        if self.rslora {
            alpha / (rank as f64).sqrt()
        } else {
            alpha / rank as f64
        }
    }

    /// Checks every number that can be checked without a backbone.
    ///
    /// # Errors
    /// [`PeftError::InvalidConfig`], naming the field.
    pub fn validate(&self) -> Result<(), PeftError> {
        check_rank("rank", self.rank)?;
        check_alpha("alpha", self.alpha)?;
        for (pattern, &rank) in &self.rank_pattern {
            check_rank(&format!("rank_pattern.{pattern}"), rank)?;
        }
        for (pattern, &alpha) in &self.alpha_pattern {
            check_alpha(&format!("alpha_pattern.{pattern}"), alpha)?;
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(invalid("dropout", self.dropout, "at least 0 and below 1"));
        }
        if !(self.b_rate_ratio.is_finite() && self.b_rate_ratio >= 1.0) {
            return Err(invalid(
                "b_rate_ratio",
                self.b_rate_ratio,
                "a finite number of at least 1",
            ));
        }
        if self.targets.is_empty() {
            return Err(invalid(
                "targets",
                "[]",
                "at least one pattern, for example `all-linear` or `qkv`",
            ));
        }
        Ok(())
    }
}

pub(crate) fn check_rank(field: &str, rank: usize) -> Result<(), PeftError> {
    if (1..=MAX_RANK).contains(&rank) {
        Ok(())
    } else {
        Err(invalid(field, rank, format!("1 to {MAX_RANK}")))
    }
}

fn check_alpha(field: &str, alpha: f64) -> Result<(), PeftError> {
    if alpha.is_finite() && alpha > 0.0 {
        Ok(())
    } else {
        Err(invalid(field, alpha, "a finite number above 0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MethodConfig;

    #[test]
    fn numbers_outside_their_range_name_the_field() {
        let good = LoraConfig::new(4, 8.0, ["qkv"]);
        assert!(good.validate().is_ok());
        let cases: [(&str, LoraConfig); 9] = [
            (
                "rank",
                LoraConfig {
                    rank: 0,
                    ..good.clone()
                },
            ),
            (
                "rank",
                LoraConfig {
                    rank: MAX_RANK + 1,
                    ..good.clone()
                },
            ),
            (
                "alpha",
                LoraConfig {
                    alpha: f64::NAN,
                    ..good.clone()
                },
            ),
            (
                "dropout",
                LoraConfig {
                    dropout: 1.0,
                    ..good.clone()
                },
            ),
            (
                "dropout",
                LoraConfig {
                    dropout: f64::NAN,
                    ..good.clone()
                },
            ),
            (
                "b_rate_ratio",
                LoraConfig {
                    b_rate_ratio: 0.5,
                    ..good.clone()
                },
            ),
            (
                "b_rate_ratio",
                LoraConfig {
                    b_rate_ratio: f64::NAN,
                    ..good.clone()
                },
            ),
            (
                "targets",
                LoraConfig {
                    targets: vec![],
                    ..good.clone()
                },
            ),
            (
                "rank_pattern.qkv",
                LoraConfig {
                    rank_pattern: [("qkv".to_owned(), 0)].into(),
                    ..good
                },
            ),
        ];
        for (field, config) in cases {
            let message = MethodConfig::Lora(config)
                .validate()
                .unwrap_err()
                .to_string();
            assert!(message.starts_with(&format!("{field} is ")), "{message}");
        }
    }

    #[test]
    fn scales_follow_both_definitions() {
        let mut config = LoraConfig::new(16, 8.0, ["qkv"]);
        assert_eq!(config.scale_of(16, 8.0), 0.5);
        config.rslora = true;
        assert_eq!(config.scale_of(16, 8.0), 2.0);
    }
}
