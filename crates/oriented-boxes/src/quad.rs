//! Four corners as published, and what shape they make.

use crate::point::cross;
use crate::{Bounds, BoxError, Point, convex_hull, polygon_area};

/// Four corners in the order in which a file or a model gives them.
///
/// Any four finite points make a quadrilateral; [`Quad::shape`] says whether it is a sensible one. DOTA's first corner is the upper
/// left of the object (its front), and the corners run clockwise on the screen, but its files do not always keep to that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quad {
    corners: [Point; 4],
}

/// What four corners make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QuadShape {
    /// Convex; a corner may lie on a side.
    Convex,
    /// One corner points inwards.
    Concave,
    /// Two sides cross, as when two corners were swapped.
    SelfCrossing,
    /// All corners on one line or at one point: no area.
    Degenerate,
}

/// Below this share of the squared diameter an area is rounding.
const NO_AREA: f64 = 1e-12;

impl Quad {
    /// Largest magnitude of a coordinate, in pixels: areas of such quadrilaterals are far from overflowing.
    pub const MAX_COORDINATE: f64 = 1e9;

    /// The quadrilateral of four corners.
    ///
    /// # Errors
    /// [`BoxError::Coordinate`] when one is NaN, infinite or beyond [`Quad::MAX_COORDINATE`].
    pub fn new(corners: [Point; 4]) -> Result<Self, BoxError> {
        for corner in corners {
            for (what, found) in [("x", corner.x), ("y", corner.y)] {
                check(what, found)?;
            }
        }
        Ok(Self { corners })
    }

    /// The quadrilateral of `x1 y1 x2 y2 x3 y3 x4 y4`.
    ///
    /// # Errors
    /// As [`Quad::new`].
    pub fn from_coordinates(v: [f64; 8]) -> Result<Self, BoxError> {
        Self::new(std::array::from_fn(|k| Point::new(v[2 * k], v[2 * k + 1])))
    }

    /// The axis-parallel rectangle, clockwise on the screen from the upper left.
    ///
    /// # Errors
    /// As [`Quad::new`].
    pub fn from_bounds(bounds: &Bounds) -> Result<Self, BoxError> {
        Self::new(bounds.corners())
    }

    /// The corners in their order.
    pub fn corners(&self) -> &[Point; 4] {
        &self.corners
    }

    /// `x1 y1 x2 y2 x3 y3 x4 y4`.
    pub fn coordinates(&self) -> [f64; 8] {
        std::array::from_fn(|k| {
            let corner = self.corners[k / 2];
            if k % 2 == 0 { corner.x } else { corner.y }
        })
    }

    /// Axis-parallel bounds.
    pub fn bounds(&self) -> Bounds {
        Bounds::of(&self.corners)
    }

    /// Mean of the corners.
    pub fn center(&self) -> Point {
        let sum = self
            .corners
            .iter()
            .fold(Point::default(), |sum, p| sum.moved(p.x, p.y));
        Point::new(sum.x / 4.0, sum.y / 4.0)
    }

    /// What the corners make.
    pub fn shape(&self) -> QuadShape {
        let [a, b, c, d] = self.corners;
        let bounds = self.bounds();
        let diameter = bounds.width().hypot(bounds.height());
        if polygon_area(&convex_hull(&self.corners)) <= NO_AREA * diameter * diameter {
            return QuadShape::Degenerate;
        }
        if cross_properly(a, b, c, d) || cross_properly(b, c, d, a) {
            return QuadShape::SelfCrossing;
        }
        let turns = [
            cross(a, b, c),
            cross(b, c, d),
            cross(c, d, a),
            cross(d, a, b),
        ];
        if turns.iter().any(|&t| t > 0.0) && turns.iter().any(|&t| t < 0.0) {
            return QuadShape::Concave;
        }
        QuadShape::Convex
    }

    /// The same corners in an order without crossing sides, clockwise on the screen and from the same first corner.
    ///
    /// Corners whose sides cross lie in convex position, so the order is that of their hull. Any other quadrilateral is reversed at
    /// most; a degenerate one is returned as it is.
    pub fn untangled(&self) -> Self {
        let mut corners = self.corners;
        if self.shape() == QuadShape::SelfCrossing {
            let hull = convex_hull(&corners);
            if let Some(start) = hull.iter().position(|&corner| corner == corners[0])
                && hull.len() == 4
            {
                corners = std::array::from_fn(|k| hull[(start + k) % 4]);
            }
        } else if polygon_area(&corners) < 0.0 {
            corners = [corners[0], corners[3], corners[2], corners[1]];
        }
        Self { corners }
    }

    /// Enclosed area in square pixels; of crossing sides, that of the untangled corners.
    pub fn area(&self) -> f64 {
        polygon_area(&self.untangled().corners).abs()
    }

    /// The quadrilateral with every corner mapped.
    ///
    /// # Errors
    /// As [`Quad::new`].
    pub fn map(&self, f: impl FnMut(Point) -> Point) -> Result<Self, BoxError> {
        Self::new(self.corners.map(f))
    }
}

/// Whether the open segments a-b and c-d have exactly one point in common.
fn cross_properly(a: Point, b: Point, c: Point, d: Point) -> bool {
    let opposite = |u: f64, v: f64| (u > 0.0 && v < 0.0) || (u < 0.0 && v > 0.0);
    opposite(cross(a, b, c), cross(a, b, d)) && opposite(cross(c, d, a), cross(c, d, b))
}

pub(crate) fn check(what: &'static str, found: f64) -> Result<(), BoxError> {
    if found.is_finite() && found.abs() <= Quad::MAX_COORDINATE {
        return Ok(());
    }
    Err(BoxError::Coordinate {
        what,
        found,
        limit: Quad::MAX_COORDINATE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quad(v: [f64; 8]) -> Quad {
        Quad::from_coordinates(v).unwrap()
    }

    #[test]
    fn shapes_are_told_apart() {
        let cases = [
            ([0., 0., 2., 0., 2., 1., 0., 1.], QuadShape::Convex, 2.0),
            ([0., 1., 2., 1., 2., 0., 0., 0.], QuadShape::Convex, 2.0),
            // A corner on a side, and a corner that occurs twice: triangles.
            ([0., 0., 1., 0., 2., 0., 0., 2.], QuadShape::Convex, 2.0),
            ([0., 0., 0., 0., 2., 0., 0., 2.], QuadShape::Convex, 2.0),
            ([0., 0., 4., 0., 1., 1., 0., 4.], QuadShape::Concave, 4.0),
            // Two corners swapped.
            (
                [0., 0., 2., 1., 2., 0., 0., 1.],
                QuadShape::SelfCrossing,
                2.0,
            ),
            (
                [0., 0., 2., 0., 0., 1., 2., 1.],
                QuadShape::SelfCrossing,
                2.0,
            ),
            ([1., 1., 1., 1., 1., 1., 1., 1.], QuadShape::Degenerate, 0.0),
            ([0., 0., 1., 1., 2., 2., 3., 3.], QuadShape::Degenerate, 0.0),
        ];
        for (corners, shape, area) in cases {
            let found = quad(corners);
            assert_eq!(found.shape(), shape, "{corners:?}");
            assert!((found.area() - area).abs() < 1e-12, "{corners:?}");
        }
    }

    #[test]
    fn untangling_keeps_the_first_corner_and_the_set() {
        let crossed = quad([5., 5., 7., 6., 7., 5., 5., 6.]);
        let simple = crossed.untangled();
        assert_eq!(simple.shape(), QuadShape::Convex);
        assert_eq!(simple.corners()[0], crossed.corners()[0]);
        assert!(
            crossed
                .corners()
                .iter()
                .all(|c| simple.corners().contains(c))
        );
        assert!(polygon_area(simple.corners()) > 0.0);
        let reversed = quad([0., 0., 0., 1., 2., 1., 2., 0.]).untangled();
        assert_eq!(reversed.coordinates(), [0., 0., 2., 0., 2., 1., 0., 1.]);
    }

    #[test]
    fn what_is_not_finite_is_refused() {
        for bad in [f64::NAN, f64::INFINITY, -1e300] {
            let error = Quad::from_coordinates([0., 0., 1., 0., 1., bad, 0., 1.]).unwrap_err();
            assert!(matches!(error, BoxError::Coordinate { what: "y", .. }));
        }
        assert!(quad([0.; 8]).map(|p| p.moved(2e9, 0.0)).is_err());
    }
}
