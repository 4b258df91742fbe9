//! Rows with oriented objects through the whole path on a few synthetic scenes: windows, head, losses, merged detections, pictures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use burn_flex::Flex;
use eval::report::Report;
use heads::ClassWeights;
use rs_datasets::catalog::dota::write_dota_layout;
use rs_datasets::{AerialConfig, AerialScenes, Cached};
use rs_peft::experiment::{Catalog, Row, SplitConfig};
use rs_peft::run::{Provenance, SeedOutput, SeedRun, collect, examples, plan};
use rs_peft::{BackendKind, RunError, dispatch};
use vit_backbone::{Dtype, Vit, VitConfig, save_vit};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn root() -> PathBuf {
    ROOT.into()
}

/// A shipped row, cut down to eight scenes and one epoch under a narrow head. Scenes are larger than the windows, which overlap.
fn row(name: &str) -> Row {
    let catalog = Catalog::read(&root().join("experiments")).unwrap();
    let mut row = catalog
        .find(&format!("deblora/r1_small/{name}"))
        .unwrap()
        .clone();
    let experiment = &mut row.experiment;
    experiment.data.aerial = Some(AerialConfig {
        scenes: 8,
        size: 128,
        objects: [12, 20],
        imbalance_factor: 1.0,
        ..experiment.data.aerial.clone().unwrap()
    });
    experiment.input.size = 96;
    experiment.train.epochs = 1;
    experiment.train.batch_size = 6;
    experiment.seeds = vec![0];
    let detection = experiment.detection.as_mut().unwrap();
    detection.overlap = 64;
    detection.head.fcos.channels = 8;
    detection.head.fcos.convolutions = 1;
    detection.head.fcos.groups = 2;
    detection.head.pyramid.channels = 8;
    // An untrained head is sure of nothing.
    detection.decode.score_above = 0.001;
    detection.decode.before_nms = 40;
    row
}

fn seed_run<'a>(
    row: &'a Row,
    folder: &'a Path,
    clock: &'a (dyn Fn() -> Duration + Sync),
) -> SeedRun<'a> {
    SeedRun {
        row: &row.name,
        experiment: &row.experiment,
        seed: 0,
        root: Path::new(ROOT),
        data: None,
        folder,
        fingerprint: "test",
        features: None,
        backend: "flex",
        keep_adapter: false,
        session: rs_peft::run::Session::default(),
        clock,
    }
}

fn run(row: &Row, folder: &Path, keep_adapter: bool) -> Result<SeedOutput, RunError> {
    let clock = || Duration::ZERO;
    let run = SeedRun {
        keep_adapter,
        session: rs_peft::run::Session::default(),
        ..seed_run(row, folder, &clock)
    };
    dispatch(BackendKind::Flex, run).unwrap()
}

#[test]
fn a_row_runs_is_repeated_bit_by_bit_and_leaves_its_files() {
    let mut row = row("lora_ecm");
    // With eight scenes a class may be missing, and margins need every class.
    row.experiment.detection.as_mut().unwrap().loss.class.margin = None;
    row.experiment
        .detection
        .as_mut()
        .unwrap()
        .test_training_images = true;
    let folder = tempfile::tempdir().unwrap();
    let found = run(&row, folder.path(), true).unwrap();
    assert_eq!(
        (found.result.n_train, found.result.n_test),
        (Some(4), Some(4))
    );
    for metric in ["map", "map_75", "map_train", "map_group_head", "ap_ship"] {
        assert!(found.result.metrics.contains_key(metric), "{metric}");
    }
    let map = found.result.metric("map").unwrap();
    assert!((0.0..=1.0).contains(&map), "{map}");
    assert!(found.result.curve[0].train_loss.unwrap().is_finite());
    // LoRA of rank 8 on the four maps of eight blocks.
    let parameters = &found.parameters;
    assert_eq!(parameters.adapted(), Some(196_608));
    for file in [
        "seed-0.detections.json",
        "seed-0.task1/Task1_ship.txt",
        "seed-0.adapter/adapter_model.safetensors",
    ] {
        assert!(folder.path().join(file).is_file(), "{file}");
    }
    let again = tempfile::tempdir().unwrap();
    let same = run(&row, again.path(), false).unwrap();
    assert_eq!(found.result, same.result);
    let text = |folder: &Path| std::fs::read(folder.join("seed-0.task1/Task1_ship.txt")).unwrap();
    assert_eq!(text(folder.path()), text(again.path()));
}

#[test]
fn a_table_is_reported_with_boxes_drawn() {
    let out = tempfile::tempdir().unwrap();
    let rows = [row("frozen"), row("full_smooth_l1")];
    let mut records = Vec::new();
    for row in &rows {
        let planned = plan(row, &root(), None, out.path()).unwrap();
        std::fs::create_dir_all(&planned.folder).unwrap();
        let output = run(row, &planned.folder, false).unwrap();
        let json = serde_json::to_vec(&output).unwrap();
        std::fs::write(planned.seed_file(0), json).unwrap();
        let record = collect(&planned, &Provenance::default()).unwrap().unwrap();
        records.push((planned, record));
    }
    let pairs: Vec<_> = records.iter().map(|(p, r)| (p, r)).collect();
    let set = examples(&pairs, None).unwrap().unwrap();
    assert_eq!(set.images.len(), 4);
    for image in &set.images {
        let picture = image::load_from_memory(&image.png).unwrap();
        // Labels and two methods, each twice as large as the scene, with gaps.
        assert_eq!((picture.width(), picture.height()), (3 * 256 + 8, 256));
    }
    let all: Vec<_> = records.into_iter().map(|(_, record)| record).collect();
    let mut report = Report::new("test");
    report.examples.push(set);
    let files = report.write(&all, &out.path().join("report")).unwrap();
    let page = std::fs::read_to_string(files.html).unwrap();
    assert!(page.contains("data:image/png;base64,") && page.contains("mAP tail"));
}

#[test]
fn scenes_without_an_object_are_background_or_an_error_that_says_so() {
    let mut row = row("frozen");
    row.experiment.data.aerial.as_mut().unwrap().empty_share = 1.0;
    let folder = tempfile::tempdir().unwrap();
    let found = run(&row, folder.path(), false).unwrap();
    // Nothing to be found: no average precision, and a loss that is a number.
    assert_eq!(found.result.metric("map"), None);
    assert!(found.result.curve[0].train_loss.unwrap().is_finite());
    row.experiment.detection.as_mut().unwrap().keep_empty = false;
    let error = run(&row, folder.path(), false).unwrap_err().to_string();
    assert!(error.contains("keep_empty"), "{error}");
}

#[test]
fn data_without_objects_and_classes_without_a_sample_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = row("frozen");
    wrong.experiment.data.dataset = "synthetic_segmentation".into();
    wrong.experiment.data.per_class = Some(1);
    wrong.experiment.data.scene_size = Some(96);
    wrong.experiment.input.bands = ["B04", "B03", "B02"].map(String::from).to_vec();
    wrong.experiment.input.rendering = rs_peft::experiment::Rendering::Uint8;
    let error = run(&wrong, folder.path(), false).unwrap_err().to_string();
    assert!(error.contains("no labelled objects"), "{error}");
    let mut few = row("lora_ecm");
    few.experiment.data.aerial.as_mut().unwrap().objects = [1, 1];
    let error = run(&few, folder.path(), false).unwrap_err().to_string();
    assert!(error.contains("no training example"), "{error}");
}

/// Five scenes in DOTA's layout: three in `train/`, two in `val/`.
fn write_dota(folder: &Path) {
    let config = AerialConfig {
        scenes: 5,
        seed: 4,
        size: 128,
        objects: [12, 20],
        imbalance_factor: 1.0,
        empty_share: 0.0,
        ..AerialConfig::default()
    };
    let scenes = AerialScenes::new(config).unwrap();
    for (part, rows) in [("train", &[0, 1, 2][..]), ("val", &[3, 4])] {
        let some = Cached::subset(&scenes, rows, u64::MAX).unwrap();
        write_dota_layout(&folder.join("dota").join(part), &some, None).unwrap();
    }
}

/// A random model with the patches of OpenCLIP's ViT-H/14.
fn write_weights(path: &Path) {
    let config = VitConfig {
        image_size: 56,
        patch_size: 14,
        dim: 16,
        depth: 2,
        heads: 2,
        mlp_dim: 32,
        ..VitConfig::default()
    };
    let vit = Vit::<Flex>::init(&config, 7, &Default::default()).unwrap();
    save_vit(&vit, &config, path, Dtype::F32, &BTreeMap::new()).unwrap();
}

/// Rows of Table R1 on a stand-in of DOTA and tiny weights.
#[test]
fn table_r1_runs_on_a_stand_in() {
    let folder = tempfile::tempdir().unwrap();
    write_dota(folder.path());
    let weights = folder.path().join("tiny.safetensors");
    write_weights(&weights);
    let catalog = Catalog::read(&root().join("experiments")).unwrap();
    let rows: Vec<&Row> = catalog
        .rows
        .iter()
        .filter(|row| row.table() == "deblora/r1")
        .collect();
    assert_eq!(rows.len(), 8);
    for shipped in rows {
        let mut row = shipped.clone();
        let experiment = &mut row.experiment;
        assert_eq!(experiment.data.split, SplitConfig::Published);
        assert_eq!(experiment.input.size % 14, 0, "whole patches");
        experiment.backbone.weights = weights.display().to_string();
        experiment.backbone.model = None;
        experiment.input.size = 112;
        experiment.train.epochs = 1;
        let detection = experiment.detection.as_mut().unwrap();
        detection.overlap = 28;
        detection.head.pyramid.channels = 8;
        detection.head.fcos.channels = 8;
        detection.head.fcos.convolutions = 1;
        detection.head.fcos.groups = 2;
        let of_frequency = detection.loss.class.margin.is_some()
            || detection.loss.class.class_weights != ClassWeights::None;
        let out = tempfile::tempdir().unwrap();
        let clock = || Duration::ZERO;
        let run = SeedRun {
            data: Some(folder.path()),
            ..seed_run(&row, out.path(), &clock)
        };
        let result = dispatch(BackendKind::Flex, run).unwrap();
        if of_frequency {
            // The stand-in has ten of the fifteen classes.
            let error = result.unwrap_err().to_string();
            assert!(
                error.contains("no training example"),
                "{}: {error}",
                row.name
            );
            continue;
        }
        let found = result.unwrap().result;
        assert_eq!(
            (found.n_train, found.n_test),
            (Some(3), Some(2)),
            "{}",
            row.name
        );
        assert!(found.metric("map").is_some(), "{}", row.name);
        assert_eq!(
            found.metrics["ap_harbor"], None,
            "{}: none is there",
            row.name
        );
    }
}
