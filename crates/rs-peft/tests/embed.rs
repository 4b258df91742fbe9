//! `rs-peft embed` as a program: the features it writes are those of the library, whatever the batches.

mod embed_files;

use std::path::Path;
use std::process::{Command, Output};

use burn::tensor::{Tensor, TensorData};
use burn_flex::Flex;
use embed_files::{SIDE, assert_near, rows, write_bands, write_geotiff, write_picture};
use safetensors::SafeTensors;
use vit_backbone::{Dtype, FeatureRequest, Pooling, Vit, pool, preset, save_vit};

const MODEL: &str = "dino_vit_small_16";

fn embed(folder: &Path, inputs: &[&str], more: &[&str]) -> Output {
    embed_with(folder, Some(MODEL), inputs, more)
}

fn embed_with(folder: &Path, model: Option<&str>, inputs: &[&str], more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rs-peft"));
    command.current_dir(folder).arg("embed");
    if let Some(model) = model {
        command.args(["--model", model]);
    }
    command.args([
        "--weights",
        "weights.safetensors",
        "--output",
        "features.safetensors",
        "--input",
    ]);
    command.args(inputs).args(more).output().unwrap()
}

/// What the file should hold for a picture: the mean of the patches of a block, after the final norm.
fn expected(vit: &Vit<Flex>, path: &Path, block: usize) -> Vec<f32> {
    let tokens = tokens(vit, path, block);
    values(pool(tokens, 1, Pooling::PatchMean).into_data())
}

fn values(data: TensorData) -> Vec<f32> {
    data.iter().collect()
}

/// All tokens of a picture behind a block and the final norm.
fn tokens(vit: &Vit<Flex>, path: &Path, block: usize) -> Tensor<Flex, 3> {
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
    vit.features(image, &request, &()).remove(0)
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

    // Half precision from the same file: the same features up to its rounding, and said so.
    let single = rows(folder, "blocks.11");
    for (precision, rounding) in [("f16", 5e-3), ("bf16", 4e-2), ("f32", 1e-5)] {
        let more = ["--precision", precision];
        let output = embed(folder, &pictures, &more);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let largest = single.iter().flatten().fold(0.0f32, |m, v| m.max(v.abs()));
        for (found, expected) in rows(folder, "blocks.11").iter().zip(&single) {
            for (found, expected) in found.iter().zip(expected) {
                let error = (found - expected).abs() / largest;
                assert!(error < rounding, "{precision}: {found} {expected}");
            }
        }
        let bytes = std::fs::read(folder.join("features.safetensors")).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = header.metadata().as_ref().unwrap();
        assert_eq!(metadata["precision"], precision);
    }

    // The class token, of a picture that was compressed.
    let jpeg = image::open(folder.join("1.png")).unwrap();
    jpeg.save(folder.join("1.jpg")).unwrap();
    let output = embed(folder, &["1.jpg"], &["--feature", "class"]);
    assert!(output.status.success());
    let all = tokens(&vit, &folder.join("1.jpg"), 11);
    let class = pool(all, 1, Pooling::ClassToken).into_data();
    assert_near(&rows(folder, "blocks.11")[0], &values(class));

    let maps = embed(folder, &["1.png"], &["--feature", "map"]);
    assert!(maps.status.success());
    let all = tokens(&vit, &folder.join("1.png"), 11);
    let map = vit_backbone::to_map(all, 1, [2, 2]).into_data();
    assert_near(&rows(folder, "blocks.11").concat(), &values(map));
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
    std::fs::write(folder.join("dates.csv"), "file,date\n0.png,2024-06-30\n").unwrap();
    for (inputs, more, says) in [
        (vec!["0.png", "grey.png"], vec![], "1 bands"),
        (vec!["0.png", "broken.png"], vec![], "broken.png"),
        (vec!["0.png", "wide.png"], vec![], "wide.png"),
        (vec!["0.png"], vec!["--blocks", "12"], "12"),
        (vec!["0.png"], vec!["--bands", "1,2,9"], "no band 9"),
        (vec!["0.png"], vec!["--batch-size", "0"], "at least 1"),
        (vec!["0.png"], vec!["--size", "40"], "40"),
        (vec!["0.png"], vec!["--frames", "1"], "with frames"),
        (vec!["0.png"], vec!["--about", "absent.csv"], "absent.csv"),
        (vec!["0.png"], vec!["--about", "dates.csv"], "takes none"),
        (
            vec!["1.png"],
            vec!["--about", "dates.csv"],
            "no row for 1.png",
        ),
        (
            vec!["0.png"],
            vec!["--mean", "1,2", "--std", "1,0"],
            "positive",
        ),
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

/// Two dates of two places through a model that is told of them.
#[test]
fn dates_and_places_reach_the_model() {
    const NAME: &str = "prithvi_eo_v2_tiny_tl";
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let preset = preset(NAME).unwrap();
    let config = vit_backbone::VitConfig {
        frames: Some(2),
        in_channels: 12,
        ..preset.config()
    };
    let mut vit = Vit::<Flex>::init(&config, 3, &Default::default()).unwrap();
    let weights = folder.join("weights.safetensors");
    // The factors of dates and places start small; here they must show.
    let scales = vit.embed.coordinates.as_mut().unwrap();
    scales.date_scale = scales.date_scale.clone().map(|t| t.ones_like());
    scales.place_scale = scales.place_scale.clone().map(|t| t.ones_like());
    save_vit(&vit, &config, &weights, Dtype::F32, &Default::default()).unwrap();
    let files = ["a1.npy", "a2.npy", "b1.npy", "b2.npy"];
    let stored: Vec<Vec<u16>> = files
        .iter()
        .enumerate()
        .map(|(number, file)| write_bands(&folder.join(file), number))
        .collect();
    std::fs::write(
        folder.join("about.csv"),
        "file,date,latitude,longitude\n\
         a1.npy,2024-01-05,48.1,11.5\na2.npy,2024-06-30,48.1,11.5\n\
         b1.npy,2023-03-01,-33.9,18.4\nb2.npy,2023-12-31,-33.9,18.4\n",
    )
    .unwrap();

    let output = embed_with(
        folder,
        Some(NAME),
        &files,
        &["--frames", "2", "--about", "about.csv"],
    );
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{error}");
    let found = rows(folder, "blocks.11");
    assert_eq!(found.len(), 2);

    let area = (SIDE * SIDE) as usize;
    let values: Vec<f32> = stored
        .iter()
        .flat_map(|file| {
            file.iter().enumerate().map(|(at, value)| {
                let value = f64::from(*value);
                preset.normalisation.apply(at / area, value).unwrap() as f32
            })
        })
        .collect();
    let shape = [2, 12, SIDE as usize, SIDE as usize];
    let images = Tensor::from_data(TensorData::new(values, shape), &Default::default());
    let request = FeatureRequest {
        blocks: vec![11],
        final_norm: true,
    };
    let told = vit
        .at_places(&[[48.1, 11.5], [-33.9, 18.4]])
        .unwrap()
        .at_dates(&[
            vec![[2024.0, 5.0], [2024.0, 182.0]],
            vec![[2023.0, 60.0], [2023.0, 365.0]],
        ])
        .unwrap();
    let pooled = |vit: &Vit<Flex>| -> Vec<f32> {
        let tokens = vit.features(images.clone(), &request, &()).remove(0);
        pool(tokens, 1, Pooling::PatchMean)
            .into_data()
            .iter()
            .collect()
    };
    let expected = pooled(&told);
    assert_near(&found.concat(), &expected);
    let untold = pooled(&vit);
    let moved = untold.iter().zip(&expected).map(|(a, b)| (a - b).abs());
    assert!(moved.fold(0.0, f32::max) > 1e-2);

    // Half of a sample, or a date for some only.
    std::fs::write(
        folder.join("some.csv"),
        "file,date\na1.npy,2024-01-05\na2.npy,\n",
    )
    .unwrap();
    for (inputs, more, says) in [
        (&files[..3], &["--frames", "2"][..], "3 images"),
        (
            &files[..2],
            &["--frames", "2", "--about", "some.csv"],
            "for some images",
        ),
    ] {
        let output = embed_with(folder, Some(NAME), inputs, more);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(says), "{error}");
    }
}

/// A checkpoint of one's own says itself what it is and what it takes, and images of any size are resized.
#[test]
fn a_model_without_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../assets/backbone/vit_8x192_eurosat_mae.safetensors");
    std::fs::copy(shipped, folder.join("weights.safetensors")).unwrap();
    write_picture(&folder.join("0.png"), 0);
    let output = embed_with(folder, None, &["0.png"], &["--size", "64"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{error}");
    let found = rows(folder, "blocks.7");
    assert_eq!((found.len(), found[0].len()), (1, 192));
    assert!(found[0].iter().all(|v| v.is_finite()));

    // The picture as the rest of the project resizes it gives the same.
    let picture = image::open(folder.join("0.png")).unwrap().to_rgb8();
    let area = (SIDE * SIDE) as usize;
    let mut data = vec![0.0_f32; 3 * area];
    for (at, pixel) in picture.pixels().enumerate() {
        for channel in 0..3 {
            data[channel * area + at] = f32::from(pixel[channel]);
        }
    }
    let bands = ["r", "g", "b"].map(|name| rs_datasets::Band::other(name, "", None));
    let side = SIDE as usize;
    let unit = rs_datasets::InputUnit::Uint8;
    let bands = rs_datasets::BandSet::new(bands.to_vec()).unwrap();
    let image = rs_datasets::Image::new(bands.into(), unit, side, side, data).unwrap();
    let sample = rs_datasets::Sample {
        image,
        valid: None,
        label: rs_datasets::Label::None,
        id: String::new(),
        geo: None,
    };
    let resized = rs_datasets::Resize {
        height: 64,
        width: 64,
        interpolation: rs_datasets::Interpolation::Bicubic,
    };
    let data = resized.apply(sample).unwrap().image.data;
    let (mean, std) = ([87.82, 96.98, 103.99], [51.94, 34.83, 29.27]);
    let values: Vec<f32> = data
        .iter()
        .enumerate()
        .map(|(at, v)| ((f64::from(*v) - mean[at / 4096]) / std[at / 4096]) as f32)
        .collect();
    let images = Tensor::from_data(TensorData::new(values, [1, 3, 64, 64]), &Default::default());
    let options = vit_backbone::LoadOptions::default();
    let path = folder.join("weights.safetensors");
    let (vit, _) =
        vit_backbone::load_vit::<Flex>(path, None, &options, &Default::default()).unwrap();
    let request = FeatureRequest {
        blocks: vec![7],
        final_norm: true,
    };
    let tokens = vit.features(images, &request, &()).remove(0);
    let expected: Vec<f32> = pool(tokens, 1, Pooling::PatchMean)
        .into_data()
        .iter()
        .collect();
    assert_near(&found[0], &expected);
}

/// Bands beyond the model's: zero weights change nothing, others do as in the library.
#[test]
fn bands_that_the_model_does_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let config = preset(MODEL).unwrap().config();
    let vit = Vit::<Flex>::init(&config, 5, &Default::default()).unwrap();
    let weights = folder.join("weights.safetensors");
    save_vit(&vit, &config, &weights, Dtype::F32, &Default::default()).unwrap();
    let stored = write_bands(&folder.join("a.npy"), 0);
    let numbers = [
        "--scale",
        "0.0001",
        "--mean",
        "0.1,0.2,0.3,0.4,0.5",
        "--std",
        "0.1,0.1,0.2,0.2,0.3",
    ];
    let features = |more: &[&str]| {
        let more = [&numbers, more].concat();
        let output = embed_with(folder, Some(MODEL), &["a.npy"], &more);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{error}");
        rows(folder, "blocks.11").remove(0)
    };
    let three = features(&["--bands", "1,2,3"]);

    // The same bands as a GeoTIFF.
    write_geotiff(&folder.join("a.tif"), &stored);
    let more = [&numbers[..], &["--bands", "1,2,3"]].concat();
    let output = embed_with(folder, Some(MODEL), &["a.tif"], &more);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{error}");
    assert_near(&rows(folder, "blocks.11")[0], &three);
    let five = ["--bands", "1,2,3,6,5", "--new-bands"];
    let zero = features(&[&five[..], &["zero"]].concat());
    assert_near(&zero, &three);

    let mean = features(&[&five[..], &["mean", "--known-bands", "2"]].concat());
    let area = (SIDE * SIDE) as usize;
    let (offset, scale) = ([0.1, 0.2, 0.3, 0.4, 0.5], [0.1, 0.1, 0.2, 0.2, 0.3]);
    let values: Vec<f32> = [0, 1, 2, 5, 4]
        .into_iter()
        .enumerate()
        .flat_map(|(channel, band)| {
            let plane = &stored[band * area..(band + 1) * area];
            let of = move |&v: &u16| (f64::from(v) * 1e-4 - offset[channel]) / scale[channel];
            plane.iter().map(move |v| of(v) as f32)
        })
        .collect();
    let shape = [1, 5, SIDE as usize, SIDE as usize];
    let image = Tensor::from_data(TensorData::new(values, shape), &Default::default());
    let request = FeatureRequest::block(11);
    let request = FeatureRequest {
        final_norm: true,
        ..request
    };
    let fitted = vit
        .with_channels(5, 2, vit_backbone::PatchEmbedInit::Mean, 0)
        .unwrap();
    let tokens = fitted.features(image, &request, &()).remove(0);
    let expected: Vec<f32> = pool(tokens, 1, Pooling::PatchMean)
        .into_data()
        .iter()
        .collect();
    assert_near(&mean, &expected);

    // What was done stands in the file, and bands without numbers are refused.
    let bytes = std::fs::read(folder.join("features.safetensors")).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().as_ref().unwrap();
    assert_eq!(metadata["new_bands"], "Mean, 2 known, seed 0");
    assert_eq!(metadata["bands"], "[1, 2, 3, 6, 5]");
    let more = [
        "--scale",
        "0.0001",
        "--bands",
        "1,2,3,4",
        "--new-bands",
        "mean",
    ];
    let output = embed(folder, &["a.npy"], &more);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("no mean and standard deviation of band 4"),
        "{error}"
    );
}
