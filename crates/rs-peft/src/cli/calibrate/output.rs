//! What `calibrate` writes and prints.

use std::collections::BTreeMap;

use rs_peft::deblora_calib::Calibrated;
use serde_json::{Value, json};

use super::super::tensor_table::{self, Numbers, Tensor};
use super::{Args, Training};

/// Format of the file, with its version.
pub(in super::super) const FORMAT: &str = "rs-peft calibrated 1";

pub(super) fn write(
    args: &Args,
    training: &Training<'_>,
    set: &Calibrated<f32>,
    extra: Vec<Tensor>,
    report: Value,
) -> anyhow::Result<()> {
    let (rows, dim) = (set.rows(), training.table.dim());
    let whole = |values: &[usize]| Numbers::I64(values.iter().map(|&value| value as i64).collect());
    let mut tensors: Vec<Tensor> = vec![
        (
            "features",
            vec![rows, dim],
            Numbers::F32(set.values.clone()),
        ),
        ("classes", vec![rows], whole(&set.classes)),
        ("sources", vec![rows], whole(&set.sources)),
        ("alphas", vec![rows], Numbers::F64(set.alphas.clone())),
    ];
    tensors.extend(extra);
    let metadata = BTreeMap::from([
        ("features_sha256".to_owned(), training.table.sha256.clone()),
        ("tensor".to_owned(), training.table.tensor.clone()),
        ("classes".to_owned(), json!(training.names).to_string()),
        ("found".to_owned(), report.to_string()),
    ]);
    tensor_table::write(&args.output, FORMAT, metadata, &tensors)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", describe(&report));
        println!("{}", args.output.display());
    }
    Ok(())
}

/// The report as tables.
fn describe(report: &Value) -> String {
    let mut text = format!("{} rows from {}\n", report["rows"], report["rows_before"]);
    if let Some(moved) = report["moved"].as_u64() {
        text.push_str(&format!(
            "{moved} rows of {} moved towards cluster {} by {}\n",
            name(&report["class"]),
            report["cluster"],
            report["strength"]
        ));
    }
    let empty = Vec::new();
    let classes = report["classes"].as_array().unwrap_or(&empty);
    let distances = report["distances"].as_array().unwrap_or(&empty);
    let widths = classes
        .iter()
        .map(|row| name(&row["class"]).chars().count());
    let width = widths.max().unwrap_or(0).max(5) + 2;
    if !classes.is_empty() {
        text.push_str(&format!(
            "\n{:<width$}{:>9}{:>11}{:>9}\n",
            "class", "rows", "ratio", "alpha"
        ));
    }
    for row in classes {
        text.push_str(&format!(
            "{:<width$}{:>9}{:>11}{:>9}{}\n",
            name(&row["class"]),
            row["rows"].to_string(),
            number(&row["ratio"], 2),
            number(&row["alpha"], 4),
            if row["tail"] == true { "  tail" } else { "" }
        ));
    }
    if report["distances"].is_array() {
        text.push_str("\nDistance to the mean of the validation rows, of the mean of the training rows, of the de-biased centre, and of the mean of\nthe calibrated rows:\n");
        text.push_str(&format!(
            "{:<width$}{:>12}{:>12}{:>12}\n",
            "class", "training", "de-biased", "calibrated"
        ));
    }
    for row in distances {
        text.push_str(&format!(
            "{:<width$}{:>12}{:>12}{:>12}{}\n",
            name(&row["class"]),
            number(&row["train"], 5),
            number(&row["debiased"], 5),
            number(&row["calibrated"], 5),
            if row["debiased_is_nearer"] == true {
                "  nearer"
            } else {
                ""
            }
        ));
    }
    if report["distances"].is_array() && distances.is_empty() {
        text.push_str("no tail class has validation rows\n");
    }
    text
}

fn name(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value, digits: usize) -> String {
    value
        .as_f64()
        .map_or("-".into(), |value| format!("{value:.digits$}"))
}
