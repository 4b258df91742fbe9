//! The masked autoencoder against transformers' `ViTMAEForPreTraining`, on every compiled backend.

mod support;

use burn::tensor::backend::AutodiffBackend;
use testkit::{FlexBackend, Golden};
use vit_backbone::{
    Heads, LoadOptions, Mae, MaeConfig, MaskPlan, PositionKind, UnusedReason, load_vit,
};

use support::{GoldenSource, block_gradient, close, gradient, matrix, tokens, vector};

fn against_golden<B: AutodiffBackend>(name: &str) {
    let device = B::Device::default();
    let golden = Golden::open(&format!("vit-backbone/{name}_golden.safetensors"));
    let weights = Golden::open(&format!("vit-backbone/{name}_weights.safetensors"));
    let config: MaeConfig = golden.metadata_json("config");
    let mae = Mae::<B>::from_source(&config, &mut GoldenSource(weights), &device).unwrap();
    let plan = MaskPlan::from_noise(&golden.floats("noise"), 3, 16, config.mask_ratio).unwrap();
    let mask: Vec<f32> = plan
        .mask()
        .into_iter()
        .map(|masked| f32::from(u8::from(masked)))
        .collect();
    assert_eq!(mask, golden.floats("mask"));

    let image = golden.tensor::<B, 4>("image", &device).require_grad();
    close::<B>(
        mae.predict(image.clone(), &plan).into_data(),
        &golden,
        "prediction",
    );
    let loss = mae.loss(image.clone(), &plan);
    close::<B>(loss.clone().into_data(), &golden, "loss");
    let grads = loss.backward();
    for key in golden.names().filter_map(|name| name.strip_prefix("grad.")) {
        let found = match key {
            "image" => image.grad(&grads).unwrap().into_data(),
            "mask_token" => tokens(&mae.decoder.mask_token, &grads),
            "decoder_embed.weight" => matrix(&mae.decoder.embed, &grads),
            "decoder_blocks.1.attn.qkv.bias" => {
                block_gradient(&mae.decoder.blocks[1], "attn.qkv.bias", &grads)
            }
            "decoder_norm.weight" => vector(&mae.decoder.norm.gamma, &grads),
            "decoder_pred.weight" => matrix(&mae.decoder.pred, &grads),
            encoder => gradient(&mae.encoder, encoder, &grads),
        };
        close::<B>(found, &golden, &format!("grad.{key}"));
    }
}

fn normalised_pixels<B: AutodiffBackend>() {
    against_golden::<B>("mae");
}

fn raw_pixels<B: AutodiffBackend>() {
    against_golden::<B>("mae_raw_pixels");
}

/// The weights of the golden are a published checkpoint: the decoder is set aside, the encoder loads with fixed positions.
#[test]
fn a_published_file_gives_its_encoder() {
    let weights = Golden::open("vit-backbone/mae_weights.safetensors");
    let options = LoadOptions {
        heads: Heads::Given(2),
        ..LoadOptions::default()
    };
    let (vit, report) =
        load_vit::<FlexBackend>(weights.path(), None, &options, &Default::default()).unwrap();
    assert_eq!(report.config.positions, PositionKind::SinCos2d);
    assert!(
        report
            .unused
            .iter()
            .all(|unused| unused.reason == UnusedReason::Pretraining)
    );
    assert_eq!(report.unused.len(), 32);
    assert_eq!(vit.blocks.len(), 2);
}

/// What the encoder sees of an image does not depend on masked pixels.
fn masked_pixels_do_not_reach_the_encoder<B: AutodiffBackend>() {
    let device = B::Device::default();
    let golden = Golden::open("vit-backbone/mae_golden.safetensors");
    let config: MaeConfig = golden.metadata_json("config");
    let mae = Mae::<B>::init(&config, 1, &device).unwrap();
    let plan = MaskPlan::random(3, 16, 0.75, 2).unwrap();
    let image = golden.tensor::<B, 4>("image", &device).require_grad();
    let grads = mae
        .encode(image.clone(), &plan)
        .powi_scalar(3)
        .sum()
        .backward();
    let gradient = mae.encoder.embed.pixels(
        image
            .grad(&grads)
            .map(burn::tensor::Tensor::from_inner)
            .unwrap(),
    );
    let touched: Vec<f32> = gradient
        .abs()
        .sum_dim(2)
        .into_data()
        .iter::<f32>()
        .collect();
    for (masked, touched) in plan.mask().into_iter().zip(touched) {
        assert_eq!(masked, touched == 0.0);
    }
}

testkit::backend_matrix!(
    normalised_pixels,
    raw_pixels,
    masked_pixels_do_not_reach_the_encoder
);
