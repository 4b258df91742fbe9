//! One experiment: table, notes, figures, examples, fold-outs.

use super::{details, examples, provenance};
use crate::EvalError;
use crate::record::{DataKind, RunRecord};
use crate::report::{Figure, Report, ResultTable, figures};
use crate::svg::{Theme, escape};

pub(super) fn section(
    report: &Report,
    table: &ResultTable,
    records: &[RunRecord],
    index: usize,
) -> Result<String, EvalError> {
    let theme = Theme::Page;
    let mut out = format!(
        "<section aria-labelledby=\"t{0}\">\n<h2 id=\"t{0}\">{1} {2}</h2>\n{3}",
        index + 1,
        escape(&table.title),
        badges(table),
        result_table(table)
    );
    out.push_str("<div class=\"notes\">\n");
    for note in &table.notes {
        out.push_str(&format!("<p>{}</p>\n", escape(note)));
    }
    out.push_str("</div>\n");
    let main: Vec<Figure> = figures::parameters(table, records, theme)
        .into_iter()
        .chain(figures::differences(table, theme))
        .collect();
    out.push_str(&plots(&main));
    out.push_str(&examples::of(report, table)?);
    out.push_str(&examples::pictures(report, table));

    let curves = figures::curves(table, records, theme);
    out.push_str(&titled(
        "Training curves",
        "Mean over seeds; the band runs from the lowest to the highest seed.",
        &curves,
    ));
    out.push_str(&confusions(table, records));
    out.push_str(&details::per_class(table, records));
    out.push_str(&details::paired(table));
    let reliability = figures::reliabilities(table, records, theme);
    if !reliability.is_empty() {
        out.push_str(&format!(
            "<details><summary>Calibration ({} methods)</summary>\n<p class=\"notes\">Bars: accuracy per bin of confidence, the \
             paler the fewer images; lines: mean confidence of the bin.</p>\n{}</details>\n",
            reliability.len(),
            grid(&reliability, "plots small")
        ));
    }
    out.push_str(&provenance::of(table, records));
    out.push_str("</section>\n");
    Ok(out)
}

/// What the rows ran on, as labels.
pub(super) fn badges(table: &ResultTable) -> String {
    let badge = |kind: &DataKind| {
        let class = match kind {
            DataKind::Paper => "paper",
            DataKind::Real => "real",
            DataKind::Synthetic => "synthetic",
        };
        format!(
            "<span class=\"badge {class}\">{}</span>",
            escape(kind.label())
        )
    };
    table.data.iter().map(badge).collect()
}

fn result_table(table: &ResultTable) -> String {
    let head: String = table
        .columns
        .iter()
        .map(|column| {
            let class = if column.numeric { " class=\"num\"" } else { "" };
            format!("<th scope=\"col\"{class}>{}</th>", escape(&column.title))
        })
        .collect();
    let mut body = String::new();
    for row in &table.rows {
        body.push_str(if row.is_baseline {
            "<tr class=\"baseline\">"
        } else {
            "<tr>"
        });
        for (i, (cell, column)) in row.cells.iter().zip(&table.columns).enumerate() {
            let text = escape(&cell.text);
            let text = if cell.strong {
                format!("<strong>{text}</strong>")
            } else {
                text
            };
            body.push_str(&match (i, column.numeric) {
                (0, _) => format!("<th scope=\"row\">{text}</th>"),
                (_, true) => format!("<td class=\"num\">{text}</td>"),
                (_, false) => format!("<td>{text}</td>"),
            });
        }
        body.push_str("</tr>\n");
    }
    format!(
        "<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n"
    )
}

fn plots(figures: &[Figure]) -> String {
    grid(figures, "plots")
}

fn grid(figures: &[Figure], class: &str) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let each: String = figures
        .iter()
        .map(|figure| format!("<figure>{}</figure>\n", figure.svg))
        .collect();
    format!("<div class=\"{class}\">\n{each}</div>\n")
}

fn titled(title: &str, note: &str, figures: &[Figure]) -> String {
    if figures.is_empty() {
        return String::new();
    }
    format!(
        "<h3>{title}</h3>\n<p class=\"notes\">{note}</p>\n{}",
        plots(figures)
    )
}

/// The matrices of the baseline and of the best row side by side, the others folded away.
fn confusions(table: &ResultTable, records: &[RunRecord]) -> String {
    let all = figures::confusions(table, records, Theme::Page);
    let best = table.best().map(|row| row.record);
    let shown = |i: usize| table.rows[i].is_baseline || Some(table.rows[i].record) == best;
    let (open, folded): (Vec<_>, Vec<_>) = all.into_iter().partition(|(i, _)| shown(*i));
    let strip = |list: Vec<(usize, Figure)>| {
        list.into_iter()
            .map(|(_, figure)| figure)
            .collect::<Vec<_>>()
    };
    let (open, folded) = (strip(open), strip(folded));
    let mut out = titled(
        "Confusion matrices",
        "Rows are true classes; numbers are percent of the row.",
        &open,
    );
    if !folded.is_empty() {
        let title = if open.is_empty() {
            "Confusion matrices"
        } else {
            "Confusion matrices of the other methods"
        };
        out.push_str(&format!(
            "<details><summary>{title} ({})</summary>\n{}</details>\n",
            folded.len(),
            plots(&folded)
        ));
    }
    out
}
