//! Formulas of spectral indices: `+ - * / **`, parentheses, unary minus, numbers, named constants and bands.
//!
//! The syntax and its precedences are Python's, so that published formulas can be taken over: `**` binds tighter than a minus
//! before it and groups from the right. Exponents must be constants. Names are roles ([`Role`]), the constants of [`CONSTANTS`],
//! and `lambdaN` and its like, the centre wavelength of a role in nanometres.

use std::collections::BTreeSet;

use crate::bands::Role;
use crate::error::DeflectError;

/// Named constants with their usual values, as the catalogue of Spyndex gives them.
pub const CONSTANTS: [(&str, f64); 11] = [
    ("g", 2.5),
    ("L", 1.0),
    ("C1", 6.0),
    ("C2", 7.5),
    ("alpha", 0.1),
    ("beta", 0.05),
    ("gamma", 1.0),
    ("omega", 2.0),
    ("cexp", 1.16),
    ("nexp", 2.0),
    ("fdelta", 0.581),
];

/// Longer formulas are refused.
const MAX_LENGTH: usize = 1000;
/// Deeper nesting is refused.
const MAX_DEPTH: usize = 50;

/// A parsed formula.
#[derive(Debug, Clone, PartialEq)]
pub struct Formula {
    pub(crate) root: Node,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Number(f64),
    Band(Role),
    Wavelength(Role),
    Negative(Box<Node>),
    Binary(Operation, Box<Node>, Box<Node>),
    Power(Box<Node>, f64),
}

/// An operation on two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Operation {
    pub(crate) fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
        }
    }
}

impl Formula {
    /// Parses a formula. Parts without bands are computed here, once.
    ///
    /// # Errors
    /// [`DeflectError::Formula`], with the position of the first character that cannot be understood.
    pub fn parse(text: &str) -> Result<Self, DeflectError> {
        let mut parser = Parser {
            text,
            position: 0,
            depth: 0,
        };
        if text.len() > MAX_LENGTH {
            return Err(parser.error(format!("longer than {MAX_LENGTH} characters")));
        }
        let root = parser.sum()?;
        if parser.peek().is_some() {
            return Err(parser.error("expected an operator or the end"));
        }
        let formula = Self { root };
        if formula.bands().is_empty() {
            parser.position = 0;
            return Err(parser.error("it names no band"));
        }
        Ok(formula)
    }

    /// The roles whose values the formula needs.
    pub fn bands(&self) -> BTreeSet<Role> {
        let mut found = BTreeSet::new();
        self.root.collect(&mut found, &mut BTreeSet::new());
        found
    }

    /// The roles whose centre wavelengths the formula needs.
    pub fn wavelengths(&self) -> BTreeSet<Role> {
        let mut found = BTreeSet::new();
        self.root.collect(&mut BTreeSet::new(), &mut found);
        found
    }
}

impl Node {
    fn collect(&self, bands: &mut BTreeSet<Role>, wavelengths: &mut BTreeSet<Role>) {
        match self {
            Self::Number(_) => {}
            Self::Band(role) => {
                bands.insert(*role);
            }
            Self::Wavelength(role) => {
                wavelengths.insert(*role);
            }
            Self::Negative(inner) | Self::Power(inner, _) => inner.collect(bands, wavelengths),
            Self::Binary(_, left, right) => {
                left.collect(bands, wavelengths);
                right.collect(bands, wavelengths);
            }
        }
    }
}

/// Recursive descent, one function per precedence.
struct Parser<'a> {
    text: &'a str,
    /// In bytes.
    position: usize,
    depth: usize,
}

impl Parser<'_> {
    fn error(&self, message: impl Into<String>) -> DeflectError {
        let before = self.text.get(..self.position).unwrap_or(self.text);
        DeflectError::Formula {
            formula: self.text.chars().take(MAX_LENGTH).collect(),
            position: before.chars().count(),
            message: message.into(),
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.position..]
    }

    /// The next character that is not a space.
    fn peek(&mut self) -> Option<char> {
        let rest = self.rest();
        self.position += rest.len() - rest.trim_start().len();
        self.rest().chars().next()
    }

    /// Whether an operator comes next; it is then read. `*` does not take half of `**`.
    fn takes(&mut self, operator: &str) -> bool {
        self.peek();
        let found = self.rest().starts_with(operator)
            && !(operator == "*" && self.rest().starts_with("**"));
        if found {
            self.position += operator.len();
        }
        found
    }

    fn sum(&mut self) -> Result<Node, DeflectError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(format!("nested deeper than {MAX_DEPTH}")));
        }
        let mut left = self.product()?;
        loop {
            let operation = if self.takes("+") {
                Operation::Add
            } else if self.takes("-") {
                Operation::Subtract
            } else {
                self.depth -= 1;
                return Ok(left);
            };
            let right = self.product()?;
            left = self.binary(operation, left, right)?;
        }
    }

    fn product(&mut self) -> Result<Node, DeflectError> {
        let mut left = self.signed()?;
        loop {
            let operation = if self.takes("*") {
                Operation::Multiply
            } else if self.takes("/") {
                Operation::Divide
            } else {
                return Ok(left);
            };
            let right = self.signed()?;
            left = self.binary(operation, left, right)?;
        }
    }

    fn signed(&mut self) -> Result<Node, DeflectError> {
        let mut negative = false;
        loop {
            if self.takes("-") {
                negative = !negative;
            } else if !self.takes("+") {
                break;
            }
        }
        Ok(match (negative, self.power()?) {
            (true, Node::Number(number)) => Node::Number(-number),
            (true, node) => Node::Negative(Box::new(node)),
            (false, node) => node,
        })
    }

    fn power(&mut self) -> Result<Node, DeflectError> {
        let base = self.operand()?;
        if !self.takes("**") {
            return Ok(base);
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(format!("nested deeper than {MAX_DEPTH}")));
        }
        let exponent = self.signed()?;
        self.depth -= 1;
        let Node::Number(exponent) = exponent else {
            return Err(self.error("an exponent must be a constant"));
        };
        if exponent.abs() > 16.0 {
            return Err(self.error("an exponent must lie between -16 and 16"));
        }
        match base {
            Node::Number(base) => self.number(base.powf(exponent)),
            base => Ok(Node::Power(Box::new(base), exponent)),
        }
    }

    fn operand(&mut self) -> Result<Node, DeflectError> {
        match self.peek() {
            Some('(') => {
                self.position += 1;
                let inner = self.sum()?;
                if !self.takes(")") {
                    return Err(self.error("expected `)`"));
                }
                Ok(inner)
            }
            Some(c) if c.is_ascii_digit() || c == '.' => self.literal(),
            Some(c) if c.is_ascii_alphabetic() => self.name(),
            Some(_) => Err(self.error("expected a band, a constant, a number or `(`")),
            None => Err(self.error("the formula ends too early")),
        }
    }

    fn literal(&mut self) -> Result<Node, DeflectError> {
        let bytes = self.rest().as_bytes();
        let mut end = 0;
        while let Some(byte) = bytes.get(end) {
            // A sign belongs to the number directly behind its `e` only.
            let signed =
                matches!(byte, b'+' | b'-') && end > 0 && matches!(bytes[end - 1], b'e' | b'E');
            if !(byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E') || signed) {
                break;
            }
            end += 1;
        }
        match self.rest()[..end].parse() {
            Ok(number) => {
                let node = self.number(number)?;
                self.position += end;
                Ok(node)
            }
            Err(_) => Err(self.error("not a number")),
        }
    }

    fn name(&mut self) -> Result<Node, DeflectError> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let name = &rest[..end];
        let constant = CONSTANTS.iter().find(|(constant, _)| *constant == name);
        let wavelength = name.strip_prefix("lambda").and_then(Role::from_name);
        let node = if let Some(role) = Role::from_name(name) {
            Node::Band(role)
        } else if let Some((_, value)) = constant {
            Node::Number(*value)
        } else if let Some(role) = wavelength {
            Node::Wavelength(role)
        } else {
            return Err(self.error(format!("`{name}` is neither a band nor a constant")));
        };
        self.position += end;
        Ok(node)
    }

    fn binary(&self, operation: Operation, left: Node, right: Node) -> Result<Node, DeflectError> {
        match (left, right) {
            (Node::Number(left), Node::Number(right)) => self.number(operation.apply(left, right)),
            (left, right) => Ok(Node::Binary(operation, Box::new(left), Box::new(right))),
        }
    }

    fn number(&self, number: f64) -> Result<Node, DeflectError> {
        if number.is_finite() {
            Ok(Node::Number(number))
        } else {
            Err(self.error("a constant is not finite"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value with B = 2, G = 3, R = 5, N = 7.
    fn value(text: &str) -> f64 {
        let bands = |role| match role {
            Role::B => 2.0,
            Role::G => 3.0,
            Role::R => 5.0,
            _ => 7.0,
        };
        Formula::parse(text).unwrap().evaluate(&bands, &|_| 10.0)
    }

    #[test]
    fn precedences_are_those_of_python() {
        let cases = [
            ("B+G*R", 17.0),
            ("(B+G)*R", 25.0),
            ("B-G-R", -6.0),
            ("N/G/B", 7.0 / 6.0),
            ("-B**2", -4.0),
            ("(-B)**2", 4.0),
            ("B**2**3", 256.0),
            ("B**-1", 0.5),
            ("B*-G", -6.0),
            ("- -B", 2.0),
            ("N**(1/2)", 7.0f64.sqrt()),
            ("1e1*B + 2.5E-1", 20.25),
            ("g * B", 5.0),
            ("(lambdaN - 4) * B", 12.0),
            (" ( N - R ) / ( N + R ) ", 1.0 / 6.0),
        ];
        for (text, expected) in cases {
            let found = value(text);
            assert!(
                (found - expected).abs() < 1e-12,
                "{text}: {found} instead of {expected}"
            );
        }
    }

    #[test]
    fn what_is_not_a_formula_is_an_error_with_its_place() {
        let cases = [
            ("", 0),
            ("N+", 2),
            ("(N", 2),
            ("N)", 1),
            ("N R", 2),
            ("N+X", 2),
            ("N**R", 4),
            ("1.2.3*N", 0),
            ("N+1/0", 5),
            ("N**99", 5),
            ("1+2", 0),
            ("N+é", 2),
            ("N ** ", 5),
        ];
        for (text, expected) in cases {
            match Formula::parse(text).unwrap_err() {
                DeflectError::Formula { position, .. } => assert_eq!(position, expected, "{text}"),
                other => panic!("{text}: {other}"),
            }
        }
        for deep in [
            "(".repeat(500),
            "-".repeat(999) + "N",
            "N**".repeat(300) + "1",
        ] {
            // Without a crash; a thousand signs are legal.
            let _ = Formula::parse(&deep);
        }
        assert!(Formula::parse(&"(".repeat(500)).is_err());
        assert!(Formula::parse(&"N+".repeat(600)).is_err());
    }

    #[test]
    fn needs_are_told_apart() {
        let formula = Formula::parse("N - lambdaS1 * R").unwrap();
        assert_eq!(formula.bands(), [Role::N, Role::R].into());
        assert_eq!(formula.wavelengths(), [Role::S1].into());
    }
}
