//! The header of a `.npy` file: magic bytes, version, and a Python dictionary of three entries.

use std::path::Path;

use super::Dtype;
use crate::DataError;

const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy's own limit on the number of axes is 64.
const MAX_RANK: usize = 64;

/// What the header says.
pub(super) struct Header {
    pub(super) dtype: Dtype,
    pub(super) big_endian: bool,
    pub(super) fortran: bool,
    pub(super) shape: Vec<usize>,
    /// Offset of the first value.
    pub(super) data_at: usize,
}

/// A value of the dictionary.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(String),
    Bool(bool),
    Tuple(Vec<usize>),
}

/// Parses the header of `bytes`.
pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Header, DataError> {
    let bad = |detail: String| DataError::Corrupt {
        path: path.into(),
        format: "npy",
        detail,
    };
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or_else(|| bad("it does not start with \\x93NUMPY".into()))?;
    let (length, text_at) = match *rest {
        [1, _, a, b, ..] => (usize::from(u16::from_le_bytes([a, b])), 10),
        [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([a, b, c, d]) as usize, 12),
        [version @ (0 | 4..), ..] => {
            return Err(bad(format!("format version {version} is unknown")));
        }
        _ => return Err(bad("it ends within the header".into())),
    };
    let data_at = text_at + length;
    let text = bytes
        .get(text_at..data_at)
        .ok_or_else(|| bad("it ends within the header".into()))?;
    let text = std::str::from_utf8(text).map_err(|_| bad("the header is no text".into()))?;
    let entries = Parser { rest: text }
        .dictionary()
        .ok_or_else(|| unsupported(path, text))?;

    let entry = |key: &str| {
        entries
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    };
    match (entry("descr"), entry("fortran_order"), entry("shape")) {
        (Some(Value::Text(descr)), Some(&Value::Bool(fortran)), Some(Value::Tuple(shape))) => {
            let (dtype, big_endian) = dtype(descr).ok_or_else(|| unsupported(path, descr))?;
            if shape.len() > MAX_RANK {
                return Err(bad(format!("it claims {} axes", shape.len())));
            }
            Ok(Header {
                dtype,
                big_endian,
                fortran,
                shape: shape.clone(),
                data_at,
            })
        }
        _ => Err(bad("the header lacks descr, fortran_order or shape".into())),
    }
}

/// The bytes before the values: little-endian, C order, padded so that the values start at a multiple of 64.
pub(super) fn encode(dtype: Dtype, shape: &[usize]) -> Vec<u8> {
    let kind = match dtype {
        Dtype::U8 => "|u1",
        Dtype::I8 => "|i1",
        Dtype::U16 => "<u2",
        Dtype::I16 => "<i2",
        Dtype::U32 => "<u4",
        Dtype::I32 => "<i4",
        Dtype::U64 => "<u8",
        Dtype::I64 => "<i8",
        Dtype::F32 => "<f4",
        Dtype::F64 => "<f8",
    };
    let mut extents: String = shape.iter().map(|extent| format!("{extent}, ")).collect();
    if shape.len() > 1 {
        extents.truncate(extents.len() - 2);
    }
    let mut text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({extents}), }}");
    let long = text.len() + 64 > usize::from(u16::MAX);
    let prefix = if long { 12 } else { 10 };
    while (prefix + text.len() + 1) % 64 != 0 {
        text.push(' ');
    }
    text.push('\n');
    let mut bytes = MAGIC.to_vec();
    if long {
        bytes.extend([2, 0]);
        bytes.extend((text.len() as u32).to_le_bytes());
    } else {
        bytes.extend([1, 0]);
        bytes.extend((text.len() as u16).to_le_bytes());
    }
    bytes.extend(text.into_bytes());
    bytes
}

fn unsupported(path: &Path, what: &str) -> DataError {
    let what: String = what.trim().chars().take(80).collect();
    DataError::Unsupported {
        path: path.into(),
        detail: format!("the array type {what}"),
        remedy: "save plain numbers, e.g. with array.astype('float32'); structured, object and half arrays are not read",
    }
}

/// Type and whether it is big-endian, from a type string like `<f4`.
fn dtype(descr: &str) -> Option<(Dtype, bool)> {
    let (order, kind) = descr.split_at_checked(1)?;
    let big_endian = match order {
        "<" | "|" => false,
        ">" => true,
        // "=" is the byte order of whoever wrote the file, which nobody can know.
        _ => return None,
    };
    let dtype = match kind {
        "u1" | "b1" => Dtype::U8,
        "i1" => Dtype::I8,
        "u2" => Dtype::U16,
        "i2" => Dtype::I16,
        "u4" => Dtype::U32,
        "i4" => Dtype::I32,
        "u8" => Dtype::U64,
        "i8" => Dtype::I64,
        "f4" => Dtype::F32,
        "f8" => Dtype::F64,
        _ => return None,
    };
    Some((dtype, big_endian))
}

/// Reads the few forms of Python literal that occur in a header; `None` for any other.
struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn dictionary(mut self) -> Option<Vec<(String, Value)>> {
        let mut entries = Vec::new();
        self.expect("{")?;
        while !self.accept("}") {
            let key = self.text()?;
            self.expect(":")?;
            entries.push((key, self.value()?));
            if !self.accept(",") {
                self.expect("}")?;
                break;
            }
        }
        self.rest.trim().is_empty().then_some(entries)
    }

    fn value(&mut self) -> Option<Value> {
        if self.accept("True") {
            Some(Value::Bool(true))
        } else if self.accept("False") {
            Some(Value::Bool(false))
        } else if self.accept("(") {
            let mut extents = Vec::new();
            while !self.accept(")") {
                extents.push(self.number()?);
                if !self.accept(",") {
                    self.expect(")")?;
                    break;
                }
            }
            Some(Value::Tuple(extents))
        } else {
            self.text().map(Value::Text)
        }
    }

    fn text(&mut self) -> Option<String> {
        let quote = if self.accept("'") {
            '\''
        } else {
            self.expect("\"").map(|()| '"')?
        };
        let (text, rest) = self.rest.split_once(quote)?;
        self.rest = rest;
        (!text.contains('\\')).then(|| text.to_owned())
    }

    fn number(&mut self) -> Option<usize> {
        self.rest = self.rest.trim_start();
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        // Python 2 wrote long integers with an L behind them.
        self.rest = rest.strip_prefix('L').unwrap_or(rest);
        digits.parse().ok()
    }

    fn accept(&mut self, token: &str) -> bool {
        let found = self.rest.trim_start().strip_prefix(token);
        if let Some(rest) = found {
            self.rest = rest;
        }
        found.is_some()
    }

    fn expect(&mut self, token: &str) -> Option<()> {
        self.accept(token).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dictionary(text: &str) -> Option<Vec<(String, Value)>> {
        Parser { rest: text }.dictionary()
    }

    #[test]
    fn the_dictionary_is_read_in_its_usual_spellings() {
        let entries =
            dictionary("{'shape': (3, 4L), \"x\": False, 'one': (5,), 'none': ()}  \n").unwrap();
        assert_eq!(entries[0], ("shape".into(), Value::Tuple(vec![3, 4])));
        assert_eq!(entries[1], ("x".into(), Value::Bool(false)));
        assert_eq!(entries[2], ("one".into(), Value::Tuple(vec![5])));
        assert_eq!(entries[3], ("none".into(), Value::Tuple(vec![])));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "{",
            "{'a': (1, }",
            "{'a': [('x', '<f4')]}",
            "{'a': -1}",
            "{'a': True} x",
            "{'a': (99999999999999999999,)}",
        ] {
            assert_eq!(dictionary(text), None, "{text}");
        }
    }
}
