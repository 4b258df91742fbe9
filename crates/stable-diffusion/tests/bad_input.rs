//! What is refused and how: wrong directories, descriptions of other models, damaged weights, images that do not fit.

mod support;

use std::path::Path;

use burn::tensor::Tensor;
use stable_diffusion::{DiffusionError, Directory, FeatureOptions, LoadOptions, Stage};
use support::{copy, edit, load, read_tensors, refusal, write_tensors};
use testkit::FlexBackend;

type B = FlexBackend;

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
