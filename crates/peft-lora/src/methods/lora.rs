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
use vit_backbone::{InitRule, LinearSite, Seam, SeededInit, TokenEmbed, VitConfig, apply_linear};

use crate::error::PeftError;
use crate::lora_config::{LoraConfig, LoraInit};
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
    /// `A` drawn from the seed and the place's name, `B` zero.
    ///
    /// # Errors
    /// What [`plan`] reports.
    pub fn init(
        lora: &LoraConfig,
        config: &VitConfig,
        seed: u64,
        device: &B::Device,
    ) -> Result<Self, PeftError> {
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
        Ok(Self::from_maps(maps.collect(), lora, config))
    }

    /// An adapter of maps that are already there.
    pub(crate) fn from_maps(maps: Vec<LoraMap<B>>, lora: &LoraConfig, config: &VitConfig) -> Self {
        let dropout = DropoutConfig::new(lora.dropout).init();
        Self {
            maps,
            dropout,
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
        LoraInit::KaimingUniform => {
            // kaiming_uniform with a = sqrt(5): sqrt(6 / ((1 + 5) fan_in)).
            let bound = (plan.inputs as f64).powf(-0.5) as f32;
            source.draw(&name, count, InitRule::Uniform { bound })
        }
        LoraInit::Gaussian => {
            // Box and Muller (1958) on two uniform draws; 1 / rank is the standard deviation.
            let uniform = |suffix: &str| {
                source.draw(
                    &format!("{name}.{suffix}"),
                    count,
                    InitRule::Uniform { bound: 0.5 },
                )
            };
            let pairs = uniform("radius").into_iter().zip(uniform("angle"));
            pairs
                .map(|(r, a)| {
                    let radius = (-2.0 * (f64::from(r) + 0.5).max(1e-12).ln()).sqrt();
                    (radius * (std::f64::consts::TAU * f64::from(a)).cos() / plan.rank as f64)
                        as f32
                })
                .collect()
        }
    }
}

impl<B: Backend> Seam<B> for Lora<B> {
    type State = ();

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, ()) {
        (base.forward(image), ())
    }

    fn linear(&self, site: LinearSite, base: &Linear<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let Some([down, up]) = self.factors(site) else {
            return apply_linear(base, x);
        };
        let low = fused_ops::linear(self.dropout.forward(x.clone()), down, None);
        apply_linear(base, x) + fused_ops::linear(low, up, None)
    }
}
