//! Words that a crate must not know: docs/ARCHITECTURE.md says that the backbone names no adaptation method, and no sensor or data set outside the
//! table of published weights, and that the diffusion model knows three channels and neither a sensor nor a data set.

use std::path::{Path, PathBuf};

use super::Finding;

/// Methods of adaptation.
const METHODS: [&str; 9] = [
    "lora",
    "dora",
    "ia3",
    "slr",
    "vpt",
    "bitfit",
    "deflect",
    "houlsby",
    "adaptformer",
];

/// Sensors, their programmes, and data sets of remote sensing.
const SENSORS: [&str; 18] = [
    "hls",
    "naip",
    "fmow",
    "dota",
    "mados",
    "modis",
    "enmap",
    "aviris",
    "landsat",
    "eurosat",
    "sentinel",
    "worldview",
    "planetscope",
    "quickbird",
    "opensarship",
    "bigearthnet",
    "millionaid",
    "sen1floods",
];

/// Where which words are not allowed, and where they are all the same.
struct Rule {
    folder: &'static str,
    words: &'static [&'static str],
    except: Option<&'static str>,
}

const RULES: [Rule; 3] = [
    Rule {
        folder: "crates/vit-backbone/src/",
        words: &METHODS,
        except: None,
    },
    Rule {
        folder: "crates/vit-backbone/src/",
        words: &SENSORS,
        except: Some("crates/vit-backbone/src/zoo/"),
    },
    Rule {
        folder: "crates/stable-diffusion/src/",
        words: &SENSORS,
        except: None,
    },
];

pub(crate) fn check(root: &Path, files: &[PathBuf]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in files {
        let shown = path.to_string_lossy().replace('\\', "/");
        if !shown.ends_with(".rs") {
            continue;
        }
        for rule in &RULES {
            let excepted = rule.except.is_some_and(|except| shown.starts_with(except));
            if !shown.starts_with(rule.folder) || excepted {
                continue;
            }
            let Ok(text) = std::fs::read_to_string(root.join(path)) else {
                continue;
            };
            // Unit tests may take a real sensor as their example.
            let code = text.split("#[cfg(test)]").next().unwrap_or(&text);
            findings.extend(named(code, rule.words).into_iter().map(|(line, word)| {
                format!(
                    "{shown}:{line}: names `{word}`, which its crate does not know (docs/ARCHITECTURE.md); move it to a crate that does"
                )
            }));
        }
    }
    findings
}

/// Lines, numbered from 1, and the word that each names.
fn named<'a>(text: &str, words: &[&'a str]) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let (whole, parted) = (line.to_lowercase(), parted(line));
        let word = words.iter().find(|word| {
            if word.len() > 5 {
                whole.contains(*word)
            } else {
                stands_alone(&whole, word) || stands_alone(&parted, word)
            }
        });
        found.extend(word.map(|word| (number + 1, *word)));
    }
    found
}

/// Whether a word occurs with no letter at either side: short ones are parts of others.
fn stands_alone(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        [before, after]
            .into_iter()
            .flatten()
            .all(|c| !c.is_alphabetic())
    })
}

/// `TypeName` as `type name`.
fn parted(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 8);
    let mut small = false;
    for c in line.chars() {
        if small && c.is_uppercase() {
            out.push(' ');
        }
        small = c.is_lowercase();
        out.extend(c.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_every_spelling() {
        for text in [
            "let lora_qv = 3;",
            "struct LoraConfig;",
            "//! a LoRA of rank 4",
            "BitFitConfig",
            "#[doc = \"DEFLECT\"]",
        ] {
            assert_eq!(named(text, &METHODS).len(), 1, "{text}");
        }
        for text in ["Sentinel-2", "fn sentinel_2()", "HLS", "let x = \"DOTA\";"] {
            assert_eq!(named(text, &SENSORS).len(), 1, "{text}");
        }
    }

    #[test]
    fn parts_of_other_words_are_not() {
        for text in ["exploration", "adorable", "an adapter", "else", "labels"] {
            assert!(named(text, &METHODS).is_empty(), "{text}");
            assert!(named(text, &SENSORS).is_empty(), "{text}");
        }
    }
}
