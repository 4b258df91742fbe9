//! The adapter: one value of any method, a burn module that holds only its own parameters, handed to the forward pass.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use vit_backbone::{
    Attention, LayerNorm, LayerScale, LayerScaleSite, LinearSite, Mlp, NormSite, Seam, TokenEmbed,
    Vit, VitConfig,
};

use crate::config::MethodConfig;
use crate::count::has_bias;
use crate::error::PeftError;
use crate::methods::{
    AdaptFormer, BitFit, Dora, Frozen, Full, Houlsby, Ia3, Lora, NormTuning, Scratch, Slr, Vpt,
};
use crate::place::linear_dims;

/// An adapter of any method. All its parameters are trainable; the base's are not among them.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // One adapter per model: the unused bytes do not matter, a box would be no module.
pub enum PeftAdapter<B: Backend> {
    /// Nothing trained.
    Frozen(Frozen<B>),
    /// A trained copy of everything.
    Full(Full<B>),
    /// A trained backbone with new random weights.
    Scratch(Scratch<B>),
    /// Trained copies of the norms.
    NormTuning(NormTuning<B>),
    /// Trained copies of the biases.
    BitFit(BitFit<B>),
    /// Trained low-rank updates.
    Lora(Lora<B>),
    /// Trained low-rank updates and magnitudes.
    Dora(Dora<B>),
    /// Trained scales.
    Ia3(Ia3<B>),
    /// Trained low-rank updates between trained scales.
    Slr(Slr<B>),
    /// Trained bottlenecks behind attention and MLP.
    Houlsby(Houlsby<B>),
    /// Trained bottlenecks beside the MLP.
    AdaptFormer(AdaptFormer<B>),
    /// Trained tokens.
    Vpt(Vpt<B>),
}

impl MethodConfig {
    /// Builds the adapter for a backbone. At this point its outputs are the backbone's own, unless
    /// [`MethodConfig::starts_as_base`] says otherwise, and all random numbers come from `seed`, drawn on the host: the same on
    /// every backend.
    ///
    /// The base is only read; the caller freezes it (`no_grad`) if it is on a differentiating backend.
    ///
    /// # Errors
    /// What [`MethodConfig::validate`] and [`crate::plan`] report; [`PeftError::OtherArchitecture`] if `config` does not
    /// describe `base`.
    pub fn init<B: Backend>(
        &self,
        base: &Vit<B>,
        config: &VitConfig,
        seed: u64,
        device: &B::Device,
    ) -> Result<PeftAdapter<B>, PeftError> {
        check_architecture(base, config)?;
        Ok(match self {
            Self::Frozen => PeftAdapter::Frozen(Frozen::new()),
            Self::Full => PeftAdapter::Full(Full::copy_of(base)),
            Self::Scratch => PeftAdapter::Scratch(Scratch::init(config, seed, device)?),
            Self::NormTuning => PeftAdapter::NormTuning(NormTuning::copy_of(base)),
            Self::BitFit(bitfit) => {
                bitfit.check(config)?;
                PeftAdapter::BitFit(BitFit::copy_of(base, bitfit))
            }
            Self::Lora(lora) => PeftAdapter::Lora(Lora::init(lora, base, config, seed, device)?),
            Self::Dora(dora) => PeftAdapter::Dora(Dora::init(dora, base, config, seed, device)?),
            Self::Ia3(ia3) => PeftAdapter::Ia3(Ia3::init(ia3, config, device)?),
            Self::Slr(slr) => PeftAdapter::Slr(Slr::init(slr, base, config, seed, device)?),
            Self::Houlsby(houlsby) => {
                PeftAdapter::Houlsby(Houlsby::init(houlsby, base, config, seed, device)?)
            }
            Self::AdaptFormer(adaptformer) => {
                PeftAdapter::AdaptFormer(AdaptFormer::init(adaptformer, config, seed, device)?)
            }
            Self::Vpt(vpt) => PeftAdapter::Vpt(Vpt::init(vpt, config, seed, device)?),
        })
    }
}

impl<B: Backend> PeftAdapter<B> {
    /// Number of trainable scalars.
    pub fn trainable_parameters(&self) -> usize {
        self.num_params()
    }
}

/// Refuses a configuration that does not describe the backbone's sizes.
pub(crate) fn check_architecture<B: Backend>(
    base: &Vit<B>,
    config: &VitConfig,
) -> Result<(), PeftError> {
    config.validate()?;
    let differ = |what: &str, found: String, expected: String| {
        if found == expected {
            return Ok(());
        }
        Err(PeftError::OtherArchitecture {
            expected: format!("{what} {expected}"),
            found: format!("{what} {found}"),
        })
    };
    differ(
        "depth",
        base.blocks.len().to_string(),
        config.depth.to_string(),
    )?;
    differ(
        "final norm",
        base.norm.is_some().to_string(),
        config.final_norm.to_string(),
    )?;
    differ(
        "norm behind the embedding",
        base.norm_pre.is_some().to_string(),
        config.pre_norm.to_string(),
    )?;
    for site in base.linear_sites() {
        let expected = linear_dims(site.map, config);
        let [inputs, outputs] = base.linear(site).weight.val().dims();
        differ(
            &format!("{site}, inputs and outputs"),
            format!("{:?}", (inputs, outputs)),
            format!("{expected:?}"),
        )?;
        differ(
            &format!("{site}, bias"),
            base.linear(site).bias.is_some().to_string(),
            has_bias(site.map, config).to_string(),
        )?;
    }
    // An adapter acts on a patch embedding, not on the network that makes one: the model is taken at its wavelengths first.
    differ(
        "a patch embedding made from wavelengths",
        base.embed.spectral.is_some().to_string(),
        false.to_string(),
    )?;
    let channels = match &config.channel_groups {
        Some(channels) => channels.groups.first().map_or(0, Vec::len),
        None => config.patch_channels(),
    };
    let embed = [channels * config.patch_size * config.patch_size, config.dim];
    differ(
        "channel groups or frames",
        base.embed
            .groups
            .as_ref()
            .map_or(base.embed.frames.unwrap_or(1), |g| 1 + g.others.len())
            .to_string(),
        config.group_count().to_string(),
    )?;
    differ(
        "patch embedding",
        format!("{:?}", base.embed.proj.weight.val().dims()),
        format!("{embed:?}"),
    )
}

/// Hands a call to the method behind the adapter.
macro_rules! delegate {
    ($self:ident, $method:ident, $($argument:expr),*) => {
        match $self {
            Self::Frozen(inner) => inner.$method($($argument),*),
            Self::Full(inner) => inner.$method($($argument),*),
            Self::Scratch(inner) => inner.$method($($argument),*),
            Self::NormTuning(inner) => inner.$method($($argument),*),
            Self::BitFit(inner) => inner.$method($($argument),*),
            Self::Lora(inner) => inner.$method($($argument),*),
            Self::Dora(inner) => inner.$method($($argument),*),
            Self::Ia3(inner) => inner.$method($($argument),*),
            Self::Slr(inner) => inner.$method($($argument),*),
            Self::Houlsby(inner) => inner.$method($($argument),*),
            Self::AdaptFormer(inner) => inner.$method($($argument),*),
            Self::Vpt(inner) => inner.$method($($argument),*),
        }
    };
}

impl<B: Backend> Seam<B> for PeftAdapter<B> {
    type State = ();

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, ()) {
        delegate!(self, embed, base, image)
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
        state: &mut (),
    ) -> Tensor<B, 3> {
        delegate!(self, attention, block, base, x, state)
    }

    fn mlp(&self, block: usize, base: &Mlp<B>, x: Tensor<B, 3>, state: &mut ()) -> Tensor<B, 3> {
        delegate!(self, mlp, block, base, x, state)
    }

    fn after_block(&self, block: usize, x: Tensor<B, 3>, state: &mut ()) -> Tensor<B, 3> {
        delegate!(self, after_block, block, x, state)
    }

    fn extra_tokens(&self) -> usize {
        delegate!(self, extra_tokens,)
    }
}
