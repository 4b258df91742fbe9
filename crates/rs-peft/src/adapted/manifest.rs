//! `model.json`: what a model directory holds, and everything about its input. See `docs/model-directory.md`.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use deflect::PixelSetConfig;
use heads::SegmentationHeadConfig;
use peft_lora::peft_format::read_capped;
use peft_lora::seal::{self, Seal};
use rs_datasets::Task;
use serde::{Deserialize, Serialize};
use vit_backbone::{PatchEmbedInit, Pooling};

use super::AdaptedError;
use crate::experiment::Windows;
use crate::run::ModelInput;

/// The version written, and the newest one read.
pub const FORMAT_VERSION: u32 = 1;

/// Name of the file that makes a directory a model directory.
pub const MANIFEST_FILE: &str = "model.json";

/// Manifests are a few kilobytes; nothing larger is read.
const LIMIT: u64 = 16 << 20;

/// What a model directory holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelManifest {
    /// Version of the format.
    pub format_version: u32,
    /// What wrote the directory, with its version.
    pub program: String,
    /// Which question the model answers: `classification` or `segmentation`.
    pub task: Task,
    /// Class names in the order of the logits.
    pub classes: Vec<String>,
    /// Bands, unit, size, and the steps to the model's channels with the statistics in them.
    pub input: ModelInput,
    /// The pretrained model.
    pub backbone: BackboneEntry,
    /// What of the backbone the head reads.
    pub readout: ReadoutEntry,
    /// The head.
    pub head: HeadEntry,
    /// What was trained inside the backbone.
    pub method: MethodEntry,
    /// Every file of the directory but this one, by its path with `/`.
    pub files: BTreeMap<String, FileEntry>,
    /// How it was trained and how good it was.
    pub training: TrainingFacts,
}

/// The pretrained model, and how it was fitted to the channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackboneEntry {
    /// What it is called.
    pub name: String,
    /// Its checkpoint: a file of this directory, or an absolute path elsewhere.
    pub file: String,
    /// SHA-256 of the checkpoint.
    pub sha256: String,
    /// Whether only the checkpoint's shape was taken, with random weights drawn by `seed`.
    pub random: bool,
    /// Seed of random weights and of random new channels.
    pub seed: u64,
    /// Channels of the patch embedding.
    pub channels: usize,
    /// How many of the first channels take the pretrained ones' place.
    pub known: usize,
    /// How the pretrained patch embedding was fitted to the channels.
    pub patch_embed: PatchEmbedInit,
    /// Name of a model of the zoo that says how the checkpoint is built, where the file does not.
    pub model: Option<String>,
    /// Metres per pixel, for models that are told it.
    pub resolution: Option<f64>,
}

/// What of the backbone the head reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadoutEntry {
    /// Blocks whose tokens are read, from 0, rising; one for a class per image.
    pub blocks: Vec<usize>,
    /// Whether they go through the final norm.
    pub final_norm: bool,
    /// How tokens become a vector; says nothing for a class per pixel.
    pub pooling: Pooling,
    /// What the spectra say beside the features, if the head is handed that.
    pub spectra: Option<PixelSetConfig>,
}

/// The head, whose numbers stand in the adapter's directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum HeadEntry {
    /// One class per image: a linear map of standardised features.
    Linear,
    /// One class per pixel.
    Segmentation {
        /// Which head, with its settings.
        head: SegmentationHeadConfig,
        /// How windows are laid over an image.
        evaluate: Windows,
    },
}

/// What was trained inside the backbone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodEntry {
    /// Its name in experiment files.
    pub name: String,
    /// Its settings, as an experiment file has them.
    pub settings: serde_json::Value,
    /// Folder in PEFT's format: the adapter of a method in weight space, and the head.
    pub adapter: String,
    /// File of DEFLECT's adapter.
    pub deflect: Option<String>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// How many bytes.
    pub bytes: u64,
}

/// How a model was trained and how good it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingFacts {
    /// The images.
    pub data: DataFacts,
    /// SHA-256 of the split.
    pub split_sha256: Option<String>,
    /// Seed of the split, the initialisation and the order of the data.
    pub seed: u64,
    /// Images that were trained on.
    pub n_train: Option<u64>,
    /// Images that were held out.
    pub n_held_out: Option<u64>,
    /// Parameters trained, the head's included.
    pub trainable_parameters: Option<u64>,
    /// Parameters of the head.
    pub head_parameters: Option<u64>,
    /// Parameters of the backbone.
    pub backbone_parameters: Option<u64>,
    /// Metrics on the images held out; `null` where undefined.
    pub scores: BTreeMap<String, Option<f64>>,
    /// Identity of configuration, images, split, weights and code; what tells whether the same run is asked for again.
    pub run_id: Option<String>,
    /// The resolved experiment, from which the run can be repeated.
    pub experiment: serde_json::Value,
}

/// Where training images came from, as their publisher says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFacts {
    /// Name.
    pub name: String,
    /// Licence or terms.
    pub licence: String,
    /// Whom to cite.
    pub citation: String,
    /// Where they come from.
    pub source: String,
}

impl ModelManifest {
    /// Reads `model.json` of a directory; the other files are not looked at.
    ///
    /// # Errors
    /// [`AdaptedError::NotAModel`], [`AdaptedError::Version`] for a format that this program does not read,
    /// [`AdaptedError::Manifest`] for what is no manifest.
    pub fn read(directory: &Path) -> Result<Self, AdaptedError> {
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let path = directory.join(MANIFEST_FILE);
        if !path.is_file() {
            return Err(AdaptedError::NotAModel {
                path: directory.into(),
            });
        }
        let (bytes, seal) = seal::open_json(read_capped(&path, LIMIT)?);
        if seal == Seal::Broken {
            return Err(AdaptedError::Manifest {
                path,
                detail: "not the bytes that were written: its checksum differs".into(),
            });
        }
        let bad = |error: serde_json::Error| AdaptedError::Manifest {
            path: path.clone(),
            detail: error.to_string(),
        };
        // The version first: a newer layout may not parse as this one.
        let Version { format_version } = serde_json::from_slice(&bytes).map_err(bad)?;
        if !(1..=FORMAT_VERSION).contains(&format_version) {
            return Err(AdaptedError::Version {
                path,
                found: format_version,
                newest: FORMAT_VERSION,
            });
        }
        let manifest: Self = serde_json::from_slice(&bytes).map_err(bad)?;
        manifest.check(&path)?;
        Ok(manifest)
    }

    /// Refuses what no directory that was written here can say.
    fn check(&self, path: &Path) -> Result<(), AdaptedError> {
        let bad = |detail: String| {
            Err(AdaptedError::Manifest {
                path: path.into(),
                detail,
            })
        };
        let mut named: Vec<&String> = self.files.keys().collect();
        named.push(&self.method.adapter);
        named.extend(&self.method.deflect);
        if !Path::new(&self.backbone.file).is_absolute() {
            named.push(&self.backbone.file);
        }
        for name in named {
            let inside = Path::new(name)
                .components()
                .all(|part| matches!(part, Component::Normal(_)));
            if !inside || name.is_empty() || name.contains('\\') {
                return bad(format!("`{name}` is no path inside the directory"));
            }
        }
        let wanted = match self.head {
            HeadEntry::Linear => Task::Classification,
            HeadEntry::Segmentation { .. } => Task::Segmentation,
        };
        if self.task != wanted {
            return bad(format!("a head of {wanted:?} for the task {:?}", self.task));
        }
        if self.classes.is_empty() || self.readout.blocks.is_empty() {
            return bad("no class, or no block that the head reads".into());
        }
        let rising = self.readout.blocks.windows(2).all(|pair| pair[0] < pair[1]);
        if !rising {
            return bad(format!("blocks {:?} do not rise", self.readout.blocks));
        }
        if self.backbone.channels > self.input.steps.channels.len() {
            return bad(format!(
                "{} channels of the backbone, but the steps make {}",
                self.backbone.channels,
                self.input.steps.channels.len()
            ));
        }
        if !(1..=4096).contains(&self.input.size) {
            return bad(format!("a size of {} pixels", self.input.size));
        }
        if self.input.steps.parts.iter().any(|part| part.is_random()) {
            return bad("a random step in `input.steps`".into());
        }
        Ok(())
    }

    /// The manifest as the bytes of its file.
    pub(super) fn to_bytes(&self, path: &Path) -> Result<Vec<u8>, AdaptedError> {
        let mut bytes =
            serde_json::to_vec_pretty(self).map_err(|error| AdaptedError::Manifest {
                path: path.into(),
                detail: error.to_string(),
            })?;
        bytes.push(b'\n');
        Ok(seal::close_json(&bytes))
    }
}
