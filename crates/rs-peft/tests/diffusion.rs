//! `rs-peft embed` and `rs-peft inspect` of a Stable Diffusion: the features are those of the library.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use burn::tensor::{Tensor, TensorData};
use burn_flex::Flex;
use rs_peft::stable_diffusion::{FeatureOptions, LoadOptions, StableDiffusion, Stage};
use safetensors::SafeTensors;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/golden/stable-diffusion")
}

fn program(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rs-peft"));
    command
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

fn embed(folder: &Path, inputs: &[&str], more: &[&str]) -> Output {
    let tiny = golden().join("tiny");
    let mut arguments = vec!["embed", "--model", "stable-diffusion-v1.5", "--weights"];
    arguments.extend([
        tiny.to_str().unwrap(),
        "--output",
        "f.safetensors",
        "--input",
    ]);
    arguments.extend(inputs);
    arguments.extend(more);
    program(&arguments, folder)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn picture(number: u32) -> image::RgbImage {
    image::RgbImage::from_fn(128, 64, |x, y| {
        image::Rgb([x * 2 + number * 40, y * 4, x + y + number].map(|v| (v % 256) as u8))
    })
}

/// The feature that the library gives a picture.
fn expected(number: u32, stage: Stage, prompt: &str) -> Vec<f32> {
    let device = Default::default();
    let (model, _) =
        StableDiffusion::<Flex>::load(golden().join("tiny"), &LoadOptions::default(), &device)
            .unwrap();
    let picture = picture(number);
    let mut values = vec![0.0; 3 * 128 * 64];
    for (at, pixel) in picture.pixels().enumerate() {
        for channel in 0..3 {
            values[channel * 128 * 64 + at] = f32::from(pixel[channel]) / 255.0 * 2.0 - 1.0;
        }
    }
    let image = Tensor::from_data(TensorData::new(values, [1, 3, 64, 128]), &device);
    let context = model.context(&[model.prompt(prompt).unwrap()]).unwrap();
    let options = FeatureOptions {
        stage,
        ensemble: 2,
        ..FeatureOptions::default()
    };
    let features = model.features(image, &context, &options, &()).unwrap();
    features.into_data().iter().collect()
}

#[test]
fn features_are_those_of_the_library() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..2 {
        picture(number)
            .save(folder.path().join(format!("{number}.png")))
            .unwrap();
    }
    for (stage, prompt, kind) in [("mid_block", "", "map"), ("up_blocks.1", "a ship", "mean")] {
        let options = ["--stage", stage, "--prompt", prompt, "--feature", kind];
        let more = [
            options.as_slice(),
            &["--ensemble", "2", "--batch-size", "1"],
        ]
        .concat();
        let output = embed(folder.path(), &["0.png", "1.png"], &more);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let bytes = std::fs::read(folder.path().join("f.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensor = file.tensor(stage).unwrap();
        let found: Vec<f32> = tensor
            .data()
            .chunks_exact(4)
            .map(|c| f32::from_le_bytes([c[0], c[1], c[2], c[3]]))
            .collect();
        let stage: Stage = stage.parse().unwrap();
        let channels = tensor.shape()[1];
        for number in 0..2 {
            let whole = expected(number, stage, prompt);
            let wanted: Vec<f32> = match kind {
                "map" => whole,
                _ => whole
                    .chunks_exact(whole.len() / channels)
                    .map(|map| map.iter().sum::<f32>() / map.len() as f32)
                    .collect(),
            };
            let at = number as usize * wanted.len();
            let scale = wanted.iter().fold(0.0, |m: f32, v| m.max(v.abs()));
            for (found, wanted) in found[at..].iter().zip(&wanted) {
                assert!((found - wanted).abs() <= 1e-5 * scale, "{found} {wanted}");
            }
        }
        std::fs::remove_file(folder.path().join("f.safetensors")).unwrap();
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    picture(0).save(folder.path().join("0.png")).unwrap();
    image::RgbImage::new(100, 64)
        .save(folder.path().join("odd.png"))
        .unwrap();
    for (input, more, words) in [
        ("odd.png", vec![], "resize or pad to 64 x 128"),
        ("0.png", vec!["--blocks", "3"], "--stage"),
        ("0.png", vec!["--stage", "middle"], "mid_block"),
        ("0.png", vec!["--stage", "up_blocks.7"], "0 to 3"),
        ("0.png", vec!["--bands", "1,2"], "red, green, blue"),
        (
            "0.png",
            vec!["--lora", "nothing.safetensors"],
            "nothing.safetensors",
        ),
    ] {
        let output = embed(folder.path(), &[input], &more);
        let error = text(&output.stderr);
        assert!(
            !output.status.success() && error.contains(words),
            "{more:?}: {error}"
        );
        assert!(!folder.path().join("f.safetensors").exists(), "{more:?}");
    }
    let arguments = [
        "embed",
        "--model",
        "dino_vit_small_16",
        "--weights",
        "x",
        "--input",
        "0.png",
    ];
    let more = ["--output", "f.safetensors", "--prompt", "a ship"];
    let output = program(&[arguments.as_slice(), &more].concat(), folder.path());
    let error = text(&output.stderr);
    assert!(
        error.contains("--prompt is for stable_diffusion_v1_5"),
        "{error}"
    );
}

#[test]
fn a_lora_changes_features() {
    let folder = tempfile::tempdir().unwrap();
    picture(0).save(folder.path().join("0.png")).unwrap();
    let lora = golden().join("lora/layers.safetensors");
    let mut files = Vec::new();
    for more in [vec![], vec!["--lora", lora.to_str().unwrap()]] {
        let more = [more.as_slice(), &["--ensemble", "1"]].concat();
        let output = embed(folder.path(), &["0.png"], &more);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let bytes = std::fs::read(folder.path().join("f.safetensors")).unwrap();
        let data = SafeTensors::deserialize(&bytes)
            .unwrap()
            .tensor("mid_block")
            .unwrap();
        files.push(data.data().to_vec());
        std::fs::remove_file(folder.path().join("f.safetensors")).unwrap();
    }
    assert_ne!(files[0], files[1]);
}

#[test]
fn a_directory_is_described() {
    let tiny = golden().join("tiny");
    let arguments = ["inspect", tiny.to_str().unwrap()];
    let output = program(&arguments, &golden());
    let page = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for words in [
        "Stable Diffusion",
        "none of this size",
        "diffusion_pytorch_model.bin",
        "text_encoder",
    ] {
        assert!(page.contains(words), "{page}");
    }
    let json = program(&[arguments.as_slice(), &["--json"]].concat(), &golden());
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["unet"]["cross_attention_dim"], 12);
}
