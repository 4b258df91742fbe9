//! The adapter of a row's method: one of `peft-lora`, or DEFLECT, behind one seam.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use deflect::{Deflect, SpectralState};
use peft_lora::PeftAdapter;
use vit_backbone::{
    Attention, LayerNorm, LayerScale, LayerScaleSite, LinearSite, Mlp, NormSite, Seam, TokenEmbed,
};

/// An adapter of any method. All its parameters are trainable; the base's are not among them.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // One adapter per model: the unused bytes do not matter, a box would be no module.
pub enum Adapter<B: Backend> {
    /// A method in weight space: it sees the backbone's channels only.
    Weights(PeftAdapter<B>),
    /// DEFLECT: it sees all channels.
    Deflect(Deflect<B>),
}

impl<B: Backend> Adapter<B> {
    /// Whether the backbone has weights of its own in this adapter, its patch embedding among them.
    pub fn replaces_backbone(&self) -> bool {
        matches!(
            self,
            Self::Weights(PeftAdapter::Full(_) | PeftAdapter::Scratch(_))
        )
    }
}

/// Calls a method of whichever adapter it is; behind `;` stands the state, which methods in weight space do not have.
macro_rules! delegate {
    ($self:ident, $method:ident, $($argument:expr),*; $state:expr) => {
        match $self {
            Self::Weights(adapter) => adapter.$method($($argument,)* &mut ()),
            Self::Deflect(adapter) => adapter.$method($($argument,)* $state),
        }
    };
    ($self:ident, $method:ident, $($argument:expr),*) => {
        match $self {
            Self::Weights(adapter) => adapter.$method($($argument),*),
            Self::Deflect(adapter) => adapter.$method($($argument),*),
        }
    };
}

impl<B: Backend> Seam<B> for Adapter<B> {
    /// The spectral stream of DEFLECT; with other methods a single zero that nobody reads.
    type State = SpectralState<B>;

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, Self::State) {
        match self {
            Self::Weights(adapter) => {
                // Channels behind the backbone's are spectra for others to read.
                let own = if image.dims()[1] > base.in_channels {
                    image.narrow(1, 0, base.in_channels)
                } else {
                    image
                };
                let (tokens, ()) = adapter.embed(base, own);
                let state = SpectralState {
                    stream: Tensor::zeros([1, 1, 1], &tokens.device()),
                    norm_gaps: Vec::new(),
                };
                (tokens, state)
            }
            Self::Deflect(adapter) => adapter.embed(base, image),
        }
    }

    fn linear(&self, site: LinearSite, base: &Linear<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        delegate!(self, linear, site, base, x)
    }

    fn norm(&self, site: NormSite, base: &LayerNorm<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        delegate!(self, norm, site, base, x)
    }

    fn layer_scale(
        &self,
        site: LayerScaleSite,
        base: &LayerScale<B>,
        x: Tensor<B, 3>,
    ) -> Tensor<B, 3> {
        delegate!(self, layer_scale, site, base, x)
    }

    fn attention(
        &self,
        block: usize,
        base: &Attention<B>,
        x: Tensor<B, 3>,
        state: &mut Self::State,
    ) -> Tensor<B, 3> {
        delegate!(self, attention, block, base, x; state)
    }

    fn mlp(
        &self,
        block: usize,
        base: &Mlp<B>,
        x: Tensor<B, 3>,
        state: &mut Self::State,
    ) -> Tensor<B, 3> {
        delegate!(self, mlp, block, base, x; state)
    }

    fn after_block(&self, block: usize, x: Tensor<B, 3>, state: &mut Self::State) -> Tensor<B, 3> {
        delegate!(self, after_block, block, x; state)
    }

    fn extra_tokens(&self) -> usize {
        match self {
            Self::Weights(adapter) => adapter.extra_tokens(),
            Self::Deflect(adapter) => Seam::<B>::extra_tokens(adapter),
        }
    }
}
