//! Which part of which split, and splits as tables of counts.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use rs_peft::rs_datasets::{DataError, Dataset, LabelTable, Split};
use serde_json::{Map, Value, json};

/// A split and one of its parts.
#[derive(clap::Args)]
pub(super) struct PartOf {
    /// Split file, as `rs-peft data split` writes it; else the split that the data set comes in.
    #[arg(long)]
    pub(super) split: Option<PathBuf>,
    /// Part of the split. [default: train, or all samples where the data set comes in no parts]
    #[arg(long)]
    pub(super) part: Option<String>,
}

/// Name of the only part of a data set that comes in none.
const ALL: &str = "all";

impl PartOf {
    /// The split, and the name of the part. A data set without parts gives a split with one, `whole` or what was asked for.
    pub(super) fn find(
        &self,
        dataset: &dyn Dataset,
        whole: &str,
    ) -> anyhow::Result<(Split, String)> {
        let split = match &self.split {
            Some(path) => Split::read(path)?,
            None if in_parts(dataset) => Split::published(dataset)?,
            None => {
                let ids = (0..dataset.len()).map(|index| dataset.id(index).to_owned());
                let part = self.part.as_deref().unwrap_or(whole);
                ensure!(
                    part == whole || part == ALL,
                    "{} comes in no parts, so there is no part `{part}`; give a split with --split FILE",
                    dataset.name()
                );
                let name = format!("{}-all", dataset.name());
                let parts = vec![(part.to_owned(), ids.collect())];
                let split = Split::new(&name, "all samples", None, parts)?;
                return Ok((split, part.to_owned()));
            }
        };
        let part = self.part.as_deref().unwrap_or("train").to_owned();
        split.part(&part)?;
        Ok((split, part))
    }

    /// [`PartOf::find`] with the part `all` where there are none.
    pub(super) fn or_all(&self, dataset: &dyn Dataset) -> anyhow::Result<(Split, String)> {
        self.find(dataset, ALL)
    }
}

fn in_parts(dataset: &dyn Dataset) -> bool {
    (0..dataset.len()).any(|index| dataset.published_split(index).is_some())
}

/// A split in the words of a script.
pub(super) fn describe(split: &Split, table: &LabelTable) -> Result<Value, DataError> {
    let mut parts = Map::new();
    for (name, ids) in split.parts() {
        let counts = split.class_counts(name, table)?;
        let counts: Map<String, Value> = table
            .classes()
            .iter()
            .zip(counts)
            .map(|(class, count)| (class.clone(), count.into()))
            .collect();
        parts.insert(
            name.into(),
            json!({ "samples": ids.len(), "classes": counts }),
        );
    }
    Ok(json!({
        "name": split.name(), "rule": split.rule(), "seed": split.seed(), "sha256": split.sha256(), "parts": parts
    }))
}

/// Writes a split and says what is in it: as JSON, or as a table with a class per line and a part per column.
pub(super) fn write(
    split: &Split,
    table: &LabelTable,
    path: &Path,
    json: bool,
) -> anyhow::Result<()> {
    let mut described = describe(split, table)?;
    let columns: Vec<(&str, Vec<usize>)> = split
        .parts()
        .map(|(name, _)| Ok((name, split.class_counts(name, table)?)))
        .collect::<Result<_, DataError>>()?;
    split.write(path)?;
    if json {
        described["path"] = json!(path);
        println!("{}", serde_json::to_string_pretty(&described)?);
        return Ok(());
    }
    println!(
        "{}\nsha256  {}\nrule    {}\n",
        path.display(),
        split.sha256(),
        split.rule()
    );
    let longest = table.classes().iter().map(|class| class.chars().count());
    let width = longest.max().unwrap_or(0).max(5) + 2;
    let line = |first: &str, cells: &[String]| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>12}")).collect();
        println!("{first:<width$}{cells}");
    };
    let names: Vec<String> = columns.iter().map(|(name, _)| name.to_string()).collect();
    line("class", &names);
    for (index, class) in table.classes().iter().enumerate() {
        let counts = columns.iter().map(|(_, counts)| counts[index].to_string());
        line(class, &counts.collect::<Vec<_>>());
    }
    let sums = columns
        .iter()
        .map(|(_, counts)| counts.iter().sum::<usize>().to_string());
    line("all", &sums.collect::<Vec<_>>());
    Ok(())
}
