//! The model in half precision and bfloat16: features of half-precision files are those of single precision up to rounding, whatever the
//! precision of images, noise and a LoRA.

mod support;

use burn::tensor::{DType, FloatDType, Tensor};
use burn_flex::Flex;
use burn_ndarray::NdArray;
use stable_diffusion::{
    DiffusionError, Draws, FeatureOptions, LoadOptions, LoraLoadOptions, StableDiffusion, Stage,
    UnetLora,
};
use testkit::{Tolerance, assert_close};
use vit_backbone::BackboneError;

use support::{golden, tiny};

const HALVES: [(FloatDType, Tolerance); 2] = [
    (FloatDType::F16, Tolerance::F16_COMPUTED),
    (FloatDType::BF16, Tolerance::BF16_COMPUTED),
];

fn load(dtype: FloatDType) -> StableDiffusion<Flex> {
    let options = LoadOptions {
        dtype: Some(dtype),
        ..support::whole()
    };
    support::load::<Flex>(&options).0
}

/// Compares in the precision of the golden and says how far off it is.
fn near<const D: usize>(
    found: Tensor<Flex, D>,
    name: &str,
    what: &str,
    (dtype, tolerance): (FloatDType, Tolerance),
) {
    assert_eq!(found.dtype(), DType::from(dtype), "{what}");
    let found = found.cast(FloatDType::F32).into_data();
    let error = assert_close(&found, golden(name).data(what), tolerance, what);
    println!("{dtype:?} {what}: {error:.1e}");
}

#[test]
fn every_network_computes_in_half_precision() {
    let device = Default::default();
    for half in HALVES {
        let model = load(half.0);
        let golden = golden("vae");
        let image = golden.tensor::<Flex, 4>("image", &device);
        let posterior = model.vae.encode(image).unwrap();
        near(posterior.mean.clone(), "vae", "mean", half);
        near(posterior.logvar.clone(), "vae", "logvar", half);
        let decoded = model.vae.decode(posterior.mean).unwrap();
        near(decoded, "vae", "decoded", half);

        let golden = support::golden("unet");
        let output = model.unet.forward(
            golden.tensor("latents", &device),
            &support::times(&golden),
            golden.tensor("context", &device),
            &(),
        );
        near(output.unwrap(), "unet", "output", half);

        let golden = support::golden("features");
        let prompt: String = golden.metadata_json("prompt");
        let context = model.context(&[model.prompt(&prompt).unwrap()]).unwrap();
        let draws = Draws {
            latents: Some(golden.tensor("own", &device)),
            noise: golden.tensor("noise", &device),
        };
        for stage in [Stage::Mid, Stage::Up(1)] {
            let options = FeatureOptions {
                stage,
                time: golden.metadata_json("time"),
                ..FeatureOptions::default()
            };
            let image = golden.tensor::<Flex, 4>("image", &device);
            let feature = model.features_of_draws(image, &context, &options, &draws, &());
            near(
                feature.unwrap(),
                "features",
                &format!("sample.{stage}"),
                half,
            );
        }
    }
}

/// What a file holds in sixteen bits is in the model in the same bits.
#[test]
fn half_precision_files_are_held_as_they_are() {
    let (single, half) = (load(FloatDType::F32), load(FloatDType::F16));
    let weight = |model: &StableDiffusion<Flex>| model.unet.conv_in.weight.val().into_data();
    let (single, half) = (weight(&single), weight(&half));
    assert_eq!((single.dtype, half.dtype), (DType::F32, DType::F16));
    assert!(single.iter::<f32>().eq(half.iter::<f32>()));
}

/// Factors of a LoRA stay in single precision over a half-precision U-Net.
#[test]
fn a_lora_acts_on_a_model_in_half_precision() {
    let device = Default::default();
    let golden = golden("lora");
    let path = testkit::golden_root().join("stable-diffusion/lora/adapter.safetensors");
    for half in HALVES {
        let unet = load(half.0).unet;
        let options = LoraLoadOptions::default();
        let (lora, _) = UnetLora::load(&path, &unet, &options, &device).unwrap();
        let predicted = unet.forward(
            golden.tensor("latents", &device),
            &support::times(&golden),
            golden.tensor("context", &device),
            &lora,
        );
        near(predicted.unwrap(), "lora", "adapter", half);
    }
}

#[test]
fn a_backend_without_the_type_is_an_error() {
    let options = LoadOptions {
        dtype: Some(FloatDType::F16),
        ..LoadOptions::default()
    };
    let error = StableDiffusion::<NdArray>::load(tiny(), &options, &Default::default());
    let error = error.unwrap_err();
    assert!(
        matches!(error, DiffusionError::Backbone(BackboneError::Type { .. })),
        "{error}"
    );
}
