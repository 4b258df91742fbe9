//! Sample values in the type in which a file stores them.

use std::fmt;

/// Numeric type of the samples of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// Unsigned 8-bit integer.
    U8,
    /// Signed 8-bit integer.
    I8,
    /// Unsigned 16-bit integer.
    U16,
    /// Signed 16-bit integer.
    I16,
    /// Unsigned 32-bit integer.
    U32,
    /// Signed 32-bit integer.
    I32,
    /// Unsigned 64-bit integer.
    U64,
    /// Signed 64-bit integer.
    I64,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
}

impl Dtype {
    /// Bytes per sample.
    pub fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Name as NumPy has it, e.g. `uint16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::U16 => "uint16",
            Self::I16 => "int16",
            Self::U32 => "uint32",
            Self::I32 => "int32",
            Self::U64 => "uint64",
            Self::I64 => "int64",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Sample values, unconverted.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// Unsigned 8-bit integers.
    U8(Vec<u8>),
    /// Signed 8-bit integers.
    I8(Vec<i8>),
    /// Unsigned 16-bit integers.
    U16(Vec<u16>),
    /// Signed 16-bit integers.
    I16(Vec<i16>),
    /// Unsigned 32-bit integers.
    U32(Vec<u32>),
    /// Signed 32-bit integers.
    I32(Vec<i32>),
    /// Unsigned 64-bit integers.
    U64(Vec<u64>),
    /// Signed 64-bit integers.
    I64(Vec<i64>),
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit floats.
    F64(Vec<f64>),
}

/// Runs one expression for the vector of whichever type is held.
macro_rules! each {
    ($samples:expr, $values:ident => $body:expr) => {
        match $samples {
            $crate::io::Samples::U8($values) => $body,
            $crate::io::Samples::I8($values) => $body,
            $crate::io::Samples::U16($values) => $body,
            $crate::io::Samples::I16($values) => $body,
            $crate::io::Samples::U32($values) => $body,
            $crate::io::Samples::I32($values) => $body,
            $crate::io::Samples::U64($values) => $body,
            $crate::io::Samples::I64($values) => $body,
            $crate::io::Samples::F32($values) => $body,
            $crate::io::Samples::F64($values) => $body,
        }
    };
}
pub(crate) use each;

impl Samples {
    /// The type held.
    pub fn dtype(&self) -> Dtype {
        match self {
            Self::U8(_) => Dtype::U8,
            Self::I8(_) => Dtype::I8,
            Self::U16(_) => Dtype::U16,
            Self::I16(_) => Dtype::I16,
            Self::U32(_) => Dtype::U32,
            Self::I32(_) => Dtype::I32,
            Self::U64(_) => Dtype::U64,
            Self::I64(_) => Dtype::I64,
            Self::F32(_) => Dtype::F32,
            Self::F64(_) => Dtype::F64,
        }
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        each!(self, values => values.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The samples as 32-bit floats; exact for integers below 2^24 and for `float32`, otherwise rounded to nearest.
    // The macro writes the cast for every type, also where it is none.
    #[allow(clippy::unnecessary_cast)]
    pub fn into_f32(self) -> Vec<f32> {
        match self {
            Self::F32(values) => values,
            other => each!(other, values => values.into_iter().map(|value| value as f32).collect()),
        }
    }

    /// The samples as class indices; `Err` holds the position of the first that is no whole number within `i32`.
    #[allow(clippy::unnecessary_cast)]
    pub fn to_i32(&self) -> Result<Vec<i32>, usize> {
        // Every i32 is exact as f64, and so is the decision whether a value is one.
        let whole = |(at, value): (usize, f64)| {
            let fits = value.fract() == 0.0
                && value >= f64::from(i32::MIN)
                && value <= f64::from(i32::MAX);
            if fits { Ok(value as i32) } else { Err(at) }
        };
        each!(self, values => values.iter().map(|&value| value as f64).enumerate().map(whole).collect())
    }

    /// Reorders `[row, column, band]` (interleaved by pixel) to `[band, row, column]`.
    pub(crate) fn into_band_major(self, bands: usize) -> Self {
        if bands <= 1 {
            return self;
        }
        fn split<T: Copy>(values: &[T], bands: usize) -> Vec<T> {
            (0..bands)
                .flat_map(|band| values.iter().skip(band).step_by(bands).copied())
                .collect()
        }
        match self {
            Self::U8(values) => Self::U8(split(&values, bands)),
            Self::I8(values) => Self::I8(split(&values, bands)),
            Self::U16(values) => Self::U16(split(&values, bands)),
            Self::I16(values) => Self::I16(split(&values, bands)),
            Self::U32(values) => Self::U32(split(&values, bands)),
            Self::I32(values) => Self::I32(split(&values, bands)),
            Self::U64(values) => Self::U64(split(&values, bands)),
            Self::I64(values) => Self::I64(split(&values, bands)),
            Self::F32(values) => Self::F32(split(&values, bands)),
            Self::F64(values) => Self::F64(split(&values, bands)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleaved_pixels_become_bands() {
        let samples = Samples::U16(vec![1, 10, 2, 20, 3, 30]);
        assert_eq!(
            samples.into_band_major(2),
            Samples::U16(vec![1, 2, 3, 10, 20, 30])
        );
    }

    #[test]
    fn class_indices_must_be_whole_numbers() {
        assert_eq!(Samples::I16(vec![-1, 0, 7]).to_i32(), Ok(vec![-1, 0, 7]));
        assert_eq!(Samples::F32(vec![2.0, 0.5]).to_i32(), Err(1));
        assert_eq!(Samples::F32(vec![f32::NAN]).to_i32(), Err(0));
        assert_eq!(Samples::U32(vec![1, u32::MAX]).to_i32(), Err(1));
    }

    #[test]
    fn conversion_keeps_small_integers_exact() {
        assert_eq!(
            Samples::U32(vec![0, 16_777_215]).into_f32(),
            vec![0.0, 16_777_215.0]
        );
        assert_eq!(Samples::I8(vec![-128]).into_f32(), vec![-128.0]);
    }
}
