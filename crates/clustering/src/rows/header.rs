//! The two file headers that say how many rows there are and where they begin: npy and safetensors.

use std::io::Read;

/// How numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    F16,
    F32,
    F64,
}

impl Stored {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// A table in a file: its type, its shape, and the byte at which it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) stored: Stored,
    pub(crate) rows: usize,
    pub(crate) dim: usize,
    pub(crate) start: u64,
}

/// Headers are text of a few hundred bytes; a safetensors header lists every tensor of the file.
const LONGEST_NPY: usize = 1 << 16;
const LONGEST_SAFETENSORS: u64 = 100 << 20;

/// Reads the header of an npy file (versions 1 to 3) with little-endian f32 or f64 in C order and two axes.
pub(crate) fn npy(file: &mut impl Read) -> Result<Table, String> {
    let mut fixed = [0u8; 8];
    read(file, &mut fixed)?;
    if &fixed[..6] != b"\x93NUMPY" {
        return Err("not an npy file: the magic bytes are missing".into());
    }
    let (length, prefix) = match fixed[6] {
        1 => {
            let mut bytes = [0u8; 2];
            read(file, &mut bytes)?;
            (usize::from(u16::from_le_bytes(bytes)), 10)
        }
        2 | 3 => {
            let mut bytes = [0u8; 4];
            read(file, &mut bytes)?;
            (u32::from_le_bytes(bytes) as usize, 12)
        }
        version => return Err(format!("npy version {version}; versions 1 to 3 are read")),
    };
    if length > LONGEST_NPY {
        return Err(format!(
            "an npy header of {length} bytes; at most {LONGEST_NPY} are read"
        ));
    }
    let mut text = vec![0u8; length];
    read(file, &mut text)?;
    let text = String::from_utf8(text).map_err(|_| "the npy header is not text".to_string())?;
    let stored = match quoted(&text, "descr")? {
        "<f4" => Stored::F32,
        "<f8" => Stored::F64,
        other => {
            return Err(format!(
                "numbers of type `{other}`; save float32 or float64 in little-endian order"
            ));
        }
    };
    match after(&text, "fortran_order")? {
        rest if rest.starts_with("False") => {}
        _ => return Err("columns are stored first; save with numpy.ascontiguousarray".into()),
    }
    let shape = after(&text, "shape")?;
    let inside = shape
        .strip_prefix('(')
        .and_then(|s| s.split(')').next())
        .ok_or("the npy header has no shape")?;
    let axes: Vec<usize> = inside
        .split(',')
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .map(|s| {
            s.parse()
                .map_err(|_| format!("`{s}` in the shape is no number"))
        })
        .collect::<Result<_, _>>()?;
    let [rows, dim] = axes[..] else {
        return Err(format!(
            "{} axes, expected two: rows and features",
            axes.len()
        ));
    };
    Ok(Table {
        stored,
        rows,
        dim,
        start: (prefix + length) as u64,
    })
}

/// Reads the header of a safetensors file and finds the tensor `name`, which has two axes and is f16, f32 or f64.
pub(crate) fn safetensors(file: &mut impl Read, name: &str) -> Result<Table, String> {
    let mut fixed = [0u8; 8];
    read(file, &mut fixed)?;
    let length = u64::from_le_bytes(fixed);
    if length > LONGEST_SAFETENSORS {
        return Err(format!(
            "a safetensors header of {length} bytes; at most {LONGEST_SAFETENSORS} are read"
        ));
    }
    let mut header = Vec::new();
    // `take`: a header that promises more than there is ends where the file ends, before memory is taken for it.
    file.take(length)
        .read_to_end(&mut header)
        .map_err(|e| format!("cannot read the header: {e}"))?;
    // The crate's own reader wants the whole file in memory; its description of the header does not.
    let metadata: safetensors::tensor::Metadata =
        serde_json::from_slice(&header).map_err(|e| format!("not a safetensors file: {e}"))?;
    let Some(info) = metadata.info(name) else {
        let names: Vec<String> = metadata.tensors().keys().take(8).cloned().collect();
        return Err(format!(
            "holds no tensor `{name}`; it holds {}",
            names.join(", ")
        ));
    };
    let stored = match info.dtype {
        safetensors::Dtype::F16 => Stored::F16,
        safetensors::Dtype::F32 => Stored::F32,
        safetensors::Dtype::F64 => Stored::F64,
        other => return Err(format!("`{name}` is {other:?}; F16, F32 and F64 are read")),
    };
    let [rows, dim] = info.shape[..] else {
        return Err(format!(
            "`{name}` has {} axes, expected two: rows and features",
            info.shape.len()
        ));
    };
    Ok(Table {
        stored,
        rows,
        dim,
        start: (8 + length).saturating_add(info.data_offsets.0 as u64),
    })
}

fn read(file: &mut impl Read, out: &mut [u8]) -> Result<(), String> {
    file.read_exact(out)
        .map_err(|e| format!("the header ends too early: {e}"))
}

/// The text behind `'key':`.
fn after<'a>(text: &'a str, key: &str) -> Result<&'a str, String> {
    text.split_once(&format!("'{key}'"))
        .and_then(|(_, rest)| rest.trim_start().strip_prefix(':'))
        .map(str::trim_start)
        .ok_or_else(|| format!("the npy header has no `{key}`"))
}

fn quoted<'a>(text: &'a str, key: &str) -> Result<&'a str, String> {
    after(text, key)?
        .strip_prefix('\'')
        .and_then(|rest| rest.split('\'').next())
        .ok_or_else(|| format!("`{key}` in the npy header is not a plain type"))
}
