//! Where each row comes from: code, machine, inputs, configuration.

use crate::record::RunRecord;
use crate::report::ResultTable;
use crate::report::number::{bytes, duration, thousands};
use crate::svg::escape;

/// A fold-out with one fold-out per row.
pub(super) fn of(table: &ResultTable, records: &[RunRecord]) -> String {
    let rows: String = table
        .rows
        .iter()
        .map(|row| record(&records[row.record]))
        .collect();
    format!(
        "<details><summary>Where these rows come from ({})</summary>\n{rows}</details>\n",
        table.rows.len()
    )
}

fn record(record: &RunRecord) -> String {
    let (code, compute, inputs, p) = (
        &record.code,
        &record.compute,
        &record.inputs,
        &record.parameters,
    );
    let revision = code
        .git_revision
        .as_ref()
        .map(|revision| match code.git_dirty {
            Some(true) => format!("{revision} (with uncommitted changes)"),
            Some(false) => format!("{revision} (clean)"),
            None => revision.clone(),
        });
    let backend = match (&compute.device, compute.threads) {
        (Some(device), Some(threads)) => {
            format!("{} on {device}, {threads} threads", compute.backend)
        }
        (Some(device), None) => format!("{} on {device}", compute.backend),
        (None, Some(threads)) => format!("{}, {threads} threads", compute.backend),
        (None, None) => compute.backend.clone(),
    };
    let seeds: Vec<String> = record.seeds.iter().map(u64::to_string).collect();
    let sizes = record.results.iter().find_map(|result| {
        Some(format!(
            "{} training, {} test images",
            thousands(result.n_train?),
            thousands(result.n_test?)
        ))
    });
    let predictions: Vec<&str> = record
        .results
        .iter()
        .filter_map(|result| result.predictions.as_deref())
        .collect();
    let rows: [(&str, Option<String>); 17] = [
        ("id", Some(record.id.clone())),
        ("row", Some(record.label())),
        ("code", revision),
        ("version", Some(code.crate_version.clone())),
        ("backend", Some(backend)),
        ("finished", compute.finished_at.clone()),
        ("seeds", Some(seeds.join(", "))),
        ("sizes", sizes),
        ("data sha256", inputs.data.clone()),
        ("splits sha256", inputs.splits.clone()),
        ("weights sha256", inputs.weights.clone()),
        (
            "trained parameters",
            p.trainable
                .map(|n| format!("{}, head included", thousands(n))),
        ),
        ("all parameters", p.total.map(thousands)),
        ("peak memory", record.cost.peak_memory_bytes.map(bytes)),
        (
            "arithmetic per image",
            record
                .cost
                .forward_flops
                .map(|n| format!("{} operations", thousands(n))),
        ),
        ("wall time", record.cost.wall_seconds.map(duration)),
        (
            "predictions",
            (!predictions.is_empty()).then(|| predictions.join(", ")),
        ),
    ];
    let list: String = rows
        .iter()
        .map(|(term, value)| {
            let value = value
                .as_deref()
                .filter(|text| !text.is_empty())
                .unwrap_or("not recorded");
            format!("<dt>{term}</dt><dd>{}</dd>\n", escape(value))
        })
        .collect();
    let config = serde_json::to_string_pretty(&record.config).unwrap_or_default();
    format!(
        "<details><summary>{}</summary>\n<dl>\n{list}</dl>\n<details><summary>resolved configuration</summary>\n<pre>{}</pre></details>\n\
         </details>\n",
        escape(&record.experiment.method),
        escape(&config)
    )
}
