//! Loading directories: published sizes, every form of the files, what is refused and how, and features of bad images.

mod support;

use std::path::Path;

use burn::tensor::Tensor;
use stable_diffusion::{
    DiffusionError, Directory, FeatureOptions, LoadOptions, StableDiffusion, Stage, TextConfig,
    Unet, UnetConfig, VaeConfig,
};
use support::{copy, edit, load, read_tensors, refusal, tiny, whole, write_tensors};
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

#[test]
fn wrong_directories_say_what_they_are() {
    let says = |path: &Path, words: &[&str]| {
        let text = refusal(path).to_string();
        for word in words {
            assert!(text.contains(word), "{}: {text}", path.display());
        }
    };
    let folder = copy();
    let root = folder.path();
    says(&root.join("nowhere"), &["no such directory"]);
    says(
        &root.join("model_index.json"),
        &["a file, not a directory", "convert_original"],
    );
    says(&root.join("unet"), &["one part of a model", "above it"]);
    let alone = tempfile::tempdir().unwrap();
    says(alone.path(), &["no `model_index.json`"]);
    std::fs::write(alone.path().join("config.json"), "{}").unwrap();
    says(alone.path(), &["one network", "rs-peft embed"]);

    let index = root.join("model_index.json");
    edit(
        &index,
        "StableDiffusionPipeline",
        "StableDiffusionXLPipeline",
    );
    says(root, &["StableDiffusionXLPipeline", "XL"]);
    edit(
        &index,
        "StableDiffusionXLPipeline",
        "StableDiffusionPipeline",
    );

    // A cache of the hub holds the model in its one snapshot.
    let cache = tempfile::tempdir().unwrap();
    let snapshots = cache.path().join("snapshots");
    std::fs::create_dir(&snapshots).unwrap();
    says(cache.path(), &["no `model_index.json`"]);
    for name in ["a", "b"] {
        std::fs::create_dir(snapshots.join(name)).unwrap();
        std::fs::write(snapshots.join(name).join("model_index.json"), "{}").unwrap();
        let found = Directory::open(cache.path(), None);
        match name {
            "a" => assert_eq!(found.unwrap().root(), snapshots.join("a")),
            _ => says(cache.path(), &["2 snapshots"]),
        }
    }

    for part in [
        "scheduler/scheduler_config.json",
        "vae/config.json",
        "tokenizer/vocab.json",
    ] {
        let folder = copy();
        std::fs::remove_file(folder.path().join(part)).unwrap();
        let name = part.split('/').next().unwrap();
        says(folder.path(), &[name]);
    }
    let folder = copy();
    let unet = folder.path().join("unet");
    let weights = unet.join("diffusion_pytorch_model.fp16.safetensors");
    std::fs::remove_file(weights).unwrap();
    says(
        folder.path(),
        &["none of diffusion_pytorch_model.safetensors"],
    );
    std::fs::write(
        unet.join("diffusion_pytorch_model.safetensors.index.json"),
        "{}",
    )
    .unwrap();
    says(folder.path(), &["several files", "max_shard_size"]);
}

#[test]
fn descriptions_of_other_models_name_the_field() {
    for (file, from, to, words) in [
        (
            "unet",
            "\"act_fn\": \"silu\"",
            "\"act_fn\": \"gelu\"",
            vec!["act_fn", "silu"],
        ),
        (
            "unet",
            "\"norm_num_groups\": 2",
            "\"norm_num_groups\": 5",
            vec!["norm_num_groups", "divisor"],
        ),
        (
            "unet",
            "\"norm_num_groups\": 2",
            "\"norm_num_groups\": 0",
            vec!["norm_num_groups"],
        ),
        (
            "unet",
            "\"in_channels\": 4",
            "\"in_channels\": 9",
            vec!["in_channels", "latent_channels"],
        ),
        (
            "unet",
            "\"in_channels\": 4",
            "\"in_channels\": 1e300",
            vec!["in_channels"],
        ),
        (
            "unet",
            "\"cross_attention_dim\": 12",
            "\"cross_attention_dim\": 16",
            vec!["hidden_size"],
        ),
        (
            "unet",
            "\"attention_head_dim\": 2",
            "\"attention_head_dim\": [2, 3, 2, 2]",
            vec!["attention_head_dim"],
        ),
        (
            "unet",
            "\"attention_head_dim\": 2",
            "\"attention_head_dim\": [2, 2]",
            vec!["4 long"],
        ),
        (
            "unet",
            "\"DownBlock2D\"",
            "\"AttnDownBlock2D\"",
            vec!["down_block_types", "CrossAttnDownBlock2D"],
        ),
        (
            "unet",
            "\"layers_per_block\": 2",
            "\"layers_per_block\": [2]",
            vec!["layers_per_block"],
        ),
        (
            "unet",
            "\"transformer_layers_per_block\": 1",
            "\"transformer_layers_per_block\": 4",
            vec!["transformer_layers_per_block"],
        ),
        (
            "unet",
            "\"norm_eps\": 1e-05",
            "\"norm_eps\": 0",
            vec!["norm_eps"],
        ),
        (
            "vae",
            "\"shift_factor\": null",
            "\"shift_factor\": 0.1",
            vec!["shift_factor"],
        ),
        (
            "vae",
            "\"latent_channels\": 4",
            "\"latent_channels\": 16777217",
            vec!["latent_channels"],
        ),
        (
            "vae",
            "\"scaling_factor\": 0.18215",
            "\"scaling_factor\": \"x\"",
            vec!["scaling_factor"],
        ),
        (
            "text_encoder",
            "quick_gelu",
            "relu",
            vec!["hidden_act", "quick_gelu or gelu"],
        ),
        (
            "text_encoder",
            "\"vocab_size\": 574",
            "\"vocab_size\": 500",
            vec!["vocab_size", "tokenizer"],
        ),
        (
            "text_encoder",
            "\"num_attention_heads\": 2",
            "\"num_attention_heads\": 5",
            vec!["num_attention_heads"],
        ),
        (
            "scheduler",
            "scaled_linear",
            "squaredcos_cap_v2",
            vec!["beta_schedule"],
        ),
        ("scheduler", "0.00085", "0.5", vec!["beta_start"]),
        (
            "scheduler",
            "\"num_train_timesteps\": 1000",
            "\"num_train_timesteps\": 16000000",
            vec!["num_train_timesteps"],
        ),
        ("scheduler", "{", "[", vec!["scheduler_config.json"]),
    ] {
        let folder = copy();
        let name = if file == "scheduler" {
            "scheduler_config.json"
        } else {
            "config.json"
        };
        edit(&folder.path().join(file).join(name), from, to);
        let text = refusal(folder.path()).to_string();
        for word in words {
            assert!(text.contains(word), "{to}: {text}");
        }
    }
}

#[test]
fn weights_that_do_not_fit_are_reported_whole() {
    let spoil = |change: &dyn Fn(&mut support::Stored)| {
        let folder = copy();
        let path = folder
            .path()
            .join("unet/diffusion_pytorch_model.fp16.safetensors");
        let mut tensors = read_tensors(&path);
        change(&mut tensors);
        write_tensors(&path, &tensors);
        refusal(folder.path())
    };
    let at = |tensors: &support::Stored, name: &str| {
        tensors.iter().position(|(key, ..)| key == name).unwrap()
    };
    let error = spoil(&|tensors| {
        let at = at(tensors, "conv_in.weight");
        tensors[at].0 = "conv_inn.weight".into();
    });
    let DiffusionError::Weights(report) = &error else {
        panic!("{error}");
    };
    assert_eq!((report.missing.len(), report.unknown().count()), (1, 1));
    assert!(
        error.to_string().contains("`conv_inn.weight` is near"),
        "{error}"
    );
    let error = spoil(&|tensors| {
        let at = at(tensors, "conv_in.weight");
        tensors[at].2 = vec![36, 4];
    });
    assert!(
        error.to_string().contains("expected [4, 4, 3, 3]"),
        "{error}"
    );
    let error = spoil(&|tensors| {
        let at = at(tensors, "conv_in.bias");
        tensors[at].1 = safetensors::Dtype::I16;
    });
    assert!(error.to_string().contains("I16"), "{error}");
    let error = spoil(&|tensors| {
        let at = at(tensors, "conv_in.bias");
        tensors[at].3 = [0x00, 0x7e].repeat(4); // NaN in half precision
    });
    assert!(
        error.to_string().contains("`conv_in.bias` holds NaN"),
        "{error}"
    );

    let folder = copy();
    let path = folder.path().join("vae/diffusion_pytorch_model.bin");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(
        refusal(folder.path()),
        DiffusionError::Backbone(_)
    ));
}

#[test]
fn images_that_do_not_fit_are_refused() {
    let (model, _) = load::<B>(&LoadOptions::default());
    let device = Default::default();
    let context = model.context(&[model.prompt("").unwrap()]).unwrap();
    let options = FeatureOptions {
        ensemble: 1,
        ..FeatureOptions::default()
    };
    let run = |shape: [usize; 4], value: f32, options: &FeatureOptions| {
        let image = Tensor::<B, 4>::full(shape, value, &device);
        match model.features(image, &context, options, &()) {
            Ok(features) => panic!("{shape:?} gave {:?}", features.dims()),
            Err(error) => error.to_string(),
        }
    };
    let text = run([1, 3, 100, 64], 0.0, &options);
    assert!(
        text.contains("100 x 64") && text.contains("to 128 x 64"),
        "{text}"
    );
    assert!(run([1, 4, 64, 64], 0.0, &options).contains("[batch, 3, height, width]"));
    assert!(run([1, 3, 64, 64], f32::NAN, &options).contains("not finite at 12288 places"));
    assert!(run([1, 3, 0, 64], 0.0, &options).contains("multiples of 8"));
    for (wrong, words) in [
        (
            FeatureOptions {
                time: 1000,
                ..options.clone()
            },
            "0 to 999",
        ),
        (
            FeatureOptions {
                ensemble: 0,
                ..options.clone()
            },
            "the ensemble is 0",
        ),
        (
            FeatureOptions {
                at_once: 0,
                ..options.clone()
            },
            "at once is 0",
        ),
        (
            FeatureOptions {
                stage: Stage::Up(9),
                ..options.clone()
            },
            "0 to 3",
        ),
    ] {
        let text = run([1, 3, 64, 64], 0.0, &wrong);
        assert!(text.contains(words), "{text}");
    }
    assert!(model.text_encoder.encode(&[vec![0; 78]]).is_err());
    assert!(
        model
            .text_encoder
            .encode(&[vec![0; 2], vec![0; 3]])
            .is_err()
    );
    assert!(model.text_encoder.encode(&[vec![574]]).is_err());
    assert!(model.text_encoder.encode(&[]).is_err());
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
