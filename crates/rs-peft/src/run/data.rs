//! Opening a data set and dividing it as an experiment says.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rs_datasets::{
    AerialScenes, Dataset, LabelTable, LongTail, Split, SyntheticConfig, SyntheticScenes, Task,
    catalog, stratified,
};

use super::RunError;
use super::segmentation::Tiled;
use crate::experiment::{DataConfig, LongTailSplit, NaturalLongTail, SplitConfig};

/// Seed of the synthetic scenes; the split is what a run's seed draws.
const SCENES: u64 = 20_26;

/// Published parts that a row is tested on, the first that is there.
pub(crate) const HELD_OUT: [&str; 4] = ["test", "val", "valid", "validation"];

/// Opens the data set of a row. `folder` is what the user gave with `--data`.
///
/// # Errors
/// [`RunError::NoData`] without a folder, [`RunError::Data`] for whatever reading gives.
pub(crate) fn open(
    row: &str,
    config: &DataConfig,
    folder: Option<&Path>,
) -> Result<Arc<dyn Dataset>, RunError> {
    let scenes = || {
        let mut scenes = SyntheticConfig::balanced(config.per_class.unwrap_or(40), SCENES);
        scenes.size = config.scene_size.unwrap_or(scenes.size);
        scenes
    };
    match config.dataset.as_str() {
        "synthetic" => return Ok(Arc::new(SyntheticScenes::classification(scenes())?)),
        "synthetic_segmentation" => return Ok(Arc::new(SyntheticScenes::segmentation(scenes())?)),
        "synthetic_aerial" => {
            let scenes = config.aerial.clone().unwrap_or_default();
            return Ok(Arc::new(AerialScenes::new(scenes)?));
        }
        _ => {}
    }
    let path = locate(row, config.path.as_deref().unwrap_or_default(), folder)?;
    let whole: Arc<dyn Dataset> = Arc::from(catalog::open(&config.dataset, &path)?);
    match config.windows {
        None => Ok(whole),
        Some(side) => Ok(Arc::new(Tiled::disjoint(whole, side)?)),
    }
}

/// The split of one seed: parts `train` and `test`.
///
/// # Errors
/// As [`open`], and when a fraction leaves a part empty.
pub(crate) fn split(
    row: &str,
    config: &DataConfig,
    dataset: &dyn Dataset,
    seed: u64,
    folder: Option<&Path>,
) -> Result<Split, RunError> {
    let table = match dataset.info().task {
        // Images with several classes, a class per pixel or objects have none to be stratified by.
        Task::MultiLabel | Task::Segmentation | Task::OrientedDetection => {
            LabelTable::unlabelled(dataset)?
        }
        Task::Classification => LabelTable::of(dataset)?,
    };
    let left_out: HashSet<String> = config.leave_out.iter().cloned().collect();
    for id in &config.leave_out {
        dataset.index_of(id)?;
    }
    let table = match left_out.is_empty() {
        true => table,
        false => table.filter(|id| !left_out.contains(id))?,
    };
    let name = format!("{}-seed{seed}", dataset.name());
    Ok(match &config.split {
        SplitConfig::Published | SplitConfig::File { .. } => {
            let split = match &config.split {
                SplitConfig::File { path } => from_file(row, path, dataset, folder)?,
                _ => published(dataset)?,
            };
            match left_out.is_empty() {
                true => split,
                false => split.without(&left_out, "left out by the experiment")?,
            }
        }
        SplitConfig::Repeated { test } => stratified(
            &table,
            &name,
            &[("test", *test), ("train", 1.0 - *test)],
            seed,
        )?,
        SplitConfig::Holdout {
            test,
            split_seed,
            label_fraction,
            reserve,
        } => {
            let table = match reserve {
                Some(path) => without(&table, &locate(row, path, folder)?)?,
                None => table,
            };
            let fixed = stratified(
                &table,
                &name,
                &[("test", *test), ("train", 1.0 - *test)],
                *split_seed,
            )?;
            fixed.label_fraction("train", &table, *label_fraction, seed)?
        }
        SplitConfig::LongTailed(config) => long_tailed(row, config, table, &name, seed, folder)?,
        SplitConfig::NaturalLongTail(config) => natural(config, dataset, &table, &name, seed)?,
    })
}

/// The published split; where it has no part `test`, that for validation is tested.
fn published(dataset: &dyn Dataset) -> Result<Split, RunError> {
    tested(Split::published(dataset)?)
}

/// The split of a file, every sample of which the data set has.
fn from_file(
    row: &str,
    path: &str,
    dataset: &dyn Dataset,
    folder: Option<&Path>,
) -> Result<Split, RunError> {
    let split = Split::read(&locate(row, path, folder)?)?;
    for (part, _) in split.parts() {
        split.indices(part, dataset)?;
    }
    split.part("train")?;
    tested(split)
}

/// A split whose part to be tested is called `test`.
fn tested(split: Split) -> Result<Split, RunError> {
    let held = HELD_OUT.iter().find(|name| split.part(name).is_ok());
    match held {
        Some(&held) if held != "test" => {
            let parts = split.parts().map(|(name, ids)| {
                let name = if name == held { "test" } else { name };
                (name.to_owned(), ids.to_vec())
            });
            let rule = format!("{}, {held} tested", split.rule());
            Ok(Split::new(
                split.name(),
                &rule,
                split.seed(),
                parts.collect(),
            )?)
        }
        _ => Ok(split),
    }
}

/// Parts `train`, `validation` and `test` of a set that is long-tailed by itself.
fn natural(
    config: &NaturalLongTail,
    dataset: &dyn Dataset,
    table: &LabelTable,
    name: &str,
    seed: u64,
) -> Result<Split, RunError> {
    if let Some(test) = config.test {
        let train = 1.0 - test - config.validation;
        let shares = [
            ("test", test),
            ("validation", config.validation),
            ("train", train),
        ];
        return Ok(stratified(table, name, &shares, seed)?);
    }
    let published = Split::published(dataset)?;
    let has = |part: &str| published.parts().any(|(name, _)| name == part);
    let held = if has("val") { "val" } else { "validation" };
    let mut parts: Vec<(String, Vec<String>)> = Vec::new();
    let mut take = |name: &str, part: &str| -> Result<(), RunError> {
        parts.push((name.into(), published.part(part)?.to_vec()));
        Ok(())
    };
    if has("test") && has(held) {
        take("test", "test")?;
        take("validation", held)?;
        take("train", "train")?;
    } else {
        take("test", if has("test") { "test" } else { held })?;
        // Of the training part alone.
        let train: HashSet<&str> = published
            .part("train")?
            .iter()
            .map(String::as_str)
            .collect();
        let table = table.filter(|id| train.contains(id))?;
        let shares = [
            ("validation", config.validation),
            ("train", 1.0 - config.validation),
        ];
        let drawn = stratified(&table, name, &shares, seed)?;
        for part in ["validation", "train"] {
            parts.push((part.into(), drawn.part(part)?.to_vec()));
        }
    }
    Ok(Split::new(
        name,
        "published, long-tailed",
        Some(seed),
        parts,
    )?)
}

/// Parts `train` (long-tailed), `test` (balanced) and `validation` (the rest of the hold-out).
fn long_tailed(
    row: &str,
    config: &LongTailSplit,
    table: LabelTable,
    name: &str,
    seed: u64,
    folder: Option<&Path>,
) -> Result<Split, RunError> {
    let table = match &config.reserve {
        Some(path) => without(&table, &locate(row, path, folder)?)?,
        None => table,
    };
    let profile = LongTail {
        imbalance_factor: config.imbalance,
        n_max: Some(config.n_max),
        order: None,
    };
    let shares = [("test", config.held_out), ("train", 1.0 - config.held_out)];
    let fixed = stratified(&table, name, &shares, config.split_seed)?;
    let balanced =
        fixed.k_shot_with_rest("test", "validation", &table, config.test_per_class, seed)?;
    Ok(balanced.long_tail("train", &table, &profile, seed)?)
}

/// Indices of all labelled samples that a row may draw from, in the data set's order.
///
/// # Errors
/// As [`open`].
pub(crate) fn pool(
    row: &str,
    config: &DataConfig,
    dataset: &dyn Dataset,
    folder: Option<&Path>,
) -> Result<Vec<usize>, RunError> {
    let mut table = LabelTable::of(dataset)?;
    let reserve = match &config.split {
        SplitConfig::Holdout { reserve, .. } => reserve.as_ref(),
        SplitConfig::LongTailed(division) => division.reserve.as_ref(),
        SplitConfig::Repeated { .. }
        | SplitConfig::Published
        | SplitConfig::File { .. }
        | SplitConfig::NaturalLongTail(_) => None,
    };
    if let Some(path) = reserve {
        table = without(&table, &locate(row, path, folder)?)?;
    }
    Ok((0..dataset.len())
        .filter(|&index| table.class_of(dataset.id(index)).is_ok())
        .collect())
}

/// The table without the ids of the 13-band EuroSAT data set at `path`.
pub(crate) fn without(table: &LabelTable, path: &Path) -> Result<LabelTable, RunError> {
    let reserved = catalog::open("eurosat_ms", path)?;
    let ids: HashSet<&str> = (0..reserved.len())
        .map(|index| reserved.id(index))
        .collect();
    Ok(table.filter(|id| !ids.contains(id))?)
}

fn locate(row: &str, path: &str, folder: Option<&Path>) -> Result<PathBuf, RunError> {
    match folder {
        Some(folder) => Ok(folder.join(path)),
        None => Err(RunError::NoData {
            row: row.into(),
            needs: path.into(),
        }),
    }
}
