//! A place in an image.

/// A place in pixels: x to the right, y down, (0, 0) the outer corner of the first pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// Column.
    pub x: f64,
    /// Row.
    pub y: f64,
}

impl Point {
    /// The place (x, y).
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    /// Distance in pixels.
    pub fn distance(self, other: Self) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// The place moved by (x, y).
    pub fn moved(self, x: f64, y: f64) -> Self {
        Self::new(self.x + x, self.y + y)
    }

    /// The place turned about the origin by `angle` radians, clockwise on the screen.
    pub fn turned(self, angle: f64) -> Self {
        let (sin, cos) = angle.sin_cos();
        Self::new(self.x * cos - self.y * sin, self.x * sin + self.y * cos)
    }
}

/// Twice the signed area of the triangle `o`, `a`, `b`; positive when the turn is clockwise on the screen.
pub(crate) fn cross(o: Point, a: Point, b: Point) -> f64 {
    (a.x - o.x) * (b.y - o.y) - (b.x - o.x) * (a.y - o.y)
}
