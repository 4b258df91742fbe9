//! The text encoder (Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021), as
//! `CLIPTextModel` of transformers computes it.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData};
use vit_backbone::{Expected, InitRule, LayerNorm, ParameterSource, apply_linear};

use crate::build::{Builder, listed, total};
use crate::layers::attend;
use crate::{DiffusionError, TextConfig};

/// Added to the scores of tokens that come later: their weight is zero in single and in half precision.
const LATER: f32 = -1e4;

/// A causal transformer over tokens.
#[derive(Module, Debug)]
pub struct TextEncoder<B: Backend> {
    /// `[vocab_size, hidden_size]`.
    pub token_embedding: Param<Tensor<B, 2>>,
    /// `[max_position_embeddings, hidden_size]`.
    pub position_embedding: Param<Tensor<B, 2>>,
    /// Its layers.
    pub layers: Vec<TextLayer<B>>,
    /// Behind the last layer.
    pub final_layer_norm: LayerNorm<B>,
    /// Its sizes.
    #[module(skip)]
    pub config: TextConfig,
}

/// One pre-norm layer.
#[derive(Module, Debug)]
pub struct TextLayer<B: Backend> {
    /// Before the attention.
    pub layer_norm1: LayerNorm<B>,
    /// Queries.
    pub q_proj: Linear<B>,
    /// Keys.
    pub k_proj: Linear<B>,
    /// Values.
    pub v_proj: Linear<B>,
    /// From the joined heads.
    pub out_proj: Linear<B>,
    /// Before the MLP.
    pub layer_norm2: LayerNorm<B>,
    /// Into the MLP.
    pub fc1: Linear<B>,
    /// Out of it.
    pub fc2: Linear<B>,
}

impl TextConfig {
    /// Every parameter under its published name without the prefix `text_model.`, without building the model.
    ///
    /// # Errors
    /// What [`TextConfig::validate`] reports.
    pub fn parameters(&self) -> Result<Vec<Expected>, DiffusionError> {
        self.validate()?;
        listed(|from| TextEncoder::build(self, from))
    }

    /// Number of parameters, without building the model.
    ///
    /// # Errors
    /// What [`TextConfig::validate`] reports.
    pub fn parameter_count(&self) -> Result<usize, DiffusionError> {
        Ok(total(&self.parameters()?))
    }
}

impl<B: Backend> TextEncoder<B> {
    /// A model whose parameters come from `source`, asked for by their published names without the prefix `text_model.`.
    ///
    /// # Errors
    /// What [`TextConfig::validate`] reports, or what the source fails with.
    pub fn from_source(
        config: &TextConfig,
        source: &mut dyn ParameterSource,
        device: &B::Device,
    ) -> Result<Self, DiffusionError> {
        config.validate()?;
        Self::build(config, Builder::new(source, device))
    }

    pub(crate) fn build(
        config: &TextConfig,
        mut from: Builder<'_, B>,
    ) -> Result<Self, DiffusionError> {
        let (dim, eps) = (config.hidden_size, config.layer_norm_eps);
        let rule = InitRule::TruncatedNormal { std: 0.02 };
        let mut embeddings = from.child("embeddings");
        let token_embedding =
            embeddings
                .child("token_embedding")
                .param("weight", [config.vocab_size, dim], rule)?;
        let position_embedding = embeddings.child("position_embedding").param(
            "weight",
            [config.max_position_embeddings, dim],
            rule,
        )?;
        let mut layers = Vec::new();
        for number in 0..config.num_hidden_layers {
            let mut from = from.child(format!("encoder.layers.{number}"));
            layers.push(TextLayer {
                layer_norm1: from.child("layer_norm1").layer_norm(dim, eps)?,
                q_proj: from.child("self_attn.q_proj").linear(dim, dim, true)?,
                k_proj: from.child("self_attn.k_proj").linear(dim, dim, true)?,
                v_proj: from.child("self_attn.v_proj").linear(dim, dim, true)?,
                out_proj: from.child("self_attn.out_proj").linear(dim, dim, true)?,
                layer_norm2: from.child("layer_norm2").layer_norm(dim, eps)?,
                fc1: from
                    .child("mlp.fc1")
                    .linear(dim, config.intermediate_size, true)?,
                fc2: from
                    .child("mlp.fc2")
                    .linear(config.intermediate_size, dim, true)?,
            });
        }
        Ok(Self {
            token_embedding,
            position_embedding,
            layers,
            final_layer_norm: from.child("final_layer_norm").layer_norm(dim, eps)?,
            config: config.clone(),
        })
    }

    /// The context of prompts: the last layer's tokens behind the final norm, `[prompts, length, hidden_size]`.
    ///
    /// # Errors
    /// [`DiffusionError::Argument`] when sequences have different lengths, more tokens than positions, or tokens that are not in
    /// the vocabulary.
    pub fn encode(&self, prompts: &[Vec<u32>]) -> Result<Tensor<B, 3>, DiffusionError> {
        let mut x = self.embed(prompts)?;
        let mask = self.causal_mask(x.dims()[1]);
        for layer in &self.layers {
            x = layer.forward(x, &mask, &self.config);
        }
        Ok(self.final_layer_norm.forward(x))
    }

    /// Tokens behind the embedding and behind every layer, without the final norm: `1 + layers` of `[prompts, length, hidden_size]`.
    ///
    /// # Errors
    /// As [`TextEncoder::encode`].
    pub fn hidden_states(&self, prompts: &[Vec<u32>]) -> Result<Vec<Tensor<B, 3>>, DiffusionError> {
        let mut states = vec![self.embed(prompts)?];
        let mask = self.causal_mask(states[0].dims()[1]);
        for layer in &self.layers {
            let x = layer.forward(states[states.len() - 1].clone(), &mask, &self.config);
            states.push(x);
        }
        Ok(states)
    }

    fn embed(&self, prompts: &[Vec<u32>]) -> Result<Tensor<B, 3>, DiffusionError> {
        let length = prompts.first().map_or(0, Vec::len);
        let positions = self.config.max_position_embeddings;
        if !(1..=positions).contains(&length) || prompts.iter().any(|p| p.len() != length) {
            let lengths: Vec<_> = prompts.iter().map(Vec::len).collect();
            return Err(DiffusionError::argument(
                "the length of the token sequences",
                format!("{lengths:?}"),
                format!("one length for all, 1 to {positions}"),
            ));
        }
        let size = self.config.vocab_size;
        let ids: Vec<i64> = prompts.iter().flatten().map(|id| i64::from(*id)).collect();
        if let Some(id) = ids.iter().find(|id| **id >= size as i64) {
            return Err(DiffusionError::argument(
                "a token",
                id,
                format!("0 to {}: use the tokenizer of the same model", size - 1),
            ));
        }
        let device = self.token_embedding.device();
        let count = ids.len();
        let ids = Tensor::<B, 1, Int>::from_data(TensorData::new(ids, [count]), &device);
        let dim = self.config.hidden_size;
        let tokens = self.token_embedding.val().select(0, ids);
        let places = self.position_embedding.val().narrow(0, 0, length);
        Ok(tokens.reshape([prompts.len(), length, dim]) + places.unsqueeze::<3>())
    }

    /// What is added to the scores: `[length, length]`.
    fn causal_mask(&self, length: usize) -> Tensor<B, 2> {
        let values = (0..length)
            .flat_map(|token| (0..length).map(move |seen| if seen > token { LATER } else { 0.0 }))
            .collect::<Vec<f32>>();
        let device = self.token_embedding.device();
        Tensor::from_data(TensorData::new(values, [length, length]), &device)
    }
}

impl<B: Backend> TextLayer<B> {
    fn forward(&self, x: Tensor<B, 3>, mask: &Tensor<B, 2>, config: &TextConfig) -> Tensor<B, 3> {
        let y = self.layer_norm1.forward(x.clone());
        let [q, k, v] = [&self.q_proj, &self.k_proj, &self.v_proj]
            .map(|linear| apply_linear(linear, y.clone()));
        let joined = attend(q, k, v, config.num_attention_heads, Some(mask.clone()));
        let x = x + apply_linear(&self.out_proj, joined);
        let y = apply_linear(&self.fc1, self.layer_norm2.forward(x.clone()));
        x + apply_linear(&self.fc2, config.activation.apply(y))
    }
}
