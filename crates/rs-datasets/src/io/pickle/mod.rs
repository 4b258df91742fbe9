//! What a Python pickle says, read as data: nothing in it is ever called.
//!
//! Plain values (numbers, text, lists, tuples, dictionaries) become what they are. Where a pickle asks for a class or a function
//! to be called, the answer is a [`Pickled::Object`] that holds the name and the arguments. (Python's `pickletools` describes the
//! opcodes.)

mod literal;
mod machine;

use std::path::Path;

use crate::DataError;

pub use literal::bytes_literal;

/// A value of a pickle.
#[derive(Clone, Debug, PartialEq)]
pub enum Pickled {
    /// `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A float.
    Float(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list, tuple or set.
    List(Vec<Pickled>),
    /// A dictionary, in its order.
    Dict(Vec<(Pickled, Pickled)>),
    /// What would be an instance of a class or the result of a function.
    Object {
        /// `module.name`.
        class: String,
        /// What it would be called with.
        arguments: Vec<Pickled>,
    },
}

impl Pickled {
    /// Reads a pickle of protocol 2 to 5. `path` only names the file in errors.
    ///
    /// # Errors
    /// [`DataError::Corrupt`] for what is no pickle or ends early, or holds more values than any sample needs;
    /// [`DataError::Unsupported`] for an opcode that plain data does not need.
    pub fn read(bytes: &[u8], path: &Path) -> Result<Self, DataError> {
        machine::read(bytes, path)
    }

    /// The value under a text key of a dictionary.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Dict(entries) => entries
                .iter()
                .rev()
                .find(|(k, _)| matches!(k, Self::Text(text) if text == key))
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// A whole number, also one of numpy's scalars.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Bool(value) => Some(i64::from(*value)),
            Self::Object { class, arguments } if class.ends_with("multiarray.scalar") => {
                numpy_integer(arguments)
            }
            _ => None,
        }
    }
}

/// A numpy scalar: an object for its type, whose first argument is `i8` or the like, and its bytes.
fn numpy_integer(arguments: &[Pickled]) -> Option<i64> {
    let [
        Pickled::Object {
            arguments: dtype, ..
        },
        Pickled::Bytes(bytes),
    ] = arguments
    else {
        return None;
    };
    let Some(Pickled::Text(name)) = dtype.first() else {
        return None;
    };
    let signed = match name.trim_start_matches(['<', '|', '=']).chars().next()? {
        'i' => true,
        'u' | 'b' => false,
        _ => return None,
    };
    if bytes.is_empty() || bytes.len() > 8 {
        return None;
    }
    let fill = if signed && bytes[bytes.len() - 1] & 0x80 != 0 {
        0xff
    } else {
        0
    };
    let mut value = [fill; 8];
    value[..bytes.len()].copy_from_slice(bytes);
    Some(i64::from_le_bytes(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Pickled, DataError> {
        Pickled::read(bytes, Path::new("sample.hdf5"))
    }

    #[test]
    fn plain_values_are_read() {
        // pickle.dumps({"label": 3, "f": 0.5, "l": [None, True, (1, -2)], 300: 70000, "b": b"x"}, protocol=4)
        let bytes = b"\x80\x04\x95A\0\0\0\0\0\0\0}\x94(\x8c\x05label\x94K\x03\x8c\x01f\x94G?\xe0\0\0\0\0\0\0\
                      \x8c\x01l\x94]\x94(N\x88K\x01J\xfe\xff\xff\xff\x86\x94eM,\x01J\x70\x11\x01\0\x8c\x01b\x94C\x01x\x94u.";
        let found = read(bytes).unwrap();
        assert_eq!(found.get("label").unwrap().integer(), Some(3));
        assert_eq!(found.get("f"), Some(&Pickled::Float(0.5)));
        let pair = Pickled::List(vec![Pickled::Int(1), Pickled::Int(-2)]);
        let list = Pickled::List(vec![Pickled::None, Pickled::Bool(true), pair]);
        assert_eq!(found.get("l"), Some(&list));
        assert_eq!(found.get("b"), Some(&Pickled::Bytes(b"x".to_vec())));
        assert!(found.get("nothing").is_none());
    }

    #[test]
    fn calls_are_noted_and_never_made() {
        // os.system("true"), as a malicious pickle has it.
        let found = read(b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.").unwrap();
        let arguments = vec![Pickled::Text("true".into())];
        assert_eq!(
            found,
            Pickled::Object {
                class: "os.system".into(),
                arguments
            }
        );
        // numpy.int64(5): a call of `scalar` with a dtype and bytes.
        let scalar = b"\x80\x02cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nX\x02\0\0\0i8\x85RC\x08\x05\0\0\0\0\0\0\0\x86R.";
        assert_eq!(read(scalar).unwrap().integer(), Some(5));
    }

    #[test]
    fn what_is_damaged_is_an_error_and_ends() {
        for bytes in [
            &b""[..],
            b"\x80\x04",
            b"\x80\x04.",
            b"\x80\x04h\x05.",
            b"\x80\x04K",
            b"\x80\x04X\xff\xff\xff\xffabc.",
            b"\x80\x04\xfe.",
            b"\x80\x04K\x01K\x02a.",
            b"\x80\x04e.",
            // A list that holds itself.
            b"\x80\x04]\x94h\0a.",
        ] {
            let error = read(bytes).unwrap_err().to_string();
            assert!(error.contains("sample.hdf5"), "{error}");
        }
        // Fifty times a pair of the value before: 2^50 values, if all were written out.
        let mut bomb = b"\x80\x04K\x01\x94".to_vec();
        for level in 0..50u8 {
            bomb.extend_from_slice(&[b'h', level, b'h', level, 0x86, 0x94]);
        }
        bomb.push(b'.');
        assert!(read(&bomb).is_err());
    }
}
