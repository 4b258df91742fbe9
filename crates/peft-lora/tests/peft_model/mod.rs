//! The model of `assets/golden/peft-lora/export_peft.py`: its configuration, its weights, the adapters made for it, its head.

// Each test file uses what it needs of it.
#![allow(dead_code)]

use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use peft_lora::{HostArray, LoadOptions, LoadedAdapter, PeftAdapter, SavedHead};
use testkit::{Golden, golden_root};
use vit_backbone::{Vit, VitConfig, load_vit};

pub(crate) fn config() -> VitConfig {
    VitConfig {
        image_size: 16,
        patch_size: 4,
        dim: 16,
        depth: 2,
        heads: 2,
        mlp_dim: 32,
        ..VitConfig::default()
    }
}

/// The weights, frozen.
pub(crate) fn base<B: Backend>() -> Vit<B> {
    let path = golden_root().join("peft-lora/base.safetensors");
    load_vit::<B>(
        path,
        Some(&config()),
        &Default::default(),
        &B::Device::default(),
    )
    .unwrap()
    .0
    .no_grad()
}

/// The adapter of a golden's directory.
pub(crate) fn load<B: Backend>(case: &str, base: &Vit<B>) -> LoadedAdapter<B> {
    let directory = golden_root().join("peft-lora").join(case);
    let options = LoadOptions::default();
    PeftAdapter::load(&directory, base, &config(), &options, &B::Device::default()).unwrap()
}

/// The head of the file, or of the model it was made for: weight `[classes, features]` and bias `[classes]`.
pub(crate) fn head<B: Backend>(saved: Option<&SavedHead>) -> (Tensor<B, 2>, Tensor<B, 1>) {
    let device = B::Device::default();
    match saved {
        Some(head) => {
            let data = |array: &HostArray| TensorData::new(array.data.clone(), array.shape.clone());
            (
                Tensor::from_data(data(&head.weight), &device),
                Tensor::from_data(data(head.bias.as_ref().unwrap()), &device),
            )
        }
        None => {
            let head = Golden::open("peft-lora/head.safetensors");
            (
                head.tensor("head.weight", &device),
                head.tensor("head.bias", &device),
            )
        }
    }
}
