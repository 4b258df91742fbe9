//! One pre-norm transformer block, and the shape it is built from.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::build::Builder;
use crate::{
    Activation, Attention, BackboneError, DropPath, LayerNorm, LayerScale, LayerScaleSite, Mlp,
    NormSite, Pass, Seam, VitConfig,
};

/// `x + DropPath(ls1(attn(norm1(x))))`, then `x + DropPath(ls2(mlp(norm2(x))))`: timm's `Block`.
#[derive(Module, Debug)]
pub struct Block<B: Backend> {
    /// LayerNorm before the attention.
    pub norm1: LayerNorm<B>,
    /// Self-attention.
    pub attn: Attention<B>,
    /// LayerScale behind the attention, if the model has it.
    pub ls1: Option<LayerScale<B>>,
    /// LayerNorm before the MLP.
    pub norm2: LayerNorm<B>,
    /// The MLP.
    pub mlp: Mlp<B>,
    /// LayerScale behind the MLP, if the model has it.
    pub ls2: Option<LayerScale<B>>,
    /// Stochastic depth of both branches.
    pub drop_path: DropPath,
}

/// What a stack of blocks is built from; encoder and decoder of an MAE each have one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockSpec {
    pub(crate) dim: usize,
    pub(crate) depth: usize,
    pub(crate) heads: usize,
    /// Outputs of `fc1`, and inputs of `fc2`.
    pub(crate) mlp_dims: [usize; 2],
    pub(crate) activation: Activation,
    pub(crate) eps: f64,
    /// Whether the fused map and the output map have biases.
    pub(crate) attention_biases: [bool; 2],
    pub(crate) layer_scale: Option<f64>,
    pub(crate) drop_path: f64,
}

impl From<&VitConfig> for BlockSpec {
    fn from(config: &VitConfig) -> Self {
        Self {
            dim: config.dim,
            depth: config.depth,
            heads: config.heads,
            mlp_dims: [config.mlp_dim, config.mlp_inner()],
            activation: config.activation,
            eps: config.layer_norm_eps,
            attention_biases: [config.qkv_bias, config.proj_bias],
            layer_scale: config.layer_scale,
            drop_path: config.drop_path,
        }
    }
}

impl BlockSpec {
    /// Builds the stack, its blocks named `0`, `1`, ... below the builder's name.
    pub(crate) fn build<B: Backend>(
        &self,
        mut from: Builder<'_, B>,
    ) -> Result<Vec<Block<B>>, BackboneError> {
        (0..self.depth)
            .map(|block| self.build_one(block, from.child(&block.to_string())))
            .collect()
    }

    fn build_one<B: Backend>(
        &self,
        block: usize,
        mut from: Builder<'_, B>,
    ) -> Result<Block<B>, BackboneError> {
        let scale = |name: &str, from: &mut Builder<'_, B>| {
            self.layer_scale
                .map(|value| LayerScale::build(self.dim, value, from.child(name)))
                .transpose()
        };
        Ok(Block {
            norm1: from.child("norm1").norm(self.dim, self.eps)?,
            attn: Attention::build(
                self.dim,
                self.heads,
                self.attention_biases,
                from.child("attn"),
            )?,
            ls1: scale("ls1", &mut from)?,
            norm2: from.child("norm2").norm(self.dim, self.eps)?,
            mlp: Mlp::build(self.dim, self.mlp_dims, self.activation, from.child("mlp"))?,
            ls2: scale("ls2", &mut from)?,
            drop_path: DropPath::at_block(block, self.depth, self.drop_path),
        })
    }
}

impl<B: Backend> Block<B> {
    /// Runs the block, number `index` of its model, with the adapter `seam`.
    ///
    /// # Shapes
    /// - `x`: `[batch, tokens, dim]`
    /// - result: `[batch, tokens, dim]`
    pub fn forward<S: Seam<B>>(
        &self,
        index: usize,
        x: Tensor<B, 3>,
        state: &mut S::State,
        seam: &S,
    ) -> Tensor<B, 3> {
        self.forward_with(index, &self.attn, x, state, seam)
    }

    /// [`Block::forward`] in a pass that may have rotary positions.
    pub(crate) fn forward_in<S: Seam<B>>(
        &self,
        index: usize,
        x: Tensor<B, 3>,
        pass: &mut Pass<B, S::State>,
        seam: &S,
    ) -> Tensor<B, 3> {
        match &pass.rotary {
            Some(rotary) => {
                let attn = self.attn.bound(rotary);
                self.forward_with(index, &attn, x, &mut pass.state, seam)
            }
            None => self.forward_with(index, &self.attn, x, &mut pass.state, seam),
        }
    }

    fn forward_with<S: Seam<B>>(
        &self,
        index: usize,
        attn: &Attention<B>,
        x: Tensor<B, 3>,
        state: &mut S::State,
        seam: &S,
    ) -> Tensor<B, 3> {
        let normed = seam.norm(NormSite::Norm1(index), &self.norm1, x.clone());
        let branch = seam.attention(index, attn, normed, state);
        let branch = match &self.ls1 {
            Some(scale) => seam.layer_scale(LayerScaleSite::Ls1(index), scale, branch),
            None => branch,
        };
        let x = x + self.drop_path.forward(branch);

        let normed = seam.norm(NormSite::Norm2(index), &self.norm2, x.clone());
        let branch = seam.mlp(index, &self.mlp, normed, state);
        let branch = match &self.ls2 {
            Some(scale) => seam.layer_scale(LayerScaleSite::Ls2(index), scale, branch),
            None => branch,
        };
        let x = x + self.drop_path.forward(branch);
        seam.after_block(index, x, state)
    }
}
