//! Which figures belong to a table, drawn for the page or for files.

use sha2::{Digest, Sha256};

use super::number;
use super::{ResultTable, aggregate, notes};
use crate::metric::names::style;
use crate::plot::{
    Colour, CurvePlot, CurveSeries, DifferencePlot, DifferenceRow, ParameterPlot, ParameterPoint,
    heatmap, reliability_plot,
};
use crate::record::{CurvePoint, RunRecord};
use crate::svg::Theme;

/// A figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Name for a file, without folder and extension.
    pub name: String,
    /// What it shows, in a few words.
    pub alt: String,
    /// The SVG document.
    pub svg: String,
}

/// The colour of each row: grey for the baseline, then the series in order.
pub(super) fn colours(table: &ResultTable) -> Vec<Colour> {
    let mut next = 0;
    table
        .rows
        .iter()
        .map(|row| {
            if row.is_baseline {
                return Colour::Baseline;
            }
            next += 1;
            Colour::Method(next - 1)
        })
        .collect()
}

/// A name for files and anchors: lower-case letters, digits, `-`, `_` and `.`. A text that had to be changed gets the start of
/// its hash appended, so that different texts never share a file.
pub(super) fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(60) {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() || (matches!(c, '-' | '_' | '.') && !out.is_empty()) => {
                out.push(c)
            }
            _ if !out.is_empty() && !out.ends_with('-') => out.push('-'),
            _ => {}
        }
    }
    if out != text || out.is_empty() {
        let hash = Sha256::digest(text.as_bytes());
        out = format!(
            "{}-{:02x}{:02x}{:02x}",
            out.trim_end_matches('-'),
            hash[0],
            hash[1],
            hash[2]
        );
    }
    out.trim_start_matches('-').to_string()
}

fn factor(table: &ResultTable) -> f64 {
    if table.metric_style().percent {
        100.0
    } else {
        1.0
    }
}

/// Score against trained parameters; `None` with fewer than two methods to place.
pub(super) fn parameters(
    table: &ResultTable,
    records: &[RunRecord],
    theme: Theme,
) -> Option<Figure> {
    let factor = factor(table);
    let points: Vec<ParameterPoint> = table
        .rows
        .iter()
        .zip(colours(table))
        .filter_map(|(row, colour)| {
            let score = row.score.as_ref()?;
            Some(ParameterPoint {
                label: row.method.clone(),
                parameters: records[row.record].parameters.adapted()?,
                score: factor * score.mean,
                error: score.std.map(|std| factor * std),
                colour,
            })
        })
        .collect();
    // Where nothing is trained there is nothing to plot against.
    let trained = points.iter().any(|point| point.parameters > 0);
    (points.len() > 1 && trained).then(|| {
        let title = "Score against trained parameters";
        let plot = ParameterPlot {
            title: title.into(),
            score_label: notes::axis(&table.metric),
            points,
        };
        figure(table, "parameters", title, plot.draw(theme))
    })
}

/// Paired differences; `None` when no row has one.
pub(super) fn differences(table: &ResultTable, theme: Theme) -> Option<Figure> {
    let (factor, style) = (factor(table), table.metric_style());
    let rows: Vec<DifferenceRow> = table
        .rows
        .iter()
        .zip(colours(table))
        .filter_map(|(row, colour)| {
            let d = row.difference.as_ref()?;
            let ends = d.t95.map(|interval| (interval.lower, interval.upper));
            Some(DifferenceRow {
                label: row.method.clone(),
                mean: factor * d.mean,
                interval: ends.map(|(low, high)| (factor * low, factor * high)),
                singles: d
                    .differences()
                    .iter()
                    .map(|single| factor * single)
                    .collect(),
                text: number::difference(d.mean, ends, &style),
                colour,
            })
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let baselines: Vec<&str> = table
        .rows
        .iter()
        .filter(|row| row.is_baseline)
        .map(|row| row.method.as_str())
        .collect();
    let to = if let [single] = baselines[..] {
        single
    } else {
        "the row's baseline"
    };
    let unit = if style.percent { ", points" } else { "" };
    let title = format!("Paired difference to {to}");
    let axis = format!(
        "\u{394} {}{unit} (bar: 95 % t-interval; ticks: single seeds)",
        style.title
    );
    Some(figure(
        table,
        "differences",
        &title,
        DifferencePlot {
            title: title.clone(),
            axis,
            rows,
        }
        .draw(theme),
    ))
}

/// Training loss and validation metric by epoch, each where recorded.
pub(super) fn curves(table: &ResultTable, records: &[RunRecord], theme: Theme) -> Vec<Figure> {
    let style = style(&table.metric);
    // A validation metric is only known to be a fraction when the table's metric is and all values fit.
    let fraction = style.percent
        && table
            .rows
            .iter()
            .flat_map(|row| &records[row.record].results)
            .flat_map(|result| &result.curve)
            .all(|point| {
                point
                    .val_metric
                    .is_none_or(|value| (0.0..=1.0).contains(&value))
            });
    let factor = if fraction { 100.0 } else { 1.0 };
    let unit = if fraction { ", %" } else { "" };
    let kinds: [(&str, &str, String, &dyn Fn(&CurvePoint) -> Option<f64>); 3] = [
        ("loss", "Training loss", "training loss".into(), &|p| {
            p.train_loss
        }),
        (
            "val-loss",
            "Validation loss",
            "validation loss".into(),
            &|p| p.val_loss,
        ),
        (
            "validation",
            "Validation score",
            format!("validation score{unit}"),
            &|p| p.val_metric.map(|v| factor * v),
        ),
    ];
    let mut figures = Vec::new();
    for (name, title, y_label, pick) in kinds {
        let series: Vec<CurveSeries> = table
            .rows
            .iter()
            .zip(colours(table))
            .map(|(row, colour)| CurveSeries {
                label: row.method.clone(),
                colour,
                points: aggregate::curve(&records[row.record], pick),
            })
            .filter(|series| !series.points.is_empty())
            .collect();
        if !series.is_empty() {
            let plot = CurvePlot {
                title: title.into(),
                x_label: "epoch".into(),
                y_label,
                series,
            };
            figures.push(figure(table, name, title, plot.draw(theme)));
        }
    }
    figures
}

/// The confusion matrix of each row that has one, summed over seeds, in the order of the rows.
pub(super) fn confusions(
    table: &ResultTable,
    records: &[RunRecord],
    theme: Theme,
) -> Vec<(usize, Figure)> {
    let one = |(i, row): (usize, &super::ResultRow)| {
        let (matrix, n) = aggregate::confusion(&records[row.record])?;
        let what = if n == 1 {
            "one seed".into()
        } else {
            format!("sum over {n} seeds")
        };
        let note = format!("% of the true class, {what}");
        let svg = heatmap(&matrix, &row.method, &note, theme)?;
        let name = format!("confusion-{}", slug(&records[row.record].experiment.row));
        Some((
            i,
            figure(
                table,
                &name,
                &format!("Confusion matrix of {}", row.method),
                svg,
            ),
        ))
    };
    table.rows.iter().enumerate().filter_map(one).collect()
}

/// The reliability diagram of each row that has one.
pub(super) fn reliabilities(
    table: &ResultTable,
    records: &[RunRecord],
    theme: Theme,
) -> Vec<Figure> {
    table
        .rows
        .iter()
        .filter_map(|row| {
            let pooled = aggregate::reliability(&records[row.record])?;
            let svg = reliability_plot(&pooled, &row.method, theme);
            let name = format!("reliability-{}", slug(&records[row.record].experiment.row));
            Some(figure(
                table,
                &name,
                &format!("Reliability of {}", row.method),
                svg,
            ))
        })
        .collect()
}

fn figure(table: &ResultTable, name: &str, alt: &str, svg: String) -> Figure {
    Figure {
        name: format!("{}-{name}", slug(&table.name)),
        alt: format!("{alt}: {}", table.title),
        svg,
    }
}
