//! The forward pass, its gradients and its positions against timm, on every compiled backend.

mod support;

use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use testkit::{Golden, Tolerance, assert_close};
use vit_backbone::{FeatureRequest, Interpolation, LoadOptions, Vit, VitConfig, load_vit};

use support::{close, gradient};

/// Loads a golden's model through the checkpoint reader.
fn load<B: AutodiffBackend>(name: &str) -> (Golden, Vit<B>) {
    let golden = Golden::open(&format!("vit-backbone/{name}_golden.safetensors"));
    let weights = Golden::open(&format!("vit-backbone/{name}_weights.safetensors"));
    let config: VitConfig = golden.metadata_json("config");
    let (vit, report) = load_vit(
        weights.path(),
        Some(&config),
        &LoadOptions::default(),
        &B::Device::default(),
    )
    .unwrap();
    assert!(report.missing.is_empty() && report.unused.is_empty());
    (golden, vit)
}

fn every_stage<B: AutodiffBackend>(name: &str) {
    let device = B::Device::default();
    let (golden, vit) = load::<B>(name);
    let image = golden.tensor::<B, 4>("image", &device);
    let (embedded, mut pass) = vit.embed(image.clone(), &());
    close::<B>(embedded.clone().into_data(), &golden, "embed");
    let mut x = embedded;
    for block in 0..vit.blocks.len() {
        x = vit.run_blocks(x, &mut pass, block..block + 1, &());
        close::<B>(x.clone().into_data(), &golden, &format!("block.{block}"));
    }
    close::<B>(vit.final_norm(x, &()).into_data(), &golden, "final");
    close::<B>(
        vit.forward(image.clone(), &()).into_data(),
        &golden,
        "final",
    );
    let request = FeatureRequest {
        blocks: vec![2, 0],
        final_norm: false,
    };
    for (block, tokens) in request
        .blocks
        .iter()
        .zip(vit.features(image, &request, &()))
    {
        close::<B>(tokens.into_data(), &golden, &format!("block.{block}"));
    }
}

fn every_gradient<B: AutodiffBackend>(name: &str) {
    let device = B::Device::default();
    let (golden, vit) = load::<B>(name);
    let image = golden.tensor::<B, 4>("image", &device).require_grad();
    let probe: Tensor<B, 3> = golden.tensor("probe", &device);
    let loss = (vit.forward(image.clone(), &()) * probe).sum();
    close::<B>(loss.clone().into_data(), &golden, "loss");
    let grads = loss.backward();
    for key in golden.names().filter_map(|name| name.strip_prefix("grad.")) {
        let found = match key {
            "image" => image.grad(&grads).unwrap().into_data(),
            parameter => gradient(&vit, parameter, &grads),
        };
        close::<B>(found, &golden, &format!("grad.{key}"));
    }
}

fn plain_model<B: AutodiffBackend>() {
    every_stage::<B>("vit");
}

fn plain_model_gradients<B: AutodiffBackend>() {
    every_gradient::<B>("vit");
}

fn layer_scale_registers_wide_image<B: AutodiffBackend>() {
    every_stage::<B>("vit_registers");
}

fn layer_scale_registers_wide_image_gradients<B: AutodiffBackend>() {
    every_gradient::<B>("vit_registers");
}

fn positions_on_other_grids<B: AutodiffBackend>() {
    let device = B::Device::default();
    let golden = Golden::open("vit-backbone/positions_golden.safetensors");
    let grids: Vec<[usize; 2]> = golden.metadata_json("grids");
    let table = vit_backbone::PositionTable::<B>::Fixed(golden.tensor("table", &device));
    for [rows, columns] in grids {
        let (prefix, patches) = table.rows(
            1,
            [4, 4],
            [rows, columns],
            Interpolation::Antialiased,
            &device,
        );
        let all = Tensor::cat(vec![prefix.unwrap(), patches], 1);
        close::<B>(all.into_data(), &golden, &format!("{rows}x{columns}"));
    }
}

/// An untracked forward pass takes other kernels (fused norms) than a tracked one.
fn inference_agrees_with_training<B: AutodiffBackend>() {
    use burn::module::AutodiffModule;
    let device = B::Device::default();
    let (golden, vit) = load::<B>("vit");
    let output = vit
        .valid()
        .forward(golden.tensor::<B::InnerBackend, 4>("image", &device), &());
    assert_close(
        &output.into_data(),
        golden.data("final"),
        Tolerance::F32,
        "inference",
    );
}

testkit::backend_matrix!(
    plain_model,
    plain_model_gradients,
    layer_scale_registers_wide_image,
    layer_scale_registers_wide_image_gradients,
    positions_on_other_grids,
    inference_agrees_with_training,
);
