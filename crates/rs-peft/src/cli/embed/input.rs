//! What a model takes: its bands, the unit of their values, and how they are normalised.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use rs_datasets::BandStatistics;
use rs_datasets::io::Dtype;
use rs_peft::run::INPUT_METADATA;
use rs_peft::{rs_datasets, vit_backbone};
use vit_backbone::{InputUnit, LoadReport, Normalisation, Preset};

/// The input of a model, of one frame.
pub(super) struct Input {
    /// What the model is called in messages.
    pub(super) model: String,
    /// Names of the bands where they are known.
    pub(super) bands: Vec<String>,
    unit: Unit,
    normalisation: Normalise,
}

/// The unit in which means and deviations are stated.
enum Unit {
    /// One of the published models'.
    Known(InputUnit),
    /// Something that only `--scale` can reach from integers.
    Other(String),
}

enum Normalise {
    Published(Normalisation),
    Given { mean: Vec<f64>, std: Vec<f64> },
}

impl Input {
    /// The input of published weights.
    pub(super) fn of_preset(preset: &Preset) -> Self {
        Self {
            model: preset.name.into(),
            bands: preset.bands.iter().map(|&band| band.into()).collect(),
            unit: Unit::Known(preset.unit),
            normalisation: Normalise::Published(preset.normalisation),
        }
    }

    /// Red, green and blue from -1 to 1.
    pub(super) fn symmetric(model: &str) -> Self {
        Self {
            model: model.into(),
            bands: ["red", "green", "blue"].map(String::from).to_vec(),
            unit: Unit::Known(InputUnit::UnitRange),
            normalisation: Normalise::Given {
                mean: vec![0.5; 3],
                std: vec![0.5; 3],
            },
        }
    }

    /// The input that a checkpoint of one's own describes in its metadata; without a description its values are taken as they are
    /// after `--scale`, and normalised by `--mean` and `--std`.
    pub(super) fn of_file(path: &Path, report: &LoadReport) -> anyhow::Result<Self> {
        let model = path.display().to_string();
        let Some(text) = report.metadata.get(INPUT_METADATA) else {
            return Ok(Self {
                model,
                bands: Vec::new(),
                unit: Unit::Other("values that its metadata do not describe".into()),
                normalisation: Normalise::Given {
                    mean: Vec::new(),
                    std: Vec::new(),
                },
            });
        };
        let statistics: BandStatistics = serde_json::from_str(text)
            .with_context(|| format!("{model}: metadata entry `{INPUT_METADATA}`"))?;
        statistics.validate()?;
        let unit = match statistics.unit {
            rs_datasets::InputUnit::Uint8 => Unit::Known(InputUnit::Byte),
            rs_datasets::InputUnit::SENTINEL2_DN => Unit::Known(InputUnit::ReflectanceTimes10000),
            other => Unit::Other(format!("{other:?}")),
        };
        Ok(Self {
            model,
            bands: statistics.bands,
            unit,
            normalisation: Normalise::Given {
                mean: statistics.mean,
                std: statistics.std,
            },
        })
    }

    /// Replaces means and deviations by those given on the command line, if any.
    pub(super) fn normalised_by(mut self, mean: &[f64], std: &[f64]) -> anyhow::Result<Self> {
        if mean.is_empty() && std.is_empty() {
            return Ok(self);
        }
        ensure!(
            mean.len() == std.len(),
            "{} means and {} standard deviations; give one of each for every band",
            mean.len(),
            std.len()
        );
        ensure!(
            mean.iter().all(|m| m.is_finite()) && std.iter().all(|s| s.is_finite() && *s > 0.0),
            "--mean and --std: expected finite means and positive deviations, found {mean:?} and {std:?}"
        );
        self.normalisation = Normalise::Given {
            mean: mean.to_vec(),
            std: std.to_vec(),
        };
        Ok(self)
    }

    /// Factor from the stored values of a file to the model's unit.
    pub(super) fn scale(
        &self,
        given: Option<f64>,
        stored: Dtype,
        path: &Path,
    ) -> anyhow::Result<f64> {
        let floating = matches!(stored, Dtype::F32 | Dtype::F64);
        Ok(match (given, &self.unit) {
            (Some(scale), _) => scale,
            (None, Unit::Known(InputUnit::UnitRange)) if stored == Dtype::U8 => 1.0 / 255.0,
            (None, Unit::Known(InputUnit::Byte)) if stored == Dtype::U8 => 1.0,
            (None, Unit::Known(InputUnit::ReflectanceTimes10000)) if stored != Dtype::U8 => 1.0,
            (None, _) if floating => 1.0,
            (None, unit) => bail!(
                "{}: {stored} values, but {} takes {}; say with --scale what makes one the other",
                path.display(),
                self.model,
                match unit {
                    Unit::Known(unit) => format!("{unit:?}"),
                    Unit::Other(unit) => unit.clone(),
                }
            ),
        })
    }

    /// The model's number for a value of a band, counted from 0 within a frame.
    pub(super) fn normalise(&self, band: usize, value: f64) -> anyhow::Result<f64> {
        match &self.normalisation {
            Normalise::Published(known) => known.apply(band, value),
            Normalise::Given { mean, std } => {
                let pair = mean.get(band).zip(std.get(band));
                pair.map(|(mean, std)| (value - mean) / std)
            }
        }
        .with_context(|| {
            format!(
                "no mean and standard deviation of band {}; give --mean and --std",
                band + 1
            )
        })
    }
}
