//! Reading the JSON descriptions that diffusers and transformers write: typed fields, and refusal of what would compute
//! something else.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::DiffusionError;

/// The largest description that is read.
const LIMIT: u64 = 1 << 20;

/// The fields of one JSON file.
#[derive(Debug)]
pub(crate) struct Fields {
    path: PathBuf,
    map: Map<String, Value>,
}

impl Fields {
    /// Reads a file that holds one object.
    pub(crate) fn open(path: &Path) -> Result<Self, DiffusionError> {
        let text = text_of(path, LIMIT)?;
        let problem = match serde_json::from_str::<Value>(&text) {
            Ok(Value::Object(map)) => {
                return Ok(Self {
                    path: path.to_owned(),
                    map,
                });
            }
            Ok(_) => "it holds no JSON object".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(DiffusionError::File {
            path: path.to_owned(),
            problem,
            remedy: "copy it again from the published directory".into(),
        })
    }

    /// The value of a field that is there and not null.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    fn wrong(&self, name: &str, expected: &str) -> DiffusionError {
        let found = self.map.get(name).map_or("absent".into(), Value::to_string);
        DiffusionError::config(name, found, expected).in_file(&self.path)
    }

    /// A whole number of at least one.
    pub(crate) fn count(
        &self,
        name: &str,
        default: Option<usize>,
    ) -> Result<usize, DiffusionError> {
        match (self.get(name), default) {
            (None, Some(default)) => Ok(default),
            (Some(value), _) => whole(value).ok_or_else(|| self.wrong(name, COUNT)),
            (None, None) => Err(self.wrong(name, COUNT)),
        }
    }

    /// Whole numbers of at least one; a single number stands for `times` of it.
    pub(crate) fn counts(&self, name: &str, times: usize) -> Result<Vec<usize>, DiffusionError> {
        let list = match self.get(name) {
            Some(Value::Array(list)) => list.iter().map(whole).collect(),
            Some(value) => whole(value).map(|value| vec![value; times]),
            None => None,
        };
        list.ok_or_else(|| self.wrong(name, "whole numbers of at least 1"))
    }

    /// A number.
    pub(crate) fn number(&self, name: &str, default: f64) -> Result<f64, DiffusionError> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => value.as_f64().ok_or_else(|| self.wrong(name, "a number")),
        }
    }

    /// True or false.
    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, DiffusionError> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| self.wrong(name, "true or false")),
        }
    }

    /// A text.
    pub(crate) fn text(&self, name: &str, default: &str) -> Result<String, DiffusionError> {
        match self.get(name) {
            None => Ok(default.to_owned()),
            Some(value) => value
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| self.wrong(name, "a text")),
        }
    }

    /// One of the texts that mean something here.
    pub(crate) fn choice<T: Copy>(
        &self,
        name: &str,
        default: &str,
        choices: &[(&str, T)],
    ) -> Result<T, DiffusionError> {
        let text = self.text(name, default)?;
        let known = choices.iter().find(|(name, _)| *name == text);
        known.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            self.wrong(name, &names.join(" or "))
        })
    }

    /// A list of texts that mean something here.
    pub(crate) fn choices<T: Copy>(
        &self,
        name: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<Vec<T>>, DiffusionError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let wrong = || self.wrong(name, &format!("a list of {}", names.join(" or ")));
        let list = value.as_array().ok_or_else(wrong)?;
        let known = list.iter().map(|value| {
            let text = value.as_str()?;
            choices.iter().find(|(name, _)| *name == text).map(|c| c.1)
        });
        known
            .collect::<Option<Vec<T>>>()
            .map(Some)
            .ok_or_else(wrong)
    }

    /// Fields that, where they are there at all, must have the value with which a model computes what this crate does.
    pub(crate) fn only(&self, fields: &[(&str, Value)]) -> Result<(), DiffusionError> {
        for (name, allowed) in fields {
            let same = match (self.get(name), allowed) {
                (None, _) => true,
                // 1 and 1.0 are the same number.
                (Some(found), Value::Number(number)) => found.as_f64() == number.as_f64(),
                (Some(found), allowed) => found == allowed,
            };
            if !same {
                let expected = format!("{allowed}; models with anything else are not built here");
                return Err(self.wrong(name, &expected));
            }
        }
        Ok(())
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

const COUNT: &str = "a whole number of at least 1";

/// Sizes above this belong to no model; they are refused before anything is multiplied.
const MAX_SIZE: u64 = 1 << 24;

fn whole(value: &Value) -> Option<usize> {
    let number = value.as_u64()?;
    (1..=MAX_SIZE).contains(&number).then_some(number as usize)
}

/// The text of a file of at most `limit` bytes.
pub(crate) fn text_of(path: &Path, limit: u64) -> Result<String, DiffusionError> {
    let io = |action| {
        move |source| DiffusionError::Io {
            path: path.to_owned(),
            action,
            source,
        }
    };
    let file = File::open(path).map_err(io("opening"))?;
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(io("reading"))?;
    let problem = if bytes.len() as u64 > limit {
        format!("it has more than {limit} bytes")
    } else {
        match String::from_utf8(bytes) {
            Ok(text) => return Ok(text),
            Err(_) => "it is not UTF-8".to_owned(),
        }
    };
    Err(DiffusionError::File {
        path: path.to_owned(),
        problem,
        remedy: "copy it again from the published directory".into(),
    })
}
