//! SLR (Scheibenreif et al., Parameter Efficient Self-Supervised Geospatial Domain Adaptation, CVPR 2024): a low-rank update
//! between two trained scales, on linear maps and, if asked for, on the patch embedding.
//!
//! A linear map `y = x W + b` becomes
//!
//! ```text
//!     x' = x * s_in,     y = (x' W + b + up(down(x'))) * s_out
//! ```
//!
//! with `up` zero and both scales one at the start, and no factor alpha / rank. The patch embedding is in `slr_patch.rs`.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};
use vit_backbone::{
    LayerNorm, LinearSite, NormSite, Seam, SeededInit, TokenEmbed, Vit, VitConfig, apply_linear,
};

use super::NormTuning;
use super::slr_patch::{SlrPatch, patch_kernel};
use crate::config::invalid;
use crate::draw::{linear_of, normal, ones, torch_default};
use crate::error::PeftError;
use crate::lora_config::check_rank;
use crate::merge::{Merged, columns_times, rows_times};
use crate::peft_format::slot::Slot;
use crate::place::{linear_dims, norm_count};
use crate::targets::{ALL_LINEAR, resolve_whole};

/// The numbers of an SLR.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SlrConfig {
    /// Rank of the update, 1 to [`crate::MAX_RANK`]. Default: 16, as in the published comparisons on Earth observation.
    pub rank: usize,
    /// The linear maps to adapt, see [`crate::targets`]; whole maps only. Default: `all-linear`.
    pub targets: Vec<String>,
    /// Whether the two low-rank maps have biases. Default: true, as in the published code.
    pub bias: bool,
    /// Standard deviation of the initial down-projection, above 0. Default: 1, as in the published code.
    pub down_std: f64,
    /// Also adapt the patch embedding. Default: false.
    pub patch_embed: bool,
    /// How the patch embedding's update starts. Default: as published.
    pub patch_init: SlrPatchInit,
    /// Also train gain and bias of every LayerNorm, which the published code does unless told otherwise. Default: false, as
    /// the published parameter counts of comparisons on Earth-observation models leave them out.
    pub norms: bool,
}

/// How the update of the patch embedding starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlrPatchInit {
    /// Both convolutions random, as the published code leaves them: the start is not the pretrained model.
    #[default]
    Published,
    /// The second convolution zero: the start is the pretrained model.
    Zero,
}

impl Default for SlrConfig {
    fn default() -> Self {
        Self {
            rank: 16,
            targets: vec![ALL_LINEAR.into()],
            bias: true,
            down_std: 1.0,
            patch_embed: false,
            patch_init: SlrPatchInit::default(),
            norms: false,
        }
    }
}

impl SlrConfig {
    pub(crate) fn label(&self) -> String {
        let patch = if self.patch_embed { " + patches" } else { "" };
        let norms = if self.norms { " + norms" } else { "" };
        format!(
            "SLR r={} ({}){patch}{norms}",
            self.rank,
            self.targets.join(", ")
        )
    }

    pub(crate) fn validate(&self) -> Result<(), PeftError> {
        check_rank("rank", self.rank)?;
        if !(self.down_std.is_finite() && self.down_std > 0.0) {
            return Err(invalid(
                "down_std",
                self.down_std,
                "a finite number above 0",
            ));
        }
        if self.targets.is_empty() {
            return Err(invalid("targets", "[]", "at least one pattern"));
        }
        Ok(())
    }

    /// Multiply-adds of the updates: of the linear maps per token, of the patch embedding per patch.
    pub(crate) fn multiply_adds(&self, config: &VitConfig) -> Result<(usize, usize), PeftError> {
        let maps = resolve_whole("targets", &self.targets, config)?;
        let dims = maps.iter().map(|site| linear_dims(site.map, config));
        let maps = dims.map(|(inputs, outputs)| self.rank * (inputs + outputs));
        let patch = if self.patch_embed {
            let area = patch_kernel(config)?.pow(2);
            // `down` on each of `area` subpatches, `up` once.
            area * (config.in_channels * area * self.rank) + self.rank * area * config.dim
        } else {
            0
        };
        Ok((maps.sum(), patch))
    }

    /// Scalars on top of the base's, and trained copies of the base's.
    pub(crate) fn count(&self, config: &VitConfig) -> Result<(usize, usize), PeftError> {
        let mut added = 0;
        for site in resolve_whole("targets", &self.targets, config)? {
            let (inputs, outputs) = linear_dims(site.map, config);
            let biases = if self.bias { self.rank + outputs } else { 0 };
            added += inputs + outputs + self.rank * (inputs + outputs) + biases;
        }
        if self.patch_embed {
            let kernel = patch_kernel(config)?;
            let (down, up) = (
                config.in_channels * kernel * kernel,
                self.rank * kernel * kernel,
            );
            added += self.rank * (down + 1) + config.dim * (up + 1) + config.dim;
        }
        let norms = norm_count(config);
        Ok((
            added,
            if self.norms {
                norms * 2 * config.dim
            } else {
                0
            },
        ))
    }
}

/// The update of one linear map.
#[derive(Module, Debug)]
pub struct SlrMap<B: Backend> {
    /// `s_in`, `[inputs]`: one at the start.
    pub input: Param<Tensor<B, 1>>,
    /// `down`, `[inputs, rank]`, normal at the start.
    pub down: Linear<B>,
    /// `up`, `[rank, outputs]`, zero at the start.
    pub up: Linear<B>,
    /// `s_out`, `[outputs]`: one at the start.
    pub output: Param<Tensor<B, 1>>,
    /// Where it acts.
    #[module(skip)]
    pub site: LinearSite,
}

/// Scaled low-rank updates of chosen linear maps, and of the patch embedding.
#[derive(Module, Debug)]
pub struct Slr<B: Backend> {
    /// The updates, in the order of the forward pass.
    pub maps: Vec<SlrMap<B>>,
    /// The update of the patch embedding.
    pub patch: Option<SlrPatch<B>>,
    /// Trained copies of the norms.
    pub norms: Option<NormTuning<B>>,
}

impl<B: Backend> Slr<B> {
    /// Drawn from the seed and the places' names.
    ///
    /// # Errors
    /// [`PeftError::InvalidConfig`], [`PeftError::NoTarget`].
    pub fn init(
        slr: &SlrConfig,
        base: &Vit<B>,
        config: &VitConfig,
        seed: u64,
        device: &B::Device,
    ) -> Result<Self, PeftError> {
        slr.validate()?;
        let source = SeededInit::new(seed);
        let maps = resolve_whole("targets", &slr.targets, config)?
            .into_iter()
            .map(|site| {
                let (inputs, outputs) = linear_dims(site.map, config);
                let name = format!("{site}.slr_down");
                let down = normal(&source, &name, inputs * slr.rank);
                let down = down.into_iter().map(|v| (v * slr.down_std) as f32);
                let bias = slr
                    .bias
                    .then(|| source.draw(&format!("{name}.bias"), slr.rank, torch_default(inputs)));
                SlrMap {
                    input: ones(inputs, device),
                    down: linear_of([inputs, slr.rank], down.collect(), bias, device),
                    up: linear_of(
                        [slr.rank, outputs],
                        vec![0.0; slr.rank * outputs],
                        slr.bias.then(|| vec![0.0; outputs]),
                        device,
                    ),
                    output: ones(outputs, device),
                    site,
                }
            });
        Ok(Self {
            maps: maps.collect(),
            patch: if slr.patch_embed {
                Some(SlrPatch::init(slr, config, &source, device)?)
            } else {
                None
            },
            norms: slr.norms.then(|| NormTuning::copy_of(base)),
        })
    }

    pub(crate) fn slots(&mut self) -> Vec<Slot<'_, B>> {
        let mut slots = Vec::new();
        for map in &mut self.maps {
            let site = map.site;
            slots.push(Slot::vector(format!("{site}.slr_in"), &mut map.input));
            slots.extend(Slot::linear(&format!("{site}.slr_down"), &mut map.down));
            slots.extend(Slot::linear(&format!("{site}.slr_up"), &mut map.up));
            slots.push(Slot::vector(format!("{site}.slr_out"), &mut map.output));
        }
        slots.extend(self.patch.iter_mut().flat_map(SlrPatch::slots));
        slots.extend(self.norms.iter_mut().flat_map(NormTuning::slots));
        slots
    }

    pub(crate) fn merge_into(&self, merged: &mut Merged<B>) -> Result<(), PeftError> {
        for map in &self.maps {
            let update = map.down.weight.val().matmul(map.up.weight.val());
            // down's bias reaches the output through up.
            let mut shift = map.up.bias.as_ref().map(Param::val);
            if let Some(bias) = &map.down.bias {
                let through = bias.val().unsqueeze::<2>().matmul(map.up.weight.val());
                let through = through.squeeze_dim(0);
                shift = Some(shift.map_or(through.clone(), |shift| shift + through));
            }
            let (input, output) = (map.input.val(), map.output.val());
            merged.weight(map.site, |weight| {
                columns_times(rows_times(weight + update, input), output.clone())
            })?;
            merged.bias(map.site, |bias| {
                let sum = match (bias, shift) {
                    (Some(bias), Some(shift)) => Some(bias + shift),
                    (bias, shift) => bias.or(shift),
                };
                sum.map(|sum| sum * output)
            })?;
        }
        if let Some(patch) = &self.patch {
            patch.merge_into(merged)?;
        }
        if let Some(norms) = &self.norms {
            norms.merge_into(merged);
        }
        Ok(())
    }
}

impl<B: Backend> Seam<B> for Slr<B> {
    type State = ();

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, ()) {
        match &self.patch {
            None => (base.forward(image), ()),
            Some(patch) => {
                let grid = base.grid(&image);
                let patches = patch.forward(&base.proj, base.pixels(image));
                (base.assemble(patches, grid), ())
            }
        }
    }

    fn linear(&self, site: LinearSite, base: &Linear<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let Some(map) = self.maps.iter().find(|map| map.site == site) else {
            return apply_linear(base, x);
        };
        let x = x * map.input.val().unsqueeze();
        let update = apply_linear(&map.up, apply_linear(&map.down, x.clone()));
        (apply_linear(base, x) + update) * map.output.val().unsqueeze()
    }

    fn norm(&self, site: NormSite, base: &LayerNorm<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        match &self.norms {
            Some(norms) => norms.norm(site, base, x),
            None => base.forward(x),
        }
    }
}
