//! What to train, as data: one method with its numbers. Unknown keys are errors, and nothing is checked later than here.

use serde::{Deserialize, Serialize};
use vit_backbone::VitConfig;

use crate::error::PeftError;
use crate::lora_config::LoraConfig;
use crate::methods::{
    AdaptFormerConfig, BottleneckInit, HoulsbyConfig, Ia3Config, SlrConfig, SlrPatchInit, VptConfig,
};

/// One way of adapting a pretrained backbone. In files: a table with the key `method` and the method's own keys.
///
/// ```
/// use peft_lora::MethodConfig;
/// let text = r#"{ "method": "lora", "rank": 8, "alpha": 16.0, "targets": ["qkv.q", "qkv.v"] }"#;
/// let method: MethodConfig = serde_json::from_str(text).unwrap();
/// assert_eq!(method.name(), "lora");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "RawMethod", into = "RawMethod")]
pub enum MethodConfig {
    /// Nothing of the backbone is trained; only the head is. File name: `frozen`.
    Frozen,
    /// Every parameter of a copy of the backbone is trained. File name: `full`.
    Full,
    /// As `Full`, but from a new random initialisation: what pretraining is worth. File name: `scratch`.
    Scratch,
    /// Gain and bias of every LayerNorm (Zhao et al., Tuning LayerNorm in Attention, ICLR 2024). File name: `norm_tuning`.
    NormTuning,
    /// Every bias vector (Zaken et al., BitFit, ACL 2022). File name: `bitfit`.
    BitFit(BitFitConfig),
    /// Low-rank updates of chosen linear maps (Hu et al., LoRA, ICLR 2022). File name: `lora`.
    Lora(LoraConfig),
    /// A LoRA with trained magnitudes (Liu et al., DoRA, ICML 2024), on whole maps. File name: `dora`.
    Dora(LoraConfig),
    /// Scales of keys, values and hidden activations (Liu et al., (IA)3, NeurIPS 2022). File name: `ia3`.
    Ia3(Ia3Config),
    /// Scaled low-rank updates (Scheibenreif et al., CVPR 2024). File name: `slr`.
    Slr(SlrConfig),
    /// Bottlenecks behind attention and MLP (Houlsby et al., ICML 2019). File name: `houlsby`.
    Houlsby(HoulsbyConfig),
    /// Bottlenecks beside the MLP (Chen et al., AdaptFormer, NeurIPS 2022). File name: `adaptformer`.
    AdaptFormer(AdaptFormerConfig),
    /// Trained tokens (Jia et al., Visual Prompt Tuning, ECCV 2022). File name: `vpt`.
    Vpt(VptConfig),
}

/// Which biases BitFit trains, beside those of the linear maps of every block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BitFitConfig {
    /// Also the biases (beta) of every LayerNorm. Default: true, as the published parameter counts include them.
    pub norms: bool,
    /// Also the bias of the patch embedding. Default: true.
    pub patch_embed: bool,
}

impl Default for BitFitConfig {
    fn default() -> Self {
        Self {
            norms: true,
            patch_embed: true,
        }
    }
}

impl MethodConfig {
    /// BitFit over every bias.
    pub fn bitfit() -> Self {
        Self::BitFit(BitFitConfig::default())
    }

    /// The method's name in files.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Frozen => "frozen",
            Self::Full => "full",
            Self::Scratch => "scratch",
            Self::NormTuning => "norm_tuning",
            Self::BitFit(_) => "bitfit",
            Self::Lora(_) => "lora",
            Self::Dora(_) => "dora",
            Self::Ia3(_) => "ia3",
            Self::Slr(_) => "slr",
            Self::Houlsby(_) => "houlsby",
            Self::AdaptFormer(_) => "adaptformer",
            Self::Vpt(_) => "vpt",
        }
    }

    /// Whether an adapter as [`MethodConfig::init`] builds it gives the outputs of the backbone it was built for.
    pub fn starts_as_base(&self) -> bool {
        match self {
            Self::Scratch | Self::Vpt(_) => false,
            Self::Slr(slr) => !slr.patch_embed || slr.patch_init == SlrPatchInit::Zero,
            Self::Houlsby(houlsby) => houlsby.init == BottleneckInit::Zero,
            _ => true,
        }
    }

    /// A short name for tables: `LoRA r=8 (qkv.q, qkv.v)`.
    pub fn label(&self) -> String {
        match self {
            Self::Frozen => "Frozen".into(),
            Self::Full => "Full fine-tuning".into(),
            Self::Scratch => "From scratch".into(),
            Self::NormTuning => "Norm tuning".into(),
            Self::BitFit(_) => "BitFit".into(),
            Self::Lora(lora) => lora.label(if lora.rslora { "rsLoRA" } else { "LoRA" }),
            Self::Dora(dora) => dora.label("DoRA"),
            Self::Ia3(ia3) => ia3.label(),
            Self::Slr(slr) => slr.label(),
            Self::Houlsby(houlsby) => houlsby.label(),
            Self::AdaptFormer(adaptformer) => adaptformer.label(),
            Self::Vpt(vpt) => vpt.label(),
        }
    }

    /// Checks every number that can be checked without a backbone.
    ///
    /// # Errors
    /// [`PeftError::InvalidConfig`], naming the field.
    pub fn validate(&self) -> Result<(), PeftError> {
        match self {
            Self::Lora(lora) | Self::Dora(lora) => lora.validate(),
            Self::Ia3(ia3) => ia3.validate(),
            Self::Slr(slr) => slr.validate(),
            Self::Houlsby(houlsby) => houlsby.validate(),
            Self::AdaptFormer(adaptformer) => adaptformer.validate(),
            Self::Vpt(vpt) => vpt.validate(),
            Self::Frozen | Self::Full | Self::Scratch | Self::NormTuning | Self::BitFit(_) => {
                Ok(())
            }
        }
    }
}

impl BitFitConfig {
    /// Refuses what BitFit cannot do for a backbone.
    ///
    /// # Errors
    /// [`PeftError::InvalidConfig`] when the biases of several patch embeddings are asked for: only one has a place here.
    pub(crate) fn check(&self, config: &VitConfig) -> Result<(), PeftError> {
        if self.patch_embed && config.channel_groups.is_some() {
            return Err(invalid(
                "patch_embed",
                true,
                "false for a backbone that embeds its channels group by group",
            ));
        }
        Ok(())
    }
}

/// Builds the error for one field.
pub(crate) fn invalid(
    field: impl Into<String>,
    found: impl ToString,
    expected: impl Into<String>,
) -> PeftError {
    PeftError::InvalidConfig {
        field: field.into(),
        found: found.to_string(),
        expected: expected.into(),
    }
}

/// The file form. Struct variants, because serde ignores unknown keys beside a tagged unit variant.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
enum RawMethod {
    Frozen {},
    Full {},
    Scratch {},
    NormTuning {},
    #[serde(rename = "bitfit")]
    BitFit(BitFitConfig),
    Lora(LoraConfig),
    Dora(LoraConfig),
    Ia3(Ia3Config),
    Slr(SlrConfig),
    Houlsby(HoulsbyConfig),
    #[serde(rename = "adaptformer")]
    AdaptFormer(AdaptFormerConfig),
    Vpt(VptConfig),
}

impl From<RawMethod> for MethodConfig {
    fn from(raw: RawMethod) -> Self {
        match raw {
            RawMethod::Frozen {} => Self::Frozen,
            RawMethod::Full {} => Self::Full,
            RawMethod::Scratch {} => Self::Scratch,
            RawMethod::NormTuning {} => Self::NormTuning,
            RawMethod::BitFit(config) => Self::BitFit(config),
            RawMethod::Lora(config) => Self::Lora(config),
            RawMethod::Dora(config) => Self::Dora(config),
            RawMethod::Ia3(config) => Self::Ia3(config),
            RawMethod::Slr(config) => Self::Slr(config),
            RawMethod::Houlsby(config) => Self::Houlsby(config),
            RawMethod::AdaptFormer(config) => Self::AdaptFormer(config),
            RawMethod::Vpt(config) => Self::Vpt(config),
        }
    }
}

impl From<MethodConfig> for RawMethod {
    fn from(method: MethodConfig) -> Self {
        match method {
            MethodConfig::Frozen => Self::Frozen {},
            MethodConfig::Full => Self::Full {},
            MethodConfig::Scratch => Self::Scratch {},
            MethodConfig::NormTuning => Self::NormTuning {},
            MethodConfig::BitFit(config) => Self::BitFit(config),
            MethodConfig::Lora(config) => Self::Lora(config),
            MethodConfig::Dora(config) => Self::Dora(config),
            MethodConfig::Ia3(config) => Self::Ia3(config),
            MethodConfig::Slr(config) => Self::Slr(config),
            MethodConfig::Houlsby(config) => Self::Houlsby(config),
            MethodConfig::AdaptFormer(config) => Self::AdaptFormer(config),
            MethodConfig::Vpt(config) => Self::Vpt(config),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lora_config::{LoraBias, LoraInit};

    #[test]
    fn every_method_survives_a_file() {
        let mut methods = vec![
            MethodConfig::Frozen,
            MethodConfig::Full,
            MethodConfig::Scratch,
            MethodConfig::NormTuning,
            MethodConfig::BitFit(BitFitConfig {
                norms: false,
                patch_embed: true,
            }),
        ];
        let mut lora = LoraConfig::new(8, 16.0, ["qkv.q", "qkv.v"]);
        lora.rank_pattern.insert("blocks.0.attn.qkv".into(), 4);
        lora.alpha_pattern.insert("fc1".into(), 2.0);
        lora.init = LoraInit::Gaussian;
        methods.push(MethodConfig::Lora(LoraConfig {
            bias: LoraBias::LoraOnly,
            b_rate_ratio: 16.0,
            ..lora.clone()
        }));
        methods.push(MethodConfig::Dora(lora.clone()));
        methods.push(MethodConfig::Lora(lora));
        methods.push(MethodConfig::Ia3(Ia3Config::default()));
        methods.push(MethodConfig::Slr(SlrConfig {
            patch_init: SlrPatchInit::Zero,
            ..SlrConfig::default()
        }));
        methods.push(MethodConfig::Houlsby(HoulsbyConfig {
            init: BottleneckInit::NearIdentity,
            ..HoulsbyConfig::default()
        }));
        methods.push(MethodConfig::AdaptFormer(AdaptFormerConfig::default()));
        methods.push(MethodConfig::Vpt(VptConfig::default()));
        for method in methods {
            let json = serde_json::to_string(&method).unwrap();
            assert_eq!(
                serde_json::from_str::<MethodConfig>(&json).unwrap(),
                method,
                "{json}"
            );
            let text = toml::to_string(&method).unwrap();
            assert_eq!(
                toml::from_str::<MethodConfig>(&text).unwrap(),
                method,
                "{text}"
            );
            assert!(
                json.contains(&format!("\"method\":\"{}\"", method.name())),
                "{json}"
            );
        }
    }

    #[test]
    fn a_plain_lora_is_written_as_before_its_later_keys() {
        // The identity of an experiment is the hash of this text.
        let lora = MethodConfig::Lora(LoraConfig::new(2, 4.0, ["qkv"]));
        let text = serde_json::to_string(&lora).unwrap();
        assert!(!text.contains("bias") && !text.contains("ratio"), "{text}");
    }

    #[test]
    fn unknown_keys_are_errors_in_every_method() {
        for text in [
            "method = 'frozen'\nrank = 3",
            "method = 'norm_tuning'\nnorms = true",
            "method = 'bitfit'\nnorm = true",
            "method = 'lora'\nrank = 2\nalpha = 2.0\ntargets = ['qkv']\ndropuot = 0.1",
            "method = 'lora'\nrank = 2\nalpha = 2.0\ntargets = ['qkv']\nbias = 'some'",
            "method = 'dora'\nrank = 2\nalpha = 2.0\ntargets = ['qkv']\ndora = true",
            "method = 'ia3'\nrank = 2",
            "method = 'slr'\nalpha = 2.0",
            "method = 'houlsby'\nscale = 2.0",
            "method = 'adaptformer'\nnorms = true",
            "method = 'vpt'\ntokens = 2",
            "method = 'lorra'",
            "rank = 2",
        ] {
            assert!(toml::from_str::<MethodConfig>(text).is_err(), "{text}");
        }
    }
}
