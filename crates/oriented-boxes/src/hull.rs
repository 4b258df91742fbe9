//! Convex hull.

use crate::Point;
use crate::point::cross;

/// Corners of the convex hull, clockwise on the screen, without points in the middle of a side.
///
/// Andrew's monotone chain, O(n log n). One or two distinct points give as many; points on a line give its two ends. Points that are
/// not finite must not be given.
pub fn convex_hull(points: &[Point]) -> Vec<Point> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    sorted.dedup();
    if sorted.len() < 3 {
        return sorted;
    }
    let mut hull: Vec<Point> = Vec::with_capacity(2 * sorted.len());
    for pass in 0..2 {
        let start = hull.len();
        let mut add = |point: Point| {
            while hull.len() >= start + 2
                && cross(hull[hull.len() - 2], hull[hull.len() - 1], point) <= 0.0
            {
                hull.pop();
            }
            hull.push(point);
        };
        if pass == 0 {
            sorted.iter().for_each(|&point| add(point));
        } else {
            sorted.iter().rev().for_each(|&point| add(point));
        }
        // The last point begins the other chain.
        hull.pop();
    }
    hull
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[(f64, f64)]) -> Vec<Point> {
        values.iter().map(|&(x, y)| Point::new(x, y)).collect()
    }

    #[test]
    fn inner_points_and_points_on_sides_are_left_out() {
        let hull = convex_hull(&points(&[
            (0.0, 0.0),
            (4.0, 0.0),
            (4.0, 4.0),
            (0.0, 4.0),
            (2.0, 0.0),
            (1.0, 2.0),
            (4.0, 0.0),
        ]));
        assert_eq!(
            hull,
            points(&[(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)])
        );
    }

    #[test]
    fn few_or_collinear_points_give_what_there_is() {
        assert!(convex_hull(&[]).is_empty());
        assert_eq!(convex_hull(&points(&[(1.0, 1.0); 3])).len(), 1);
        let line = convex_hull(&points(&[(0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (1.5, 1.5)]));
        assert_eq!(line, points(&[(0.0, 0.0), (2.0, 2.0)]));
    }
}
