//! `rs-peft inspect` of a directory of diffusers.

use std::path::Path;

use rs_peft::stable_diffusion::{Inspection, LoadOptions, inspect};

/// Whether a path is a directory in the layout of diffusers, or a cache of the hub that holds one.
pub(super) fn is_directory(path: &Path) -> bool {
    path.join("model_index.json").is_file() || path.join("snapshots").is_dir()
}

pub(super) fn run(path: &Path, json: bool) -> anyhow::Result<()> {
    let options = LoadOptions {
        decoder: true,
        ..LoadOptions::default()
    };
    let found = inspect(path, &options)?;
    if json {
        let mut value = serde_json::to_value(&found)?;
        value["kind"] = "diffusion".into();
        println!("{}", serde_json::to_string_pretty(&value)?);
    } else {
        print!("{}", describe(&found)?);
    }
    Ok(())
}

/// One line per part.
fn describe(found: &Inspection) -> anyhow::Result<String> {
    let mut text = format!("{} (diffusers)\n", found.root.display());
    let preset = if found.is_v1() {
        "stable_diffusion_v1_5 (or another model of its sizes; CreativeML Open RAIL-M)"
    } else {
        "none of this size is known"
    };
    text.push_str(&format!("{:<14}Stable Diffusion v1\n", "family"));
    text.push_str(&format!("{:<14}{preset}\n", "preset"));
    text.push_str(&format!("{:<14}{}\n\n", "time steps", found.time_steps));
    for (name, count, part) in [
        ("unet", found.unet.parameter_count()?, &found.report.unet),
        ("vae", found.vae.parameter_count()?, &found.report.vae),
        (
            "text_encoder",
            found.text_encoder.parameter_count()?,
            &found.report.text_encoder,
        ),
    ] {
        let file = part.path.strip_prefix(&found.root).unwrap_or(&part.path);
        text.push_str(&format!(
            "  {name:<14}{count:>12} parameters  {} ({}, {} bytes)\n",
            file.display(),
            part.format,
            part.bytes
        ));
    }
    Ok(text)
}
