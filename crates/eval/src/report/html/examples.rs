//! Example images with the prediction of each method.

use crate::EvalError;
use crate::report::{ExampleImage, ExamplePrediction, Report, ResultTable};
use crate::svg::escape;

/// The examples of `table`; empty when the report has none.
pub(super) fn of(report: &Report, table: &ResultTable) -> Result<String, EvalError> {
    let mut out = String::new();
    for set in report
        .examples
        .iter()
        .filter(|set| set.experiment == table.name && !set.images.is_empty())
    {
        out.push_str(&format!(
            "<h3>Example images</h3>\n<p class=\"notes\">{}</p>\n<div class=\"examples\">\n",
            escape(&set.caption)
        ));
        for image in &set.images {
            out.push_str(&card(image)?);
        }
        out.push_str("</div>\n");
    }
    Ok(out)
}

/// The pictures of `table`; empty when the report has none.
pub(super) fn pictures(report: &Report, table: &ResultTable) -> String {
    let own = report
        .pictures
        .iter()
        .filter(|picture| picture.experiment == table.name);
    let figures: String = own
        .map(|picture| {
            let caption = escape(&picture.caption);
            format!(
                "<figure><img class=\"picture\" src=\"{}\" alt=\"{caption}\"><figcaption>{caption}</figcaption></figure>\n",
                picture.data_uri()
            )
        })
        .collect();
    if figures.is_empty() {
        return figures;
    }
    format!("<h3>Pictures</h3>\n{figures}")
}

fn card(image: &ExampleImage) -> Result<String, EvalError> {
    let (width, height) = image.extent()?;
    let predictions: String = image
        .predictions
        .iter()
        .map(|prediction| line(image, prediction))
        .collect();
    Ok(format!(
        "<div class=\"example\"><div class=\"head\"><img src=\"{uri}\" width=\"{width}\" height=\"{height}\" \
         alt=\"Sample {id}, true class {truth}\"><div><p class=\"truth\">{truth}</p><p class=\"id\">{id}</p></div></div>\n\
         <ul>\n{predictions}</ul></div>\n",
        uri = image.data_uri(),
        id = escape(&image.id),
        truth = escape(&image.truth),
    ))
}

fn line(image: &ExampleImage, prediction: &ExamplePrediction) -> String {
    let right = prediction.class == image.truth;
    let (class, sign, word) = if right {
        ("right", '\u{2713}', "right")
    } else {
        ("wrong", '\u{2717}', "wrong")
    };
    let confidence = prediction
        .confidence
        .filter(|c| c.is_finite())
        .map_or(String::new(), |c| format!(" {:.0} %", 100.0 * c));
    format!(
        "<li><span title=\"{0}\">{0}</span><span class=\"{class}\">{1}{confidence} <b aria-hidden=\"true\">{sign}</b>\
         <i class=\"sr\">{word}</i></span></li>\n",
        escape(&prediction.method),
        escape(&prediction.class)
    )
}
