//! Module names as PEFT matches them: suffixes, and expressions that must match a whole name.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::adapter_config::unsupported;
use crate::error::PeftError;

/// PEFT writes an expression as a string, and names as a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    Expression(String),
    Names(Vec<String>),
}

/// The first pattern, in the order of the file, that matches the end of a name, with its value.
pub(crate) fn first_match<'a>(
    patterns: &'a Map<String, Value>,
    name: &str,
    path: &Path,
) -> Result<Option<(&'a str, &'a Value)>, PeftError> {
    for (pattern, value) in patterns {
        if expression(&format!(r"(.*\.)?({pattern})"), path)?.is_match(name) {
            return Ok(Some((pattern, value)));
        }
    }
    Ok(None)
}

/// Module names as PEFT matches them.
pub(crate) enum Names<'a> {
    Expression(regex::Regex),
    All,
    Suffixes(&'a [String]),
}

impl<'a> Names<'a> {
    pub(crate) fn new(names: &'a OneOrMany, path: &Path) -> Result<Self, PeftError> {
        Ok(match names {
            OneOrMany::Expression(text) if text == crate::targets::ALL_LINEAR => Self::All,
            OneOrMany::Expression(text) => Self::Expression(expression(text, path)?),
            OneOrMany::Names(names) => Self::Suffixes(names),
        })
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Expression(expression) => expression.is_match(name),
            Self::Suffixes(names) => names.iter().any(|suffix| {
                name == suffix
                    || name
                        .strip_suffix(suffix.as_str())
                        .is_some_and(|head| head.ends_with('.'))
            }),
        }
    }
}

/// An expression that must match a whole name. The regex crate bounds its size and runs in linear time.
fn expression(text: &str, path: &Path) -> Result<regex::Regex, PeftError> {
    regex::Regex::new(&format!("^(?:{text})$")).map_err(|error| {
        unsupported(
            path,
            format!("the expression `{text}` cannot be read ({error})"),
        )
    })
}
