//! Fold-outs with numbers: F1 (or IoU) per class, and everything about the paired differences.

use crate::metric::names::style;
use crate::record::RunRecord;
use crate::report::ResultTable;
use crate::report::number::{self, ABSENT};
use crate::stats::{Interval, mean};
use crate::svg::escape;

/// F1 per class and method, IoU where classes are of pixels, from the per-class tables of all seeds; empty when no row has them, or they name different classes.
pub(super) fn per_class(table: &ResultTable, records: &[RunRecord]) -> String {
    let with: Vec<(&str, &RunRecord)> = table
        .rows
        .iter()
        .map(|row| (row.method.as_str(), &records[row.record]))
        .filter(|(_, record)| {
            record
                .results
                .iter()
                .any(|result| result.per_class.is_some())
        })
        .collect();
    let names = |record: &RunRecord| -> Vec<String> {
        let first = record
            .results
            .iter()
            .find_map(|result| result.per_class.as_ref());
        first.map_or(Vec::new(), |scores| {
            scores.iter().map(|score| score.class.clone()).collect()
        })
    };
    let Some(classes) = with.first().map(|(_, record)| names(record)) else {
        return String::new();
    };
    let same = |record: &RunRecord| {
        record
            .results
            .iter()
            .filter_map(|r| r.per_class.as_ref())
            .all(|s| s.iter().map(|c| &c.class).eq(&classes))
    };
    if classes.is_empty() || !with.iter().all(|(_, record)| same(record)) {
        return String::new();
    }
    let head: String = with
        .iter()
        .map(|(method, _)| format!("<th scope=\"col\" class=\"num\">{}</th>", escape(method)))
        .collect();
    let pixels = with.iter().all(|(_, record)| record.has_pixels());
    let (score_name, counted) = if pixels {
        ("IoU", "test pixels")
    } else {
        ("F1", "test images")
    };
    let percent = style("macro_f1");
    let mut body = String::new();
    for (c, class) in classes.iter().enumerate() {
        let scores = |record: &RunRecord| {
            record
                .results
                .iter()
                .filter_map(|r| r.per_class.as_ref())
                .map(|s| s[c].clone())
                .collect::<Vec<_>>()
        };
        let support = scores(with[0].1)
            .iter()
            .fold(0u64, |sum, score| sum.saturating_add(score.support));
        let cells: String = with
            .iter()
            .map(|(_, record)| {
                let values: Vec<f64> = scores(record)
                    .iter()
                    .filter_map(|score| if pixels { score.iou } else { score.f1 })
                    .collect();
                let text =
                    mean(&values).map_or(ABSENT.into(), |value| number::score(value, &percent));
                format!("<td class=\"num\">{text}</td>")
            })
            .collect();
        body.push_str(&format!(
            "<tr><th scope=\"row\">{}</th><td class=\"num\">{}</td>{cells}</tr>\n",
            escape(class),
            number::thousands(support)
        ));
    }
    format!(
        "<details><summary>{score_name} per class</summary>\n<div class=\"scroll\" tabindex=\"0\"><table>\n<caption>{score_name} in percent, mean over \
         seeds in which it is defined</caption>\n<thead><tr><th scope=\"col\">class</th><th scope=\"col\" class=\"num\">{counted}, \
         all seeds</th>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div></details>\n"
    )
}

/// The paired differences with all intervals and the signed-rank test; empty without differences.
pub(super) fn paired(table: &ResultTable) -> String {
    let style = table.metric_style();
    let interval = |interval: Option<Interval>| {
        interval.map_or(ABSENT.to_string(), |i| {
            format!(
                "[{}, {}]",
                number::signed(i.lower, &style),
                number::signed(i.upper, &style)
            )
        })
    };
    let mut body = String::new();
    for row in &table.rows {
        let Some(d) = &row.difference else { continue };
        let [higher, equal, lower] = d.better_equal_worse;
        let cells = [
            d.n.to_string(),
            number::signed(d.mean, &style),
            d.std
                .map_or(ABSENT.into(), |std| number::score(std, &style)),
            interval(d.t95),
            interval(d.corrected95),
            interval(d.bootstrap95),
            format!("{higher} / {equal} / {lower}"),
            d.wilcoxon_p.map_or(ABSENT.into(), |p| {
                if p < 0.001 {
                    "<0.001".into()
                } else {
                    format!("{p:.3}")
                }
            }),
        ];
        let cells: String = cells
            .iter()
            .map(|cell| format!("<td class=\"num\">{}</td>", escape(cell)))
            .collect();
        body.push_str(&format!(
            "<tr><th scope=\"row\">{}</th>{cells}</tr>\n",
            escape(&row.method)
        ));
    }
    if body.is_empty() {
        return String::new();
    }
    let titles = [
        "pairs",
        "mean \u{394}",
        "std of \u{394}",
        "95 % t",
        "95 % t, overlap corrected",
        "95 % bootstrap",
        "higher / equal / lower",
        "signed-rank p",
    ];
    let head: String = titles
        .iter()
        .map(|title| format!("<th scope=\"col\" class=\"num\">{title}</th>"))
        .collect();
    format!(
        "<details><summary>Paired differences in detail</summary>\n<div class=\"scroll\" tabindex=\"0\"><table>\n<caption>{}{}. \
         \u{201c}Overlap corrected\u{201d}: variance s\u{b2}(1/n + test/train) of Nadeau and Bengio (2003), for repeated splits of one data \
         set. Bootstrap: percentile, 10,000 resamples of the pairs.</caption>\n<thead><tr><th scope=\"col\">method</th>{head}</tr></thead>\n\
         <tbody>\n{body}</tbody>\n</table></div></details>\n",
        escape(&style.title),
        if style.percent {
            ", percentage points"
        } else {
            ""
        },
    )
}
