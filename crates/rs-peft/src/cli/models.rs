//! `rs-peft models`: the published weights that are known, from the table in the code.

use rs_peft::vit_backbone::presets;

const EXAMPLES: &str = "\
Examples:
  rs-peft models
  rs-peft models --only prithvi --json";

/// Arguments of `models`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only models or families whose name contains this, in lower case.
    #[arg(long)]
    only: Option<String>,
    /// Print everything that is known, as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let part = args.only.as_deref().unwrap_or_default();
    let chosen: Vec<_> = presets()
        .filter(|preset| {
            preset.name.contains(part) || preset.family.name().to_lowercase().contains(part)
        })
        .collect();
    anyhow::ensure!(
        !chosen.is_empty(),
        "no model or family contains `{part}`; `rs-peft models` lists all"
    );
    if args.json {
        println!("{}", serde_json::to_string_pretty(&chosen)?);
        return Ok(());
    }
    println!(
        "{:<34}{:<24}{:>13}{:>6}{:>6}  {:<6}licence",
        "model", "family", "parameters", "image", "patch", "bands"
    );
    for preset in chosen {
        let config = preset.config();
        println!(
            "{:<34}{:<24}{:>13}{:>6}{:>6}  {:<6}{}",
            preset.name,
            preset.family.name(),
            config.parameter_count(),
            config.image_size,
            config.patch_size,
            preset.bands.len(),
            preset.licence
        );
    }
    Ok(())
}

/// The page of the book: every model, family by family.
pub(crate) fn page() -> String {
    let mut text = String::from(
        "# Models\n\nWhat `rs-peft models` lists; sources, hashes and measured errors are in [the zoo](../zoo.md).\n\n\
         | model | family | parameters | image | patch | bands | licence |\n|---|---|---:|---:|---:|---:|---|\n",
    );
    for preset in presets() {
        let config = preset.config();
        text.push_str(&format!(
            "| `{}` | {} | {} | {} | {} | {} | {} |\n",
            preset.name,
            preset.family.name(),
            config.parameter_count(),
            config.image_size,
            config.patch_size,
            preset.bands.len(),
            preset.licence
        ));
    }
    text
}
