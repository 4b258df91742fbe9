//! Evaluating formulas, for single numbers and for tensors of pixels, safely.
//!
//! An index has no value where a denominator vanishes (below [`SMALLEST_DENOMINATOR`] in size), a negative number is raised to a
//! fractional power, or the result is not finite. There it is [`NEUTRAL`], on every backend: what has no value is replaced
//! before it is divided by, so that no NaN ever arises.

use burn::tensor::backend::Backend;
use burn::tensor::{Bool, Tensor};

use crate::bands::Role;
use crate::formula::{Formula, Node, Operation};

/// The value of an index where it is not defined.
pub const NEUTRAL: f64 = 0.0;

/// Smaller denominators count as zero. Reflectances are of order 0.01 to 1.
pub const SMALLEST_DENOMINATOR: f64 = 1e-6;

/// Larger values count as infinite: the sum of the squares of a patch's pixels would not fit a single-precision number.
pub const LARGEST: f64 = 1e15;

/// What formulas are computed with.
pub trait Pixels: Clone {
    /// Truth values, one per number.
    type Mask: Clone;

    /// The sum.
    fn add(self, other: Self) -> Self;
    /// The sum with a constant.
    fn add_constant(self, constant: f64) -> Self;
    /// The product.
    fn multiply(self, other: Self) -> Self;
    /// The product with a constant.
    fn scale(self, constant: f64) -> Self;
    /// The reciprocal of numbers that are not zero.
    fn reciprocal(self) -> Self;
    /// A power of numbers that are not negative, for a positive exponent.
    fn power(self, exponent: f64) -> Self;
    /// Where `low <= |number| <= high`; false for NaN.
    fn size_within(&self, low: f64, high: f64) -> Self::Mask;
    /// Where `number >= 0`; false for NaN.
    fn is_not_negative(&self) -> Self::Mask;
    /// Where both hold.
    fn both(left: Self::Mask, right: Self::Mask) -> Self::Mask;
    /// The numbers where the mask holds, `other` elsewhere.
    fn where_or(self, mask: Self::Mask, other: f64) -> Self;
}

impl Pixels for f64 {
    type Mask = bool;

    fn add(self, other: Self) -> Self {
        self + other
    }

    fn add_constant(self, constant: f64) -> Self {
        self + constant
    }

    fn multiply(self, other: Self) -> Self {
        self * other
    }

    fn scale(self, constant: f64) -> Self {
        self * constant
    }

    fn reciprocal(self) -> Self {
        1.0 / self
    }

    fn power(self, exponent: f64) -> Self {
        self.powf(exponent)
    }

    fn size_within(&self, low: f64, high: f64) -> bool {
        (low..=high).contains(&self.abs())
    }

    fn is_not_negative(&self) -> bool {
        *self >= 0.0
    }

    fn both(left: bool, right: bool) -> bool {
        left && right
    }

    fn where_or(self, mask: bool, other: f64) -> Self {
        if mask { self } else { other }
    }
}

impl<B: Backend, const D: usize> Pixels for Tensor<B, D> {
    type Mask = Tensor<B, D, Bool>;

    fn add(self, other: Self) -> Self {
        self + other
    }

    fn add_constant(self, constant: f64) -> Self {
        self.add_scalar(constant)
    }

    fn multiply(self, other: Self) -> Self {
        self * other
    }

    fn scale(self, constant: f64) -> Self {
        self.mul_scalar(constant)
    }

    fn reciprocal(self) -> Self {
        self.recip()
    }

    fn power(self, exponent: f64) -> Self {
        if exponent == 0.5 {
            self.sqrt()
        } else {
            self.powf_scalar(exponent)
        }
    }

    fn size_within(&self, low: f64, high: f64) -> Self::Mask {
        let size = self.clone().abs();
        size.clone()
            .greater_equal_elem(low)
            .bool_and(size.lower_equal_elem(high))
    }

    fn is_not_negative(&self) -> Self::Mask {
        self.clone().greater_equal_elem(0.0)
    }

    fn both(left: Self::Mask, right: Self::Mask) -> Self::Mask {
        left.bool_and(right)
    }

    fn where_or(self, mask: Self::Mask, other: f64) -> Self {
        self.mask_fill(mask.bool_not(), other)
    }
}

/// An intermediate result: a constant, or pixels with the places where they have a value (`None`: everywhere).
enum Operand<T: Pixels> {
    Constant(f64),
    Pixels(T, Option<T::Mask>),
}

impl Formula {
    /// The index of every pixel: [`NEUTRAL`] where it has none.
    ///
    /// `bands` gives the physical values of a role, all of the same shape; `wavelengths` its centre in nanometres.
    pub fn evaluate<T: Pixels>(
        &self,
        bands: &impl Fn(Role) -> T,
        wavelengths: &impl Fn(Role) -> f64,
    ) -> T {
        match evaluate(&self.root, bands, wavelengths) {
            Operand::Pixels(value, valid) => {
                let finite = value.size_within(0.0, LARGEST);
                value.where_or(joined::<T>(valid, finite), NEUTRAL)
            }
            // Parsing refuses formulas without a band; one whose band cancels still has that band's shape.
            Operand::Constant(value) => {
                let any = self.bands().into_iter().next().unwrap_or(Role::B);
                let any = bands(any);
                let finite = any.size_within(0.0, LARGEST);
                any.where_or(finite, NEUTRAL).scale(0.0).add_constant(value)
            }
        }
    }
}

/// Both masks, where the first may be missing.
fn joined<T: Pixels>(left: Option<T::Mask>, right: T::Mask) -> T::Mask {
    match left {
        Some(left) => T::both(left, right),
        None => right,
    }
}

/// Both masks, where either may be missing.
fn both<T: Pixels>(left: Option<T::Mask>, right: Option<T::Mask>) -> Option<T::Mask> {
    match (left, right) {
        (Some(left), Some(right)) => Some(T::both(left, right)),
        (left, right) => left.or(right),
    }
}

fn evaluate<T: Pixels>(
    node: &Node,
    bands: &impl Fn(Role) -> T,
    wavelengths: &impl Fn(Role) -> f64,
) -> Operand<T> {
    use Operand::{Constant, Pixels};
    match node {
        Node::Number(number) => Constant(*number),
        Node::Band(role) => Pixels(bands(*role), None),
        Node::Wavelength(role) => Constant(wavelengths(*role)),
        Node::Negative(inner) => match evaluate(inner, bands, wavelengths) {
            Constant(value) => Constant(-value),
            Pixels(value, valid) => Pixels(value.scale(-1.0), valid),
        },
        Node::Power(base, exponent) => match evaluate(base, bands, wavelengths) {
            Constant(value) => Constant(value.powf(*exponent)),
            Pixels(value, valid) => power(value, valid, *exponent),
        },
        Node::Binary(operation, left, right) => {
            let left = evaluate(left, bands, wavelengths);
            let right = evaluate(right, bands, wavelengths);
            binary(*operation, left, right)
        }
    }
}

fn binary<T: Pixels>(operation: Operation, left: Operand<T>, right: Operand<T>) -> Operand<T> {
    use Operand::{Constant, Pixels};
    use Operation::{Add, Divide, Multiply, Subtract};
    match (operation, left, right) {
        (_, Constant(left), Constant(right)) => Constant(operation.apply(left, right)),
        (Add, Constant(c), Pixels(p, valid)) | (Add, Pixels(p, valid), Constant(c)) => {
            Pixels(p.add_constant(c), valid)
        }
        (Multiply, Constant(c), Pixels(p, valid)) | (Multiply, Pixels(p, valid), Constant(c)) => {
            Pixels(p.scale(c), valid)
        }
        (Subtract, Pixels(p, valid), Constant(c)) => Pixels(p.add_constant(-c), valid),
        (Subtract, Constant(c), Pixels(p, valid)) => Pixels(p.scale(-1.0).add_constant(c), valid),
        (Divide, Pixels(p, valid), Constant(c)) => Pixels(p.scale(1.0 / c), valid),
        (Divide, Constant(c), Pixels(p, valid)) => {
            let (p, valid) = reciprocal(p, valid);
            Pixels(p.scale(c), Some(valid))
        }
        (Add, Pixels(a, left), Pixels(b, right)) => Pixels(a.add(b), both::<T>(left, right)),
        (Subtract, Pixels(a, left), Pixels(b, right)) => {
            Pixels(a.add(b.scale(-1.0)), both::<T>(left, right))
        }
        (Multiply, Pixels(a, left), Pixels(b, right)) => {
            Pixels(a.multiply(b), both::<T>(left, right))
        }
        (Divide, Pixels(a, left), Pixels(b, right)) => {
            let (b, right) = reciprocal(b, right);
            Pixels(a.multiply(b), Some(joined::<T>(left, right)))
        }
    }
}

/// `1 / value` where the value is not too small, 1 elsewhere.
fn reciprocal<T: Pixels>(value: T, valid: Option<T::Mask>) -> (T, T::Mask) {
    let usable = joined::<T>(valid, value.size_within(SMALLEST_DENOMINATOR, LARGEST));
    (value.where_or(usable.clone(), 1.0).reciprocal(), usable)
}

fn power<T: Pixels>(value: T, valid: Option<T::Mask>, exponent: f64) -> Operand<T> {
    let size = exponent.abs();
    let (raised, valid) = if size == 0.0 {
        (value.scale(0.0).add_constant(1.0), valid)
    } else if size.fract() == 0.0 {
        // By multiplication: a graphics processor's power of a negative number is undefined.
        let mut raised = value.clone();
        for _ in 1..size as usize {
            raised = raised.multiply(value.clone());
        }
        (raised, valid)
    } else {
        let usable = joined::<T>(valid, value.is_not_negative());
        (
            value.where_or(usable.clone(), 0.0).power(size),
            Some(usable),
        )
    };
    if exponent < 0.0 {
        let (raised, valid) = reciprocal(raised, valid);
        Operand::Pixels(raised, Some(valid))
    } else {
        Operand::Pixels(raised, valid)
    }
}

#[cfg(test)]
mod tests {
    use burn_flex::Flex;
    use proptest::prelude::*;

    use super::*;
    use crate::indices::INDICES;

    fn single(text: &str, n: f64, r: f64) -> f64 {
        let bands = |role| if role == Role::N { n } else { r };
        Formula::parse(text).unwrap().evaluate(&bands, &|_| 1.0)
    }

    #[test]
    fn what_has_no_value_is_neutral() {
        for (text, n, r) in [
            ("(N-R)/(N+R)", 0.0, 0.0),
            ("(N-R)/(N+R)", 0.3, -0.3),
            ("1/(N*0.0000001)", 1.0, 1.0),
            ("N**0.5", -1.0, 0.0),
            ("N**(1/3)", -8.0, 0.0),
            ("R**-2", 0.0, 0.0),
            ("N**-0.5", -1.0, 0.0),
            ("1+1/N", 0.0, 0.0),
            ("N*R", 1e12, 1e12),
            ("N-R", f64::NAN, 0.0),
            ("N+R", f64::INFINITY, 0.0),
            ("N/0.0**1", 1.0, 1.0),
        ] {
            if let Ok(formula) = Formula::parse(text) {
                let found = formula.evaluate(&|role| if role == Role::N { n } else { r }, &|_| 1.0);
                assert_eq!(found, NEUTRAL, "{text} at N {n}, R {r}");
            }
        }
        assert_eq!(single("N**-2", -2.0, 0.0), 0.25);
        assert_eq!(single("(N-R)/(N+R)", 0.3, 0.1), 0.49999999999999994);
    }

    proptest! {
        /// Numbers and tensors agree, and neither is ever NaN or infinite, whatever the pixels hold.
        #[test]
        fn tensors_and_numbers_agree(
            values in prop::collection::vec(prop_oneof![
                4 => 0.0f32..1.0,
                1 => -1.0f32..1.0,
                1 => Just(0.0f32),
                1 => Just(f32::NAN),
                1 => Just(f32::INFINITY),
            ], 15),
            which in 0..INDICES.len(),
        ) {
            let formula = Formula::parse(INDICES[which].formula).unwrap();
            let position = |role| Role::all().position(|other| other == role).unwrap();
            let centre = |role: Role| role.range_nm()[0];
            let number = formula.evaluate(&|role| f64::from(values[position(role)]), &centre);
            let device = Default::default();
            let tensor = formula.evaluate(
                &|role| Tensor::<Flex, 1>::from_floats([values[position(role)]], &device),
                &centre,
            );
            let tensor = f64::from(tensor.into_scalar());
            prop_assert!(number.is_finite() && tensor.is_finite(), "{number} {tensor}");
            // Near a vanishing denominator single precision may differ in everything: only ordinary values are compared.
            if number.abs() < 10.0 && tensor.abs() < 10.0 && values.iter().all(|v| *v > 0.05) {
                prop_assert!((number - tensor).abs() < 1e-3 * (1.0 + number.abs()), "{number} {tensor}");
            }
        }
    }
}
