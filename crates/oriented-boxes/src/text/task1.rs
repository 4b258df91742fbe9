//! Task 1: detections of one class in DOTA's result format.
//!
//! One file `Task1_<class>.txt` per class, one detection per line: `image score x1 y1 x2 y2 x3 y3 x4 y4`.

use super::fields::{coordinates, lines, number, quad};
use super::{LineError, LineProblem};
use crate::Quad;

/// One detection of a class.
#[derive(Clone, Debug, PartialEq)]
pub struct Task1Row {
    /// Name of the image without extension, e.g. `P0706`.
    pub image: String,
    /// How sure; larger is surer.
    pub score: f64,
    /// Where, in pixels of the image.
    pub quad: Quad,
    /// Number of its line, from 1.
    pub line: usize,
}

/// Reads the text of a Task 1 file. Empty lines are allowed; a text without detections gives none.
///
/// # Errors
/// [`LineError`] with the number of the first line that is no detection.
pub fn parse_task1(text: &str) -> Result<Vec<Task1Row>, LineError> {
    let mut rows = Vec::new();
    for (line, content) in lines(text) {
        if content.is_empty() {
            continue;
        }
        let row = row(line, content).map_err(|problem| LineError { line, problem })?;
        rows.push(row);
    }
    Ok(rows)
}

fn row(line: usize, content: &str) -> Result<Task1Row, LineProblem> {
    let mut fields = [""; 10];
    let mut found = 0;
    for field in content.split_ascii_whitespace() {
        if let Some(slot) = fields.get_mut(found) {
            *slot = field;
        }
        found += 1;
    }
    if found != fields.len() {
        return Err(LineProblem::Fields {
            expected: "image score x1 y1 x2 y2 x3 y3 x4 y4",
            found,
        });
    }
    Ok(Task1Row {
        image: fields[0].to_owned(),
        score: number("score", fields[1])?,
        quad: quad(&fields[2..])?,
        line,
    })
}

/// The text of a Task 1 file; reading it gives the same values (line numbers aside).
pub fn write_task1<'a>(rows: impl IntoIterator<Item = &'a Task1Row>) -> String {
    rows.into_iter()
        .map(|row| format!("{} {} {}\n", row.image, row.score, coordinates(&row.quad)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detections_survive_writing_and_reading() {
        let text = "P1 0.5 0 0 1.25 0 1.25 1 0 1\n\nP2 1e-3 0.1 0 1 0 1 1 0 0.30000000000000004\n";
        let rows = parse_task1(text).unwrap();
        assert_eq!(
            rows.iter()
                .map(|r| (r.image.as_str(), r.line))
                .collect::<Vec<_>>(),
            [("P1", 1), ("P2", 3)]
        );
        let again = parse_task1(&write_task1(&rows)).unwrap();
        for (a, b) in rows.iter().zip(&again) {
            assert_eq!((a.score, a.quad), (b.score, b.quad));
        }
        assert!(parse_task1("").unwrap().is_empty());
    }

    #[test]
    fn every_bad_line_is_named_by_number() {
        for (bad, words) in [
            ("P1 0.5 0 0 1 0 1 1 0", "found 9 fields"),
            ("P1 0.5 0 0 1 0 1 1 0 1 0", "found 11 fields"),
            (
                "P1 high 0 0 1 0 1 1 0 1",
                "expected a number for score, found `high`",
            ),
            ("P1 inf 0 0 1 0 1 1 0 1", "expected a number for score"),
            ("P1 0.5 0 0 1 0 1 1 0 -", "expected a number for y4"),
            ("P1 0.5 0 0 1 0 1 1 0 1e10", "within"),
        ] {
            let error = parse_task1(&format!("P1 0.5 0 0 1 0 1 1 0 1\n{bad}")).unwrap_err();
            assert_eq!(error.line, 2);
            assert!(error.to_string().contains(words), "{bad}: {error}");
        }
        let long = format!("{} x x x x x x x x x", "\u{1}".repeat(5000));
        assert!(parse_task1(&long).unwrap_err().to_string().len() < 300);
    }
}
