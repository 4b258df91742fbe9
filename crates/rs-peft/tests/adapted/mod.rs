//! A cut-down row of the shipped experiments, run and kept as a model directory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rs_datasets::{Dataset, Split, SyntheticConfig, SyntheticScenes};
use rs_peft::adapted::{FinishedSeed, KeepBackbone, write_model};
use rs_peft::experiment::{Catalog, Experiment};
use rs_peft::run::{SeedOutput, SeedRun, Session};
use rs_peft::{BackendKind, dispatch};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A finished run and its model directory.
pub(crate) struct Kept {
    pub(crate) experiment: Experiment,
    pub(crate) output: SeedOutput,
    pub(crate) model: PathBuf,
    folder: tempfile::TempDir,
}

impl Kept {
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Indices of the images that the run held out, whose split is drawn again here.
    pub(crate) fn held_out(&self) -> Vec<usize> {
        let scenes = scenes(&self.experiment);
        let table = rs_datasets::LabelTable::unlabelled(&scenes).unwrap();
        let name = format!("{}-seed0", scenes.name());
        let shares = [("test", 0.5), ("train", 0.5)];
        let split: Split = rs_datasets::stratified(&table, &name, &shares, 0).unwrap();
        let hash = self.output.result.split_hash.as_deref();
        assert_eq!(hash, Some(split.sha256().as_str()));
        split.indices("test", &scenes).unwrap()
    }
}

/// The scenes of an experiment.
pub(crate) fn scenes(experiment: &Experiment) -> SyntheticScenes {
    let mut config = SyntheticConfig::balanced(experiment.data.per_class.unwrap(), 20_26);
    config.size = experiment.data.scene_size.unwrap_or(config.size);
    match experiment.data.dataset.as_str() {
        "synthetic" => SyntheticScenes::classification(config).unwrap(),
        _ => SyntheticScenes::segmentation(config).unwrap(),
    }
}

/// Runs a row, cut down and changed, and writes its model directory.
pub(crate) fn keep(table: &str, row: &str, change: impl Fn(&mut Experiment)) -> Kept {
    let catalog = Catalog::read(&root().join("experiments")).unwrap();
    let mut experiment = catalog
        .find(&format!("{table}/{row}"))
        .unwrap()
        .experiment
        .clone();
    experiment.data.per_class = Some(2);
    experiment.train.epochs = 1;
    experiment.train.batch_size = 5;
    experiment.seeds = vec![0];
    if let Some(segmentation) = &mut experiment.segmentation {
        experiment.data.per_class = Some(1);
        experiment.data.scene_size = Some(48);
        experiment.input.size = 32;
        if let heads::SegmentationHeadConfig::Upernet(head) = &mut segmentation.head {
            head.channels = 8;
        }
    }
    change(&mut experiment);
    let folder = tempfile::tempdir().unwrap();
    let clock = || Duration::ZERO;
    let run = SeedRun {
        row,
        experiment: &experiment,
        seed: 0,
        root: &root(),
        data: None,
        folder: folder.path(),
        fingerprint: "test",
        features: None,
        backend: "flex",
        keep_adapter: true,
        session: Session::default(),
        clock: &clock,
    };
    let output = dispatch(BackendKind::Flex, run).unwrap().unwrap();
    let model = folder.path().join("model");
    let root = root();
    let finished = FinishedSeed {
        experiment: &experiment,
        seed: 0,
        output: &output,
        folder: folder.path(),
        root: &root,
        run_id: None,
    };
    write_model(&model, &finished, KeepBackbone::Small, false).unwrap();
    Kept {
        experiment,
        output,
        model,
        folder,
    }
}
