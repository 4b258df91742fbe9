//! LoRA (Hu et al., ICLR 2022) over the seam of the U-Net, and its files.

mod file;
mod keys;
mod save;

use burn::module::{Module, Param, ParamId};
use burn::nn::Linear;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use vit_backbone::{SeededInit, apply_linear, nearest_name};

pub use file::{LoraLoadOptions, LoraReport};

use crate::build::torch_default;
use crate::{DiffusionError, Unet, UnetSeam, UnetSite};

/// The update of one linear map: `y = x W + b + s (x A) B`.
#[derive(Module, Debug)]
pub struct UnetLoraMap<B: Backend> {
    /// `A`, `[inputs, rank]`.
    pub down: Param<Tensor<B, 2>>,
    /// `B`, `[rank, outputs]`.
    pub up: Param<Tensor<B, 2>>,
    /// The map.
    #[module(skip)]
    pub site: UnetSite,
    /// `s`, alpha divided by the rank.
    pub scale: f64,
}

/// Low-rank updates of linear maps of a U-Net. It holds only its own parameters, all of them trainable; the U-Net is never touched.
#[derive(Module, Debug)]
pub struct UnetLora<B: Backend> {
    /// The updates, in the order of the forward pass.
    pub maps: Vec<UnetLoraMap<B>>,
}

impl<B: Backend> UnetLora<B> {
    /// The four projections of every attention, which diffusers adapts by default.
    pub const ATTENTION: [&'static str; 4] = ["to_q", "to_k", "to_v", "to_out.0"];

    /// A LoRA of one rank: `A` uniform in `±1/sqrt(inputs)` as peft draws it, from the seed and the map's name alone; `B` zero,
    /// so that the start is the pretrained model. The scale is `alpha / rank`.
    ///
    /// `targets` are ends of names, whole words between dots, as peft's `target_modules`: `to_q`, `attn2.to_v`, or a full name.
    ///
    /// # Errors
    /// [`DiffusionError::Argument`] for a rank of zero or wider than a map and for an alpha that is not above 0;
    /// [`DiffusionError::Site`] for a target that names nothing.
    pub fn init<S: AsRef<str>>(
        unet: &Unet<B>,
        rank: usize,
        alpha: f64,
        targets: &[S],
        seed: u64,
        device: &B::Device,
    ) -> Result<Self, DiffusionError> {
        if !(alpha.is_finite() && alpha > 0.0) {
            return Err(DiffusionError::argument("alpha", alpha, "a number above 0"));
        }
        let sites = unet.sites();
        let names: Vec<String> = sites.iter().map(UnetSite::to_string).collect();
        let hit = |name: &str, target: &str| {
            let front = name.strip_suffix(target);
            front.is_some_and(|front| front.is_empty() || front.ends_with('.'))
        };
        for target in targets {
            let target = target.as_ref();
            if !names.iter().any(|name| hit(name, target)) {
                return Err(no_site(target, &names));
            }
        }
        let source = SeededInit::new(seed);
        let mut maps = Vec::new();
        for (site, name) in sites.into_iter().zip(&names) {
            if !targets.iter().any(|target| hit(name, target.as_ref())) {
                continue;
            }
            let Some(base) = unet.linear(site) else {
                continue;
            };
            let [inputs, outputs] = base.weight.dims();
            let most = inputs.min(outputs);
            if !(1..=most).contains(&rank) {
                return Err(DiffusionError::argument(
                    "the rank",
                    rank,
                    format!("1 to {most}, the width of {name}"),
                ));
            }
            let rule = torch_default(inputs);
            let down = source.draw(&format!("{name}.lora_A"), inputs * rank, rule);
            let down = Tensor::from_data(TensorData::new(down, [inputs, rank]), device);
            maps.push(UnetLoraMap {
                down: trainable(down),
                up: trainable(Tensor::zeros([rank, outputs], device)),
                site,
                scale: alpha / rank as f64,
            });
        }
        Ok(Self { maps })
    }

    /// Number of trainable numbers.
    pub fn trainable_parameters(&self) -> usize {
        self.num_params()
    }
}

impl<B: Backend> UnetSeam<B> for UnetLora<B> {
    fn linear(&self, site: UnetSite, base: &Linear<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let Some(map) = self.maps.iter().find(|map| map.site == site) else {
            return apply_linear(base, x);
        };
        // The factors may be held in another precision than the U-Net.
        let (down, up) = (map.down.val(), map.up.val());
        let low = fused_ops::linear(x.clone().cast(down.dtype()), down, None);
        let update = fused_ops::linear(low, up, None).mul_scalar(map.scale);
        let output = apply_linear(base, x);
        let dtype = output.dtype();
        output + update.cast(dtype)
    }
}

/// A new trainable parameter, initialised at once.
fn trainable<B: Backend, const D: usize>(values: Tensor<B, D>) -> Param<Tensor<B, D>> {
    Param::initialized(ParamId::new(), values.require_grad())
}

/// The error for a name that is no linear map of a U-Net, with the nearest one.
fn no_site(name: &str, names: &[String]) -> DiffusionError {
    // A short name is compared with what stands behind the dots of full ones.
    let near = nearest_name(name, names.iter().map(String::as_str)).or_else(|| {
        let ends = names.iter().flat_map(|full| {
            let dots = full.match_indices('.');
            dots.map(|(dot, _)| &full[dot + 1..])
        });
        nearest_name(name, ends)
    });
    DiffusionError::Site {
        found: name.to_owned(),
        remedy: match near {
            Some(near) => format!("`{near}` is the nearest"),
            None => "names end in to_q, to_k, to_v, to_out.0, ff.net.0.proj, ff.net.2, proj_in or proj_out".into(),
        },
    }
}
