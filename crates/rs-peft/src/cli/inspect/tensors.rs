//! `rs-peft inspect` of files of tensors that are no checkpoints: DEFLECT's adapters, features, clusters, calibrated features.

use std::path::Path;

use rs_peft::vit_backbone::TensorFile;
use serde_json::{Value, json};

use super::super::{calibrate, cluster};
use super::facts::Facts;

/// Metadata of more characters are shown by their beginning.
const LONG: usize = 200;

/// Describes the file if its metadata say that it is one of these; whether they do.
pub(super) fn run(path: &Path, json: bool) -> anyhow::Result<bool> {
    // What cannot be opened is left to the recognition of checkpoints, whose messages know more formats.
    let Ok(file) = TensorFile::open(path) else {
        return Ok(false);
    };
    let about = |key: &str| file.metadata().get(key).map(String::as_str);
    let kind = match (about("rs_peft.adapter"), about("format")) {
        (Some("deflect"), _) => "adapter",
        (_, Some(format)) if format == cluster::FORMAT => "clusters",
        (_, Some(format)) if format == calibrate::FORMAT => "calibrated features",
        (_, Some("features-1" | "rows-1")) => "features",
        _ if about("files").is_some() && about("weights_sha256").is_some() => "features",
        _ => return Ok(false),
    };
    let numbers: usize = file
        .tensors()
        .map(|t| t.shape.iter().product::<usize>())
        .sum();
    if json {
        // Entries that are JSON themselves are given as such.
        let entries = file.metadata().iter().map(|(key, text)| {
            let value = serde_json::from_str(text).ok();
            let value = value.filter(|value: &Value| value.is_object() || value.is_array());
            (key.clone(), value.unwrap_or_else(|| text.clone().into()))
        });
        let metadata: serde_json::Map<String, Value> = entries.collect();
        let tensors: Vec<_> = file
            .tensors()
            .map(|t| json!({ "name": t.key, "shape": t.shape, "dtype": t.dtype.to_string() }))
            .collect();
        let value = json!({
            "kind": kind, "path": path, "bytes": file.bytes(), "numbers": numbers, "metadata": metadata, "tensors": tensors
        });
        println!("{}", serde_json::to_string_pretty(&value)?);
        return Ok(true);
    }
    let mut facts = Facts::of(format!("{} ({kind})", path.display()));
    facts.add("numbers", numbers).text("\n");
    for (key, text) in file.metadata() {
        let short: String = text.chars().take(LONG).collect();
        let more = if short.len() < text.len() { " ..." } else { "" };
        facts.text(&format!("  {key:<24}{short}{more}\n"));
    }
    facts.text("\n");
    for tensor in file.tensors() {
        let shape = format!("{:?}", tensor.shape);
        facts.text(&format!(
            "  {:<44}{shape:<24}{}\n",
            tensor.key, tensor.dtype
        ));
    }
    facts.print();
    Ok(true)
}
