//! The sentences under a table: kind of data, protocol, and what a reader needs to read the numbers right.

use super::ResultRow;
use super::cells::FLOPS;
use super::number::{self, thousands};
use crate::metric::names::style;
use crate::record::{DataKind, RunRecord};

/// The notes of a table whose `rows` go in step with `group`.
pub(super) fn of(
    rows: &[ResultRow],
    group: &[&RunRecord],
    metrics: &[String],
    baselines: &[&str],
) -> Vec<String> {
    let mut notes = Vec::new();
    for kind in [DataKind::Paper, DataKind::Real, DataKind::Synthetic] {
        let these: Vec<&str> = methods(group, |r| r.experiment.data == kind);
        if these.len() == group.len() {
            notes.push(format!("Data: {}.", kind.sentence()));
        } else if !these.is_empty() {
            notes.push(format!(
                "Data of {}: {}.",
                these.join(", "),
                kind.sentence()
            ));
        }
    }
    let mut protocols: Vec<&str> = Vec::new();
    for record in group {
        let text = record.experiment.protocol.trim();
        if !text.is_empty() && !protocols.contains(&text) {
            protocols.push(text);
        }
    }
    for text in &protocols {
        let these = methods(group, |r| r.experiment.protocol.trim() == *text);
        let whose = if these.len() == group.len() {
            String::new()
        } else {
            format!(" of {}", these.join(", "))
        };
        notes.push(format!("Protocol{whose}: {text}"));
    }
    notes.extend(spread(rows, baselines));
    let main = style(&metrics[0]);
    if let Some(images) = group
        .iter()
        .flat_map(|r| &r.results)
        .filter_map(|result| result.n_test)
        .min()
    {
        let point = 100.0 / images.max(1) as f64;
        if group.iter().any(|r| r.has_pixels()) {
            notes.push(format!(
                "Metrics are over all labelled pixels of {images} test images together; pixels of one image are no independent samples."
            ));
        } else if main.percent && images <= 500 {
            notes.push(format!(
                "The test set has {images} images: one image is {point:.1} points of accuracy."
            ));
        }
    }
    notes.extend(heads(group));
    if group.iter().any(|r| r.cost.forward_flops.is_some()) {
        let one = if group.iter().any(|r| r.has_pixels()) {
            "window"
        } else {
            "image"
        };
        notes.push(format!(
            "{FLOPS}: forward pass of one {one} through backbone and adapter, two per multiply-add of its matrix products, by \
             formula; adapters are not merged."
        ));
    }
    let unfinished = methods(group, |r| !r.is_complete());
    if !unfinished.is_empty() {
        notes.push(format!(
            "Not all seeds have finished: {}.",
            unfinished.join(", ")
        ));
    }
    let dirty = methods(group, |r| r.code.git_dirty == Some(true));
    if !dirty.is_empty() {
        notes.push(format!(
            "Ran with changes that were not committed: {}.",
            dirty.join(", ")
        ));
    }
    let mut sources: Vec<String> = Vec::new();
    for paper in group.iter().filter_map(|r| r.experiment.paper.as_ref()) {
        if !sources.contains(&paper.source) {
            sources.push(paper.source.clone());
        }
    }
    if !sources.is_empty() {
        notes.push(format!("Paper values: {}.", sources.join("; ")));
    }
    notes
}

fn methods<'a>(group: &[&'a RunRecord], keep: impl Fn(&RunRecord) -> bool) -> Vec<&'a str> {
    group
        .iter()
        .filter(|r| keep(r))
        .map(|r| r.experiment.method.as_str())
        .collect()
}

/// What ± and Δ mean here.
fn spread(rows: &[ResultRow], baselines: &[&str]) -> Option<String> {
    let mut text = String::new();
    if rows
        .iter()
        .any(|row| row.score.as_ref().is_some_and(|score| score.std.is_some()))
    {
        text.push_str("Mean ± sample standard deviation over seeds.");
    }
    let pairs: Vec<u64> = rows
        .iter()
        .filter_map(|row| row.difference.as_ref())
        .map(|d| d.n)
        .collect();
    if let (Some(least), Some(most)) = (pairs.iter().min(), pairs.iter().max()) {
        let to = if let [single] = baselines {
            single
        } else {
            "the row's baseline"
        };
        let n = if least == most {
            least.to_string()
        } else {
            format!("{least} to {most}")
        };
        let interval = if *most > 1 {
            ", with the 95 % t-interval of the mean; bold where it excludes 0 (no correction for the number of rows)"
        } else {
            "; one pair has no interval"
        };
        let overlap = if rows.iter().any(|row| {
            row.difference
                .as_ref()
                .is_some_and(|d| d.corrected95.is_some())
        }) {
            " Repeated splits share images, so the interval is optimistic; the one corrected for that (Nadeau and Bengio \
             2003) is among the details in the HTML report."
        } else {
            ""
        };
        text.push_str(&format!(" \u{394}: mean paired difference to {to} over {n} equal seeds and splits{interval}.{overlap}"));
    }
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_string())
}

/// The size of the heads, which the parameter column leaves out.
fn heads(group: &[&RunRecord]) -> Option<String> {
    let heads: Vec<u64> = group.iter().filter_map(|r| r.parameters.head).collect();
    let (least, most) = (*heads.iter().min()?, *heads.iter().max()?);
    let size = if least == most {
        thousands(least)
    } else {
        format!("{} to {}", thousands(least), thousands(most))
    };
    let backbones: Vec<u64> = group.iter().filter_map(|r| r.parameters.backbone).collect();
    let backbone = match (backbones.iter().min(), backbones.iter().max()) {
        (Some(a), Some(b)) if a == b => format!(" of a backbone of {}", thousands(*a)),
        _ => String::new(),
    };
    Some(format!(
        "Parameters are counted outside the head{backbone}; the head of {size} is trained in every row."
    ))
}

/// The unit line of a metric for figures, e.g. `accuracy, %`.
pub(super) fn axis(metric: &str) -> String {
    let style = style(metric);
    format!("{}{}", style.title, number::unit(&style))
}
