//! The class of every row of a feature file: from a table, from an npy file, or from the folders of the images.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use rs_peft::rs_datasets::ReadLimits;
use rs_peft::rs_datasets::io::{parse_csv, read_npy};

use super::feature_table::FeatureTable;

/// Names, or indices into a list of classes that is given elsewhere.
enum Labels {
    Names(Vec<String>),
    Indices(Vec<i32>),
}

/// Where the labels are.
pub(super) enum LabelSource<'a> {
    /// A CSV with a column `label` and, if wanted, `file`; or an npy file of class indices.
    File(&'a Path),
    /// The folder that holds each image.
    Folders,
}

/// Class names, and the class of every row.
pub(super) struct RowLabels {
    pub(super) classes: Vec<String>,
    pub(super) labels: Vec<usize>,
}

impl RowLabels {
    /// Reads the labels of `table`. `classes` is the list of names where one is given; else all that occur, sorted.
    pub(super) fn read(
        source: &LabelSource<'_>,
        table: &FeatureTable,
        classes: &[String],
    ) -> anyhow::Result<Self> {
        let found = match source {
            LabelSource::Folders => Labels::Names(folders(table)?),
            LabelSource::File(path) => match ending(path).as_deref() {
                Some("npy") => Labels::Indices(npy(path)?),
                Some("csv") => Labels::Names(csv(path, table)?),
                _ => bail!(
                    "--labels {}: expected a name that ends in .csv or .npy",
                    path.display()
                ),
            },
        };
        let count = match &found {
            Labels::Names(names) => names.len(),
            Labels::Indices(indices) => indices.len(),
        };
        ensure!(
            count == table.rows(),
            "{count} labels for {} rows of {}; give one per row, in their order",
            table.rows(),
            table.path.display()
        );
        match found {
            Labels::Names(names) => named(&names, classes),
            Labels::Indices(indices) => indexed(&indices, classes),
        }
    }
}

fn ending(path: &Path) -> Option<String> {
    let ending = path.extension()?;
    Some(ending.to_string_lossy().to_ascii_lowercase())
}

/// The images that the rows were computed from.
fn files(table: &FeatureTable) -> anyhow::Result<&[String]> {
    let files = table.files.as_deref().with_context(|| {
        format!(
            "{} does not say which images its rows are from; give the labels in the order of its rows, without a column `file`",
            table.path.display()
        )
    })?;
    ensure!(
        files.len() == table.rows(),
        "{} has {} rows from {} images; give the labels in the order of its rows, without a column `file`",
        table.path.display(),
        table.rows(),
        files.len()
    );
    Ok(files)
}

fn folders(table: &FeatureTable) -> anyhow::Result<Vec<String>> {
    let folder = |file: &String| {
        let name = Path::new(file).parent().and_then(Path::file_name);
        let name =
            name.with_context(|| format!("{file} lies in no folder that could be its class"))?;
        Ok(name.to_string_lossy().into_owned())
    };
    files(table)?.iter().map(folder).collect()
}

/// One label per row: by file where the table names files, else in order.
fn csv(path: &Path, table: &FeatureTable) -> anyhow::Result<Vec<String>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut records = parse_csv(&text, path)?.into_iter();
    let header = records.next().with_context(|| {
        format!(
            "{} is empty; expected a line of column names",
            path.display()
        )
    })?;
    let column = |name: &str| header.fields.iter().position(|field| field.trim() == name);
    let label = column("label").with_context(|| {
        format!(
            "{}: no column `label`; it has {}",
            path.display(),
            header.fields.join(", ")
        )
    })?;
    let Some(file) = column("file") else {
        return Ok(records
            .map(|record| record.fields[label].trim().to_owned())
            .collect());
    };
    let mut by_path: HashMap<PathBuf, String> = HashMap::new();
    let mut by_name: HashMap<String, Option<String>> = HashMap::new();
    for record in records {
        let place = PathBuf::from(record.fields[file].trim());
        let value = record.fields[label].trim().to_owned();
        let name = place
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        // A name that stands for two files tells nothing.
        by_name
            .entry(name)
            .and_modify(|known| *known = None)
            .or_insert(Some(value.clone()));
        ensure!(
            by_path.insert(place.clone(), value).is_none(),
            "{} line {}: {} a second time",
            path.display(),
            record.line,
            place.display()
        );
    }
    let find = |file: &String| {
        let name = Path::new(file)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let found = by_path
            .get(Path::new(file))
            .or_else(|| by_name.get(name.as_ref()).and_then(Option::as_ref));
        found.cloned().with_context(|| {
            format!(
                "{} has no row, or no single one, for {file}",
                path.display()
            )
        })
    };
    files(table)?.iter().map(find).collect()
}

fn npy(path: &Path) -> anyhow::Result<Vec<i32>> {
    let array = read_npy(path, &ReadLimits::default())?;
    ensure!(
        array.shape.len() == 1,
        "{} has the shape {:?}, expected one axis: a class index per row",
        path.display(),
        array.shape
    );
    array
        .samples
        .to_i32()
        .map_err(|row| anyhow::anyhow!("{}: row {row} is no whole number", path.display()))
}

fn named(names: &[String], classes: &[String]) -> anyhow::Result<RowLabels> {
    let mut list: Vec<String> = classes.to_vec();
    if list.is_empty() {
        list = names.to_vec();
        list.sort();
        list.dedup();
    }
    let place: HashMap<&str, usize> = list
        .iter()
        .enumerate()
        .map(|(at, name)| (name.as_str(), at))
        .collect();
    let find = |(row, name): (usize, &String)| {
        place.get(name.as_str()).copied().with_context(|| {
            format!(
                "row {row} is of the class `{name}`, which is none of {}",
                list.join(", ")
            )
        })
    };
    let labels = names
        .iter()
        .enumerate()
        .map(find)
        .collect::<anyhow::Result<_>>()?;
    Ok(RowLabels {
        labels,
        classes: list,
    })
}

fn indexed(indices: &[i32], classes: &[String]) -> anyhow::Result<RowLabels> {
    /// A hostile index must not become a list of that length.
    const MOST: i32 = 100_000;
    let largest = indices.iter().copied().max().unwrap_or(0);
    let count = match classes.len() {
        0 => largest.saturating_add(1).min(MOST),
        count => i32::try_from(count).unwrap_or(MOST).min(MOST),
    };
    let find = |(row, &index): (usize, &i32)| {
        ensure!(
            (0..count).contains(&index),
            "row {row} has the class index {index}, expected 0 to {}",
            count - 1
        );
        Ok(index as usize)
    };
    let labels = indices
        .iter()
        .enumerate()
        .map(find)
        .collect::<anyhow::Result<_>>()?;
    let classes = match classes {
        [] => (0..count).map(|class| class.to_string()).collect(),
        given => given.to_vec(),
    };
    Ok(RowLabels { classes, labels })
}
