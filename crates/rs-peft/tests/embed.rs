//! `rs-peft embed` as a program: the features it writes are those of the library, whatever the batches.

use std::path::Path;
use std::process::{Command, Output};

use burn::tensor::{Tensor, TensorData};
use burn_flex::Flex;
use safetensors::SafeTensors;
use vit_backbone::{Dtype, FeatureRequest, Pooling, Vit, pool, preset, save_vit};

const MODEL: &str = "dino_vit_small_16";
/// Smaller than the model's 224 pixels: two patches by two.
const SIDE: u32 = 32;

fn embed(folder: &Path, inputs: &[&str], more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rs-peft"));
    command.current_dir(folder).args([
        "embed",
        "--model",
        MODEL,
        "--weights",
        "weights.safetensors",
        "--output",
        "features.safetensors",
        "--input",
    ]);
    command.args(inputs).args(more).output().unwrap()
}

fn write_picture(path: &Path, number: u32) {
    let picture = image::RgbImage::from_fn(SIDE, SIDE, |x, y| {
        image::Rgb([x * 7 + number * 40, y * 5, x * y + number].map(|v| (v % 256) as u8))
    });
    picture.save(path).unwrap();
}

/// What the file should hold for a picture: the mean of the patches of a block, after the final norm.
fn expected(vit: &Vit<Flex>, path: &Path, block: usize) -> Vec<f32> {
    let picture = image::open(path).unwrap().to_rgb8();
    let preset = preset(MODEL).unwrap();
    let area = (SIDE * SIDE) as usize;
    let mut values = vec![0.0_f32; 3 * area];
    for (at, pixel) in picture.pixels().enumerate() {
        for channel in 0..3 {
            let value = f64::from(pixel[channel]) / 255.0;
            values[channel * area + at] =
                preset.normalisation.apply(channel, value).unwrap() as f32;
        }
    }
    let shape = [1, 3, SIDE as usize, SIDE as usize];
    let image = Tensor::from_data(TensorData::new(values, shape), &Default::default());
    let request = FeatureRequest {
        blocks: vec![block],
        final_norm: true,
    };
    let tokens = vit.features(image, &request, &()).remove(0);
    pool(tokens, 1, Pooling::PatchMean)
        .into_data()
        .iter()
        .collect()
}

#[test]
fn features_are_those_of_the_library() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let config = preset(MODEL).unwrap().config();
    let vit = Vit::<Flex>::init(&config, 3, &Default::default()).unwrap();
    let weights = folder.join("weights.safetensors");
    save_vit(&vit, &config, &weights, Dtype::F32, &Default::default()).unwrap();
    for number in 0..3 {
        write_picture(&folder.join(format!("{number}.png")), number);
    }
    let pictures = ["0.png", "1.png", "2.png"];

    let output = embed(
        folder,
        &pictures,
        &["--blocks", "2,11", "--batch-size", "2"],
    );
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let bytes = std::fs::read(folder.join("features.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for block in [2, 11] {
        let view = file.tensor(&format!("blocks.{block}")).unwrap();
        assert_eq!(view.shape(), [3, 384]);
        let found: Vec<f32> = view
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        for (row, name) in found.chunks_exact(384).zip(pictures) {
            let expected = expected(&vit, &folder.join(name), block);
            for (found, expected) in row.iter().zip(&expected) {
                assert!(
                    (found - expected).abs() < 1e-4,
                    "{name} {block}: {found} {expected}"
                );
            }
        }
    }
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().clone().unwrap();
    assert_eq!(metadata["model"], MODEL);
    assert!(metadata["files"].contains("1.png"), "{}", metadata["files"]);

    let maps = embed(folder, &["1.png"], &["--feature", "map"]);
    assert!(maps.status.success());
    let bytes = std::fs::read(folder.join("features.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("blocks.11").unwrap().shape(), [1, 384, 2, 2]);

    // Bad input leaves the features that are there, and no unfinished file.
    image::GrayImage::new(SIDE, SIDE)
        .save(folder.join("grey.png"))
        .unwrap();
    std::fs::write(folder.join("broken.png"), b"\x89PNG, years of work").unwrap();
    write_picture(&folder.join("other.png"), 5);
    image::RgbImage::new(SIDE * 2, SIDE)
        .save(folder.join("wide.png"))
        .unwrap();
    for (inputs, more, says) in [
        (vec!["0.png", "grey.png"], vec![], "1 bands"),
        (vec!["0.png", "broken.png"], vec![], "broken.png"),
        (vec!["0.png", "wide.png"], vec![], "wide.png"),
        (vec!["0.png"], vec!["--blocks", "12"], "12"),
        (vec!["0.png"], vec!["--bands", "1,2,9"], "no band 9"),
        (vec!["0.png"], vec!["--batch-size", "0"], "at least 1"),
        (vec!["absent.png"], vec![], "absent.png"),
    ] {
        let output = embed(folder, &inputs, &more);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{inputs:?} {more:?}");
        assert!(error.contains(says), "{says}: {error}");
        assert_eq!(
            std::fs::read(folder.join("features.safetensors")).unwrap(),
            bytes
        );
    }
    let left = std::fs::read_dir(folder).unwrap();
    let unfinished = left.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".tmp")
    });
    assert_eq!(unfinished.count(), 0);
}
