//! Rows with a class per pixel through the whole path: synthetic scenes and the stand-ins of the published sets, every kind of row.

mod tiny;

use std::path::{Path, PathBuf};
use std::time::Duration;

use eval::report::Report;
use heads::{SegmentationHeadConfig, UperNetConfig};
use rs_datasets::catalog::fake;
use rs_peft::experiment::{
    Catalog, Normalisation, Row, SegmentationConfig, SegmentationLoss, SplitConfig, Windows,
};
use rs_peft::run::{Provenance, SeedOutput, SeedRun, collect, examples, plan};
use rs_peft::{BackendKind, RunError, dispatch};

const TABLE: &str = "deflect/small/synthetic_segmentation";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn catalog() -> Catalog {
    Catalog::read(&root().join("experiments")).unwrap()
}

/// A shipped row, cut down to ten scenes of 48 pixels and one epoch, under a narrow head.
fn row(name: &str) -> Row {
    let mut row = catalog().find(&format!("{TABLE}/{name}")).unwrap().clone();
    let experiment = &mut row.experiment;
    experiment.data.per_class = Some(1);
    experiment.data.scene_size = Some(48);
    experiment.input.size = 32;
    experiment.train.epochs = 1;
    experiment.train.batch_size = 3;
    experiment.seeds = vec![0];
    narrow(experiment.segmentation.as_mut().unwrap());
    row
}

fn narrow(segmentation: &mut SegmentationConfig) {
    if let SegmentationHeadConfig::Upernet(head) = &mut segmentation.head {
        head.channels = 8;
    }
}

fn run(row: &Row, data: Option<&Path>, folder: &Path, keep: bool) -> Result<SeedOutput, RunError> {
    let clock = || Duration::ZERO;
    let run = SeedRun {
        row: &row.name,
        experiment: &row.experiment,
        seed: 0,
        root: &root(),
        data,
        folder,
        fingerprint: "test",
        features: None,
        backend: "flex",
        keep_adapter: keep,
        session: rs_peft::run::Session::default(),
        clock: &clock,
    };
    dispatch(BackendKind::Flex, run).unwrap()
}

fn result(row: &Row) -> SeedOutput {
    run(row, None, tempfile::tempdir().unwrap().path(), false).unwrap()
}

#[test]
fn every_row_runs_and_trains_what_it_says() {
    let adapted = |name: &str| match name {
        "frozen" | "frozen_linear" | "frozen_spectral" => 0,
        "norm_tuning" => 6_528,
        "lora" | "lora_linear" => 196_608,
        "lora_random" => 196_608 + (13 * 64 + 1) * 192,
        "slr" => 221_184,
        "deflect" | "deflect_free" | "deflect_linear" => 36_288,
        "deflect_upe" => 8_640,
        other => panic!("a row without an expected count: {other}"),
    };
    let catalog = catalog();
    let rows: Vec<&Row> = catalog.rows.iter().filter(|r| r.table() == TABLE).collect();
    assert!(rows.len() >= 10, "{}", rows.len());
    let narrow = UperNetConfig {
        channels: 8,
        ..UperNetConfig::default()
    };
    for shipped in rows {
        let name = shipped.row();
        let found = result(&row(name));
        assert_eq!(found.result.n_train, Some(5), "{name}");
        assert_eq!(found.result.n_test, Some(5), "{name}");
        for metric in [
            "miou",
            "miou_present",
            "macro_f1",
            "accuracy",
            "iou_ClearWater",
        ] {
            assert!(
                found.result.metrics.contains_key(metric),
                "{name}: {metric}"
            );
        }
        let miou = found.result.metric("miou").unwrap();
        assert!((0.0..=1.0).contains(&miou), "{name}: {miou}");
        let pixels = found.result.confusion.as_ref().unwrap().total();
        assert_eq!(
            pixels,
            5 * 48 * 48,
            "{name}: every pixel once, though windows overlap"
        );
        let head = found.parameters.head.unwrap();
        let expected = match name {
            linear if linear.ends_with("linear") => 193 * 16,
            "frozen_spectral" => narrow.count(192 + 44, 16),
            _ => narrow.count(192, 16),
        };
        assert_eq!(head, expected as u64, "{name}");
        let count = found.parameters.trainable.unwrap() - head;
        assert_eq!(count, adapted(name), "{name}");
        assert!(found.forward_flops.unwrap() > 0, "{name}");
    }
}

#[test]
fn a_run_is_repeated_bit_by_bit_and_learns() {
    let mut row = row("deflect_linear");
    row.experiment.data.per_class = Some(2);
    row.experiment.train.epochs = 12;
    let (first, again) = (result(&row), result(&row));
    assert_eq!(first.result.metrics, again.result.metrics);
    assert_eq!(first.result.curve, again.result.curve);
    let loss = |at: usize| first.result.curve[at].train_loss.unwrap();
    assert!(loss(11) < 0.8 * loss(0), "{} {}", loss(0), loss(11));
    let mut dice = row.clone();
    let segmentation = dice.experiment.segmentation.as_mut().unwrap();
    segmentation.loss = SegmentationLoss::CrossEntropyAndDice;
    dice.experiment.train.epochs = 1;
    let both = result(&dice).result.curve[0].train_loss.unwrap();
    assert!(both > loss(0), "{both}");
    let segmentation = dice.experiment.segmentation.as_mut().unwrap();
    segmentation.loss = SegmentationLoss::Dice;
    let alone = result(&dice).result.curve[0].train_loss.unwrap();
    assert!((0.0..1.0).contains(&alone), "{alone}");
}

#[test]
fn a_window_as_large_as_the_image_is_the_whole_image() {
    let mut row = row("frozen_linear");
    row.experiment.data.scene_size = Some(32);
    let sliding = result(&row);
    row.experiment.segmentation.as_mut().unwrap().evaluate = Windows::Whole;
    let whole = result(&row);
    assert_eq!(sliding.result.metrics, whole.result.metrics);
    // Larger images go through positions of another grid.
    row.experiment.data.scene_size = Some(48);
    assert_eq!(result(&row).result.confusion.unwrap().total(), 5 * 48 * 48);
}

#[test]
fn a_row_becomes_a_record_and_a_report_with_masks() {
    let out = tempfile::tempdir().unwrap();
    let mut sets = Vec::new();
    for name in ["frozen_linear", "deflect_linear"] {
        let row = row(name);
        let planned = plan(&row, &root(), None, out.path()).unwrap();
        std::fs::create_dir_all(&planned.folder).unwrap();
        let output = run(&row, None, &planned.folder, true).unwrap();
        std::fs::write(planned.seed_file(0), serde_json::to_vec(&output).unwrap()).unwrap();
        let record = collect(&planned, &Provenance::default()).unwrap().unwrap();
        record.write(&planned.folder.join("run.json")).unwrap();
        assert!(planned.folder.join("seed-0.adapter").is_dir(), "{name}");
        sets.push((planned, record));
    }
    let rows: Vec<_> = sets
        .iter()
        .map(|(planned, record)| (planned, record))
        .collect();
    let set = examples(&rows, None).unwrap().unwrap();
    assert!(set.caption.contains("DEFLECT, linear head") && set.caption.contains("Water"));
    assert_eq!(set.images.len(), 4);
    // Image, labels and two methods, four times enlarged, with three gaps.
    let picture = image::load_from_memory(&set.images[0].png).unwrap();
    assert_eq!((picture.width(), picture.height()), (4 * 192 + 3 * 4, 192));
    assert!(set.images[0].truth.contains('%'));
    let mut report = Report::new("test");
    report.examples.push(set);
    let records: Vec<_> = sets.into_iter().map(|(_, record)| record).collect();
    let files = report.write(&records, &out.path().join("report")).unwrap();
    let page = std::fs::read_to_string(files.html).unwrap();
    assert!(page.contains("data:image/png;base64,") && page.contains("mIoU"));
}

#[test]
fn a_kept_upernet_holds_all_its_arrays() {
    let folder = tempfile::tempdir().unwrap();
    run(&row("frozen"), None, folder.path(), true).unwrap();
    let file = std::fs::read_dir(folder.path().join("seed-0.adapter")).unwrap();
    let mut names = Vec::new();
    for entry in file {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "safetensors") {
            let bytes = std::fs::read(&path).unwrap();
            let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            names.extend(tensors.names().into_iter().map(str::to_owned));
        }
    }
    for part in [
        "laterals.2.norm.running_var",
        "pyramid.first_a.weight",
        "fusion.conv.weight",
    ] {
        assert!(
            names.iter().any(|name| name.contains(part)),
            "{part}: {names:?}"
        );
    }
}

/// Rows of Table 1 on stand-ins of their data and tiny weights: two steps, with every method.
#[test]
fn table_1_runs_on_stand_ins() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    fake::write_burn_scars(data, 20, 2, 5).unwrap();
    fake::write_mados(data, 2, 4, 5).unwrap();
    for set in ["so2sat", "brick_kiln", "forestnet"] {
        tiny::write_geobench(set, &data.join("geobench"));
    }
    let weights = data.join("tiny.safetensors");
    tiny::write_weights(&weights);
    let catalog = catalog();
    let rows = catalog
        .rows
        .iter()
        .filter(|row| row.name.starts_with("deflect/table1/"));
    let mut seen = 0;
    for shipped in rows.filter(|row| row.name.contains("/scale_mae/")) {
        let mut row = shipped.clone();
        let experiment = &mut row.experiment;
        assert_eq!(experiment.data.split, SplitConfig::Published);
        assert_eq!(experiment.input.normalise, Normalisation::Train);
        assert!(experiment.paper.is_some(), "{}", shipped.name);
        experiment.backbone.weights = weights.display().to_string();
        experiment.backbone.model = None;
        experiment.input.size = 16;
        experiment.train.epochs = 1;
        experiment.seeds = vec![0];
        if let Some(segmentation) = &mut experiment.segmentation {
            assert_eq!(segmentation.validate_every, 5);
            segmentation.validate_every = 1;
            narrow(segmentation);
        }
        let out = tempfile::tempdir().unwrap();
        let found = run(&row, Some(data), out.path(), false)
            .unwrap_or_else(|error| panic!("{}: {error}", shipped.name));
        let metric = &row.experiment.table.metrics[0];
        assert!(
            found.result.metric(metric).is_some(),
            "{}: {metric}",
            shipped.name
        );
        if row.experiment.segmentation.is_some() {
            assert!(
                found.result.curve[0].val_metric.is_some(),
                "{}",
                shipped.name
            );
        }
        seen += 1;
    }
    assert_eq!(seen, 35);
}

#[test]
fn floods_of_both_sensors_run_and_windows_are_samples() {
    let folder = tempfile::tempdir().unwrap();
    fake::write_sen1floods11(folder.path(), 8, 5).unwrap();
    let catalog = catalog();
    let shipped = catalog
        .find("deflect/small/sen1floods11_s2/deflect")
        .unwrap();
    let mut row = shipped.clone();
    row.experiment.data.windows = Some(16);
    row.experiment.input.size = 16;
    row.experiment.train.epochs = 1;
    narrow(row.experiment.segmentation.as_mut().unwrap());
    let out = tempfile::tempdir().unwrap();
    let found = run(&row, Some(folder.path()), out.path(), false).unwrap();
    // One window in each of eight images of 24 pixels: a second one would share pixels with it.
    assert_eq!(
        found.result.n_train.unwrap() + found.result.n_test.unwrap(),
        8
    );
    assert!(found.result.metrics.contains_key("iou_Water"));

    let mut radar = catalog
        .find("deflect/small/sen1floods11_s2/lora_linear")
        .unwrap()
        .clone();
    let experiment = &mut radar.experiment;
    experiment.data.dataset = "sen1floods11_s1".into();
    experiment.data.windows = None;
    experiment.data.leave_out = vec!["Ghana_1000".into()];
    experiment.input.bands = vec!["VV".into(), "VH".into()];
    experiment.input.known = 0;
    experiment.input.patch_embed = vit_backbone::PatchEmbedInit::Mean;
    experiment.input.rendering = rs_peft::experiment::Rendering::None;
    experiment.input.normalise = Normalisation::Train;
    experiment.input.size = 24;
    experiment.train.epochs = 1;
    let found = run(&radar, Some(folder.path()), out.path(), false).unwrap();
    assert_eq!(
        found.result.n_train.unwrap() + found.result.n_test.unwrap(),
        7
    );
    radar.experiment.data.leave_out = vec!["Atlantis_1".into()];
    let error = run(&radar, Some(folder.path()), out.path(), false).unwrap_err();
    assert!(error.to_string().contains("Atlantis_1"), "{error}");
}

#[test]
fn what_cannot_be_run_is_named() {
    let unused = Path::new("unused");
    let fails = |row: &Row| run(row, None, unused, false).unwrap_err().to_string();
    let mut small = row("frozen_linear");
    small.experiment.input.size = 64;
    let error = fails(&small);
    assert!(
        error.contains("64 x 64") && error.contains("input.size"),
        "{error}"
    );
    let mut odd = row("frozen_linear");
    odd.experiment.input.size = 20;
    assert!(fails(&odd).contains("multiples of 8"));
    let mut classes = row("frozen_linear");
    classes.experiment.data.dataset = "synthetic".into();
    let error = fails(&classes);
    assert!(error.contains("class per pixel"), "{error}");
    let mut deep = row("frozen_linear");
    deep.experiment.segmentation.as_mut().unwrap().blocks = vec![8];
    assert!(fails(&deep).contains('8'));
    let mut validated = row("frozen_linear");
    validated
        .experiment
        .segmentation
        .as_mut()
        .unwrap()
        .validate_every = 1;
    assert!(fails(&validated).contains("val"));
    let mut unknown = row("frozen_linear");
    unknown.experiment.backbone.model = Some("vit_giant_9".into());
    assert!(fails(&unknown).contains("scale_mae_vit_large"));
}
