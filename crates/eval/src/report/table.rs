//! The tables of a report, independent of how they are printed.

use std::collections::HashSet;

use super::{aggregate, cells, notes, number};
use crate::EvalError;
use crate::metric::names::{MetricStyle, style};
use crate::record::{DataKind, RunRecord};
use crate::stats::{MetricSummary, PairedDifference};

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Title, with unit.
    pub title: String,
    /// Whether it holds numbers, which are set flush right.
    pub numeric: bool,
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Plain text.
    pub text: String,
    /// Whether it is emphasised: a difference whose interval excludes 0.
    pub strong: bool,
}

/// A row: one run record.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultRow {
    /// Index of the record among those given.
    pub record: usize,
    /// Name of the method.
    pub method: String,
    /// Whether other rows of the table are compared with it.
    pub is_baseline: bool,
    /// The first metric over seeds.
    pub score: Option<MetricSummary>,
    /// Its paired difference to the baseline.
    pub difference: Option<PairedDifference>,
    /// The printed cells, one per column.
    pub cells: Vec<Cell>,
}

/// All rows of one experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultTable {
    /// Name of the experiment.
    pub name: String,
    /// Title.
    pub title: String,
    /// The kinds of data that the rows ran on; more than one is said row by row.
    pub data: Vec<DataKind>,
    /// Name of the metric that differences and plots are about.
    pub metric: String,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows, in order.
    pub rows: Vec<ResultRow>,
    /// Protocol, kind of data and reading aids: the sentences under the table.
    pub notes: Vec<String>,
}

impl ResultTable {
    /// How the table's first metric is printed.
    pub fn metric_style(&self) -> MetricStyle {
        style(&self.metric)
    }

    /// The row with the best mean of the first metric.
    pub fn best(&self) -> Option<&ResultRow> {
        let sign = if self.metric_style().higher_is_better {
            1.0
        } else {
            -1.0
        };
        let scored = self
            .rows
            .iter()
            .filter_map(|row| Some((row, sign * row.score.as_ref()?.mean)));
        // The first of equals: `max_by` would take the last.
        scored
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
            .map(|(row, _)| row)
    }

    /// The best row with its score, and its difference to its baseline, as printed in an overview.
    pub(super) fn headline(&self) -> (String, String) {
        let style = self.metric_style();
        let Some((row, score)) = self.best().and_then(|row| Some((row, row.score.as_ref()?)))
        else {
            return (number::ABSENT.into(), number::ABSENT.into());
        };
        let unit = if style.percent { " %" } else { "" };
        let mean = number::mean_std(score.mean, score.std, &style);
        let difference = row.difference.as_ref().map_or(number::ABSENT.into(), |d| {
            number::difference(
                d.mean,
                d.t95.map(|interval| (interval.lower, interval.upper)),
                &style,
            )
        });
        (
            format!("{}: {} {mean}{unit}", row.method, style.title),
            difference,
        )
    }
}

/// Groups `records` by experiment, in the order in which the experiments first appear; rows in the order of their `order`
/// field, then as given. Rows are compared with the row their record names, else with the row `default_baseline` where the
/// experiment has it.
///
/// # Errors
/// When a record contradicts itself, or two records are the same row.
pub fn tables(
    records: &[RunRecord],
    default_baseline: &str,
) -> Result<Vec<ResultTable>, EvalError> {
    let mut seen = HashSet::new();
    let mut names: Vec<&str> = Vec::new();
    for record in records {
        record.validate(&record.label())?;
        if !seen.insert((&record.experiment.name, &record.experiment.row)) {
            return Err(EvalError::Duplicate {
                what: format!("row {}", record.label()),
                first: "one record".into(),
                second: "another".into(),
            });
        }
        if !names.contains(&record.experiment.name.as_str()) {
            names.push(&record.experiment.name);
        }
    }
    Ok(names
        .into_iter()
        .map(|name| table(records, name, default_baseline))
        .collect())
}

fn table(records: &[RunRecord], name: &str, default_baseline: &str) -> ResultTable {
    let mut indices: Vec<usize> = (0..records.len())
        .filter(|&i| records[i].experiment.name == name)
        .collect();
    indices.sort_by_key(|&i| records[i].experiment.order.unwrap_or(u32::MAX));
    let group: Vec<&RunRecord> = indices.iter().map(|&i| &records[i]).collect();
    // Every record has at least one metric (validated), and the group at least one record.
    let first = &group[0].experiment;
    let metric = first.metrics[0].clone();
    let mut metrics: Vec<String> = Vec::new();
    for name in group.iter().flat_map(|record| &record.experiment.metrics) {
        if !metrics.contains(name) {
            metrics.push(name.clone());
        }
    }
    let mut data: Vec<DataKind> = group.iter().map(|record| record.experiment.data).collect();
    data.sort();
    data.dedup();

    let baseline_of = |record: &RunRecord| -> Option<&RunRecord> {
        let row = record
            .experiment
            .baseline
            .as_deref()
            .unwrap_or(default_baseline);
        group
            .iter()
            .copied()
            .find(|other| other.experiment.row == row)
    };
    let compared: HashSet<&str> = group
        .iter()
        .filter_map(|record| {
            baseline_of(record).filter(|b| b.experiment.row != record.experiment.row)
        })
        .map(|baseline| baseline.experiment.row.as_str())
        .collect();
    let mut rows: Vec<ResultRow> = indices
        .iter()
        .zip(&group)
        .map(|(&index, record)| {
            let baseline =
                baseline_of(record).filter(|b| b.experiment.row != record.experiment.row);
            ResultRow {
                record: index,
                method: record.experiment.method.clone(),
                is_baseline: compared.contains(record.experiment.row.as_str()),
                score: MetricSummary::of(&record.values(&metric)),
                difference: baseline
                    .and_then(|baseline| aggregate::paired(record, baseline, &metric)),
                cells: Vec::new(),
            }
        })
        .collect();
    let baselines: Vec<&str> = group
        .iter()
        .filter(|record| compared.contains(record.experiment.row.as_str()))
        .map(|record| record.experiment.method.as_str())
        .collect();
    let columns = cells::fill(&mut rows, &group, &metrics, &baselines, data.len() > 1);
    let notes = notes::of(&rows, &group, &metrics, &baselines);
    ResultTable {
        name: name.into(),
        title: first.title.clone(),
        data,
        metric,
        columns,
        rows,
        notes,
    }
}
