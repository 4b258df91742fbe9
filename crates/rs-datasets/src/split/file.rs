//! Splits as text files with a hash.
//!
//! ```text
//! # rs-datasets split 1
//! # sha256: <of every byte after this line>
//! # name: eurosat-rgb
//! # rule: stratified sha256-v1 train=0.8 test=0.2
//! # seed: 0
//! # counts: train=21600 test=5400
//! train<TAB>AnnualCrop_1
//! ```

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{Split, key};
use crate::DataError;
use crate::io::write_atomically;

/// First line of a split file.
const MAGIC: &str = "# rs-datasets split 1";
/// Longest split file that is read: 256 MiB, several million ids.
const MAX_BYTES: u64 = 256 << 20;

impl Split {
    /// The part of the file that is hashed.
    fn body(&self) -> String {
        let counts: Vec<String> = self
            .parts()
            .map(|(part, ids)| format!("{part}={}", ids.len()))
            .collect();
        let seed = self
            .seed()
            .map_or("none".to_owned(), |seed| seed.to_string());
        let mut body = format!(
            "# name: {}\n# rule: {}\n# seed: {seed}\n# counts: {}\n",
            self.name(),
            self.rule(),
            counts.join(" ")
        );
        for (part, ids) in self.parts() {
            for id in ids {
                body.push_str(part);
                body.push('\t');
                body.push_str(id);
                body.push('\n');
            }
        }
        body
    }

    /// SHA-256 of the split (its file without the first two lines), as lowercase hex.
    pub fn sha256(&self) -> String {
        key::hex(&Sha256::digest(self.body().as_bytes()))
    }

    /// Writes the split, whole or not at all.
    ///
    /// # Errors
    /// [`DataError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), DataError> {
        let text = format!("{MAGIC}\n# sha256: {}\n{}", self.sha256(), self.body());
        write_atomically(path, text.as_bytes())
    }

    /// Reads a split and checks its hash, counts and disjointness.
    ///
    /// # Errors
    /// [`DataError::Io`]; [`DataError::SplitFile`] when the file is too long, is not a split file, or was changed by hand.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let io = |source| DataError::Io {
            action: "read",
            path: path.into(),
            source,
        };
        let bad = |detail: String| DataError::SplitFile {
            path: path.into(),
            detail,
        };
        let bytes = fs::metadata(path).map_err(io)?.len();
        if bytes > MAX_BYTES {
            return Err(bad(format!(
                "has {bytes} bytes, at most {MAX_BYTES} are read; it is not a split file"
            )));
        }
        let text = String::from_utf8(fs::read(path).map_err(io)?)
            .map_err(|_| bad("is not UTF-8 text; write it again".into()))?;
        let rest = text
            .strip_prefix(MAGIC)
            .and_then(|rest| rest.strip_prefix('\n'))
            .ok_or_else(|| {
                bad(format!(
                    "expected `{MAGIC}` as first line; it is of another version or no split file"
                ))
            })?;
        let (hash_line, body) = rest.split_once('\n').unwrap_or((rest, ""));
        let expected = hash_line.strip_prefix("# sha256: ").unwrap_or_default();
        let found = key::hex(&Sha256::digest(body.as_bytes()));
        if expected != found {
            return Err(bad(format!(
                "its content has SHA-256 {found}, its header says `{expected}`; it was edited or cut off, write it again"
            )));
        }
        let split = parse(body).map_err(|detail| bad(detail.to_string()))?;
        if split.body() != body {
            return Err(bad("its lines are not in the order that the format asks for, or its counts differ from its lines; write it again".into()));
        }
        Ok(split)
    }
}

/// The split of a file's body.
fn parse(body: &str) -> Result<Split, DataError> {
    let bad = |detail: String| DataError::Split {
        split: "?".into(),
        detail,
    };
    let mut lines = body.lines();
    let mut field = |name: &str| {
        let line = lines.next().unwrap_or_default();
        line.strip_prefix(&format!("# {name}: "))
            .map(str::to_owned)
            .ok_or_else(|| bad(format!("expected a line `# {name}: ...`, found `{line}`")))
    };
    let (name, rule, seed, _counts) = (
        field("name")?,
        field("rule")?,
        field("seed")?,
        field("counts")?,
    );
    let seed = match seed.as_str() {
        "none" => None,
        digits => Some(
            digits
                .parse()
                .map_err(|_| bad(format!("seed `{digits}` is not a whole number")))?,
        ),
    };
    let mut parts: Vec<(String, Vec<String>)> = Vec::new();
    for line in lines {
        let (part, id) = line
            .split_once('\t')
            .ok_or_else(|| bad(format!("expected `part<TAB>id`, found `{line}`")))?;
        match parts.last_mut() {
            Some((last, ids)) if last == part => ids.push(id.into()),
            _ => parts.push((part.into(), vec![id.into()])),
        }
    }
    Split::new(&name, &rule, seed, parts)
}
