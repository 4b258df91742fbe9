//! Methods by name, with the settings that the experiments use.

use peft_lora::{MethodConfig, PRESETS};

use super::AdaptError;
use crate::experiment::Method;

/// Names of all methods that can be asked for, beside the presets of `peft-lora`.
pub const METHODS: [&str; 13] = [
    "frozen",
    "norm_tuning",
    "bitfit",
    "lora",
    "dora",
    "ia3",
    "slr",
    "houlsby",
    "adaptformer",
    "vpt",
    "deflect",
    "full",
    "scratch",
];

/// A method with the settings that it has unless asked otherwise.
///
/// # Errors
/// [`AdaptError::Usage`] for a name that is neither among [`METHODS`] nor a preset.
pub fn default_method(name: &str) -> Result<Method, AdaptError> {
    let table = table(name, None)?;
    toml::Value::Table(table)
        .try_into()
        .map_err(|error| AdaptError::usage("--method", error, "settings of a method"))
}

/// The table `[method]` of an experiment.
pub(super) fn table(name: &str, rank: Option<usize>) -> Result<toml::Table, AdaptError> {
    let mut table = toml::Table::new();
    if let Some(preset) = PRESETS
        .iter()
        .find(|preset| **preset == name && !METHODS.contains(preset))
    {
        let method = MethodConfig::preset(preset)?;
        table = toml::Table::try_from(&method)
            .map_err(|error| AdaptError::usage("--method", error, "a preset of a method"))?;
    } else if METHODS.contains(&name) {
        table.insert("method".into(), name.into());
        if matches!(name, "lora" | "dora") {
            // Every linear map, with scale 1: the LoRA of the experiments.
            let targets = toml::Value::Array(vec!["all-linear".into()]);
            table.insert("targets".into(), targets);
            table.insert("rank".into(), 8.into());
            table.insert("alpha".into(), 8.0.into());
        }
    } else {
        let known = METHODS.iter().chain(PRESETS.iter().filter(|p| !METHODS.contains(p)));
        let known: Vec<&str> = known.copied().collect();
        return Err(AdaptError::usage("--method", name, known.join(", ")));
    }
    let Some(rank) = rank else {
        return Ok(table);
    };
    let value = i64::try_from(rank)
        .map_err(|_| AdaptError::usage("--rank", rank, "1 to 16384"))?;
    match table.get("method").and_then(|name| name.as_str()) {
        Some("lora" | "dora") => {
            // The scale stays what it is.
            let number = |key: &str| {
                let value = table.get(key);
                value.and_then(|v| v.as_float().or(v.as_integer().map(|i| i as f64)))
            };
            let scale = number("alpha").zip(number("rank")).map_or(1.0, |(a, r)| a / r);
            table.insert("alpha".into(), (scale * rank as f64).into());
            table.insert("rank".into(), value.into());
        }
        Some("slr") => {
            table.insert("rank".into(), value.into());
        }
        Some("deflect") => {
            let mut attention = toml::Table::new();
            attention.insert("rank".into(), value.into());
            table.insert("attention".into(), attention.into());
        }
        _ => {
            let expected =
                "lora, dora, slr or deflect; other methods have numbers of their own: --set method.width=16";
            return Err(AdaptError::usage(format!("--rank {rank}"), name, expected));
        }
    }
    Ok(table)
}

/// Peak learning rate of a method in the experiments.
pub(super) fn learning_rate(name: &str) -> f64 {
    match name {
        "norm_tuning" | "bitfit" | "deflect" => 3e-3,
        "full" => 3e-4,
        _ => 1e-3,
    }
}
