//! What is trained, as one module: adapter, patch embedding where asked for, head. The backbone is not part of it.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use deflect::{ImageStatistics, SpectralState};
use heads::LinearHead;
use peft_lora::trainable_copy;
use vit_backbone::{
    Attention, FeatureRequest, LayerNorm, LayerScale, LayerScaleSite, LinearSite, Mlp, NormSite,
    Pass, Pooling, Seam, TokenEmbed, Vit, pool,
};

use super::Adapter;
use crate::experiment::{Method, Views};

/// The adapter of a method, together with a trained copy of the patch embedding where the input has channels that the
/// pretrained one never saw.
#[derive(Module, Debug)]
pub struct InputAdapter<B: Backend> {
    /// The method's adapter.
    pub method: Adapter<B>,
    /// `patch_embed.proj`, trained in place of the base's.
    pub patch_embed: Option<Linear<B>>,
}

impl<B: Backend> InputAdapter<B> {
    /// An adapter that leaves the patch embedding to the method, or trains a copy of the base's.
    pub fn new(method: Adapter<B>, base: &Vit<B>, train_patch_embed: bool) -> Self {
        let own = train_patch_embed && !method.replaces_backbone();
        let patch_embed = own.then(|| trainable_copy(&base.embed.proj));
        Self {
            method,
            patch_embed,
        }
    }
}

impl<B: Backend> Seam<B> for InputAdapter<B> {
    type State = SpectralState<B>;

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, Self::State) {
        match &self.patch_embed {
            Some(own) => {
                // Cloning a module copies handles, not values. The method acts on the trained embedding as on the base's.
                let mut base = base.clone();
                base.proj = own.clone();
                self.method.embed(&base, image)
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

    fn attention(
        &self,
        block: usize,
        base: &Attention<B>,
        x: Tensor<B, 3>,
        state: &mut Self::State,
    ) -> Tensor<B, 3> {
        self.method.attention(block, base, x, state)
    }

    fn mlp(
        &self,
        block: usize,
        base: &Mlp<B>,
        x: Tensor<B, 3>,
        state: &mut Self::State,
    ) -> Tensor<B, 3> {
        self.method.mlp(block, base, x, state)
    }

    fn after_block(&self, block: usize, x: Tensor<B, 3>, state: &mut Self::State) -> Tensor<B, 3> {
        self.method.after_block(block, x, state)
    }

    fn extra_tokens(&self) -> usize {
        self.method.extra_tokens()
    }
}

/// Name, patterns of parameter paths in [`Trainable`] and rate, as a multiple of the adapter's, of each group into which the
/// adapter's parameters fall.
pub(crate) fn adapter_rates<B: Backend>(
    method: &Method,
    adapter: &InputAdapter<B>,
) -> Vec<(&'static str, Vec<String>, f64)> {
    let groups = match method {
        Method::Weights(method) => method.rate_groups(),
        Method::Deflect(_) => Vec::new(),
    };
    if groups.len() < 2 {
        let factor = groups.first().map_or(1.0, |only| only.factor);
        return vec![("adapter", vec!["adapter.*".into()], factor)];
    }
    let mut rates: Vec<_> = groups
        .into_iter()
        .map(|group| {
            let below = |pattern| format!("adapter.method.{pattern}");
            let patterns = group.patterns.into_iter().map(below).collect();
            (group.name, patterns, group.factor)
        })
        .collect();
    if adapter.patch_embed.is_some() {
        let patterns = vec!["adapter.patch_embed.*".into()];
        rates.push(("patch-embed", patterns, 1.0));
    }
    rates
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
    /// Which views of an image the vector is the mean of, where no gradient is taken.
    pub views: Views,
    /// What the spectra say about the whole image, put behind the vector.
    pub spectra: Option<ImageStatistics>,
}

impl Readout {
    /// Features of images under an adapter.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, height, width]`
    /// - result: `[batch, dim]`, `[batch, dim + numbers]` with spectra
    pub fn features<B: Backend, S: Seam<B>>(
        &self,
        base: &Vit<B>,
        seam: &S,
        images: Tensor<B, 4>,
    ) -> Tensor<B, 2> {
        self.features_and_state(base, seam, images).0
    }

    /// Features of images under an adapter, as the mean over [`Readout::views`].
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, side, side]` with [`Views::Dihedral`], any height and width otherwise
    /// - result: as [`Readout::features`]
    pub fn mean_features<B: Backend, S: Seam<B>>(
        &self,
        base: &Vit<B>,
        seam: &S,
        images: Tensor<B, 4>,
    ) -> Tensor<B, 2> {
        let views = match self.views {
            Views::One => return self.features(base, seam, images),
            Views::Dihedral => symmetries(images),
        };
        let count = views.len() as f32;
        let features = views.map(|view| self.features(base, seam, view));
        let sum = features.into_iter().reduce(|sum, next| sum + next);
        sum.expect("eight views") / count
    }

    /// Features, and what the adapter carried through the blocks that were run.
    pub fn features_and_state<B: Backend, S: Seam<B>>(
        &self,
        base: &Vit<B>,
        seam: &S,
        images: Tensor<B, 4>,
    ) -> (Tensor<B, 2>, S::State) {
        let spectra = self.spectra.as_ref().map(|s| s.forward(images.clone()));
        let (tokens, mut pass) = base.embed(images, seam);
        let pooled = self.behind(tokens, &mut pass, 0, base, seam);
        let features = match spectra {
            Some(spectra) => Tensor::cat(vec![pooled, spectra], 1),
            None => pooled,
        };
        (features, pass.state)
    }

    /// What is read of tokens that enter block `first`, `[batch, tokens, dim]`, without spectra.
    ///
    /// # Shapes
    /// - result: `[batch, dim]`
    pub(crate) fn behind<B: Backend, S: Seam<B>>(
        &self,
        tokens: Tensor<B, 3>,
        pass: &mut Pass<B, S::State>,
        first: usize,
        base: &Vit<B>,
        seam: &S,
    ) -> Tensor<B, 2> {
        // A request always names one block; an empty one reads the tokens as they come.
        let last = self.request.blocks.iter().max();
        let end = last.map_or(first, |last| last + 1).max(first);
        let mut tokens = base.run_blocks(tokens, pass, first..end, seam);
        if self.request.final_norm {
            tokens = base.final_norm(tokens, seam);
        }
        pool(tokens, base.prefix_tokens(seam), self.pooling)
    }
}

/// The eight symmetries of square images, `[batch, channels, side, side]` each.
fn symmetries<B: Backend>(images: Tensor<B, 4>) -> [Tensor<B, 4>; 8] {
    let transposed = images.clone().swap_dims(2, 3);
    [
        images.clone(),
        images.clone().flip([2]),
        images.clone().flip([3]),
        images.flip([2, 3]),
        transposed.clone(),
        transposed.clone().flip([2]),
        transposed.clone().flip([3]),
        transposed.flip([2, 3]),
    ]
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tensor;
    use burn_flex::Flex;
    use peft_lora::{
        BottleneckInit, HoulsbyConfig, LoraConfig, MethodConfig, SlrConfig, VptConfig,
    };
    use vit_backbone::{InitRule, SeededInit, Vit, VitConfig};

    use super::*;

    fn tiny() -> VitConfig {
        VitConfig {
            image_size: 8,
            patch_size: 4,
            dim: 8,
            depth: 2,
            heads: 2,
            mlp_dim: 12,
            ..VitConfig::default()
        }
    }

    fn image() -> Tensor<Flex, 4> {
        let values = SeededInit::new(2).draw("image", 192, InitRule::Uniform { bound: 1.0 });
        Tensor::<Flex, 1>::from_floats(values.as_slice(), &Default::default()).reshape([1, 3, 8, 8])
    }

    #[test]
    fn a_method_acts_through_the_input_adapter_as_alone() {
        let config = tiny();
        let device = Default::default();
        let base = Vit::<Flex>::init(&config, 1, &device).unwrap();
        let image = image();
        let plain = base.forward(image.clone(), &());
        // Methods that act from the start, each at another place of the seam.
        for method in [
            MethodConfig::Vpt(VptConfig {
                deep: true,
                ..VptConfig::default()
            }),
            MethodConfig::Houlsby(HoulsbyConfig {
                init: BottleneckInit::NearIdentity,
                ..HoulsbyConfig::default()
            }),
            MethodConfig::Slr(SlrConfig {
                patch_embed: true,
                ..SlrConfig::default()
            }),
        ] {
            let adapter = method.init(&base, &config, 3, &device).unwrap();
            let alone = base.forward(image.clone(), &adapter).into_data();
            assert_ne!(alone, plain.clone().into_data(), "{}", method.label());
            for train_patch_embed in [false, true] {
                let adapter = Adapter::Weights(adapter.clone());
                let adapter = InputAdapter::new(adapter, &base, train_patch_embed);
                assert_eq!(
                    base.prefix_tokens(&adapter),
                    base.prefix_tokens(&adapter.method)
                );
                let found = base.forward(image.clone(), &adapter).into_data();
                assert_eq!(found, alone, "{}", method.label());
            }
        }
    }

    #[test]
    fn the_mean_over_the_symmetries_is_the_same_however_an_image_is_turned() {
        let config = tiny();
        let device = Default::default();
        let base = Vit::<Flex>::init(&config, 1, &device).unwrap();
        let image = image();
        let quarter_turn = image.clone().swap_dims(2, 3).flip([3]);
        let readout = |views| Readout {
            request: FeatureRequest::block(1),
            pooling: Pooling::PatchMeanStd,
            views,
            spectra: None,
        };
        let distance = |readout: Readout| {
            let upright = readout.mean_features(&base, &(), image.clone());
            let turned = readout.mean_features(&base, &(), quarter_turn.clone());
            (upright - turned).abs().max().into_scalar()
        };
        assert!(distance(readout(Views::One)) > 1e-3);
        assert!(distance(readout(Views::Dihedral)) < 1e-5);
    }

    #[test]
    fn groups_of_lora_plus_cover_adapter_and_patch_embedding() {
        use training::{GroupConfig, ParameterGroups};
        let config = VitConfig { depth: 1, ..tiny() };
        let device = Default::default();
        type Ad = burn::backend::Autodiff<Flex>;
        let base = Vit::<Ad>::init(&config, 1, &device).unwrap().no_grad();
        let method = MethodConfig::Lora(LoraConfig {
            b_rate_ratio: 16.0,
            ..LoraConfig::new(2, 2.0, ["qkv", "fc1"])
        });
        for train_patch_embed in [false, true] {
            let adapter = method.init(&base, &config, 1, &device).unwrap();
            let model = InputAdapter::new(Adapter::Weights(adapter), &base, train_patch_embed);
            let mut groups = Vec::new();
            let method = Method::Weights(method.clone());
            for (name, patterns, rate) in adapter_rates(&method, &model) {
                // Here the adapter is the whole module, without its name in `Trainable`.
                let patterns: Vec<&str> = patterns
                    .iter()
                    .map(|pattern| pattern.trim_start_matches("adapter."))
                    .collect();
                groups.push(GroupConfig::new(name, &patterns, rate));
            }
            let assigned = ParameterGroups::assign(&model, &groups).unwrap();
            let rate_of = |path: &str| {
                let found = assigned
                    .parameters()
                    .iter()
                    .find(|p| p.path.ends_with(path));
                found.map(|p| assigned.configs()[p.group].learning_rate)
            };
            assert_eq!(rate_of("maps.0.up"), Some(16.0));
            assert_eq!(rate_of("maps.1.down"), Some(1.0));
            let patches = train_patch_embed.then_some(1.0);
            assert_eq!(rate_of("patch_embed.weight"), patches);
        }
    }
}
