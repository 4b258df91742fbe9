//! Loading directories: published sizes, and every form of the files.

mod support;

use burn::tensor::Tensor;
use stable_diffusion::{
    LoadOptions, StableDiffusion, Stage, TextConfig, Unet, UnetConfig, VaeConfig,
};
use support::{copy, load, read_tensors, refusal, tiny, whole, write_tensors};
use testkit::{FlexBackend, Tolerance, assert_close};
use vit_backbone::{Format, UnusedReason};

type B = FlexBackend;

/// The numbers that diffusers and transformers count for Stable Diffusion v1.5.
#[test]
fn full_sizes_are_those_published() {
    assert_eq!(
        UnetConfig::sd_v1_5().parameter_count().unwrap(),
        859_520_964
    );
    assert_eq!(VaeConfig::sd_v1_5().parameter_count().unwrap(), 83_653_863);
    assert_eq!(
        TextConfig::sd_v1_5().parameter_count().unwrap(),
        123_060_480
    );
    let count = |list: Vec<vit_backbone::Expected>| -> usize {
        list.iter().map(|e| e.shape.iter().product::<usize>()).sum()
    };
    let encoder = VaeConfig::sd_v1_5().parameters(false).unwrap();
    assert_eq!(count(encoder), 34_163_664);
    // The page of the zoo names them.
    let page = testkit::golden_root().join("../../docs/zoo.md");
    let page = std::fs::read_to_string(page).unwrap();
    for number in ["859,520,964", "83,653,863", "123,060,480"] {
        assert!(page.contains(number), "docs/zoo.md: no {number}");
    }
    // Features of 512 x 512 pixels, whose latents are 64 x 64.
    let shape = |stage| {
        UnetConfig::sd_v1_5().feature_shape(stage, [512 / VaeConfig::sd_v1_5().reduction(); 2])
    };
    assert_eq!(shape(Stage::Mid).unwrap(), [1280, 8, 8]);
    assert_eq!(shape(Stage::Down(0)).unwrap(), [320, 32, 32]);
    assert_eq!(shape(Stage::Up(1)).unwrap(), [1280, 32, 32]);
    assert_eq!(shape(Stage::Up(3)).unwrap(), [320, 64, 64]);
    assert!(shape(Stage::Up(4)).is_err());
    let half = UnetConfig::sd_v1_5().parameters(false).unwrap();
    assert!(count(half) < 859_520_964 / 2);
}

/// Names that a model asks for are those that are listed, and those of the file.
#[test]
fn every_tensor_of_the_files_is_used() {
    let (_, report) = load::<B>(&whole());
    for (part, tensors) in [
        (&report.unet, 686),
        (&report.vae, 0),
        (&report.text_encoder, 36),
    ] {
        assert!(part.missing.is_empty() && part.mismatched.is_empty());
        assert!(tensors == 0 || part.loaded == tensors, "{part}");
    }
    assert_eq!(report.unet.format, Format::Safetensors);
    assert!(
        report
            .unet
            .path
            .ends_with("diffusion_pytorch_model.fp16.safetensors")
    );
    assert!(report.unet.unused.is_empty() && report.unet.renamed.is_empty());
    // The autoencoder's file is a pickle with the names of 2022.
    assert_eq!(report.vae.format, Format::PytorchZip);
    assert!(report.vae.unused.is_empty());
    assert_eq!(report.vae.renamed.len(), 16);
    // The text encoder's has a prefix, and a buffer that is no weight.
    assert_eq!(report.text_encoder.renamed.len(), 36);
    assert_eq!(report.text_encoder.unused[0].reason, UnusedReason::Declined);
    let unet = UnetConfig::from_file(tiny().join("unet/config.json")).unwrap();
    assert_eq!(unet.parameter_count().unwrap(), report.unet.parameters);
}

#[test]
fn a_directory_is_described_without_reading_weights() {
    let found = stable_diffusion::inspect(tiny(), &whole()).unwrap();
    let (_, report) = load::<B>(&whole());
    assert_eq!(found.report, report);
    assert_eq!((found.time_steps, found.is_v1()), (1000, false));
    // What only reading shows is not seen: a weight that is not a number.
    let folder = copy();
    let path = folder.path().join("text_encoder/model.safetensors");
    let mut tensors = read_tensors(&path);
    let bias = tensors
        .iter_mut()
        .find(|t| t.0.ends_with("final_layer_norm.bias"));
    bias.unwrap().3 = f32::NAN.to_le_bytes().repeat(12);
    write_tensors(&path, &tensors);
    assert!(stable_diffusion::inspect(folder.path(), &whole()).is_ok());
    assert!(refusal(folder.path()).to_string().contains("NaN"));
}

#[test]
fn parts_that_are_not_needed_stay_on_disk() {
    let options = LoadOptions {
        up_path: false,
        ..LoadOptions::default()
    };
    let (model, report) = load::<B>(&options);
    assert!(model.unet.up.is_none() && model.vae.decoder.is_none());
    for part in [&report.unet, &report.vae] {
        assert!(!part.unused.is_empty());
        assert!(
            part.unused
                .iter()
                .all(|u| u.reason == UnusedReason::Declined)
        );
    }
    let device = Default::default();
    let latents = Tensor::<B, 4>::ones([1, 4, 8, 8], &device);
    let context = Tensor::<B, 3>::ones([1, 77, 12], &device);
    let run = |model: &StableDiffusion<B>, stage| {
        let context = context.clone();
        model
            .unet
            .features(latents.clone(), &[1], context, &[stage], &())
    };
    let middle = run(&model, Stage::Mid).unwrap().remove(0).into_data();
    let (all, _) = load::<B>(&LoadOptions::default());
    let expected = run(&all, Stage::Mid).unwrap().remove(0).into_data();
    assert_close(&middle, &expected, Tolerance::EXACT, "the middle");
    for error in [
        run(&model, Stage::Up(0)).unwrap_err(),
        model
            .unet
            .forward(latents.clone(), &[1], context.clone(), &())
            .unwrap_err(),
    ] {
        assert!(error.to_string().contains("without its up path"), "{error}");
    }
    let error = run(&all, Stage::Down(4)).unwrap_err().to_string();
    assert!(
        error.contains("down_blocks.4") && error.contains("0 to 3"),
        "{error}"
    );
}

/// Single precision goes before half, `.bin` is read where there is no safetensors, and names without the old prefix are read.
#[test]
fn every_form_of_the_files_is_read() {
    let folder = copy();
    let unet = folder.path().join("unet");
    let half = unet.join("diffusion_pytorch_model.fp16.safetensors");
    let mut tensors = read_tensors(&half);
    for (_, dtype, _, bytes) in &mut tensors {
        let values = bytes.chunks_exact(2).map(|c| f16_to_f32([c[0], c[1]]));
        *bytes = values.flat_map(f32::to_le_bytes).collect();
        *dtype = safetensors::Dtype::F32;
    }
    write_tensors(&unet.join("diffusion_pytorch_model.safetensors"), &tensors);
    let text = folder.path().join("text_encoder/model.safetensors");
    let mut tensors = read_tensors(&text);
    for (name, ..) in &mut tensors {
        *name = name.strip_prefix("text_model.").unwrap().to_owned();
    }
    write_tensors(&text, &tensors);
    let device = Default::default();
    let open = |variant: Option<&str>| {
        let options = LoadOptions {
            variant: variant.map(str::to_owned),
            ..LoadOptions::default()
        };
        StableDiffusion::<B>::load(folder.path(), &options, &device)
    };
    let (full, report) = open(None).unwrap();
    assert!(
        report
            .unet
            .path
            .ends_with("diffusion_pytorch_model.safetensors")
    );
    assert!(report.text_encoder.renamed.is_empty());
    let (tiny, _) = load::<B>(&LoadOptions::default());
    let weight = |model: &StableDiffusion<B>| model.unet.conv_in.weight.val().into_data();
    assert_close(&weight(&full), &weight(&tiny), Tolerance::EXACT, "weights");
    let text = open(Some("fp16")).unwrap_err().to_string();
    assert!(
        text.contains("vae") && text.contains("diffusion_pytorch_model.fp16.bin"),
        "{text}"
    );
}

fn f16_to_f32(bytes: [u8; 2]) -> f32 {
    // Through the reader of the crate under test nothing would be tested: sign, exponent and fraction by hand.
    let bits = u16::from_le_bytes(bytes);
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        _ => sign * (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    }
}

/// A random model depends on its seed alone.
#[test]
fn random_models_repeat() {
    let config = UnetConfig::from_file(tiny().join("unet/config.json")).unwrap();
    let device = Default::default();
    let weight = |seed| {
        let unet = Unet::<B>::init(&config, seed, &device).unwrap();
        unet.conv_in.weight.val().into_data()
    };
    assert_eq!(weight(1), weight(1));
    assert_ne!(weight(1), weight(2));
}
