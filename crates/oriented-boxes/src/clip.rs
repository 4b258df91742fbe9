//! Cutting polygons by half planes (Sutherland and Hodgman, 1974).

use crate::Point;
use crate::point::cross;

/// Hands on the part of a closed polygon that lies to the inner side of the line from `a` to `b`.
///
/// The inner side is the one towards which a clockwise (on the screen) polygon turns at `b`. A convex polygon gains at most one corner.
pub(crate) fn cut(polygon: &[Point], a: Point, b: Point, mut emit: impl FnMut(Point)) {
    let Some(&last) = polygon.last() else { return };
    let mut from = last;
    let mut from_side = cross(a, b, from);
    for &to in polygon {
        let to_side = cross(a, b, to);
        if (from_side > 0.0 && to_side < 0.0) || (from_side < 0.0 && to_side > 0.0) {
            // Weighted by the distances of both ends, so that neither subtraction cancels.
            let t = from_side / (from_side - to_side);
            emit(Point::new(
                from.x + t * (to.x - from.x),
                from.y + t * (to.y - from.y),
            ));
        }
        if to_side >= 0.0 {
            emit(to);
        }
        (from, from_side) = (to, to_side);
    }
}

/// The part of a polygon inside a convex window; empty where they do not meet.
///
/// `window` must be convex and clockwise on the screen. Where the polygon is not convex, parts that lie apart are joined by edges of
/// no width along the window's border: the area is right, the outline is not simple.
pub fn clip_convex(polygon: &[Point], window: &[Point]) -> Vec<Point> {
    let mut current = polygon.to_vec();
    let mut next = Vec::with_capacity(current.len() + window.len());
    for (index, &a) in window.iter().enumerate() {
        let b = window[(index + 1) % window.len()];
        next.clear();
        cut(&current, a, b, |point| next.push(point));
        std::mem::swap(&mut current, &mut next);
        if current.is_empty() {
            break;
        }
    }
    current
}

/// Signed area of a closed polygon in square pixels: positive when it runs clockwise on the screen.
pub fn polygon_area(polygon: &[Point]) -> f64 {
    // Relative to the first corner: products of large coordinates would cancel.
    let Some(&origin) = polygon.first() else {
        return 0.0;
    };
    polygon
        .windows(2)
        .map(|pair| cross(origin, pair[0], pair[1]))
        .sum::<f64>()
        / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bounds;

    #[test]
    fn a_square_is_cut_by_a_window() {
        let square = Bounds::of_image(4, 4).corners();
        let window = Bounds {
            left: 1.0,
            top: -1.0,
            right: 3.0,
            bottom: 1.0,
        };
        let part = clip_convex(&square, &window.corners());
        assert_eq!(Bounds::of(&part).width(), 2.0);
        assert_eq!(polygon_area(&part), 2.0);
        let away = Bounds {
            left: 5.0,
            right: 6.0,
            ..window
        };
        assert!(polygon_area(&clip_convex(&square, &away.corners())).abs() < 1e-15);
        assert!(clip_convex(&[], &window.corners()).is_empty());
    }

    #[test]
    fn the_area_of_a_cut_concave_polygon_is_right() {
        // An arrow whose two legs reach into the window, apart from each other.
        let arrow = [(0.0, 0.0), (4.0, 0.0), (2.0, 1.0), (4.0, 4.0), (0.0, 4.0)]
            .map(|(x, y)| Point::new(x, y));
        let window = Bounds {
            left: 3.0,
            top: 0.0,
            right: 5.0,
            bottom: 4.0,
        };
        let area = polygon_area(&clip_convex(&arrow, &window.corners()));
        // Upper leg: triangle (3,0) (4,0) (3,.5); lower leg: (4,4) (3,4) (3,2.5).
        assert!((area - (0.25 + 0.75)).abs() < 1e-12, "{area}");
    }
}
