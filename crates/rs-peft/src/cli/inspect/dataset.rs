//! `rs-peft inspect` of a data set.

use std::collections::BTreeMap;
use std::path::Path;

use rs_peft::rs_datasets::Split;
use serde_json::json;

use super::super::data::{DataSource, task_name};
use super::facts::Facts;

pub(super) fn run(path: &Path, name: Option<&str>, json: bool) -> anyhow::Result<()> {
    let source = DataSource {
        data: path.into(),
        dataset: name.map(str::to_owned),
    };
    let dataset = source.open()?;
    let dataset = dataset.as_ref();
    let info = dataset.info();
    let indices = 0..dataset.len();
    let parts = indices
        .clone()
        .filter_map(|index| dataset.published_split(index));
    let parts = count(parts);
    let classes = indices.clone().filter_map(|index| dataset.class_of(index));
    let classes: BTreeMap<usize, usize> = count(classes);
    // Samples that are predicted on have no class, and those of other tasks neither.
    let classes: Vec<(&String, Option<usize>)> = dataset
        .classes()
        .iter()
        .enumerate()
        .map(|(class, name)| {
            let counted = (!classes.is_empty()).then(|| classes.get(&class).copied().unwrap_or(0));
            (name, counted)
        })
        .collect();
    let first = dataset.load(0)?;
    let extent = [first.image.height, first.image.width];
    // Of the parts that it comes in, if it does.
    let split = match parts.is_empty() {
        true => None,
        false => Some(Split::published(dataset)?.sha256()),
    };
    if json {
        let classes: Vec<_> = classes
            .iter()
            .map(|(name, samples)| json!({ "name": name, "samples": samples }))
            .collect();
        let value = json!({
            "kind": "data set",
            "path": path,
            "name": info.name,
            "task": task_name(info.task),
            "samples": dataset.len(),
            "expected": info.expected,
            "classes": classes,
            "bands": dataset.bands(),
            "unit": first.image.unit,
            "first_image": { "id": first.id, "height": extent[0], "width": extent[1] },
            "parts": parts,
            "split_sha256": split,
            "licence": info.licence,
            "citation": info.citation,
            "source": info.source,
        });
        println!("{}", serde_json::to_string_pretty(&value)?);
        return Ok(());
    }
    let mut facts = Facts::of(format!("{} (data set {})", path.display(), info.name));
    let of = info
        .expected
        .map_or(String::new(), |all| format!(" of {all} published"));
    facts
        .add("task", task_name(info.task))
        .add("samples", format!("{}{of}", dataset.len()))
        .add("bands", dataset.bands().names().join(", "))
        .add("unit", serde_json::to_string(&first.image.unit)?)
        .add(
            "first image",
            format!("{}, {} x {}", first.id, extent[0], extent[1]),
        );
    let named: Vec<String> = parts
        .iter()
        .map(|(part, samples)| format!("{part} {samples}"))
        .collect();
    facts
        .add(
            "parts",
            if named.is_empty() {
                "none".into()
            } else {
                named.join(", ")
            },
        )
        .add("split sha256", split.unwrap_or_default())
        .add("licence", &info.licence)
        .add("source", &info.source)
        .text("\n");
    for (name, samples) in &classes {
        let samples = samples.map_or(String::new(), |samples| samples.to_string());
        facts.text(&format!("  {name:<32}{samples:>9}\n"));
    }
    facts.print();
    Ok(())
}

fn count<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_insert(0) += 1;
    }
    counts
}
