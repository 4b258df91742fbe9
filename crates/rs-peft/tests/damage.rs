//! A thousand random bit flips and truncations in each kind of file that is written here: found, or without any effect; never another
//! number, never a panic.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{Tensor, TensorData};
use burn_flex::Flex;
use deflect::{Deflect, DeflectConfig, PixelSet, SpectralBand, Spectrum, Standardisation};
use peft_lora::{BaseIdentity, LoadOptions, LoraConfig, MethodConfig, PeftAdapter, SavedHead};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rs_datasets::{LabelTable, Split, SyntheticConfig, SyntheticScenes, stratified};
use rs_peft::experiment::Catalog;
use rs_peft::run::{PlannedRow, plan};
use vit_backbone::{Vit, VitConfig};

const DAMAGES: usize = 1000;

/// Damages `file` again and again, and restores it. `read` says what is read of it.
fn survey<T: PartialEq + std::fmt::Debug>(file: &Path, read: impl Fn() -> Result<T, String>) {
    let whole = fs::read(file).unwrap();
    let expected = read().unwrap();
    let mut random = StdRng::seed_from_u64(whole.len() as u64);
    let mut found = 0;
    for round in 0..DAMAGES {
        let mut damaged = whole.clone();
        // Every fourth is cut off, every fourth has several flips.
        match round % 4 {
            0 => damaged.truncate(random.random_range(0..whole.len())),
            kind => {
                for _ in 0..[1, 1, 5][kind - 1] {
                    let bit = random.random_range(0..8 * whole.len());
                    damaged[bit / 8] ^= 1 << (bit % 8);
                }
            }
        }
        fs::write(file, &damaged).unwrap();
        match read() {
            Err(said) => {
                found += 1;
                assert!(!said.is_empty());
            }
            Ok(value) => assert_eq!(value, expected, "round {round} of {}", file.display()),
        }
    }
    fs::write(file, &whole).unwrap();
    assert_eq!(read().unwrap(), expected);
    // White space may change without effect; most bytes may not.
    assert!(
        found > DAMAGES / 2,
        "{found} of {DAMAGES} were found in {}",
        file.display()
    );
}

fn small() -> (VitConfig, Vit<Flex>) {
    let config = VitConfig {
        image_size: 8,
        patch_size: 4,
        dim: 8,
        depth: 2,
        heads: 2,
        mlp_dim: 12,
        ..VitConfig::default()
    };
    let vit = Vit::init(&config, 1, &Default::default()).unwrap();
    (config, vit)
}

fn message<T, E: std::fmt::Display>(result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

#[test]
fn adapter_directories() {
    let (config, vit) = small();
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("adapter");
    let method = MethodConfig::Lora(LoraConfig::new(2, 4.0, ["qkv.q", "fc1"]));
    let adapter = method.init(&vit, &config, 3, &Default::default()).unwrap();
    let head = SavedHead {
        weight: peft_lora::HostArray {
            shape: vec![2, 8],
            data: (0..16).map(|at| at as f32).collect(),
        },
        bias: None,
        extra: Default::default(),
    };
    adapter
        .save(&directory, &method, Some(&head), &BaseIdentity::default())
        .unwrap();
    let read = || {
        let options = LoadOptions::default();
        let device = Default::default();
        let loaded = message(PeftAdapter::load(
            &directory, &vit, &config, &options, &device,
        ))?;
        let copy = tempfile::tempdir().unwrap();
        let copy = copy.path().join("copy");
        message(loaded.adapter.save(
            &copy,
            &loaded.method,
            loaded.head.as_ref(),
            &BaseIdentity::default(),
        ))?;
        let tensors = fs::read(copy.join("adapter_model.safetensors")).unwrap();
        Ok((
            loaded.method,
            loaded.head.map(|head| head.weight.data),
            tensors,
        ))
    };
    for file in [
        "adapter_config.json",
        "adapter_model.safetensors",
        "rs_peft.json",
    ] {
        survey(&directory.join(file), read);
    }
}

#[test]
fn deflect_files() {
    let (config, _) = small();
    let bands = [
        ("B02", 490.0),
        ("B03", 560.0),
        ("B04", 665.0),
        ("B08", 842.0),
        ("B11", 1610.0),
    ];
    let bands = bands.iter().enumerate();
    let bands = bands.map(|(channel, &(name, nm))| SpectralBand::optical(name, channel, nm));
    let spectrum = Spectrum::new(bands.collect());
    let settings = DeflectConfig::new(spectrum);
    let set = PixelSet::new(&settings.spectrum, &settings.pixels, config.patch_size).unwrap();
    let pixels: Vec<f32> = (0..2 * 5 * 64)
        .map(|at| 0.1 + 0.05 * (at as f32 * 0.7).sin())
        .collect();
    let image =
        Tensor::<Flex, 4>::from_data(TensorData::new(pixels, [2, 5, 8, 8]), &Default::default());
    let statistics = Standardisation::fit(&set, [image]).unwrap();
    let adapter =
        Deflect::<Flex>::init(&settings, &config, &statistics, 5, &Default::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("deflect.safetensors");
    adapter.save(&path, &BaseIdentity::default()).unwrap();
    survey(&path, || {
        let options = LoadOptions::default();
        let loaded = message(Deflect::<Flex>::load(
            &path,
            &config,
            &options,
            &Default::default(),
        ))?;
        let tensors = rs_peft::peft_lora::seal::check(&fs::read(&path).unwrap(), "rs_peft.sha256");
        Ok((loaded.adapter.config().clone(), tensors))
    });
}

#[test]
fn splits() {
    let scenes = SyntheticScenes::classification(SyntheticConfig::balanced(4, 2)).unwrap();
    let table = LabelTable::of(&scenes).unwrap();
    let split = stratified(&table, "halves", &[("train", 0.5), ("test", 0.5)], 0).unwrap();
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("halves.split");
    split.write(&path).unwrap();
    survey(&path, || {
        message(Split::read(&path)).map(|split| split.sha256())
    });
}

/// The planned row of the quickest experiment, and the file of its only seed, run by the program.
fn finished_seed(out: &Path) -> (PlannedRow, PathBuf) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_rs-peft"))
        .args(["repro", "--seeds", "1", "--root"])
        .arg(&root)
        .arg("--out")
        .arg(out)
        .args(["run", "ladder/synthetic/logistic"])
        .output()
        .unwrap();
    assert!(status.status.success());
    let mut catalog = Catalog::read(&root.join("experiments")).unwrap();
    for row in &mut catalog.rows {
        row.experiment.seeds.truncate(1);
    }
    let row = catalog.find("ladder/synthetic/logistic").unwrap();
    let planned = plan(row, &root, None, out).unwrap();
    let file = planned.seed_file(0);
    (planned, file)
}

#[test]
fn results_of_seeds() {
    let out = tempfile::tempdir().unwrap();
    let (planned, file) = finished_seed(out.path());
    survey(&file, || {
        let output = message(planned.output(0))?;
        Ok(format!("{:?}", output.ok_or("no result")?))
    });
}
