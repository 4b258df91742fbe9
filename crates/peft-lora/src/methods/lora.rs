//! LoRA (Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, ICLR 2022), in factored form.
//!
//! A linear map `y = x W + b` becomes `y = x W + b + drop(x) A (s B)`: two thin products, never a dense update of the size of
//! `W`. Adapting only some of query, key and value of a fused map concatenates their `A`s, and places their `B`s in a block
//! matrix with zeros elsewhere: outputs that are not adapted get exactly what the base gives, and the computation (dropout
//! included, whose mask the parts share) is that of one fused adapter with the sum of the ranks, which is how it is exported.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Linear};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use vit_backbone::{
    LayerNorm, LinearSite, NormSite, Seam, SeededInit, TokenEmbed, Vit, VitConfig, apply_linear,
};

use super::{BiasSite, BitFit};
use crate::config::{BitFitConfig, invalid};
use crate::draw::{normal, torch_default};
use crate::error::PeftError;
use crate::lora_config::{LoraBias, LoraConfig, LoraInit};
use crate::merge::{Merged, in_f32};
use crate::params::trainable;
use crate::targets::{PlannedMap, plan};

/// The update of one linear map, or of one part of the fused one.
#[derive(Module, Debug)]
pub struct LoraMap<B: Backend> {
    /// `A`, `[inputs, rank]`.
    pub down: Param<Tensor<B, 2>>,
    /// `B`, `[rank, outputs]`: zero at the start, so that the start is the pretrained model.
    pub up: Param<Tensor<B, 2>>,
    /// Place, rank and scale.
    #[module(skip)]
    pub plan: PlannedMap,
}

/// Low-rank updates of chosen linear maps.
#[derive(Module, Debug)]
pub struct Lora<B: Backend> {
    /// The updates, in the order of the forward pass.
    pub maps: Vec<LoraMap<B>>,
    /// The biases trained beside them, none unless the configuration asks for them.
    pub biases: BitFit<B>,
    /// Acts on the input of `A`, and only on backends that differentiate: burn's rule for telling training from inference.
    pub dropout: Dropout,
    /// Width of a token, that is of one part of the fused map.
    pub(crate) dim: usize,
    /// Number of blocks of the backbone.
    pub(crate) depth: usize,
    /// Whether scales divide by the square root of the rank.
    pub rslora: bool,
}

impl<B: Backend> Lora<B> {
    /// `A` drawn from the seed and the place's name, `B` zero; biases copied from `base`.
    ///
    /// # Errors
    /// What [`plan`] reports.
    pub fn init(
        lora: &LoraConfig,
        base: &Vit<B>,
        config: &VitConfig,
        seed: u64,
        device: &B::Device,
    ) -> Result<Self, PeftError> {
        if lora.bias == LoraBias::All {
            BitFitConfig::default().check(config)?;
        }
        let maps = draw_maps(lora, config, seed, device)?;
        Ok(Self::from_maps(maps, lora, base, config))
    }

    /// As [`Lora::init`] for a configuration that trains no biases, for which no base is needed.
    ///
    /// # Errors
    /// What [`plan`] reports; [`PeftError::InvalidConfig`] when biases are asked for.
    pub fn without_biases(
        lora: &LoraConfig,
        config: &VitConfig,
        seed: u64,
        device: &B::Device,
    ) -> Result<Self, PeftError> {
        if lora.bias != LoraBias::None {
            return Err(invalid(
                "bias",
                "trained biases",
                "`none`, where no base is at hand",
            ));
        }
        let maps = draw_maps(lora, config, seed, device)?;
        Ok(Self::of(maps, BitFit { biases: Vec::new() }, lora, config))
    }

    /// An adapter of maps that are already there, with the biases of `base`.
    pub(crate) fn from_maps(
        maps: Vec<LoraMap<B>>,
        lora: &LoraConfig,
        base: &Vit<B>,
        config: &VitConfig,
    ) -> Self {
        let sites = maps.iter().map(|map| map.plan.target.site);
        let biases = bias_sites(lora.bias, sites, base);
        Self::of(maps, biases, lora, config)
    }

    fn of(maps: Vec<LoraMap<B>>, biases: BitFit<B>, lora: &LoraConfig, config: &VitConfig) -> Self {
        Self {
            maps,
            biases,
            dropout: DropoutConfig::new(lora.dropout).init(),
            dim: config.dim,
            depth: config.depth,
            rslora: lora.rslora,
        }
    }

    /// `A [inputs, rank]` and `s B [rank, outputs]` of a whole linear map, parts joined; `None` where nothing is adapted.
    pub fn factors(&self, site: LinearSite) -> Option<[Tensor<B, 2>; 2]> {
        let maps: Vec<&LoraMap<B>> = self
            .maps
            .iter()
            .filter(|m| m.plan.target.site == site)
            .collect();
        let first = maps.first()?;
        if first.plan.target.part.is_none() {
            return Some([first.down.val(), first.up.val() * first.plan.scale]);
        }
        let down = maps.iter().map(|map| map.down.val()).collect();
        let up = maps.iter().map(|map| self.placed(map)).collect();
        Some([Tensor::cat(down, 1), Tensor::cat(up, 0)])
    }

    /// `s B` of a part with zeros for the outputs of the other parts: `[rank, 3 dim]`.
    fn placed(&self, map: &LoraMap<B>) -> Tensor<B, 2> {
        let before = map.plan.target.part.map_or(0, |part| part as usize) * self.dim;
        let after = 3 * self.dim - before - self.dim;
        let up = map.up.val() * map.plan.scale;
        let device = up.device();
        let mut columns = Vec::with_capacity(3);
        if before > 0 {
            columns.push(Tensor::zeros([map.plan.rank, before], &device));
        }
        columns.push(up);
        if after > 0 {
            columns.push(Tensor::zeros([map.plan.rank, after], &device));
        }
        Tensor::cat(columns, 1)
    }
}

/// Initial values of `A`, `[inputs, rank]` in row-major order: a function of seed, place, sizes and rule only.
fn draw_down(plan: &PlannedMap, rule: LoraInit, seed: u64) -> Vec<f32> {
    let name = format!("{}.lora_A", plan.target);
    let source = SeededInit::new(seed);
    let count = plan.inputs * plan.rank;
    match rule {
        LoraInit::KaimingUniform => source.draw(&name, count, torch_default(plan.inputs)),
        LoraInit::Gaussian => {
            // 1 / rank is the standard deviation.
            let values = normal(&source, &name, count).into_iter();
            values
                .map(|value| (value / plan.rank as f64) as f32)
                .collect()
        }
    }
}

/// Trainable copies of the biases that a mode names; of a fused map of which a part is adapted, the whole bias.
pub(crate) fn bias_sites<B: Backend>(
    mode: LoraBias,
    adapted: impl Iterator<Item = LinearSite>,
    base: &Vit<B>,
) -> BitFit<B> {
    match mode {
        LoraBias::None => BitFit::of_sites(base, []),
        LoraBias::All => BitFit::copy_of(base, &BitFitConfig::default()),
        LoraBias::LoraOnly => {
            let mut sites: Vec<LinearSite> = adapted.collect();
            sites.dedup();
            BitFit::of_sites(base, sites.into_iter().map(BiasSite::Linear))
        }
    }
}

impl<B: Backend> Lora<B> {
    pub(crate) fn merge_into(&self, merged: &mut Merged<B>) -> Result<(), PeftError> {
        for site in merged.vit.linear_sites() {
            if let Some([down, up]) = self.factors(site) {
                let update = in_f32(down.detach()).matmul(in_f32(up.detach()));
                merged.weight(site, |weight| weight + update)?;
            }
        }
        self.biases.merge_into(merged);
        Ok(())
    }
}

/// The planned maps, `A` drawn and `B` zero.
fn draw_maps<B: Backend>(
    lora: &LoraConfig,
    config: &VitConfig,
    seed: u64,
    device: &B::Device,
) -> Result<Vec<LoraMap<B>>, PeftError> {
    let maps = plan(lora, config)?.into_iter().map(|plan| {
        let down = draw_down(&plan, lora.init, seed);
        let down = Tensor::from_data(TensorData::new(down, [plan.inputs, plan.rank]), device);
        let up = Tensor::zeros([plan.rank, plan.outputs], device);
        LoraMap {
            down: trainable(down),
            up: trainable(up),
            plan,
        }
    });
    Ok(maps.collect())
}

impl<B: Backend> Seam<B> for Lora<B> {
    type State = ();

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, ()) {
        self.biases.embed(base, image)
    }

    fn linear(&self, site: LinearSite, base: &Linear<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let base = self.biases.with_own(site, base);
        let Some([down, up]) = self.factors(site) else {
            return apply_linear(&base, x);
        };
        let low = fused_ops::linear(self.dropout.forward(x.clone()), down, None);
        apply_linear(&base, x) + fused_ops::linear(low, up, None)
    }

    fn norm(&self, site: NormSite, base: &LayerNorm<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        self.biases.norm(site, base, x)
    }
}
