//! Metrics as text tables.

use std::collections::BTreeMap;

use rs_peft::eval::metric::ClassScore;

/// One metric per line.
pub(super) fn table(scores: &BTreeMap<String, Option<f64>>) -> String {
    let mut text = String::new();
    for (name, value) in scores {
        text.push_str(&format!("{name:<20}{}\n", number(*value)));
    }
    text
}

/// One class per line.
pub(super) fn per_class(classes: &[ClassScore]) -> String {
    let width = classes
        .iter()
        .map(|class| class.class.chars().count())
        .max()
        .unwrap_or(0)
        .max(5)
        + 2;
    let mut text = format!(
        "{:<width$}{:>9}{:>11}{:>8}{:>8}{:>8}\n",
        "class", "images", "precision", "recall", "f1", "iou"
    );
    for class in classes {
        text.push_str(&format!(
            "{:<width$}{:>9}{:>11}{:>8}{:>8}{:>8}\n",
            class.class,
            class.support,
            number(class.precision),
            number(class.recall),
            number(class.f1),
            number(class.iou),
        ));
    }
    text
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".into(), |value| format!("{value:.4}"))
}
