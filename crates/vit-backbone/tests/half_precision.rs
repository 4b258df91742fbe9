//! Models in half precision and bfloat16: checkpoints of every type load into them, bit for bit where the types agree, and every family
//! computes what it computes in single precision up to their rounding.

use burn::tensor::backend::Backend;
use burn::tensor::{DType, FloatDType, Tensor};
use burn_flex::Flex;
use burn_ndarray::NdArray;
use testkit::{Golden, Tolerance, assert_close, golden_root};
use vit_backbone::{
    BackboneError, Heads, InitRule, LoadOptions, ParameterSource, PatchEmbedInit, Vit, VitConfig,
    load_vit,
};

const HALVES: [(FloatDType, Tolerance); 2] = [
    (FloatDType::F16, Tolerance::F16_COMPUTED),
    (FloatDType::BF16, Tolerance::BF16_COMPUTED),
];

fn options(dtype: FloatDType) -> LoadOptions {
    LoadOptions {
        heads: Heads::Given(2),
        dtype: Some(dtype),
        ..LoadOptions::default()
    }
}

fn load<B: Backend>(file: &str, options: &LoadOptions) -> Result<Vit<B>, BackboneError> {
    let path = golden_root().join("vit-backbone/checkpoints").join(file);
    load_vit(path, None, options, &B::Device::default()).map(|(vit, _)| vit)
}

/// The final tokens of a golden's image, of a model that was loaded in this type and told what the golden was.
fn check(name: &str, weights: Option<&str>) {
    let golden = Golden::open(&format!("vit-backbone/zoo_{name}_golden.safetensors"));
    let config: VitConfig = golden.metadata_json("config");
    let own: String = golden.metadata_json("weights");
    let path = golden_root()
        .join("vit-backbone")
        .join(weights.unwrap_or(&own));
    let device = Default::default();
    for (dtype, tolerance) in HALVES {
        let (vit, _) = load_vit::<Flex>(&path, Some(&config), &options(dtype), &device).unwrap();
        let vit = told(vit, name, &golden, &config);
        let image = golden.tensor::<Flex, 4>("image", &device);
        let tokens = vit.forward(image, &());
        assert_eq!(tokens.dtype(), DType::from(dtype), "{name}");
        let found = tokens.cast(FloatDType::F32).into_data();
        let error = assert_close(&found, golden.data("final"), tolerance, name);
        println!("{dtype:?} {name}: {error:.1e}");
    }
}

/// Pixel sizes, wavelengths, dates and places, where the golden has them.
fn told(vit: Vit<Flex>, name: &str, golden: &Golden, config: &VitConfig) -> Vit<Flex> {
    match name {
        "scale_mae" | "scale_mae_each" => {
            let metres: Vec<f64> = golden.metadata_json("resolutions");
            vit.at_resolution(&metres).unwrap()
        }
        "prithvi_where_and_when" => {
            let dates: Vec<Vec<[f64; 2]>> = golden.metadata_json("dates");
            let places: Vec<[f64; 2]> = golden.metadata_json("places");
            vit.at_dates(&dates).unwrap().at_places(&places).unwrap()
        }
        "dofa" | "dofa_radar" | "clay" => {
            let wavelengths = &config.spectral_embed.as_ref().unwrap().wavelengths;
            let vit = vit.at_wavelengths(wavelengths).unwrap();
            if name != "clay" {
                return vit;
            }
            let metres: Vec<f64> = golden.metadata_json("resolutions");
            let metadata: Vec<[f64; 8]> = golden.metadata_json("metadata");
            let vit = vit.at_resolution(&metres).unwrap();
            vit.at_metadata(&metadata).unwrap()
        }
        _ => vit,
    }
}

#[test]
fn every_family_computes_in_half_precision() {
    for name in [
        "mae",
        "mae_wide",
        "scale_mae_each",
        "satmae",
        "satmae_finetuned",
        "prithvi_v1",
        "prithvi_wide",
        "prithvi_where_and_when",
        "dofa",
        "dofa_radar",
        "clay",
        "dino",
        "dino_wide",
        "dinov2",
        "dinov2_reg4",
        "dinov2_giant",
        "dinov3",
        "dinov3_gated_own",
        "clip",
        "clip_quick",
        "supervised",
    ] {
        check(name, None);
    }
    check("mae", Some("zoo_cross_scale_weights.pth"));
}

/// What a file holds in sixteen bits is in the model in the same bits; wider numbers are rounded once.
#[test]
fn files_of_every_type_load_into_every_type() {
    let values = |vit: &Vit<Flex>| {
        let data = vit.blocks[1].mlp.fc1.weight.val().into_data();
        (data.dtype, data.iter::<f32>().collect::<Vec<_>>())
    };
    let (own, single) = values(&load("f32.safetensors", &options(FloatDType::F32)).unwrap());
    assert_eq!(own, DType::F32);
    let half: Vec<f32> = single
        .iter()
        .map(|v| half::f16::from_f32(*v).to_f32())
        .collect();
    let brain: Vec<f32> = single
        .iter()
        .map(|v| half::bf16::from_f32(*v).to_f32())
        .collect();
    for (file, dtype, expected) in [
        ("f16.safetensors", FloatDType::F16, &half),
        ("half.pth", FloatDType::F16, &half),
        ("f32.safetensors", FloatDType::F16, &half),
        ("f64.safetensors", FloatDType::F16, &half),
        ("mae.pth", FloatDType::F16, &half),
        ("bf16.safetensors", FloatDType::BF16, &brain),
        ("f32.safetensors", FloatDType::BF16, &brain),
        ("legacy.pth", FloatDType::BF16, &brain),
        ("f16.safetensors", FloatDType::F32, &half),
        ("bf16.safetensors", FloatDType::F32, &brain),
    ] {
        let (found, values) = values(&load(file, &options(dtype)).unwrap());
        assert_eq!(found, DType::from(dtype), "{file}");
        assert_eq!(&values, expected, "{file} as {dtype:?}");
    }
    assert_ne!(half, single);
    assert_ne!(brain, half);
}

#[test]
fn new_channels_and_blocks_one_by_one_stay_in_half_precision() {
    for (dtype, tolerance) in HALVES {
        let half = load::<Flex>("f32.safetensors", &options(dtype)).unwrap();
        let single = load::<Flex>("f32.safetensors", &options(FloatDType::F32)).unwrap();
        let features = |vit: Vit<Flex>| {
            let vit = vit.with_channels(5, 3, PatchEmbedInit::Mean, 0).unwrap();
            let pixels: Vec<f32> = (0..320).map(|i| (i as f32 * 0.7).sin()).collect();
            let image = Tensor::<Flex, 1>::from_floats(pixels.as_slice(), &Default::default());
            let (x, mut pass) = vit.embed(image.reshape([1, 5, 8, 8]), &());
            vit.run_blocks(x, &mut pass, 0..1, &())
        };
        let half = features(half);
        assert_eq!(half.dtype(), DType::from(dtype));
        let half = half.cast(FloatDType::F32).into_data();
        assert_close(&half, &features(single).into_data(), tolerance, "block 0");
    }
}

#[test]
fn a_backend_without_the_type_is_an_error() {
    for (dtype, name) in [(FloatDType::F16, "F16"), (FloatDType::BF16, "BF16")] {
        let error = load::<NdArray>("f16.safetensors", &options(dtype)).unwrap_err();
        assert!(matches!(&error, BackboneError::Type { asked, .. } if asked == name));
        assert!(error.to_string().contains("another backend"), "{error}");
    }
}

/// A source whose class token is too large for half precision.
struct Large;

impl ParameterSource for Large {
    fn values(
        &mut self,
        name: &str,
        shape: &[usize],
        _: InitRule,
    ) -> Result<Vec<f32>, BackboneError> {
        let value = if name == "cls_token" { 70_000.0 } else { 0.5 };
        Ok(vec![value; shape.iter().product()])
    }
}

#[test]
fn a_value_that_does_not_fit_is_an_error() {
    let config = VitConfig {
        image_size: 8,
        patch_size: 4,
        dim: 8,
        depth: 1,
        heads: 2,
        mlp_dim: 16,
        ..VitConfig::default()
    };
    let build =
        |dtype| Vit::<Flex>::from_source_as(&config, &mut Large, &Default::default(), Some(dtype));
    let error = build(FloatDType::F16).unwrap_err();
    assert!(
        matches!(&error, BackboneError::Precision { name, value } if name == "cls_token" && *value == 70_000.0),
        "{error}"
    );
    assert!(build(FloatDType::BF16).is_ok());
    assert!(build(FloatDType::F32).is_ok());
}
