//! `rs-peft inspect` of a checkpoint.

use std::path::Path;

use rs_peft::vit_backbone::{Family, Recognition, recognise};

pub(super) fn run(path: &Path, all: bool, json: bool) -> anyhow::Result<()> {
    // A file that fits no family is an error whose message says what was seen and which families are near.
    let found = recognise(path)?;
    if json {
        let mut value = serde_json::to_value(&found)?;
        value["kind"] = "checkpoint".into();
        println!("{}", serde_json::to_string_pretty(&value)?);
    } else {
        print!("{}", describe(&found, all));
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
