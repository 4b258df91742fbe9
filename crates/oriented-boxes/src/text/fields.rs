//! Fields of a line.

use super::LineProblem;
use crate::Quad;

/// Longest text that an error repeats.
const MOST_CHARACTERS: usize = 40;

/// The first characters of a field, so that a binary file does not fill the screen.
pub(super) fn shown(field: &str) -> String {
    field
        .chars()
        .take(MOST_CHARACTERS)
        .flat_map(char::escape_debug)
        .collect()
}

pub(super) fn number(what: &'static str, field: &str) -> Result<f64, LineProblem> {
    let bad = || LineProblem::Number {
        what,
        found: shown(field),
    };
    let value: f64 = field.parse().map_err(|_| bad())?;
    if value.is_finite() {
        Ok(value)
    } else {
        Err(bad())
    }
}

/// Eight fields as four corners.
pub(super) fn quad(fields: &[&str]) -> Result<Quad, LineProblem> {
    const NAMES: [&str; 8] = ["x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4"];
    let mut values = [0.0; 8];
    for ((value, field), what) in values.iter_mut().zip(fields).zip(NAMES) {
        *value = number(what, field)?;
    }
    Ok(Quad::from_coordinates(values)?)
}

/// The eight coordinates with as many digits as it takes to read the same numbers back.
pub(super) fn coordinates(quad: &Quad) -> String {
    quad.coordinates().map(|value| value.to_string()).join(" ")
}

/// The lines with their numbers from 1; a byte-order mark is dropped.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
}
