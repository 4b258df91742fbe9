//! Number types of checkpoints, and their conversion to single precision.

use std::fmt;

use half::{bf16, f16};
use serde::Serialize;

/// The type of the numbers of a stored tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum StoredType {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// bfloat16.
    BF16,
    /// IEEE double precision.
    F64,
    /// Anything else (integers, booleans, 8-bit floats): no weight of a model, but it may stand in a file.
    Other {
        /// Bytes per number.
        bytes: usize,
        /// Its name in the file.
        name: &'static str,
    },
}

impl StoredType {
    /// Bytes per number.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::BF16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::Other { bytes, .. } => bytes,
        }
    }

    /// Whether the numbers can become weights.
    pub(crate) fn is_float(self) -> bool {
        !matches!(self, Self::Other { .. })
    }

    /// Converts little-endian bytes to single precision; `None` for types that are not floating point.
    pub(crate) fn to_f32(self, bytes: &[u8], out: &mut [f32]) -> Option<()> {
        match self {
            Self::F32 => convert(bytes, out, f32::from_le_bytes),
            Self::F16 => convert(bytes, out, |b| f16::from_le_bytes(b).to_f32()),
            Self::BF16 => convert(bytes, out, |b| bf16::from_le_bytes(b).to_f32()),
            Self::F64 => convert(bytes, out, |b| f64::from_le_bytes(b) as f32),
            Self::Other { .. } => return None,
        }
        Some(())
    }
}

impl fmt::Display for StoredType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::F64 => "F64",
            Self::Other { name, .. } => name,
        })
    }
}

/// Numbers of `N` bytes each; a rest shorter than `N` is left out.
fn convert<const N: usize>(bytes: &[u8], out: &mut [f32], read: impl Fn([u8; N]) -> f32) {
    let (numbers, _) = bytes.as_chunks::<N>();
    for (out, number) in out.iter_mut().zip(numbers) {
        *out = read(*number);
    }
}
