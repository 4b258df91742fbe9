//! From a request to the experiment that the engine runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rs_datasets::{Dataset, Task, catalog};

use super::input::{Checkpoint, choose};
use super::settings::set;
use super::{AdaptError, AdaptRequest, EffortPreset, method};
use crate::experiment::{Experiment, ExperimentError, merge};
use crate::run::{SHIPPED, data};
use crate::shipped::{DEFAULTS, place_backbone};

/// Share held out where nobody says otherwise.
const VAL_FRACTION: f64 = 0.2;

/// What will be run.
#[derive(Clone, Debug, PartialEq)]
pub struct AdaptPlan {
    /// The resolved experiment, of one seed.
    pub experiment: Experiment,
    /// The folder to which the path of its data is relative; absent where it needs none.
    pub data: Option<PathBuf>,
}

impl AdaptPlan {
    /// The experiment as a file that `--experiment` reads.
    ///
    /// # Errors
    /// When a number has no TOML form.
    pub fn to_toml(&self) -> Result<String, AdaptError> {
        let bad =
            |error: String| AdaptError::usage("the experiment", error, "numbers that TOML has");
        let table =
            toml::Table::try_from(&self.experiment).map_err(|error| bad(error.to_string()))?;
        toml::to_string(&table).map_err(|error| bad(error.to_string()))
    }
}

/// The experiment of a request. `scratch` is a folder for the shipped checkpoint, which has to be looked into.
///
/// # Errors
/// [`AdaptError::Usage`] for what cannot be asked for; the errors of opening the images, the checkpoint, the experiment.
pub fn resolve(request: &AdaptRequest, scratch: &Path) -> Result<AdaptPlan, AdaptError> {
    let mut table = parse(DEFAULTS, Path::new("defaults.toml"))?;
    let data = match &request.experiment {
        Some(file) => {
            from_file(&mut table, file, request)?;
            request.data.clone()
        }
        None => {
            from_images(&mut table, request, scratch)?;
            None
        }
    };
    overlay(&mut table, request)?;
    let path = request
        .experiment
        .clone()
        .unwrap_or_else(|| "the experiment".into());
    let experiment: Experiment =
        toml::Value::Table(table)
            .try_into()
            .map_err(|source| ExperimentError::Schema {
                path: path.clone(),
                source: Box::new(source),
            })?;
    experiment.validate(&path)?;
    can_be_kept(&experiment)?;
    let absolute = experiment
        .data
        .path
        .as_deref()
        .is_some_and(|path| Path::new(path).is_absolute());
    Ok(AdaptPlan {
        experiment,
        // An absolute path replaces whatever it is joined to.
        data: data.or_else(|| absolute.then(PathBuf::new)),
    })
}

/// Defaults, the file's table where there is one, the file.
fn from_file(
    table: &mut toml::Table,
    file: &Path,
    request: &AdaptRequest,
) -> Result<(), AdaptError> {
    let beside = file.with_file_name("_table.toml");
    if beside.is_file() && beside != file {
        let mut shared = read(&beside)?;
        // Lists of rows; no part of what a row is.
        shared.remove("order");
        shared.remove("default");
        merge(table, shared);
    }
    merge(table, read(file)?);
    if let Some(first) = table
        .get("seeds")
        .and_then(|seeds| seeds.as_array())
        .and_then(|seeds| seeds.first())
        .cloned()
    {
        table.insert("seeds".into(), vec![first].into());
    }
    let backbone = sub(table, "backbone")?;
    if let Some(given) = &request.backbone {
        backbone.insert("weights".into(), weights(given)?.into());
    } else if let Some(weights) = backbone.get("weights").and_then(|w| w.as_str()) {
        // Relative to the folder that holds experiments/ and assets/, as for `repro`.
        let relative = Path::new(weights).is_relative() && ![SHIPPED, "random"].contains(&weights);
        let found = file.canonicalize().ok().and_then(|file| {
            file.ancestors()
                .map(|f| f.join(weights))
                .find(|f| f.exists())
        });
        if let (true, Some(found)) = (relative, found) {
            let found = found.to_string_lossy().into_owned();
            backbone.insert("weights".into(), found.into());
        }
    }
    if let Some(name) = &request.method {
        table.insert("method".into(), method::table(name, request.rank)?.into());
    } else if let Some(rank) = request.rank {
        set(table, &format!("method.rank={rank}"))?;
    }
    let input = sub(table, "input")?;
    if !request.bands.is_empty() {
        input.insert("bands".into(), strings(&request.bands));
    }
    if !request.spectral.is_empty() {
        input.insert("spectral".into(), strings(&request.spectral));
    }
    if let Some(init) = request.adapt_bands {
        let text = serde_json::to_value(init).unwrap_or_default();
        let name = text.as_str().unwrap_or_default().to_owned();
        input.insert("patch_embed".into(), name.into());
    }
    if let Some(size) = request.size {
        input.insert("size".into(), whole(size));
    }
    Ok(())
}

/// Everything from the images and the flags.
fn from_images(
    table: &mut toml::Table,
    request: &AdaptRequest,
    scratch: &Path,
) -> Result<(), AdaptError> {
    let Some(given) = &request.data else {
        return Err(AdaptError::usage(
            "--data",
            "nothing",
            "a folder with a folder per class, a manifest, or --experiment FILE",
        ));
    };
    let path = given.canonicalize().map_err(|source| AdaptError::Io {
        action: "find",
        path: given.clone(),
        source,
    })?;
    let name = request
        .dataset
        .clone()
        .unwrap_or_else(|| layout(&path).into());
    let dataset: Arc<dyn Dataset> = Arc::from(catalog::open(&name, &path)?);
    let task = task(request.task, dataset.as_ref())?;
    let unit = dataset.load(0)?.image.unit;

    let given = request.backbone.as_deref().unwrap_or("shipped");
    let weights = weights(given)?;
    let shipped = [SHIPPED, "random"].contains(&weights.as_str());
    let checkpoint = match shipped {
        true => place_backbone(scratch)?,
        false => PathBuf::from(&weights),
    };
    let asked = request.method.as_deref().unwrap_or("lora");
    let method = method::table(asked, request.rank)?;
    let kind = method
        .get("method")
        .and_then(|name| name.as_str())
        .unwrap_or(asked)
        .to_owned();
    let size = request.size.unwrap_or(if shipped { 64 } else { 224 });
    let input = choose(
        request,
        dataset.as_ref(),
        unit,
        &Checkpoint::read(&checkpoint)?,
        kind == "deflect",
        size,
    )?;
    let preset = request.preset.unwrap_or_default();

    let new_channels = input.patch_embed != vit_backbone::PatchEmbedInit::Select;
    table.insert(
        "title".into(),
        format!("{asked} on {}", dataset.name()).into(),
    );
    table.insert("table".into(), heading(task).into());
    table.insert("train_patch_embed".into(), new_channels.into());
    table.insert("seeds".into(), vec![toml::Value::Integer(0)].into());
    let mut data = toml::Table::new();
    data.insert("dataset".into(), name.into());
    data.insert("path".into(), path.to_string_lossy().into_owned().into());
    data.insert("split".into(), split(request, dataset.as_ref())?.into());
    table.insert("data".into(), data.into());
    let input = toml::Table::try_from(&input)
        .map_err(|error| AdaptError::usage("input", error, "numbers that TOML has"))?;
    table.insert("input".into(), input.into());
    sub(table, "backbone")?.insert("weights".into(), weights.into());
    table.insert("method".into(), method.into());
    let train = sub(table, "train")?;
    train.insert("learning_rate".into(), method::learning_rate(&kind).into());
    train.insert("epochs".into(), whole(preset.epochs()));
    if task == Task::Segmentation {
        let head = match preset {
            EffortPreset::Thorough => "head = { kind = 'upernet', channels = 64 }",
            _ => "head = { kind = 'linear' }",
        };
        if preset != EffortPreset::Thorough {
            sub(table, "train")?.insert("head_learning_rate".into(), 1e-2.into());
        }
        let segmentation = parse(head, Path::new("segmentation"))?;
        table.insert("segmentation".into(), segmentation.into());
    }
    Ok(())
}

/// What stands in flags for both ways.
fn overlay(table: &mut toml::Table, request: &AdaptRequest) -> Result<(), AdaptError> {
    let train = sub(table, "train")?;
    if let (Some(preset), Some(_)) = (request.preset, &request.experiment) {
        train.insert("epochs".into(), whole(preset.epochs()));
    }
    if let Some(epochs) = request.epochs {
        train.insert("epochs".into(), whole(epochs));
    }
    if let Some(rate) = request.learning_rate {
        train.insert("learning_rate".into(), rate.into());
    }
    if let Some(batch) = request.batch {
        train.insert("batch_size".into(), whole(batch));
    }
    if let Some(seed) = request.seed {
        let seed = i64::try_from(seed)
            .map_err(|_| AdaptError::usage("--seed", seed, "at most 9223372036854775807"))?;
        table.insert("seeds".into(), vec![toml::Value::Integer(seed)].into());
    }
    if let (Some(share), Some(_)) = (request.val_fraction, &request.experiment) {
        sub(table, "data")?.insert("split".into(), repeated(share).into());
    }
    if let (Some(file), Some(_)) = (&request.split, &request.experiment) {
        sub(table, "data")?.insert("split".into(), split_file(file)?.into());
    }
    for setting in &request.set {
        set(table, setting)?;
    }
    Ok(())
}

/// Refuses experiments of which nothing remains that could predict.
fn can_be_kept(experiment: &Experiment) -> Result<(), AdaptError> {
    let refuse = |what: &str, expected: &str| Err(AdaptError::usage("experiment", what, expected));
    if experiment.detection.is_some() {
        return refuse(
            "[detection]",
            "a class per image or per pixel: a model directory holds no boxes yet; run detection with `rs-peft repro`",
        );
    }
    if experiment.probe.is_some() || experiment.data.split.groups().is_some() {
        return refuse(
            "a probe of frozen features",
            "a trained head: leave [probe] out, or run the experiment with `rs-peft repro`",
        );
    }
    Ok(())
}

/// The checkpoint as an experiment names it.
fn weights(given: &str) -> Result<String, AdaptError> {
    match given {
        "shipped" => Ok(SHIPPED.into()),
        "random" => Ok("random".into()),
        file => {
            let path = Path::new(file)
                .canonicalize()
                .map_err(|source| AdaptError::Io {
                    action: "find the backbone",
                    path: file.into(),
                    source,
                })?;
            Ok(path.to_string_lossy().into_owned())
        }
    }
}

/// How images of one's own are laid out: the name of the reader, `folder` or `manifest`.
pub fn layout(path: &Path) -> &'static str {
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    let listed = ["manifest.csv", "manifest.toml"]
        .iter()
        .any(|name| path.join(name).is_file());
    match ending.as_deref() {
        Some("csv" | "toml") => "manifest",
        _ if listed => "manifest",
        _ => "folder",
    }
}

fn task(asked: Option<Task>, dataset: &dyn Dataset) -> Result<Task, AdaptError> {
    let found = dataset.info().task;
    if found == Task::OrientedDetection || asked == Some(Task::OrientedDetection) {
        return Err(AdaptError::usage(
            "--task",
            "detection",
            "classification or segmentation: a model directory holds no boxes yet; run detection with `rs-peft repro`",
        ));
    }
    if found == Task::MultiLabel {
        return Err(AdaptError::usage(
            "--task",
            "several classes per image",
            "one class per image or per pixel; take features with `rs-peft embed` and fit a classifier per class on them",
        ));
    }
    match asked {
        Some(asked) if asked != found => Err(AdaptError::usage(
            "--task",
            format!("{asked:?}"),
            format!(
                "{found:?}, which is what the labels are; a class per pixel needs a manifest with `task = \"segmentation\"` and masks"
            ),
        )),
        _ => Ok(found),
    }
}

/// Parts that the images come in, or a share held out.
fn split(request: &AdaptRequest, dataset: &dyn Dataset) -> Result<toml::Table, AdaptError> {
    if let Some(file) = &request.split {
        return split_file(file);
    }
    let parts: std::collections::BTreeSet<&str> = (0..dataset.len())
        .filter_map(|index| dataset.published_split(index))
        .collect();
    let published =
        parts.contains("train") && parts.iter().any(|part| data::HELD_OUT.contains(part));
    Ok(match request.val_fraction {
        None if published => {
            let mut split = toml::Table::new();
            split.insert("kind".into(), "published".into());
            split
        }
        share => repeated(share.unwrap_or(VAL_FRACTION)),
    })
}

fn split_file(file: &Path) -> Result<toml::Table, AdaptError> {
    let path = file.canonicalize().map_err(|source| AdaptError::Io {
        action: "find the split",
        path: file.into(),
        source,
    })?;
    let mut split = toml::Table::new();
    split.insert("kind".into(), "file".into());
    split.insert("path".into(), path.to_string_lossy().into_owned().into());
    Ok(split)
}

fn repeated(share: f64) -> toml::Table {
    let mut split = toml::Table::new();
    split.insert("kind".into(), "repeated".into());
    split.insert("test".into(), share.into());
    split
}

/// What a table of results would say.
fn heading(task: Task) -> toml::Table {
    let metrics: &[&str] = match task {
        Task::Segmentation => &["miou", "macro_f1", "accuracy"],
        _ => &["accuracy", "macro_f1", "ece"],
    };
    let metrics: Vec<String> = metrics.iter().map(|name| name.to_string()).collect();
    let mut table = toml::Table::new();
    table.insert("title".into(), "Adapted".into());
    let protocol = "One seed; the images held out are scored once, after the last epoch.";
    table.insert("protocol".into(), protocol.into());
    table.insert("data".into(), "real".into());
    table.insert("reference".into(), "".into());
    table.insert("metrics".into(), strings(&metrics));
    table
}

fn strings(names: &[String]) -> toml::Value {
    toml::Value::Array(names.iter().map(|name| name.clone().into()).collect())
}

fn whole(value: usize) -> toml::Value {
    toml::Value::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

/// The table under a key, which is made where it is absent.
fn sub<'t>(table: &'t mut toml::Table, key: &str) -> Result<&'t mut toml::Table, AdaptError> {
    table
        .entry(key)
        .or_insert_with(|| toml::Table::new().into())
        .as_table_mut()
        .ok_or_else(|| AdaptError::usage(key, "a value", "a table"))
}

fn read(path: &Path) -> Result<toml::Table, AdaptError> {
    let text = std::fs::read_to_string(path).map_err(|source| ExperimentError::Read {
        path: path.into(),
        source,
    })?;
    parse(&text, path)
}

fn parse(text: &str, path: &Path) -> Result<toml::Table, AdaptError> {
    Ok(text.parse().map_err(|source| ExperimentError::Syntax {
        path: path.into(),
        source: Box::new(source),
    })?)
}
