//! Colours of classes.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::SceneError;

/// Colours that people with any common colour blindness tell apart: the set of M. Okabe and K. Ito without black, then the muted scheme
/// of P. Tol.
const SAFE: [[u8; 3]; 16] = [
    [0, 114, 178],
    [230, 159, 0],
    [0, 158, 115],
    [204, 121, 167],
    [86, 180, 233],
    [213, 94, 0],
    [240, 228, 66],
    [136, 34, 85],
    [51, 34, 136],
    [221, 204, 119],
    [17, 119, 51],
    [136, 204, 238],
    [204, 102, 119],
    [68, 170, 153],
    [153, 153, 51],
    [170, 68, 153],
];

/// The colours of `count` classes where none are given. Sixteen are safe for colour-blind readers; further classes get darker shades
/// of the same.
pub fn default_colours(count: usize) -> Vec<[u8; 3]> {
    let shade = |class: usize| {
        let factor = 0.6f32.powi((class / SAFE.len()) as i32);
        SAFE[class % SAFE.len()].map(|value| (f32::from(value) * factor).round() as u8)
    };
    (0..count).map(shade).collect()
}

/// Class names with a colour each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassColours(pub Vec<[u8; 3]>);

impl ClassColours {
    /// The default colours of these classes.
    pub fn default_for(classes: &[String]) -> Self {
        Self(default_colours(classes.len()))
    }

    /// Colours from a TOML file; a class that it does not name keeps its default.
    /// ```toml
    /// [colours]
    /// water = "#0072b2"
    /// ```
    ///
    /// # Errors
    /// [`SceneError::Io`]; [`SceneError::Colours`] for a class that does not exist or a colour that is none.
    pub fn read(path: &Path, classes: &[String]) -> Result<Self, SceneError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            colours: BTreeMap<String, String>,
        }
        let text = std::fs::read_to_string(path).map_err(SceneError::io("read", path))?;
        let bad = |detail: String| SceneError::Colours {
            path: path.into(),
            detail,
        };
        let file: File = toml::from_str(&text).map_err(|error| bad(error.to_string()))?;
        let mut colours = Self::default_for(classes);
        for (name, colour) in &file.colours {
            let class = classes
                .iter()
                .position(|class| class == name)
                .ok_or_else(|| {
                    bad(format!(
                        "no class `{name}`; there are: {}",
                        classes.join(", ")
                    ))
                })?;
            colours.0[class] = parse(colour).ok_or_else(|| {
                bad(format!(
                    "`{colour}` of {name} is no colour; write it as \"#rrggbb\""
                ))
            })?;
        }
        Ok(colours)
    }
}

fn parse(colour: &str) -> Option<[u8; 3]> {
    let digits = colour.strip_prefix('#')?;
    if digits.len() != 6 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let channel = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    Some([channel(0)?, channel(2)?, channel(4)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_changes_the_colours_it_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("colours.toml");
        let classes = ["dry", "water"].map(String::from);
        std::fs::write(&path, "[colours]\nwater = \"#0102ff\"\n").unwrap();
        let colours = ClassColours::read(&path, &classes).unwrap();
        assert_eq!(colours.0, [default_colours(1)[0], [1, 2, 255]]);
        for (text, says) in [
            ("[colours]\nsea = \"#000000\"", "dry, water"),
            ("[colours]\nwater = \"blue\"", "#rrggbb"),
            ("[colours]\nwater = \"#00000é\"", "#rrggbb"),
            ("[colors]\n", "colors"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = ClassColours::read(&path, &classes).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn no_two_of_thirty_classes_look_alike() {
        let colours = default_colours(30);
        for (at, colour) in colours.iter().enumerate() {
            assert!(!colours[..at].contains(colour));
        }
    }
}
