//! The model card of a directory: what its manifest says, for people. Nothing stands in it that the manifest does not hold.

use rs_datasets::{Step, Task};

use super::ModelManifest;
use super::manifest::HeadEntry;

/// `README.md`.
pub(super) fn card(manifest: &ModelManifest) -> String {
    let training = &manifest.training;
    let count = |value: Option<u64>| value.map_or("unknown".into(), |value| value.to_string());
    let task = match manifest.task {
        Task::Segmentation => "one class per pixel",
        _ => "one class per image",
    };
    let head = match &manifest.head {
        HeadEntry::Linear => "a linear map of standardised features".to_owned(),
        HeadEntry::Segmentation { head, .. } => format!("{head:?}"),
    };
    let mut text = format!(
        "# {method} on {data}\n\nA model written by {program}: {task}, adapted from `{backbone}` by the method `{method}`.\n\n\
         ```\nrs-peft predict THIS_FOLDER IMAGE... --output predictions.csv\n```\n\n",
        method = manifest.method.name,
        data = training.data.name,
        program = manifest.program,
        backbone = manifest.backbone.name,
    );
    text.push_str(&format!(
        "## Classes\n\n{}\n\n",
        manifest
            .classes
            .iter()
            .map(|class| format!("`{class}`"))
            .collect::<Vec<_>>()
            .join(", ")
    ));
    text.push_str(&format!(
        "## Input\n\nImages in {:?}; size {} pixels. Bands, in the order of the files that were trained on:\n\n\
         | band | instrument | wavelength, nm |\n|---|---|---|\n",
        manifest.input.unit, manifest.input.size
    ));
    for band in manifest.input.bands.as_slice() {
        let wavelength = band
            .wavelength_nm
            .map_or("".into(), |nm| format!("{nm:.1}"));
        text.push_str(&format!(
            "| {} | {} | {wavelength} |\n",
            band.name, band.sensor
        ));
    }
    text.push('\n');
    for step in manifest
        .input
        .steps
        .parts
        .iter()
        .flat_map(|part| &part.steps)
    {
        if let Step::Normalise(normalise) = step {
            let statistics = &normalise.statistics;
            text.push_str(&format!(
                "- {} standardised with the statistics of {}\n",
                statistics.bands.join(", "),
                statistics.source
            ));
        }
    }
    text.push_str(&format!(
        "\n## Model\n\n- backbone `{}`, SHA-256 `{}`, {} parameters\n- method `{}`: `{}`\n- head: {head}\n\
         - parameters trained: {}, the head's {} included\n",
        manifest.backbone.name,
        manifest.backbone.sha256,
        count(training.backbone_parameters),
        manifest.method.name,
        manifest.method.settings,
        count(training.trainable_parameters),
        count(training.head_parameters),
    ));
    text.push_str(&format!(
        "\n## Training data\n\n- `{}`, {} images for training, {} held out; seed {}, split `{}`\n- licence: {}\n- source: {}\n- to cite: {}\n",
        training.data.name,
        count(training.n_train),
        count(training.n_held_out),
        training.seed,
        training.split_sha256.as_deref().unwrap_or("unknown"),
        training.data.licence,
        training.data.source,
        training.data.citation,
    ));
    text.push_str("\n## Scores on the images held out\n\n| metric | value |\n|---|---|\n");
    for (name, value) in &training.scores {
        let value = value.map_or("undefined".into(), |value| format!("{value:.4}"));
        text.push_str(&format!("| {name} | {value} |\n"));
    }
    text.push_str(
        "\nOne split and one seed: another split gives other numbers. Images of another region, season or instrument are not \
         covered by them.\n",
    );
    text
}
