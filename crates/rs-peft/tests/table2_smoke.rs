//! Every row of the paper's Table 2 runs: with its recipe, on a synthetic long-tailed set and the shipped backbone, cut short.

use std::path::{Path, PathBuf};
use std::time::Duration;

use peft_lora::MethodConfig;
use rs_peft::experiment::{Catalog, MapPlace, Method, ProbeConfig, Row, SplitConfig, TailRows};
use rs_peft::run::SeedRun;
use rs_peft::{BackendKind, dispatch};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Few blocks, few steps, few clusters.
fn cut(row: &mut Row, like: &Row) {
    let last = |method: &mut MethodConfig| {
        if let MethodConfig::Lora(lora) = method {
            lora.rank = 2;
            lora.targets = vec!["blocks.7.attn.qkv".into()];
        }
    };
    let experiment = &mut row.experiment;
    experiment.input = like.experiment.input.clone();
    experiment.backbone = like.experiment.backbone.clone();
    experiment.data.dataset = like.experiment.data.dataset.clone();
    experiment.data.path = None;
    experiment.data.per_class = Some(16);
    experiment.seeds = vec![0];
    experiment.train.epochs = 1;
    let SplitConfig::NaturalLongTail(split) = &mut experiment.data.split else {
        panic!("{} has no natural long tail", row.name)
    };
    split.test = Some(0.25);
    split.validation = 0.25;
    (split.head, split.tail) = (3, 4);
    if let Method::Weights(method) = &mut experiment.method {
        last(method);
    }
    let Some(ProbeConfig::LongTail(probe)) = &mut experiment.probe else {
        panic!("{} is not a long-tailed row", row.name)
    };
    probe.l2 = vec![1e-2];
    if let TailRows::Calibrated(rows) = &mut probe.tail_rows {
        rows.clusters = 4;
    }
    if let Some(learned) = &mut probe.learned {
        learned.targets.clusters = 4;
        learned.steps = 5;
        learned.batch_size = 4;
        if let MapPlace::Encoder { lora } = &mut learned.place {
            last(lora);
        }
    }
}

#[test]
fn every_row_of_table_2_runs() {
    let catalog = Catalog::read(&root().join("experiments")).unwrap();
    let like = catalog.find("ladder/synthetic/frozen").unwrap();
    let rows = catalog
        .rows
        .iter()
        .filter(|row| row.table() == "deblora/table2/openclip_dota");
    let features = tempfile::tempdir().unwrap();
    let mut count = 0;
    for row in rows {
        let mut row = row.clone();
        cut(&mut row, like);
        row.experiment.validate(&row.path).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let clock = || Duration::ZERO;
        let run = SeedRun {
            row: &row.name,
            experiment: &row.experiment,
            seed: 0,
            root: &root(),
            data: None,
            folder: folder.path(),
            fingerprint: "test",
            features: Some(features.path()),
            backend: "flex",
            keep_adapter: false,
            session: rs_peft::run::Session::default(),
            clock: &clock,
        };
        let out = dispatch(BackendKind::Flex, run).unwrap();
        let out = out.unwrap_or_else(|error| panic!("{}: {error}", row.name));
        for group in ["head", "middle", "tail"] {
            let name = eval::metric::names::group_f1(group, false);
            assert!(out.result.metric(&name).is_some(), "{}: {group}", row.name);
        }
        count += 1;
    }
    assert_eq!(count, 11);
    // The other table has the same rows.
    let other = catalog
        .rows
        .iter()
        .filter(|row| row.table() == "deblora/table2/satmae_fusrs");
    assert_eq!(other.count(), 11);
}
