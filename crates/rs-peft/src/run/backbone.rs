//! Loading the backbone of a row, and the band statistics that belong to its weights.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::backend::Backend;
use rs_datasets::{BandStatistics, InputUnit, StatisticsSource};

use vit_backbone::{LoadOptions, LoadReport, Vit, VitConfig, load_vit, preset, presets};

use super::RunError;
use crate::experiment::{BackboneConfig, InputConfig, Normalisation};

/// Metadata entry of a checkpoint that holds the [`BandStatistics`] of its input as JSON.
pub const INPUT_METADATA: &str = "input";

/// The checkpoint that ships with the project, relative to the workspace root.
pub const SHIPPED: &str = "assets/backbone/vit_8x192_eurosat_mae.safetensors";

/// A frozen backbone fitted to the input's channels.
#[derive(Debug)]
pub(crate) struct Backbone<B: Backend> {
    /// The model; no parameter requires a gradient.
    pub(crate) vit: Vit<B>,
    /// Its configuration, with the input's number of channels.
    pub(crate) config: VitConfig,
    /// SHA-256 of the checkpoint.
    pub(crate) sha256: String,
    /// Statistics of the input that it was trained on.
    pub(crate) input: BandStatistics,
}

/// The file of a row's weights.
pub(crate) fn path(config: &BackboneConfig, root: &Path) -> PathBuf {
    let name = if config.weights == "random" {
        SHIPPED
    } else {
        &config.weights
    };
    root.join(name)
}

/// Loads the weights, fits the patch embedding to the input and freezes everything.
pub(crate) fn load<B: Backend>(
    config: &BackboneConfig,
    input: &InputConfig,
    root: &Path,
    seed: u64,
    device: &B::Device,
) -> Result<Backbone<B>, RunError> {
    load_file(&path(config, root), config, input, seed, device)
}

/// The same from a given file; `random` weights take its shape alone.
pub(crate) fn load_file<B: Backend>(
    path: &Path,
    config: &BackboneConfig,
    input: &InputConfig,
    seed: u64,
    device: &B::Device,
) -> Result<Backbone<B>, RunError> {
    let known = config.model.as_deref().map(published).transpose()?;
    let (mut vit, report) = load_vit::<B>(path, known.as_ref(), &LoadOptions::default(), device)?;
    let statistics = match input.normalise {
        Normalisation::Weights => statistics(path, &report)?,
        // Nothing is standardised with them.
        Normalisation::Train => statistics(path, &report).unwrap_or_else(|_| none(path)),
    };
    let mut vit_config = report.config;
    if config.weights == "random" {
        vit = Vit::init(&vit_config, seed, device)?;
    }
    if let Some(metres) = config.resolution {
        vit = vit.at_resolution(&[metres])?;
    }
    vit = vit.with_channels(input.bands.len(), input.known, input.patch_embed, seed)?;
    vit_config.in_channels = input.bands.len();
    Ok(Backbone {
        vit: vit.no_grad(),
        config: vit_config,
        sha256: report.sha256,
        input: statistics,
    })
}

/// The configuration of a model of the zoo.
fn published(name: &str) -> Result<VitConfig, RunError> {
    preset(name)
        .map(|preset| preset.config())
        .ok_or_else(|| RunError::UnknownModel {
            name: name.into(),
            known: presets()
                .map(|preset| preset.name)
                .collect::<Vec<_>>()
                .join(", "),
        })
}

/// No statistics, for weights that come without.
fn none(path: &Path) -> BandStatistics {
    BandStatistics {
        bands: Vec::new(),
        mean: Vec::new(),
        std: Vec::new(),
        unit: InputUnit::Standardised,
        source: StatisticsSource::Weights {
            name: path.display().to_string(),
        },
        percentiles: None,
    }
}

/// The statistics in a checkpoint's metadata.
fn statistics(path: &Path, report: &LoadReport) -> Result<BandStatistics, RunError> {
    let bad = |detail: String| RunError::WeightsInput {
        path: path.into(),
        detail,
    };
    let text = report
        .metadata
        .get(INPUT_METADATA)
        .ok_or_else(|| bad(format!("no metadata entry `{INPUT_METADATA}`")))?;
    let statistics: BandStatistics =
        serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
    statistics.validate()?;
    Ok(statistics)
}
