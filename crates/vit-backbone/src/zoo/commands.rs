//! The command that embeds an image with each of the published weights.

use std::fmt::Write;

use super::{Preset, presets};
use crate::PositionKind;

/// What is typed for weights, as Markdown.
pub(super) fn section() -> String {
    let mut page = String::from(
        "\n## Commands\n\nFeatures of images, with the bands of the files in the order of the model's (`--bands` picks them), `--size` to resize; `--precision f16` or `bf16`\nkeeps the model in half the memory, which tests hold to 1e-2 and 8e-2 of the features in single precision:\n\n```sh\n",
    );
    for preset in presets() {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "{}", command(preset));
    }
    page.push_str("```\n");
    page
}

fn command(preset: &Preset) -> String {
    let config = preset.config();
    let mut more = String::new();
    match config.frame_count() {
        1 => more.push_str(" --input IMAGE.tif"),
        // The dates of a place, one file each.
        frames => {
            let files: Vec<String> = (1..=frames).map(|date| format!("DATE{date}.tif")).collect();
            let _ = write!(more, " --frames {frames} --input {}", files.join(" "));
        }
    }
    if matches!(
        config.positions,
        PositionKind::SinCosGround | PositionKind::SinCosMetadata
    ) {
        more.push_str(" --resolution 10");
    }
    if config.coordinates || config.positions == PositionKind::SinCosMetadata {
        more.push_str(" --about DATES_AND_PLACES.csv");
    }
    if config.spectral_embed.is_some() {
        more.push_str(" --wavelengths 0.665,0.56,0.49 --mean M,M,M --std S,S,S");
    }
    format!(
        "rs-peft embed --model {} --weights WEIGHTS{more} --output FEATURES.safetensors",
        preset.name
    )
}
