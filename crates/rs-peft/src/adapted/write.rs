//! Writing a model directory from what a finished seed left: beside its place, under another name, and renamed when complete.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rs_datasets::Task;
use vit_backbone::sha256_file;

use super::manifest::{
    BackboneEntry, DataFacts, FileEntry, HeadEntry, MethodEntry, ReadoutEntry, TrainingFacts,
};
use super::{AdaptedError, FORMAT_VERSION, MANIFEST_FILE, ModelManifest, card};
use crate::RunError;
use crate::experiment::{Experiment, Method};
use crate::run::keep::{KeptInput, kept_input_file};
use crate::run::{SeedOutput, backbone, json_file};

/// Names inside the directory.
const ADAPTER: &str = "adapter";
const DEFLECT: &str = "adapter.deflect.safetensors";
const BACKBONE: &str = "backbone.safetensors";
const CARD: &str = "README.md";

/// What is copied by [`KeepBackbone::Small`].
const SMALL: u64 = 64 << 20;

/// Whether the backbone's checkpoint is copied into the directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepBackbone {
    /// One file of up to 64 MiB is; of a larger one the absolute path is kept.
    #[default]
    Small,
    /// It is.
    Copy,
    /// Its absolute path is kept.
    Link,
}

/// A finished seed of which the engine kept adapter, head and input.
#[derive(Clone, Copy, Debug)]
pub struct FinishedSeed<'a> {
    /// The resolved configuration.
    pub experiment: &'a Experiment,
    /// The seed.
    pub seed: u64,
    /// What it left.
    pub output: &'a SeedOutput,
    /// The folder in which the engine kept it.
    pub folder: &'a Path,
    /// The folder to which the path of the weights is relative.
    pub root: &'a Path,
    /// Identity of the run, where it has one.
    pub run_id: Option<&'a str>,
}

/// Writes the model directory of a finished seed, whole or not at all. `replace` lets it take the place of another model.
///
/// # Errors
/// [`AdaptedError::Exists`] for a folder that is not empty, unless it is a model and `replace` is set; [`AdaptedError::Io`];
/// what reading the kept files gives.
pub fn write_model(
    directory: &Path,
    finished: &FinishedSeed<'_>,
    keep: KeepBackbone,
    replace: bool,
) -> Result<ModelManifest, AdaptedError> {
    require_free(directory, replace)?;
    let parent = match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&parent).map_err(AdaptedError::io("create", &parent))?;
    // Removed when dropped, with whatever is in it, on every early return below.
    let fresh = tempfile::Builder::new()
        .prefix(".model-")
        .tempdir_in(&parent)
        .map_err(AdaptedError::io("create a folder in", &parent))?;
    // Created with the usual permissions: the temporary folder around it is private to its owner.
    let staged = fresh.path().join("new");
    fs::create_dir(&staged).map_err(AdaptedError::io("create", &staged))?;
    let manifest = fill(&staged, finished, keep)?;
    let path = staged.join(MANIFEST_FILE);
    write(&path, &manifest.to_bytes(&path)?)?;
    if directory.exists() {
        // Two renames instead of a removal and one: the old model is there until the new one can take its place.
        let old = fresh.path().join("old");
        fs::rename(directory, &old).map_err(AdaptedError::io("move away", directory))?;
    }
    fs::rename(&staged, directory).map_err(AdaptedError::io("write", directory))?;
    Ok(manifest)
}

/// That nothing is lost by writing there.
pub(crate) fn require_free(directory: &Path, replace: bool) -> Result<(), AdaptedError> {
    let mut entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(AdaptedError::io("list", directory)(source)),
    };
    let free = entries.next().is_none() || replace && directory.join(MANIFEST_FILE).is_file();
    if free {
        return Ok(());
    }
    Err(AdaptedError::Exists {
        path: directory.into(),
    })
}

/// Writes every file but the manifest, and says what the manifest is.
fn fill(
    staged: &Path,
    finished: &FinishedSeed<'_>,
    keep: KeepBackbone,
) -> Result<ModelManifest, AdaptedError> {
    let &FinishedSeed {
        experiment,
        seed,
        output,
        folder,
        root,
        run_id,
    } = finished;
    let kept: KeptInput = json_file::read(&kept_input_file(folder, seed))?;
    let from = folder.join(format!("seed-{seed}.adapter"));
    copy_folder(&from, &staged.join(ADAPTER))?;
    let deflect = match &experiment.method {
        Method::Deflect(_) => {
            let from = folder.join(format!("seed-{seed}.deflect.safetensors"));
            copy(&from, &staged.join(DEFLECT))?;
            Some(DEFLECT.to_owned())
        }
        Method::Weights(_) => None,
    };
    let checkpoint = backbone::path(&experiment.backbone, root);
    let copies = match keep {
        KeepBackbone::Copy => true,
        KeepBackbone::Link => false,
        KeepBackbone::Small => {
            fs::metadata(&checkpoint).is_ok_and(|file| file.is_file() && file.len() <= SMALL)
        }
    };
    let file = if copies {
        copy(&checkpoint, &staged.join(BACKBONE))?;
        BACKBONE.to_owned()
    } else {
        let absolute = fs::canonicalize(&checkpoint)
            .map_err(AdaptedError::io("find", checkpoint.as_path()))?;
        absolute.to_string_lossy().into_owned()
    };
    let json = |source| RunError::Json {
        path: folder.into(),
        source,
    };
    let mut manifest = ModelManifest {
        format_version: FORMAT_VERSION,
        program: concat!("rs-peft ", env!("CARGO_PKG_VERSION")).into(),
        task: match experiment.segmentation {
            Some(_) => Task::Segmentation,
            None => Task::Classification,
        },
        classes: kept.classes,
        backbone: BackboneEntry {
            name: name_of(&checkpoint),
            file,
            sha256: output.weights.clone(),
            random: experiment.backbone.weights == "random",
            seed,
            channels: experiment.input.bands.len(),
            known: experiment.input.known,
            patch_embed: experiment.input.patch_embed,
            model: experiment.backbone.model.clone(),
            resolution: experiment.backbone.resolution,
        },
        input: kept.input,
        readout: ReadoutEntry {
            blocks: kept.blocks,
            final_norm: kept.final_norm,
            pooling: experiment.backbone.pooling,
            spectra: experiment.spectral_head.clone(),
        },
        head: match &experiment.segmentation {
            Some(asked) => HeadEntry::Segmentation {
                head: asked.head.clone(),
                evaluate: asked.evaluate,
            },
            None => HeadEntry::Linear,
        },
        method: MethodEntry {
            name: experiment.method.name().into(),
            settings: serde_json::to_value(&experiment.method).map_err(json)?,
            adapter: ADAPTER.into(),
            deflect,
        },
        files: BTreeMap::new(),
        training: TrainingFacts {
            data: DataFacts {
                name: kept.data.name,
                licence: kept.data.licence,
                citation: kept.data.citation,
                source: kept.data.source,
            },
            split_sha256: output.result.split_hash.clone(),
            seed,
            n_train: output.result.n_train,
            n_held_out: output.result.n_test,
            trainable_parameters: output.parameters.trainable,
            head_parameters: output.parameters.head,
            backbone_parameters: output.parameters.backbone,
            scores: output.result.metrics.clone(),
            run_id: run_id.map(str::to_owned),
            experiment: serde_json::to_value(experiment)
                .map_err(json)?,
        },
    };
    write(&staged.join(CARD), card::card(&manifest).as_bytes())?;
    manifest.files = listing(staged, staged)?;
    Ok(manifest)
}

/// The file's name, without its folders.
fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Every file below `folder`, hashed, by its path below `root`.
fn listing(root: &Path, folder: &Path) -> Result<BTreeMap<String, FileEntry>, AdaptedError> {
    let mut found = BTreeMap::new();
    for path in entries(folder)? {
        if path.is_dir() {
            found.extend(listing(root, &path)?);
            continue;
        }
        let below = path.strip_prefix(root).unwrap_or(&path);
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        let bytes = fs::metadata(&path)
            .map_err(AdaptedError::io("read the size of", path.as_path()))?
            .len();
        let sha256 = sha256_file(&path)?;
        found.insert(parts.join("/"), FileEntry { sha256, bytes });
    }
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, AdaptedError> {
    let list = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.path()))
            .collect()
    };
    list().map_err(AdaptedError::io("list", folder))
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), AdaptedError> {
    fs::create_dir(to).map_err(AdaptedError::io("create", to))?;
    for path in entries(from)? {
        copy(&path, &to.join(name_of(&path)))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), AdaptedError> {
    fs::copy(from, to).map_err(AdaptedError::io("copy", from))?;
    let file = fs::File::open(to).map_err(AdaptedError::io("open", to))?;
    file.sync_all().map_err(AdaptedError::io("write", to))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), AdaptedError> {
    use std::io::Write;
    let mut file = fs::File::create(path).map_err(AdaptedError::io("create", path))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(AdaptedError::io("write", path))
}
