//! labelTxt: the ground truth of one image in DOTA's format.
//!
//! Two optional lines `imagesource:...` and `gsd:...`, then one object per line: `x1 y1 x2 y2 x3 y3 x4 y4 category difficult`. A line of nine
//! fields means `difficult` 0, as in the development kit. The kit passes over every other line in silence; here that is an error.

use super::fields::{coordinates, lines, number, quad, shown};
use super::{LineError, LineProblem};
use crate::Quad;

/// One labelled object.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledQuad {
    /// Its corners, of whatever shape ([`Quad::shape`]).
    pub quad: Quad,
    /// Name of its class.
    pub class: String,
    /// 0 easy, 1 difficult; tools that cut tiles write 2 for what is left of a cut object.
    pub difficulty: u8,
    /// Number of its line, from 1.
    pub line: usize,
}

/// The ground truth of one image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelFile {
    /// Where the image comes from, e.g. `GoogleEarth`.
    pub image_source: Option<String>,
    /// Ground sampling distance as published: metres per pixel in most files, degrees in some.
    pub gsd: Option<f64>,
    /// The objects; none in an image without objects.
    pub objects: Vec<LabelledQuad>,
}

/// Reads the text of a labelTxt file. Empty lines are allowed.
///
/// # Errors
/// [`LineError`] with the number of the first line that is none of the above.
pub fn parse_label_txt(text: &str) -> Result<LabelFile, LineError> {
    let mut file = LabelFile::default();
    for (line, content) in lines(text) {
        let problem = |problem| LineError { line, problem };
        if content.is_empty() {
        } else if let Some(source) = content.strip_prefix("imagesource:") {
            file.image_source = known(source).map(str::to_owned);
        } else if let Some(gsd) = content.strip_prefix("gsd:") {
            file.gsd = known(gsd)
                .map(|gsd| number("gsd", gsd))
                .transpose()
                .map_err(problem)?;
        } else {
            file.objects.push(object(line, content).map_err(problem)?);
        }
    }
    Ok(file)
}

/// The value of a header line, unless it says that there is none.
fn known(value: &str) -> Option<&str> {
    let value = value.trim();
    let absent = ["", "null", "none", "nan"].contains(&value.to_ascii_lowercase().as_str());
    (!absent).then_some(value)
}

fn object(line: usize, content: &str) -> Result<LabelledQuad, LineProblem> {
    let fields: Vec<&str> = content.split_whitespace().collect();
    if !(9..=10).contains(&fields.len()) {
        return Err(LineProblem::Fields {
            expected: "x1 y1 x2 y2 x3 y3 x4 y4 category difficult",
            found: fields.len(),
        });
    }
    let difficulty = match fields.get(9) {
        None => 0,
        Some(field) => field.parse().map_err(|_| LineProblem::Range {
            what: "difficult",
            found: shown(field),
            expected: "0, 1 or 2",
        })?,
    };
    if difficulty > 2 {
        return Err(LineProblem::Range {
            what: "difficult",
            found: difficulty.to_string(),
            expected: "0, 1 or 2",
        });
    }
    Ok(LabelledQuad {
        quad: quad(&fields[..8])?,
        class: fields[8].to_owned(),
        difficulty,
        line,
    })
}

/// The text of a labelTxt file; reading it gives the same values (line numbers aside).
pub fn write_label_txt(file: &LabelFile) -> String {
    let mut text = String::new();
    if let Some(source) = &file.image_source {
        text += &format!("imagesource:{source}\n");
    }
    if let Some(gsd) = file.gsd {
        text += &format!("gsd:{gsd}\n");
    }
    for object in &file.objects {
        text += &format!(
            "{} {} {}\n",
            coordinates(&object.quad),
            object.class,
            object.difficulty
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\u{feff}imagesource:GoogleEarth\r\ngsd:0.139152881468\r\n\
        218 108 249 101 260 146 224 150.5 swimming-pool 0\r\n\n119 270 340 270 340 526 119 526 roundabout 1\n";

    #[test]
    fn headers_objects_and_line_numbers_are_read() {
        let file = parse_label_txt(GOOD).unwrap();
        assert_eq!(file.image_source.as_deref(), Some("GoogleEarth"));
        assert_eq!(file.gsd, Some(0.139152881468));
        let found: Vec<_> = file
            .objects
            .iter()
            .map(|o| (o.line, o.class.as_str(), o.difficulty))
            .collect();
        assert_eq!(found, [(3, "swimming-pool", 0), (5, "roundabout", 1)]);
        assert_eq!(file.objects[0].quad.coordinates()[7], 150.5);
        // Written and read back: the empty line is gone.
        let again = parse_label_txt(&write_label_txt(&file)).unwrap();
        assert_eq!(again.objects[1].line, 4);
        assert_eq!(again.objects[1].quad, file.objects[1].quad);
        assert_eq!(
            (again.gsd, again.image_source),
            (file.gsd, file.image_source)
        );
    }

    #[test]
    fn an_image_without_objects_and_unknown_headers_are_no_errors() {
        assert_eq!(parse_label_txt("").unwrap(), LabelFile::default());
        let file = parse_label_txt("imagesource:GF\ngsd:null\n").unwrap();
        assert_eq!((file.gsd, file.objects.len()), (None, 0));
        let nine = parse_label_txt("0 0 1 0 1 1 0 1 ship").unwrap();
        assert_eq!(nine.objects[0].difficulty, 0);
    }

    #[test]
    fn every_bad_line_is_named_by_number() {
        let good = "imagesource:x\ngsd:1\n0 0 1 0 1 1 0 1 ship 0\n";
        for (bad, words) in [
            (
                "0 0 1 0 1 1 0 ship 0",
                "line 4: expected a number for y4, found `ship`",
            ),
            ("0 0 1 0 1 1 ship 0", "found 8 fields"),
            ("0 0 1 0 1 1 0 1 large vehicle 0", "found 11 fields"),
            (
                "0 0 1 0 1 x 0 1 ship 0",
                "expected a number for y3, found `x`",
            ),
            (
                "0 0 1 0 1 nan 0 1 ship 0",
                "expected a number for y3, found `nan`",
            ),
            ("0 0 1e12 0 1 1 0 1 ship 0", "within"),
            ("0 0 1 0 1 1 0 1 ship tr", "difficult is tr"),
            ("0 0 1 0 1 1 0 1 ship 7", "difficult is 7"),
            ("gsd:far", "expected a number for gsd"),
            ("hello", "found 1 fields"),
        ] {
            let error = parse_label_txt(&format!("{good}{bad}\n")).unwrap_err();
            assert_eq!(error.line, 4);
            assert!(error.to_string().contains(words), "{bad}: {error}");
        }
    }
}
