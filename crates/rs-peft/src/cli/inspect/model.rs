//! `rs-peft inspect` of a model directory.

use std::path::Path;

use rs_peft::adapted::{HeadEntry, ModelManifest};

use super::super::data::task_name;
use super::facts::Facts;

pub(super) fn run(path: &Path, json: bool) -> anyhow::Result<()> {
    let manifest = ModelManifest::read(path)?;
    if json {
        let mut value = serde_json::to_value(&manifest)?;
        value["kind"] = "model".into();
        println!("{}", serde_json::to_string_pretty(&value)?);
        return Ok(());
    }
    let mut facts = Facts::of(format!(
        "{} (model directory, format {})",
        path.display(),
        manifest.format_version
    ));
    let training = &manifest.training;
    let count = |n: Option<u64>| n.map_or(String::new(), |n| n.to_string());
    let head = match &manifest.head {
        HeadEntry::Linear => "linear, a class per image",
        HeadEntry::Segmentation { .. } => "a class per pixel",
    };
    let backbone = &manifest.backbone;
    facts
        .add("task", task_name(manifest.task))
        .add("classes", manifest.classes.join(", "))
        .add("bands", manifest.input.steps.channels.names().join(", "))
        .add("side", format!("{} pixels", manifest.input.size))
        .add("method", &manifest.method.name)
        .add(
            "adapter",
            manifest
                .method
                .deflect
                .as_ref()
                .unwrap_or(&manifest.method.adapter),
        )
        .add("head", head)
        .add("backbone", format!("{}, {}", backbone.name, backbone.file))
        .add("sha256", &backbone.sha256)
        .add("trained", count(training.trainable_parameters))
        .add("in the head", count(training.head_parameters))
        .add("of backbone", count(training.backbone_parameters))
        .add("data", &training.data.name)
        .add("licence", &training.data.licence)
        .add(
            "split sha256",
            training.split_sha256.clone().unwrap_or_default(),
        )
        .add(
            "images",
            format!(
                "{} for training, {} held out",
                count(training.n_train),
                count(training.n_held_out)
            ),
        );
    for (name, value) in &training.scores {
        facts.add(
            name,
            value.map_or("-".into(), |value| format!("{value:.4}")),
        );
    }
    facts.print();
    Ok(())
}
