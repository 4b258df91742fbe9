//! The two number types that everything here works in.

use std::fmt::{Debug, Display};
use std::ops::{Add, Mul, Sub};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`: the type of features and centres. Sums over rows are always formed in f64.
pub trait Scalar:
    sealed::Sealed
    + Copy
    + Default
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Debug
    + Display
    + Send
    + Sync
    + 'static
{
    /// Distance from 1 to the next larger number.
    const EPSILON: f64;

    /// The largest finite number.
    const LARGEST: f64;

    /// The same number in f64.
    fn to_f64(self) -> f64;

    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;

    /// Neither NaN nor infinite.
    fn is_finite(self) -> bool;
}

impl Scalar for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;
    const LARGEST: f64 = f32::MAX as f64;

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as f32
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        f32::is_finite(self)
    }
}

impl Scalar for f64 {
    const EPSILON: f64 = f64::EPSILON;
    const LARGEST: f64 = f64::MAX;

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        f64::is_finite(self)
    }
}
