//! Exact overlap of quadrilaterals.

use crate::clip::cut;
use crate::point::cross;
use crate::{Bounds, Point, Quad, QuadShape};

/// Two convex quadrilaterals meet in at most eight corners; the rest is for corners that rounding counts twice.
const MOST_CORNERS: usize = 16;

/// Corners on the stack: overlaps are computed by the million.
#[derive(Clone, Copy)]
struct Ring {
    points: [Point; MOST_CORNERS],
    len: usize,
}

impl Ring {
    fn of(points: &[Point]) -> Self {
        let mut ring = Self {
            points: [Point::default(); MOST_CORNERS],
            len: 0,
        };
        points.iter().for_each(|&point| ring.push(point));
        ring
    }

    fn push(&mut self, point: Point) {
        // Never reached by four cuts of a quadrilateral; the check keeps a wrong count from becoming a panic.
        if self.len < MOST_CORNERS {
            self.points[self.len] = point;
            self.len += 1;
        }
    }

    fn area(&self) -> f64 {
        crate::polygon_area(&self.points[..self.len])
    }
}

/// A quadrilateral made ready for many overlaps: untangled, clockwise on the screen, with its area and bounds.
///
/// - Crossing sides are untangled first ([`Quad::untangled`]).
/// - A concave one is held as two triangles, so its overlaps are exact too.
/// - A degenerate one overlaps nothing, not even itself.
#[derive(Clone, Copy, Debug)]
pub struct Prepared {
    corners: [Point; 4],
    area: f64,
    bounds: Bounds,
    convex: bool,
}

impl Prepared {
    /// Prepares a quadrilateral.
    pub fn new(quad: &Quad) -> Self {
        let shape = quad.shape();
        let corners = *quad.untangled().corners();
        Self {
            corners,
            area: match shape {
                QuadShape::Degenerate => 0.0,
                _ => crate::polygon_area(&corners),
            },
            bounds: quad.bounds(),
            convex: shape != QuadShape::Concave,
        }
    }

    /// Area in square pixels.
    pub fn area(&self) -> f64 {
        self.area
    }

    /// Axis-parallel bounds.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Area of the common part in square pixels, at most the smaller of both areas.
    pub fn intersection_area(&self, other: &Self) -> f64 {
        if !self.bounds.overlaps(&other.bounds) || self.area <= 0.0 || other.area <= 0.0 {
            return 0.0;
        }
        // Around a corner of one of them, so that far-away boxes lose no digits.
        let origin = self.corners[0];
        let near = |p: Point| p.moved(-origin.x, -origin.y);
        let (a, b) = (self.corners.map(near), other.corners.map(near));
        let area = if self.convex && other.convex {
            convex_intersection(&a, &b)
        } else {
            // Fans of signed triangles: outside a concave quadrilateral they cancel.
            let mut sum = 0.0;
            for first in fan(&a) {
                for second in fan(&b) {
                    sum += first.1 * second.1 * convex_intersection(&first.0, &second.0);
                }
            }
            sum
        };
        area.clamp(0.0, self.area.min(other.area))
    }

    /// Intersection over union, 0 to 1; 0 when one of both has no area.
    pub fn iou(&self, other: &Self) -> f64 {
        let common = self.intersection_area(other);
        if common <= 0.0 {
            return 0.0;
        }
        (common / (self.area + other.area - common)).min(1.0)
    }

    /// The share of this quadrilateral that lies in the other, 0 to 1; 0 when it has no area.
    pub fn covered_by(&self, other: &Self) -> f64 {
        let common = self.intersection_area(other);
        if common <= 0.0 {
            return 0.0;
        }
        (common / self.area).min(1.0)
    }
}

/// Area of the common part of two quadrilaterals in square pixels; see [`Prepared`] for odd shapes.
pub fn intersection_area(a: &Quad, b: &Quad) -> f64 {
    Prepared::new(a).intersection_area(&Prepared::new(b))
}

/// Intersection over union of two quadrilaterals, 0 to 1; see [`Prepared`] for odd shapes.
pub fn iou(a: &Quad, b: &Quad) -> f64 {
    Prepared::new(a).iou(&Prepared::new(b))
}

/// The two triangles between the first corner and each side that does not touch it, clockwise, with the sign that they had.
fn fan(corners: &[Point; 4]) -> [([Point; 3], f64); 2] {
    let [a, b, c, d] = *corners;
    [[a, b, c], [a, c, d]].map(|[p, q, r]| {
        if cross(p, q, r) >= 0.0 {
            ([p, q, r], 1.0)
        } else {
            ([p, r, q], -1.0)
        }
    })
}

/// Common area of two convex polygons that run clockwise on the screen.
fn convex_intersection(subject: &[Point], window: &[Point]) -> f64 {
    let mut current = Ring::of(subject);
    for (index, &a) in window.iter().enumerate() {
        let b = window[(index + 1) % window.len()];
        // A side of no length bounds nothing.
        if a == b {
            continue;
        }
        let mut next = Ring::of(&[]);
        cut(&current.points[..current.len], a, b, |p| next.push(p));
        if next.len < 3 {
            return 0.0;
        }
        current = next;
    }
    current.area().max(0.0)
}
