//! Tolerances with names: a test says which rounding it allows, and the number stands here with its reason.

/// How far a result may be from what is expected.
///
/// The error of a tensor is `max |actual - expected| / max |expected|`: relative to the largest value of the expected tensor,
/// because single elements near zero have no meaningful relative error after sums of rounded terms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Shown in failures.
    pub name: &'static str,
    /// The largest error allowed.
    pub relative: f64,
}

impl Tolerance {
    /// Bit for bit, up to the sign of zero.
    pub const EXACT: Self = Self {
        name: "exact",
        relative: 0.0,
    };

    /// Single precision: a published package and ours compute the same formula in a different order of summation.
    pub const F32: Self = Self {
        name: "f32",
        relative: 1e-5,
    };

    /// The same numbers by another route, such as merged against unmerged weights: two roundings of every product.
    pub const REORDERED: Self = Self {
        name: "reordered",
        relative: 2e-5,
    };

    /// Values stored in half precision: eleven significant bits.
    pub const F16_STORED: Self = Self {
        name: "f16 storage",
        relative: 1e-3,
    };

    /// Values stored in bfloat16: eight significant bits.
    pub const BF16_STORED: Self = Self {
        name: "bf16 storage",
        relative: 8e-3,
    };

    /// A network computed in half precision against single: every weight, activation and product is rounded to eleven significant bits. PyTorch's own
    /// half-precision runs of the tiny models are 1e-3 to 5e-3 off.
    pub const F16_COMPUTED: Self = Self {
        name: "f16",
        relative: 1e-2,
    };

    /// The same with eight significant bits; PyTorch: 7e-3 to 4.5e-2.
    pub const BF16_COMPUTED: Self = Self {
        name: "bf16",
        relative: 8e-2,
    };

    /// Central differences in single precision: the step trades truncation against cancellation, and about three digits remain.
    pub const FINITE_DIFFERENCE: Self = Self {
        name: "finite difference",
        relative: 5e-3,
    };
}
