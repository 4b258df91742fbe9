//! The calibration of the released code: one class, towards one cluster of standardised features.

use anyhow::{Context, ensure};
use rs_peft::clustering::rows::Matrix;
use rs_peft::clustering::scaler::StandardScaler;
use rs_peft::deblora_calib::{OfficialCalibration, OfficialRows};
use serde_json::json;

use super::super::usage;
use super::{Args, ModeName, Training, output};

/// What the released code asks for.
#[derive(clap::Args)]
pub(super) struct OfficialOptions {
    /// Calibrate as the released code does: one class, one cluster chosen by hand, standardised features.
    #[arg(long, requires_all = ["class", "cluster"])]
    official: bool,
    /// --official: the class whose rows are moved.
    #[arg(long, requires = "official")]
    class: Option<String>,
    /// --official: the cluster towards whose centre they are moved.
    #[arg(long, requires = "official")]
    cluster: Option<usize>,
    /// --official: how far, 0 to 1 (its option `alpha`, which is 1 - alpha of the paper).
    #[arg(long, requires = "official", default_value_t = 0.5)]
    strength: f64,
    /// --official: rows nearer to the centre than this, in standardised features, stay as they are.
    #[arg(long, requires = "official")]
    threshold: Option<f64>,
}

impl OfficialOptions {
    pub(super) fn is_asked_for(&self) -> bool {
        self.official
    }
}

pub(super) fn run(args: &Args, training: &Training<'_>) -> anyhow::Result<()> {
    let options = &args.official;
    let rows = match args.mode {
        ModeName::Append if args.copies == 1 => OfficialRows::Append,
        ModeName::Replace => OfficialRows::Replace,
        mode => {
            return Err(usage(
                "--official",
                format!("--mode {} with {} copies", mode.name(), args.copies),
                "--mode append with one copy, or --mode replace",
            ));
        }
    };
    ensure!(
        training.clusters.standardised,
        "{}: the released code clusters standardised features; run `rs-peft cluster` with --standardise and without --pca",
        args.clusters.display()
    );
    let name = options.class.as_deref().unwrap_or_default();
    let class = training.names.iter().position(|known| known == name);
    let class = class.with_context(|| {
        format!(
            "--class {name}: no such class; there are {}",
            training.names.join(", ")
        )
    })?;
    let calibration = OfficialCalibration {
        strength: options.strength,
        threshold: options.threshold,
        rows,
        ..OfficialCalibration::new(class, options.cluster.unwrap_or_default())
    };
    let values = training.features.values();
    let scaler = StandardScaler::fit(&Matrix::new(values, training.table.dim())?)?;
    let set = calibration.apply(
        &training.features,
        &training.classes,
        &scaler,
        &training.clusters.centres,
    )?;
    let moved = set.alphas.iter().filter(|&&alpha| alpha < 1.0).count();
    let report = json!({
        "variant": "official", "mode": args.mode.name(), "class": name, "cluster": calibration.cluster,
        "strength": options.strength, "threshold": options.threshold, "moved": moved,
        "rows_before": training.features.rows(), "rows": set.rows(),
    });
    output::write(args, training, &set, Vec::new(), report)
}
