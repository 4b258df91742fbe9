//! What is trained, as one module: adapter, patch embedding where asked for, head. The backbone is not part of it.

use burn::module::{Module, Param, ParamId};
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use heads::LinearHead;
use peft_lora::PeftAdapter;
use vit_backbone::{
    FeatureRequest, LayerNorm, LayerScale, LayerScaleSite, LinearSite, NormSite, Pooling, Seam,
    TokenEmbed, Vit, apply_linear, pool,
};

/// The adapter of a method, together with a trained copy of the patch embedding where the input has channels that the
/// pretrained one never saw.
#[derive(Module, Debug)]
pub struct InputAdapter<B: Backend> {
    /// The method's adapter.
    pub method: PeftAdapter<B>,
    /// `patch_embed.proj`, trained in place of the base's.
    pub patch_embed: Option<Linear<B>>,
}

impl<B: Backend> InputAdapter<B> {
    /// An adapter that leaves the patch embedding to the method, or trains a copy of the base's.
    pub fn new(method: PeftAdapter<B>, base: &Vit<B>, train_patch_embed: bool) -> Self {
        // Full and from-scratch tuning already hold a patch embedding of their own.
        let has_own = matches!(method, PeftAdapter::Full(_) | PeftAdapter::Scratch(_));
        let patch_embed = (train_patch_embed && !has_own).then(|| trainable_copy(&base.embed.proj));
        Self {
            method,
            patch_embed,
        }
    }
}

/// A copy of a linear map with parameters of its own that require gradients.
fn trainable_copy<B: Backend>(linear: &Linear<B>) -> Linear<B> {
    Linear {
        weight: Param::initialized(ParamId::new(), linear.weight.val().detach().require_grad()),
        bias: linear
            .bias
            .as_ref()
            .map(|bias| Param::initialized(ParamId::new(), bias.val().detach().require_grad())),
    }
}

impl<B: Backend> Seam<B> for InputAdapter<B> {
    type State = ();

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, ()) {
        match &self.patch_embed {
            Some(own) => {
                let grid = base.grid(&image);
                (
                    base.assemble(apply_linear(own, base.pixels(image)), grid),
                    (),
                )
            }
            None => self.method.embed(base, image),
        }
    }

    fn linear(&self, site: LinearSite, base: &Linear<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        self.method.linear(site, base, x)
    }

    fn norm(&self, site: NormSite, base: &LayerNorm<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        self.method.norm(site, base, x)
    }

    fn layer_scale(
        &self,
        site: LayerScaleSite,
        base: &LayerScale<B>,
        x: Tensor<B, 3>,
    ) -> Tensor<B, 3> {
        self.method.layer_scale(site, base, x)
    }
}

/// Adapter and head.
#[derive(Module, Debug)]
pub struct Trainable<B: Backend> {
    /// Everything that acts inside the backbone.
    pub adapter: InputAdapter<B>,
    /// Features to classes.
    pub head: LinearHead<B>,
}

/// How features are taken from the backbone.
#[derive(Clone, Debug)]
pub struct Readout {
    /// The block whose tokens are read.
    pub request: FeatureRequest,
    /// How tokens become a vector.
    pub pooling: Pooling,
}

impl Readout {
    /// Features of images under an adapter.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, height, width]`
    /// - result: `[batch, dim]`
    pub fn features<B: Backend, S: Seam<B>>(
        &self,
        base: &Vit<B>,
        seam: &S,
        images: Tensor<B, 4>,
    ) -> Tensor<B, 2> {
        let [batch, ..] = images.dims();
        match base.features(images, &self.request, seam).pop() {
            Some(tokens) => pool(tokens, base.prefix_tokens(seam), self.pooling),
            // A request always names one block; an empty one has no features.
            None => Tensor::zeros([batch, 0], &base.embed.proj.weight.device()),
        }
    }
}
