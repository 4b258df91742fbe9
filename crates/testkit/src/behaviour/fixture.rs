//! The backbone, the images and the moved adapters that the suite works on.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use vit_backbone::{InitRule, SeededInit, Vit, VitConfig};

/// A backbone small enough for finite differences, with every optional part.
pub fn tiny_config() -> VitConfig {
    VitConfig {
        image_size: 8,
        patch_size: 4,
        in_channels: 2,
        dim: 8,
        depth: 2,
        heads: 2,
        mlp_dim: 12,
        register_tokens: 1,
        layer_scale: Some(0.5),
        ..VitConfig::default()
    }
}

/// The frozen backbone of [`tiny_config`], with no parameter left at zero or one.
///
/// # Panics
/// Never: the configuration is valid.
pub fn tiny_base<B: Backend>() -> Vit<B> {
    let vit =
        Vit::init(&tiny_config(), 1, &B::Device::default()).expect("the configuration is valid");
    perturbed(vit, 2, 0.2).no_grad()
}

/// A fixed batch of two images.
pub fn image<B: Backend>() -> Tensor<B, 4> {
    let values = SeededInit::new(3).draw("image", 2 * 2 * 8 * 8, InitRule::Uniform { bound: 1.0 });
    Tensor::from_data(TensorData::new(values, [2, 2, 8, 8]), &B::Device::default())
}

/// The module with every parameter moved by a fixed random amount of up to `size`, as training would move it.
pub fn perturbed<B: Backend, M: Module<B>>(module: M, seed: u64, size: f32) -> M {
    struct Move {
        source: SeededInit,
        size: f32,
        count: usize,
    }
    impl<B: Backend> ModuleMapper<B> for Move {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
            let shape = param.dims();
            let name = format!("parameter {}", self.count);
            self.count += 1;
            let rule = InitRule::Uniform { bound: self.size };
            let values = self.source.draw(&name, shape.iter().product(), rule);
            param.map(|value| {
                let trained = value.is_require_grad();
                let moved = value.clone().detach()
                    + Tensor::from_data(TensorData::new(values, shape), &value.device());
                // Detached once more: only a leaf can be told to collect a gradient.
                moved.detach().set_require_grad(trained)
            })
        }
    }
    module.map(&mut Move {
        source: SeededInit::new(seed),
        size,
        count: 0,
    })
}
