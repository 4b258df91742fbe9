//! Hugging Face directories: the file of weights in them, and what `config.json` says that names and shapes do not.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Activation, BackboneError};

/// The metadata key under which the text of `config.json` is kept.
pub(crate) const DESCRIPTION_KEY: &str = "config.json";

/// The largest `config.json` that is read.
const LIMIT: u64 = 1 << 20;

/// The file of weights in a directory, and the text of `config.json` if there is one.
///
/// # Errors
/// When there is no such file, or the weights are cut into several, or `config.json` is too large or not UTF-8.
pub(crate) fn weights_in(folder: &Path) -> Result<(PathBuf, Option<String>), BackboneError> {
    let error = |problem: &str, remedy: &str| BackboneError::Checkpoint {
        path: folder.to_owned(),
        problem: problem.into(),
        remedy: remedy.into(),
    };
    let names = ["model.safetensors", "pytorch_model.bin"];
    let Some(weights) = names
        .map(|n| folder.join(n))
        .into_iter()
        .find(|p| p.is_file())
    else {
        let parts = names.map(|name| folder.join(format!("{name}.index.json")));
        return Err(if parts.iter().any(|part| part.exists()) {
            error(
                "the weights in this directory are cut into several files",
                "save them as one file: `save_pretrained(..., max_shard_size=\"100GB\")`",
            )
        } else {
            error(
                "a directory without `model.safetensors` or `pytorch_model.bin`",
                "name the file of weights itself, or a directory that `save_pretrained` wrote",
            )
        });
    };
    let path = folder.join("config.json");
    if !path.is_file() {
        return Ok((weights, None));
    }
    let io = |source| BackboneError::Io {
        path: path.clone(),
        action: "reading",
        source,
    };
    let mut text = String::new();
    let file = File::open(&path).map_err(io)?;
    file.take(LIMIT + 1).read_to_string(&mut text).map_err(io)?;
    if text.len() as u64 > LIMIT {
        return Err(error(
            "its `config.json` has more than a mebibyte",
            "name the file of weights itself",
        ));
    }
    Ok((weights, Some(text)))
}

/// What `config.json` says that names and shapes do not.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Description {
    pub(crate) heads: Option<usize>,
    pub(crate) layer_norm_eps: Option<f64>,
    pub(crate) image_size: Option<usize>,
    /// The activation of an MLP without a gate.
    pub(crate) activation: Option<Activation>,
}

impl Description {
    /// Reads the fields that transformers writes for vision transformers.
    ///
    /// # Errors
    /// A sentence, for text that is not JSON and for models that compute something else.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let whole: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let value = whole.get("vision_config").unwrap_or(&whole);
        let number = |name: &str| value.get(name).and_then(Value::as_f64);
        let count = |name: &str| {
            let field = value.get(name)?;
            let field = field.get(0).unwrap_or(field);
            field.as_u64().and_then(|n| usize::try_from(n).ok())
        };
        if number("rope_theta").is_some_and(|base| base != 100.0) {
            return Err("rotary positions with another `rope_theta` than 100".into());
        }
        let gated = value.get("use_gated_mlp").and_then(Value::as_bool) == Some(true);
        let activation = match value.get("hidden_act").and_then(Value::as_str) {
            None => None,
            Some("silu") if gated => None,
            Some("gelu") if !gated => Some(Activation::Gelu),
            Some("quick_gelu") if !gated => Some(Activation::QuickGelu),
            Some(other) => return Err(format!("an unknown `hidden_act`, `{other}`")),
        };
        Ok(Self {
            heads: count("num_attention_heads"),
            layer_norm_eps: number("layer_norm_eps"),
            image_size: count("image_size"),
            activation,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_other_models_refused() {
        let text = r#"{"num_attention_heads": 3, "layer_norm_eps": 1e-12, "image_size": [16, 16], "hidden_act": "quick_gelu"}"#;
        let found = Description::parse(text).unwrap();
        assert_eq!(
            (found.heads, found.image_size, found.activation),
            (Some(3), Some(16), Some(Activation::QuickGelu))
        );
        let inner = format!(r#"{{"model_type": "clip", "vision_config": {text}}}"#);
        assert_eq!(Description::parse(&inner).unwrap(), found);
        for bad in [
            "[",
            r#"{"rope_theta": 10.0}"#,
            r#"{"hidden_act": "relu"}"#,
            r#"{"hidden_act": "gelu", "use_gated_mlp": true}"#,
        ] {
            assert!(Description::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_directory_without_weights_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let text = weights_in(folder.path()).unwrap_err().to_string();
        assert!(text.contains("save_pretrained"), "{text}");
        std::fs::write(folder.path().join("model.safetensors.index.json"), "{}").unwrap();
        let text = weights_in(folder.path()).unwrap_err().to_string();
        assert!(text.contains("several files"), "{text}");
        std::fs::write(folder.path().join("model.safetensors"), "x").unwrap();
        assert_eq!(weights_in(folder.path()).unwrap().1, None);
    }
}
