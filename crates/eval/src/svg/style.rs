//! How lines, texts and data points look.

use super::Ink;

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Stroke {
    /// Colour.
    pub ink: Ink,
    /// Width in pixels.
    pub width: f64,
    /// Dash pattern such as `4 3`; empty for a solid line.
    pub dash: &'static str,
}

impl Stroke {
    /// A solid line.
    pub fn solid(ink: Ink, width: f64) -> Self {
        Self {
            ink,
            width,
            dash: "",
        }
    }
}

/// Which point of a text its coordinates are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Left end.
    Start,
    /// Middle.
    Middle,
    /// Right end.
    End,
}

/// How a text is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    /// Size in pixels.
    pub size: f64,
    /// Anchor.
    pub anchor: Anchor,
    /// Colour.
    pub ink: Ink,
    /// Whether it is bold.
    pub bold: bool,
    /// Rotation in degrees, clockwise, around the anchor.
    pub rotate: f64,
}

impl Text {
    /// Upright text of the given size.
    pub fn new(size: f64, anchor: Anchor, ink: Ink) -> Self {
        Self {
            size,
            anchor,
            ink,
            bold: false,
            rotate: 0.0,
        }
    }

    /// The same, bold.
    pub fn bold(mut self) -> Self {
        self.bold = true;
        self
    }

    /// The same, turned by `degrees` clockwise.
    pub fn rotated(mut self, degrees: f64) -> Self {
        self.rotate = degrees;
        self
    }

    /// An estimate of the width of `text` in pixels (average glyph of a sans-serif face).
    pub fn width_of(&self, text: &str) -> f64 {
        text.chars().count() as f64 * self.size * if self.bold { 0.58 } else { 0.54 }
    }
}

/// Shape of a data point; shapes tell series apart where colours do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// Circle.
    Circle,
    /// Square.
    Square,
    /// Diamond.
    Diamond,
    /// Triangle, tip up.
    Triangle,
    /// Triangle, tip down.
    Wedge,
    /// Upright cross.
    Plus,
    /// Hexagon.
    Hexagon,
}

impl Marker {
    /// The marker of series `i`; repeats after seven.
    pub fn of(i: usize) -> Self {
        use Marker::*;
        [Circle, Square, Diamond, Triangle, Wedge, Plus, Hexagon][i % 7]
    }

    /// Corners around the origin for a nominal radius of 1 (none for the circle).
    pub(super) fn corners(self) -> &'static [(f64, f64)] {
        match self {
            Self::Circle => &[],
            Self::Square => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            Self::Diamond => &[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
            Self::Triangle => &[(0.0, -1.15), (1.15, 0.9), (-1.15, 0.9)],
            Self::Wedge => &[(0.0, 1.15), (1.15, -0.9), (-1.15, -0.9)],
            Self::Plus => &[
                (-0.4, -1.2),
                (0.4, -1.2),
                (0.4, -0.4),
                (1.2, -0.4),
                (1.2, 0.4),
                (0.4, 0.4),
                (0.4, 1.2),
                (-0.4, 1.2),
                (-0.4, 0.4),
                (-1.2, 0.4),
                (-1.2, -0.4),
                (-0.4, -0.4),
            ],
            Self::Hexagon => &[
                (0.55, -1.0),
                (1.1, 0.0),
                (0.55, 1.0),
                (-0.55, 1.0),
                (-1.1, 0.0),
                (-0.55, -1.0),
            ],
        }
    }
}
