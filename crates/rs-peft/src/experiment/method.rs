//! What a row trains: a method in weight space, or DEFLECT over bands that the backbone does not see.

use deflect::{
    AttentionConfig, Constraint, DeflectConfig, DeflectionConfig, EmbeddingConfig, PixelSetConfig,
    Spectrum,
};
use peft_lora::{LoraConfig, MethodConfig};
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};

/// The name of [`Method::Deflect`] in files.
const DEFLECT: &str = "deflect";

/// What is trained inside the backbone. In files: a table with the key `method` and the method's own keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Method {
    /// A method of `peft-lora`; its name in files is [`MethodConfig::name`].
    Weights(MethodConfig),
    /// DEFLECT. File name: `deflect`.
    Deflect(Box<DeflectMethod>),
}

/// DEFLECT with its options; the description of the bands comes from the data set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeflectMethod {
    /// What is computed per patch.
    pub pixels: PixelSetConfig,
    /// Untangled patch embedding.
    pub embedding: EmbeddingConfig,
    /// Untangled attention; `attention.enabled = false` leaves the patch embedding alone.
    pub attention: AttentionConfig,
    /// Norm of the displacement; `deflection.constraint = "off"` leaves it free.
    pub deflection: DeflectionConfig,
    /// Low-rank updates of the RGB path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rgb_lora: Option<LoraConfig>,
    /// Weight of the loss of the soft constraint, 0 or more; only with `deflection.constraint = "soft"`, where it is 1 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub norm_loss: Option<f64>,
}

impl Method {
    /// Nothing trained.
    pub const FROZEN: Self = Self::Weights(MethodConfig::Frozen);

    /// The method's name in files.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Weights(method) => method.name(),
            Self::Deflect(_) => DEFLECT,
        }
    }

    /// Whether an untrained adapter is known to give the outputs of the backbone.
    pub fn starts_as_base(&self) -> bool {
        match self {
            Self::Weights(method) => method.starts_as_base(),
            // Its tokens are displaced from the start.
            Self::Deflect(_) => false,
        }
    }
}

impl DeflectMethod {
    /// The configuration for images with these bands.
    pub fn config(&self, spectrum: Spectrum) -> DeflectConfig {
        DeflectConfig {
            spectrum,
            pixels: self.pixels.clone(),
            embedding: self.embedding.clone(),
            attention: self.attention.clone(),
            deflection: self.deflection.clone(),
            rgb_lora: self.rgb_lora.clone(),
        }
    }

    /// Weight of the loss of the soft constraint; 0 without one.
    pub fn norm_loss(&self) -> f64 {
        match self.deflection.constraint {
            Constraint::Soft => self.norm_loss.unwrap_or(1.0),
            _ => 0.0,
        }
    }

    /// Whether `norm_loss` can stand as it is.
    pub(super) fn norm_loss_fits(&self) -> bool {
        match self.norm_loss {
            None => true,
            Some(weight) => {
                self.deflection.constraint == Constraint::Soft
                    && weight.is_finite()
                    && weight >= 0.0
            }
        }
    }
}

impl Serialize for Method {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Tagged<'a> {
            method: &'static str,
            #[serde(flatten)]
            options: &'a DeflectMethod,
        }
        match self {
            Self::Weights(method) => method.serialize(serializer),
            Self::Deflect(options) => Tagged {
                method: DEFLECT,
                options,
            }
            .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Which keys are known depends on the method, so the table is looked at before it is read.
        let mut table = serde_json::Map::deserialize(deserializer)?;
        let deflect = table.get("method").and_then(|name| name.as_str()) == Some(DEFLECT);
        if deflect {
            table.remove("method");
        }
        let table = serde_json::Value::Object(table);
        let method = if deflect {
            serde_json::from_value(table).map(Self::Deflect)
        } else {
            serde_json::from_value(table).map(Self::Weights)
        };
        method.map_err(|error| D::Error::custom(format!("method: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use deflect::BlockChoice;
    use peft_lora::VptConfig;

    use super::*;

    fn read(text: &str) -> Result<Method, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn every_method_of_the_crates_can_be_asked_for() {
        let lora = "rank = 2\nalpha = 2.0\ntargets = ['qkv']";
        for (text, name) in [
            ("method = 'frozen'".to_string(), "frozen"),
            ("method = 'full'".into(), "full"),
            ("method = 'scratch'".into(), "scratch"),
            ("method = 'norm_tuning'".into(), "norm_tuning"),
            ("method = 'bitfit'".into(), "bitfit"),
            (
                format!("method = 'lora'\nb_rate_ratio = 16.0\n{lora}"),
                "lora",
            ),
            (format!("method = 'dora'\n{lora}"), "dora"),
            ("method = 'ia3'".into(), "ia3"),
            ("method = 'slr'\nrank = 8".into(), "slr"),
            ("method = 'houlsby'\nwidth = 8".into(), "houlsby"),
            ("method = 'adaptformer'".into(), "adaptformer"),
            ("method = 'vpt'\nprompts = 4\ndeep = true".into(), "vpt"),
            ("method = 'deflect'".into(), "deflect"),
        ] {
            let method = read(&text).unwrap();
            assert_eq!(method.name(), name);
            let json = serde_json::to_value(&method).unwrap();
            assert_eq!(json["method"], name);
            assert_eq!(serde_json::from_value::<Method>(json).unwrap(), method);
        }
    }

    #[test]
    fn a_method_in_weight_space_is_written_as_its_crate_writes_it() {
        // The identity of an experiment is the hash of this text.
        let vpt = MethodConfig::Vpt(VptConfig::default());
        assert_eq!(
            serde_json::to_string(&Method::Weights(vpt.clone())).unwrap(),
            serde_json::to_string(&vpt).unwrap()
        );
    }

    #[test]
    fn options_of_deflect_are_read() {
        let text = "method = 'deflect'\nnorm_loss = 0.5\n[attention]\nrank = 4\nblocks = { list = [0, 2] }\n\
                    scale = 'two_heads'\n[deflection]\nconstraint = 'soft'\n[pixels]\nindices = 'none'\n\
                    statistics = ['mean', 'max']\n[embedding]\nmap = { kind = 'mlp', hidden = 12 }";
        let Method::Deflect(found) = read(text).unwrap() else {
            panic!("not DEFLECT");
        };
        assert_eq!(found.attention.rank, 4);
        assert_eq!(found.attention.blocks, BlockChoice::List(vec![0, 2]));
        assert_eq!(found.norm_loss(), 0.5);
        assert!(found.norm_loss_fits());
        assert_eq!(DeflectMethod::default().norm_loss(), 0.0);
        let free = DeflectMethod {
            norm_loss: Some(1.0),
            ..DeflectMethod::default()
        };
        assert!(!free.norm_loss_fits());
    }

    #[test]
    fn unknown_keys_and_methods_are_errors_that_name_them() {
        for (text, word) in [
            ("method = 'deflect'\nrnk = 3", "rnk"),
            ("method = 'deflect'\n[attention]\nrnk = 3", "rnk"),
            ("method = 'deflect'\nspectrum = []", "spectrum"),
            ("method = 'slr'\nalpha = 3.0", "alpha"),
            ("method = 'deflct'", "deflct"),
            ("rank = 3", "method"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
