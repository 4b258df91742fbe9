//! `rs-peft inspect`: what a checkpoint holds, without loading it.

use std::path::PathBuf;

use rs_peft::vit_backbone::{Family, Recognition, recognise};

use super::inspect_diffusion;

/// Arguments of `inspect`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Checkpoint: safetensors, .pth, or a directory of transformers or diffusers.
    file: PathBuf,
    /// List the tensors of every block, not of the first alone.
    #[arg(long)]
    all: bool,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if inspect_diffusion::is_directory(&args.file) {
        return inspect_diffusion::run(&args.file, args.json);
    }
    // A file that fits no family is an error whose message says what was seen and which families are near.
    let found = recognise(&args.file)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        print!("{}", describe(&found, args.all));
    }
    Ok(())
}

/// What was found, one fact per line, and the tensors below.
fn describe(found: &Recognition, all: bool) -> String {
    let families: Vec<_> = found.families.iter().copied().map(Family::name).collect();
    let mut text = format!("{} ({})\n", found.path.display(), found.format);
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("{name:<14}{value}\n"));
        }
    };
    line("family", families.join(" or "));
    line("seen", found.evidence.join(", "));
    line("dictionary", found.nested.clone());
    line("prefix", found.prefix.clone());
    line("tensors", found.tensors.to_string());
    let numbers: usize = found
        .found
        .iter()
        .map(|t| t.found.shape.iter().product::<usize>())
        .sum();
    line(
        "of the model",
        format!("{} with {numbers} numbers", found.found.len()),
    );
    if found.presets.is_empty() {
        line("preset", "none of this size is known".into());
    }
    for preset in &found.presets {
        let count = preset.config().parameter_count();
        line(
            "preset",
            format!(
                "{} ({count} trained parameters, {})",
                preset.name, preset.licence
            ),
        );
    }
    text.push('\n');
    for tensor in &found.found {
        let later = tensor.name.starts_with("blocks.") && !tensor.name.starts_with("blocks.0.");
        if all || !later {
            text.push_str(&format!(
                "  {:<44}{:<24}{:<6}{}\n",
                tensor.name,
                format!("{:?}", tensor.found.shape),
                tensor.found.dtype.to_string(),
                tensor.found.key
            ));
        }
    }
    text
}
