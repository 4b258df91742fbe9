//! The text encoder's sizes: `text_encoder/config.json` of transformers.

use std::path::Path;

use serde::Serialize;
use serde_json::json;
use vit_backbone::Activation;

use super::fields::Fields;
use crate::DiffusionError;

/// Sizes of a `CLIPTextModel` of transformers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TextConfig {
    /// Number of tokens of the vocabulary.
    pub vocab_size: usize,
    /// Length of every sequence.
    pub max_position_embeddings: usize,
    /// Width of a token.
    pub hidden_size: usize,
    /// Width between the two maps of an MLP.
    pub intermediate_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Heads of every layer.
    pub num_attention_heads: usize,
    /// Non-linearity of the MLP.
    pub activation: Activation,
    /// Added to the variance in every norm.
    pub layer_norm_eps: f64,
}

impl TextConfig {
    /// Stable Diffusion v1.5, that is CLIP ViT-L/14's text tower: 123,060,480 parameters.
    pub fn sd_v1_5() -> Self {
        Self {
            vocab_size: 49_408,
            max_position_embeddings: 77,
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            activation: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
        }
    }

    /// Reads `text_encoder/config.json`; fields that are absent have the defaults of transformers.
    ///
    /// # Errors
    /// [`DiffusionError::Io`], [`DiffusionError::File`], or [`DiffusionError::Config`] naming the field.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, DiffusionError> {
        let fields = Fields::open(path.as_ref())?;
        fields.only(&[("model_type", json!("clip_text_model"))])?;
        let activations = [
            ("quick_gelu", Activation::QuickGelu),
            ("gelu", Activation::Gelu),
        ];
        let config = Self {
            vocab_size: fields.count("vocab_size", Some(49_408))?,
            max_position_embeddings: fields.count("max_position_embeddings", Some(77))?,
            hidden_size: fields.count("hidden_size", Some(512))?,
            intermediate_size: fields.count("intermediate_size", Some(2048))?,
            num_hidden_layers: fields.count("num_hidden_layers", Some(12))?,
            num_attention_heads: fields.count("num_attention_heads", Some(8))?,
            activation: fields.choice("hidden_act", "quick_gelu", &activations)?,
            layer_norm_eps: fields.number("layer_norm_eps", 1e-5)?,
        };
        config
            .validate()
            .map_err(|error| error.in_file(fields.path()))?;
        Ok(config)
    }

    /// Checks that the sizes fit one another.
    ///
    /// # Errors
    /// [`DiffusionError::Config`] naming the field.
    pub fn validate(&self) -> Result<(), DiffusionError> {
        for (field, found) in [
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
        ] {
            super::check_size(field, found)?;
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return Err(DiffusionError::config(
                "num_attention_heads",
                self.num_attention_heads,
                format!("a divisor of hidden_size, {}", self.hidden_size),
            ));
        }
        if self.activation == Activation::SwiGlu {
            return Err(DiffusionError::config(
                "hidden_act",
                "gated",
                "gelu or quick_gelu",
            ));
        }
        if !(self.layer_norm_eps.is_finite() && self.layer_norm_eps > 0.0) {
            return Err(DiffusionError::config(
                "layer_norm_eps",
                self.layer_norm_eps,
                "a number above 0",
            ));
        }
        Ok(())
    }
}
