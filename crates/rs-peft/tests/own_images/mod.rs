//! Images of one's own in miniature: synthetic scenes as npy files, one folder per class or with masks, a tiny random backbone, and plans on them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use burn_flex::Flex;
use rs_datasets::io::{NpyArray, Samples, write_npy};
use rs_datasets::{
    BandStatistics, Dataset, Image, InputUnit, Label, StatisticsSource, SyntheticConfig,
    SyntheticScenes,
};
use rs_peft::BackendKind;
use rs_peft::adapt::{AdaptError, AdaptPlan, AdaptRequest, AdaptRun, Adapted, resolve};
use rs_peft::adapted::KeepBackbone;
use rs_peft::run::{INPUT_METADATA, Session};
use vit_backbone::{Dtype, Vit, VitConfig, save_vit};

/// Side of the images in pixels.
const SIDE: usize = 16;

/// What the images are, in their storage order.
const BANDS: [(&str, f64); 13] = [
    ("B01", 442.7),
    ("B02", 492.4),
    ("B03", 559.8),
    ("B04", 664.6),
    ("B05", 704.1),
    ("B06", 740.5),
    ("B07", 782.8),
    ("B08", 832.8),
    ("B09", 945.1),
    ("B10", 1373.5),
    ("B11", 1613.7),
    ("B12", 2202.4),
    ("B8A", 864.7),
];

fn description(more: &str) -> String {
    let bands: Vec<String> = BANDS
        .iter()
        .map(|(name, nm)| {
            format!("{{ name = \"{name}\", sensor = \"Sentinel-2 MSI\", wavelength_nm = {nm} }}")
        })
        .collect();
    format!(
        "[dataset]\nunit = {{ digital_number = {{ scale = 1e-4, offset = 0.0 }} }}\n{more}bands = [{}]\n",
        bands.join(", ")
    )
}

fn write(path: &Path, image: &Image) {
    let array = NpyArray {
        shape: vec![image.bands.len(), image.height, image.width],
        samples: Samples::F32(image.data.clone()),
    };
    write_npy(path, &array).unwrap();
}

fn scenes(size: usize, per_class: usize, seed: u64) -> SyntheticScenes {
    let mut config = SyntheticConfig::balanced(per_class, seed);
    config.size = size;
    SyntheticScenes::classification(config).unwrap()
}

fn image(class: usize, seed: u64) -> Image {
    let scenes = scenes(SIDE, 1, seed);
    let index = (0..scenes.len())
        .find(|&index| scenes.class_of(index) == Some(class))
        .unwrap();
    let image = scenes.load(index).unwrap().image;
    let names: Vec<&str> = BANDS.iter().map(|(name, _)| *name).collect();
    assert_eq!(image.bands.names(), names);
    image
}

/// One scene of a class.
pub(crate) fn write_scene(path: &Path, class: usize, seed: u64) {
    write(path, &image(class, seed));
}

/// Folders `a`, `b` and `c` with `each` images.
pub(crate) fn write_folder(folder: &Path, each: usize) {
    for (class, name) in ["a", "b", "c"].iter().enumerate() {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        for at in 0..each {
            // Ids are unique over the folders.
            let path = folder.join(name).join(format!("{name}{at}.npy"));
            write_scene(&path, class, at as u64);
        }
    }
    std::fs::write(folder.join("dataset.toml"), description("")).unwrap();
}

/// A scene whose first `holes` pixels of every band are missing.
pub(crate) fn write_holes(path: &Path, holes: usize) {
    let mut image = image(0, 99);
    for plane in image.data.chunks_mut(SIDE * SIDE) {
        let holes = holes.min(plane.len());
        plane[..holes].fill(f32::NAN);
    }
    write(path, &image);
}

/// A file of so many bands.
pub(crate) fn write_bands(path: &Path, bands: usize) {
    let array = NpyArray {
        shape: vec![bands, SIDE, SIDE],
        samples: Samples::F32(image(1, 3).data[..bands * SIDE * SIDE].to_vec()),
    };
    write_npy(path, &array).unwrap();
}

/// `images/N.npy`, `masks/N.npy` of two classes, and `manifest.toml`.
pub(crate) fn write_masks(folder: &Path, count: usize, side: usize) {
    let mut config = SyntheticConfig::balanced(1, 5);
    config.size = side;
    let scenes = SyntheticScenes::segmentation(config).unwrap();
    let mut text = description("task = \"segmentation\"\nclasses = [\"even\", \"odd\"]\n");
    for part in ["images", "masks"] {
        std::fs::create_dir_all(folder.join(part)).unwrap();
    }
    for at in 0..count {
        let sample = scenes.load(at).unwrap();
        write(&folder.join(format!("images/{at}.npy")), &sample.image);
        let Label::Segmentation { classes, .. } = sample.label else {
            panic!("no mask");
        };
        let array = NpyArray {
            shape: vec![side, side],
            samples: Samples::I32(classes.iter().map(|class| class % 2).collect()),
        };
        write_npy(&folder.join(format!("masks/{at}.npy")), &array).unwrap();
        text.push_str(&format!(
            "[[sample]]\npath = \"images/{at}.npy\"\nlabel = \"masks/{at}.npy\"\n"
        ));
    }
    std::fs::write(folder.join("manifest.toml"), text).unwrap();
}

/// A random backbone of 16 pixels that says what its input was.
pub(crate) fn write_backbone(path: &Path) {
    let config = VitConfig {
        image_size: 16,
        patch_size: 4,
        dim: 16,
        depth: 2,
        heads: 2,
        mlp_dim: 24,
        ..VitConfig::default()
    };
    let vit = Vit::<Flex>::init(&config, 7, &Default::default()).unwrap();
    let statistics = BandStatistics {
        bands: ["B04", "B03", "B02"].map(String::from).to_vec(),
        mean: vec![100.0; 3],
        std: vec![50.0; 3],
        unit: InputUnit::Uint8,
        source: StatisticsSource::Weights {
            name: "tiny".into(),
        },
        percentiles: None,
    };
    let text = serde_json::to_string(&statistics).unwrap();
    let metadata = BTreeMap::from([(INPUT_METADATA.to_owned(), text)]);
    save_vit(&vit, &config, path, Dtype::F32, &metadata).unwrap();
}

/// Two quick epochs of a LoRA on `chips`.
pub(crate) fn request(folder: &Path) -> AdaptRequest {
    write_backbone(&folder.join("tiny.safetensors"));
    AdaptRequest {
        data: Some(folder.join("chips")),
        backbone: Some(folder.join("tiny.safetensors").to_string_lossy().into()),
        size: Some(16),
        epochs: Some(2),
        batch: Some(4),
        val_fraction: Some(0.4),
        ..AdaptRequest::default()
    }
}

/// The plan of a request.
#[allow(clippy::result_large_err)]
pub(crate) fn plan(request: &AdaptRequest) -> Result<AdaptPlan, AdaptError> {
    resolve(request, tempfile::tempdir().unwrap().path())
}

/// Runs the program in a folder.
pub(crate) fn program(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rs-peft"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// What it said on both streams.
pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Runs a plan on the CPU.
#[allow(clippy::result_large_err)]
pub(crate) fn run(
    plan: &AdaptPlan,
    out: &Path,
    session: Session<'_>,
) -> Result<Adapted, AdaptError> {
    let clock = || Duration::ZERO;
    AdaptRun {
        plan,
        out,
        backend: BackendKind::Flex,
        keep: KeepBackbone::Small,
        force: false,
        session,
        clock: &clock,
    }
    .run()
}
