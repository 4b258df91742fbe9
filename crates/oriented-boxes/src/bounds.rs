//! Axis-parallel bounds.

use crate::Point;

/// The smallest axis-parallel rectangle around some points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Least x.
    pub left: f64,
    /// Least y.
    pub top: f64,
    /// Largest x.
    pub right: f64,
    /// Largest y.
    pub bottom: f64,
}

impl Bounds {
    /// Bounds of the points; of no point at all, the empty bounds (`left > right`).
    pub fn of(points: &[Point]) -> Self {
        let empty = Self {
            left: f64::INFINITY,
            top: f64::INFINITY,
            right: f64::NEG_INFINITY,
            bottom: f64::NEG_INFINITY,
        };
        points.iter().fold(empty, |b, p| Self {
            left: b.left.min(p.x),
            top: b.top.min(p.y),
            right: b.right.max(p.x),
            bottom: b.bottom.max(p.y),
        })
    }

    /// The rectangle from (0, 0) to (width, height).
    pub fn of_image(width: usize, height: usize) -> Self {
        Self {
            left: 0.0,
            top: 0.0,
            right: width as f64,
            bottom: height as f64,
        }
    }

    /// Extent along x.
    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    /// Extent along y.
    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }

    /// Whether the two share more than a border.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    /// Whether `other` lies inside, borders included.
    pub fn contains(&self, other: &Self) -> bool {
        self.left <= other.left
            && self.top <= other.top
            && other.right <= self.right
            && other.bottom <= self.bottom
    }

    /// The corners, clockwise on the screen from the upper left.
    pub fn corners(&self) -> [Point; 4] {
        [
            Point::new(self.left, self.top),
            Point::new(self.right, self.top),
            Point::new(self.right, self.bottom),
            Point::new(self.left, self.bottom),
        ]
    }
}
