//! The report as one HTML page without script and without anything from outside.

mod details;
mod examples;
mod provenance;
mod section;
mod style;

use super::{Report, ResultTable};
use crate::EvalError;
use crate::record::RunRecord;
use crate::svg::escape;

/// The page.
pub(super) fn page(
    report: &Report,
    tables: &[ResultTable],
    records: &[RunRecord],
) -> Result<String, EvalError> {
    let mut body = String::new();
    for (i, table) in tables.iter().enumerate() {
        body.push_str(&section::section(report, table, records, i)?);
    }
    let introduction: String = report
        .introduction
        .iter()
        .map(|paragraph| format!("<p class=\"lead\">{}</p>\n", escape(paragraph)))
        .collect();
    let overview = if tables.len() > 1 {
        overview(tables)
    } else {
        String::new()
    };
    let empty = if tables.is_empty() {
        "<p>There are no run records yet.</p>\n"
    } else {
        ""
    };
    // The content policy forbids scripts and the network outright, whatever a record says.
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n\
         <header><h1>{title}</h1>\n{introduction}</header>\n<main>\n{empty}{overview}{body}</main>\n{footer}</body>\n</html>\n",
        title = escape(&report.title),
        style = style::css(),
        footer = FOOTER,
    ))
}

/// One line per experiment.
fn overview(tables: &[ResultTable]) -> String {
    let rows: String = tables
        .iter()
        .enumerate()
        .map(|(i, table)| {
            let (best, difference) = table.headline();
            format!(
                "<tr><th scope=\"row\"><a href=\"#t{}\">{}</a></th><td>{}</td><td class=\"num\">{}</td><td>{}</td>\
                 <td class=\"num\">{}</td></tr>\n",
                i + 1,
                escape(&table.title),
                section::badges(table),
                table.rows.len(),
                escape(&best),
                escape(&difference)
            )
        })
        .collect();
    format!(
        "<section aria-labelledby=\"overview\">\n<h2 id=\"overview\">At a glance</h2>\n<div class=\"scroll\" tabindex=\"0\">\
         <table>\n<thead><tr><th scope=\"col\">experiment</th><th scope=\"col\">data</th><th scope=\"col\" class=\"num\">rows</th>\
         <th scope=\"col\">best mean</th><th scope=\"col\" class=\"num\">\u{394} to baseline [95 % CI]</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table></div>\n</section>\n"
    )
}

const FOOTER: &str = "<footer>\n<p>Every number on this page is generated from run records; what is not recorded is shown as \
    \u{2013}. \u{201c}best mean\u{201d} is the row with the best mean on the test sets: a description of the table, not a \
    choice made on validation data.</p>\n</footer>\n";
