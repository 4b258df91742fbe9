//! `rs-peft inspect` of a directory in PEFT's format.

use std::path::Path;

use anyhow::Context;
use rs_peft::peft_lora::peft_format::read_capped;
use rs_peft::vit_backbone::TensorFile;
use serde_json::{Value, json};

use super::facts::Facts;

/// Configurations are a few kilobytes.
const LIMIT: u64 = 16 << 20;
/// What PEFT puts before the names of modules, and the head's name behind it.
const HEAD: &str = "base_model.model.head.";

pub(super) fn run(path: &Path, json: bool) -> anyhow::Result<()> {
    let config = read(&path.join("adapter_config.json"))?.context("no adapter_config.json")?;
    // Written by this program beside PEFT's two files.
    let record = read(&path.join("rs_peft.json"))?;
    let names = ["adapter_model.safetensors", "adapter_model.bin"];
    let weights = names
        .iter()
        .map(|name| path.join(name))
        .find(|path| path.is_file());
    let weights = weights.with_context(|| {
        format!(
            "{} has no {}; fetch the adapter again",
            path.display(),
            names.join(" and no ")
        )
    })?;
    // Pickles are read as data and never executed.
    let file = TensorFile::open(&weights)?;
    let (mut adapter, mut head, mut tensors) = (0usize, 0usize, 0usize);
    for tensor in file.tensors() {
        let numbers = tensor.shape.iter().product::<usize>();
        tensors += 1;
        match tensor.key.starts_with(HEAD) {
            true => head += numbers,
            false => adapter += numbers,
        }
    }
    let base = record
        .as_ref()
        .map_or(Value::Null, |record| record["base_sha256"].clone());
    if json {
        let value = json!({
            "kind": "adapter", "path": path, "format": "PEFT", "config": config, "record": record,
            "weights": weights, "tensors": tensors, "adapter_parameters": adapter, "head_parameters": head,
        });
        println!("{}", serde_json::to_string_pretty(&value)?);
        return Ok(());
    }
    let mut facts = Facts::of(format!("{} (PEFT directory)", path.display()));
    let dora = if config["use_dora"] == true {
        " (DoRA)"
    } else {
        ""
    };
    facts
        .add("type", format!("{}{dora}", text(&config["peft_type"])))
        .add("rank", text(&config["r"]))
        .add("alpha", text(&config["lora_alpha"]))
        .add("modules", text(&config["target_modules"]))
        .add("bias", text(&config["bias"]))
        .add("base", text(&config["base_model_name_or_path"]))
        .add("base sha256", text(&base))
        .add(
            "written by",
            if record.is_some() {
                "rs-peft"
            } else {
                "another program"
            },
        )
        .add("weights", weights.display())
        .add("tensors", tensors)
        .add("adapter", format!("{adapter} numbers"))
        .add("head", format!("{head} numbers"));
    facts.print();
    Ok(())
}

/// A JSON file, if it is there.
fn read(path: &Path) -> anyhow::Result<Option<Value>> {
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = read_capped(path, LIMIT)?;
    let value: Value =
        serde_json::from_slice(&bytes).with_context(|| format!("{} is no JSON", path.display()))?;
    anyhow::ensure!(value.is_object(), "{} is no JSON object", path.display());
    Ok(Some(value))
}

/// A value without quotes; nothing for null.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
