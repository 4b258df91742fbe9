//! What a load did, tensor by tensor, and the tables it prints.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

pub use super::values::StoredType;
use crate::VitConfig;

/// The container of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Format {
    /// safetensors.
    Safetensors,
    /// PyTorch since 1.6: a zip archive.
    PytorchZip,
    /// PyTorch before 1.6: pickles and raw storages behind one another.
    PytorchLegacy,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Safetensors => "safetensors",
            Self::PytorchZip => "PyTorch (zip)",
            Self::PytorchLegacy => "PyTorch (legacy)",
        })
    }
}

/// Where the configuration came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ConfigSource {
    /// Given by the caller.
    Given,
    /// The key `vit_config` of the file's metadata.
    Metadata,
    /// Read off names and shapes.
    Inferred,
}

/// A tensor that the model needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// Its name in a timm checkpoint.
    pub name: String,
    /// Its shape there.
    pub shape: Vec<usize>,
}

/// A tensor that the file has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Its key in the file.
    pub key: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The type of its numbers.
    pub dtype: StoredType,
}

/// A tensor that was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loaded {
    /// Its name in the model.
    pub name: String,
    /// What it was read from.
    pub found: Found,
}

/// A tensor of the right name and the wrong shape or type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// What the model needs.
    pub expected: Expected,
    /// What the file has.
    pub found: Found,
}

/// Why a tensor of the file was left aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum UnusedReason {
    /// It belongs to pretraining: mask token, decoder, projection heads.
    Pretraining,
    /// It belongs to a task head.
    Head,
    /// The configuration says that the model has no such part (a final norm, for example).
    Declined,
    /// It stands outside the part of the file that holds the model.
    Elsewhere,
    /// Nothing is known about it.
    Unknown,
}

/// A tensor of the file that was left aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unused {
    /// What the file has.
    pub found: Found,
    /// Why it was left aside.
    pub reason: UnusedReason,
}

/// Everything that a load found and did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadReport {
    /// The file.
    pub path: PathBuf,
    /// Its container.
    pub format: Format,
    /// SHA-256 of the whole file, in lower-case hexadecimal; empty where [`LoadOptions`](crate::LoadOptions) asked for none.
    pub sha256: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The dictionary that was taken in a nested file, such as `model`; empty at the top.
    pub nested: String,
    /// What was cut off the front of every key, such as `module.backbone.`.
    pub prefix: String,
    /// The configuration of the model.
    pub config: VitConfig,
    /// Where it came from.
    pub config_source: ConfigSource,
    /// What could not be read off the file and was taken for granted.
    pub assumed: Vec<String>,
    /// Tensors that were loaded.
    pub loaded: Vec<Loaded>,
    /// Tensors that the model needs and the file has not; initialised at random when partial loading was asked for.
    pub missing: Vec<Expected>,
    /// Tensors of the right name and the wrong shape or type; always an error.
    pub mismatched: Vec<Mismatch>,
    /// Tensors of the file that the model does not need.
    pub unused: Vec<Unused>,
    /// Names that look like something the file has: (name needed or key found, nearest counterpart).
    pub suggestions: Vec<(String, String)>,
    /// The text metadata of the file.
    pub metadata: BTreeMap<String, String>,
}

impl LoadReport {
    /// Tensors of the file left aside without a known reason.
    pub fn unknown(&self) -> impl Iterator<Item = &Unused> {
        self.unused
            .iter()
            .filter(|unused| unused.reason == UnusedReason::Unknown)
    }
}

/// Lists at most this many lines of a kind; the report itself is complete.
const SHOWN: usize = 8;

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} ({}, {} bytes, {})",
            self.path.display(),
            self.format,
            self.bytes,
            if self.sha256.is_empty() {
                "not hashed".to_owned()
            } else {
                format!("sha256 {}", self.sha256)
            }
        )?;
        write!(
            f,
            "  {} loaded, {} missing, {} of another shape or type, {} unused",
            self.loaded.len(),
            self.missing.len(),
            self.mismatched.len(),
            self.unused.len()
        )?;
        if !self.nested.is_empty() {
            write!(f, "; taken from `{}`", self.nested)?;
        }
        if !self.prefix.is_empty() {
            write!(f, "; prefix `{}` removed", self.prefix)?;
        }
        let missing = self
            .missing
            .iter()
            .map(|m| format!("missing {} {:?}", m.name, m.shape));
        let mismatched = self.mismatched.iter().map(|m| {
            format!(
                "{}: expected {:?} of a float type, found {:?} {} under `{}`",
                m.expected.name, m.expected.shape, m.found.shape, m.found.dtype, m.found.key
            )
        });
        let unused = self.unused.iter().map(|u| {
            format!(
                "unused {} {:?} {} ({:?})",
                u.found.key, u.found.shape, u.found.dtype, u.reason
            )
        });
        let near = self
            .suggestions
            .iter()
            .map(|(a, b)| format!("`{a}` resembles `{b}`"));
        let assumed = self.assumed.iter().map(|a| format!("assumed: {a}"));
        some_lines(f, mismatched)?;
        some_lines(f, missing)?;
        some_lines(f, unused)?;
        some_lines(f, near)?;
        some_lines(f, assumed)
    }
}

fn some_lines(f: &mut fmt::Formatter<'_>, lines: impl Iterator<Item = String>) -> fmt::Result {
    for (number, line) in lines.enumerate() {
        if number < SHOWN {
            write!(f, "\n    {line}")?;
        } else if number == SHOWN {
            write!(f, "\n    ...")?;
        }
    }
    Ok(())
}
