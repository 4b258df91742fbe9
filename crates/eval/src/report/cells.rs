//! The columns of a result table and the text of its cells.

use super::number::{self, ABSENT};
use super::{Cell, Column, ResultRow};
use crate::metric::names::style;
use crate::record::RunRecord;
use crate::stats::{MetricSummary, mean};

/// Title of the column of arithmetic per image.
pub(super) const FLOPS: &str = "GFLOPs";

/// Fills the cells of `rows` (in step with `group`) and returns the columns. Columns without any value are left out.
pub(super) fn fill(
    rows: &mut [ResultRow],
    group: &[&RunRecord],
    metrics: &[String],
    baselines: &[&str],
    mixed_data: bool,
) -> Vec<Column> {
    let main = style(&metrics[0]);
    let mut columns = Vec::new();
    let mut put =
        |rows: &mut [ResultRow], title: String, numeric: bool, texts: Vec<Option<String>>| {
            if texts.iter().all(Option::is_none) {
                return;
            }
            columns.push(Column { title, numeric });
            for (row, text) in rows.iter_mut().zip(texts) {
                row.cells.push(Cell {
                    text: text.unwrap_or_else(|| ABSENT.into()),
                    strong: false,
                });
            }
        };
    let each = |pick: &dyn Fn(&RunRecord) -> Option<String>| {
        group.iter().map(|r| pick(r)).collect::<Vec<_>>()
    };

    put(
        rows,
        "method".into(),
        false,
        each(&|r| Some(r.experiment.method.clone())),
    );
    if mixed_data {
        put(
            rows,
            "data".into(),
            false,
            each(&|r| Some(r.experiment.data.label().into())),
        );
    }
    put(
        rows,
        "trained parameters".into(),
        true,
        each(&|r| r.parameters.adapted().map(number::thousands)),
    );
    put(
        rows,
        "% of backbone".into(),
        true,
        each(&|r| r.parameters.adapted_percent().map(number::share)),
    );
    let paper = |r: &RunRecord| {
        r.experiment
            .paper
            .as_ref()
            .map(|p| number::mean_std(p.value, p.std, &main))
    };
    put(
        rows,
        format!("paper{}", number::unit(&main)),
        true,
        each(&paper),
    );
    let scores = rows
        .iter()
        .map(|row| {
            row.score
                .as_ref()
                .map(|s| number::mean_std(s.mean, s.std, &main))
        })
        .collect();
    put(
        rows,
        format!("{}{}", main.title, number::unit(&main)),
        true,
        scores,
    );
    let to_paper = rows
        .iter()
        .zip(group)
        .map(|(row, r)| {
            let paper = r.experiment.paper.as_ref()?;
            Some(number::signed(
                row.score.as_ref()?.mean - paper.value,
                &main,
            ))
        })
        .collect();
    put(rows, "ours \u{2212} paper".into(), true, to_paper);
    let differences: Vec<Option<String>> = rows
        .iter()
        .map(|row| {
            let d = row.difference.as_ref()?;
            Some(number::difference(
                d.mean,
                d.t95.map(|i| (i.lower, i.upper)),
                &main,
            ))
        })
        .collect();
    if differences.iter().any(Option::is_some) {
        let to = if let [single] = baselines {
            single
        } else {
            "its baseline"
        };
        put(
            rows,
            format!("\u{394} to {to} [95 % CI]"),
            true,
            differences,
        );
        for row in rows.iter_mut() {
            let strong = row.difference.as_ref().is_some_and(|d| d.excludes_zero());
            if let Some(cell) = row.cells.last_mut() {
                cell.strong = strong;
            }
        }
    }
    for metric in &metrics[1..] {
        let style = style(metric);
        let texts = each(&|r| {
            let summary = MetricSummary::of(&r.values(metric))?;
            Some(number::mean_std(summary.mean, summary.std, &style))
        });
        put(
            rows,
            format!("{}{}", style.title, number::unit(&style)),
            true,
            texts,
        );
    }
    put(rows, "seeds".into(), true, each(&|r| Some(seeds(r))));
    let per_epoch = |r: &RunRecord| {
        let seconds: Vec<f64> = r
            .results
            .iter()
            .filter_map(|result| result.seconds_per_epoch)
            .collect();
        mean(&seconds).map(number::seconds_plain)
    };
    put(
        rows,
        FLOPS.into(),
        true,
        each(&|r| r.cost.forward_flops.map(number::giga)),
    );
    put(rows, "s/epoch".into(), true, each(&per_epoch));
    put(
        rows,
        "peak memory".into(),
        true,
        each(&|r| r.cost.peak_memory_bytes.map(number::bytes)),
    );
    columns
}

/// `8`, or `3 of 8` for a run that is not complete.
fn seeds(record: &RunRecord) -> String {
    let done = record
        .seeds
        .iter()
        .filter(|seed| record.results.iter().any(|r| r.seed == **seed))
        .count();
    if done == record.seeds.len() {
        done.to_string()
    } else {
        format!("{done} of {}", record.seeds.len())
    }
}
