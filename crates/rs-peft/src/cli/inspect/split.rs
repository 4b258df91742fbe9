//! `rs-peft inspect` of a split file.

use std::path::Path;

use rs_peft::rs_datasets::Split;
use serde_json::{Map, json};

use super::facts::Facts;

pub(super) fn run(path: &Path, json: bool) -> anyhow::Result<()> {
    // Reading checks the hash, the counts, and that no sample is in two parts.
    let split = Split::read(path)?;
    if json {
        let parts: Map<String, serde_json::Value> = split
            .parts()
            .map(|(name, ids)| (name.to_owned(), ids.len().into()))
            .collect();
        let value = json!({
            "kind": "split", "path": path, "name": split.name(), "rule": split.rule(), "seed": split.seed(),
            "sha256": split.sha256(), "parts": parts,
        });
        println!("{}", serde_json::to_string_pretty(&value)?);
        return Ok(());
    }
    let mut facts = Facts::of(format!("{} (split)", path.display()));
    facts
        .add("name", split.name())
        .add("rule", split.rule())
        .add(
            "seed",
            split.seed().map_or(String::new(), |seed| seed.to_string()),
        )
        .add("sha256", split.sha256());
    for (name, ids) in split.parts() {
        facts.add(name, format!("{} samples", ids.len()));
    }
    facts.print();
    Ok(())
}
