//! What is left of an object in a window of its image, by the rule of DOTA's development kit.

use crate::{
    AngleConvention, Bounds, Point, Prepared, Quad, QuadShape, clip_convex, min_area_rect,
};

/// What to do with a piece that is no quadrilateral.
///
/// A cut leaves three to eight corners. Of five, the shortest side shrinks to its middle, as in the development kit; the rest is
/// decided here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OddPieces {
    /// Leave the object out, as the development kit does.
    #[default]
    Drop,
    /// The minimum-area rectangle of the piece.
    Rectangle,
}

/// What a window shows of an object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    /// Share of the object's area inside the window, 0 to 1.
    pub share: f64,
    /// Corners of the piece in pixels of the image, beginning near the object's first corner; `None` when nothing or nothing usable is left.
    pub quad: Option<Quad>,
}

/// Cuts an object at the border of a window.
///
/// An object inside the window stays exactly as it is. An object without area is never shown. Corners on the border within a
/// billionth of the window's extent count as one.
pub fn cut_to_window(quad: &Quad, window: &Bounds, odd: OddPieces) -> Piece {
    let nothing = Piece {
        share: 0.0,
        quad: None,
    };
    if quad.shape() == QuadShape::Degenerate {
        return nothing;
    }
    if window.contains(&quad.bounds()) {
        return Piece {
            share: 1.0,
            quad: Some(*quad),
        };
    }
    let Ok(frame) = Quad::from_bounds(window) else {
        return nothing;
    };
    let share = Prepared::new(quad).covered_by(&Prepared::new(&frame));
    if share <= 0.0 {
        return nothing;
    }
    let simple = quad.untangled();
    let outline = clip_convex(simple.corners(), frame.corners());
    let precision = 1e-9 * window.width().max(window.height());
    let corners = without_needless(outline, precision);
    let four = match *corners.as_slice() {
        // A concave object may fall into parts, whose joint outline is none.
        _ if quad.shape() == QuadShape::Concave => rectangle(&corners, odd),
        [a, b, c, d] => Some([a, b, c, d]),
        [a, b, c, d, e] => Some(four_of_five([a, b, c, d, e])),
        _ => rectangle(&corners, odd),
    };
    Piece {
        share,
        quad: four.and_then(|corners| Quad::new(starting_like(corners, simple.corners())).ok()),
    }
}

fn rectangle(corners: &[Point], odd: OddPieces) -> Option<[Point; 4]> {
    match odd {
        OddPieces::Drop => None,
        OddPieces::Rectangle => min_area_rect(corners, AngleConvention::Le90)
            .ok()
            .map(|found| found.corners()),
    }
}

/// The outline without corners that repeat their neighbour or lie on a straight side.
fn without_needless(mut outline: Vec<Point>, precision: f64) -> Vec<Point> {
    let mut at = 0;
    while outline.len() > 2 && at < outline.len() {
        let n = outline.len();
        let (before, here, after) = (
            outline[(at + n - 1) % n],
            outline[at],
            outline[(at + 1) % n],
        );
        let (long, short) = (before.distance(after), before.distance(here));
        let off_line = crate::point::cross(before, after, here).abs();
        if short <= precision || off_line <= precision * long {
            outline.remove(at);
            at = 0;
        } else {
            at += 1;
        }
    }
    outline
}

/// The shortest of five sides becomes its middle point.
fn four_of_five(corners: [Point; 5]) -> [Point; 4] {
    let length = |side: usize| corners[side].distance(corners[(side + 1) % 5]);
    let shortest = (0..5).fold(0, |best, side| {
        if length(side) < length(best) {
            side
        } else {
            best
        }
    });
    let (a, b) = (corners[shortest], corners[(shortest + 1) % 5]);
    let middle = Point::new((a.x + b.x) / 2.0, (a.y + b.y) / 2.0);
    std::array::from_fn(|k| {
        if k == 0 {
            middle
        } else {
            corners[(shortest + 1 + k) % 5]
        }
    })
}

/// The corners from the start that brings them closest to those of `like` (least sum of squared distances).
fn starting_like(corners: [Point; 4], like: &[Point; 4]) -> [Point; 4] {
    let turned = |start: usize| -> [Point; 4] { std::array::from_fn(|k| corners[(start + k) % 4]) };
    let distance = |start: usize| -> f64 {
        turned(start)
            .iter()
            .zip(like)
            .map(|(a, b)| a.distance(*b).powi(2))
            .sum()
    };
    let best = (0..4).fold(0, |best, start| {
        if distance(start) < distance(best) {
            start
        } else {
            best
        }
    });
    turned(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quad(v: [f64; 8]) -> Quad {
        Quad::from_coordinates(v).unwrap()
    }

    fn cut(v: [f64; 8]) -> Piece {
        cut_to_window(&quad(v), &Bounds::of_image(10, 10), OddPieces::Drop)
    }

    #[test]
    fn inside_stays_and_outside_goes() {
        let inside = [1., 1., 5., 2., 4., 6., 0., 5.];
        assert_eq!(
            cut(inside),
            Piece {
                share: 1.0,
                quad: Some(quad(inside))
            }
        );
        for outside in [
            [11., 1., 15., 1., 15., 5., 11., 5.],
            [10., 0., 12., 0., 12., 5., 10., 5.],
            [3., 3., 3., 3., 3., 3., 3., 3.],
        ] {
            assert_eq!(cut(outside).quad, None);
            assert_eq!(cut(outside).share, 0.0);
        }
    }

    #[test]
    fn a_cut_box_keeps_its_first_corner() {
        // The first corner is the lower right one.
        let piece = cut([14., 6., 4., 6., 4., 2., 14., 2.]);
        assert!((piece.share - 0.6).abs() < 1e-12);
        assert_eq!(
            piece.quad.unwrap().coordinates(),
            [10., 6., 4., 6., 4., 2., 10., 2.]
        );
    }

    #[test]
    fn pieces_that_are_no_quadrilateral_follow_the_choice() {
        // A diamond around the window's corner: a triangle is left.
        let diamond = quad([10., 6., 14., 10., 10., 14., 6., 10.]);
        let window = Bounds::of_image(10, 10);
        let dropped = cut_to_window(&diamond, &window, OddPieces::Drop);
        assert!((dropped.share - 0.25).abs() < 1e-12);
        assert_eq!(dropped.quad, None);
        let kept = cut_to_window(&diamond, &window, OddPieces::Rectangle);
        assert!((kept.quad.unwrap().area() - 16.0).abs() < 1e-9);
        // A concave arrow whose legs leave the window.
        let arrow = quad([2., 5., 14., 1., 9., 5., 14., 9.]);
        assert_eq!(cut_to_window(&arrow, &window, OddPieces::Drop).quad, None);
        let piece = cut_to_window(&arrow, &window, OddPieces::Rectangle);
        assert!(piece.share > 0.5 && piece.share < 0.9);
        // Its rectangle may reach beyond the window, as that of any slanted piece.
        assert!(piece.quad.unwrap().area() > piece.share * arrow.area());
    }

    #[test]
    fn crossing_sides_are_untangled_before_the_cut() {
        let piece = cut([4., 2., 14., 6., 14., 2., 4., 6.]);
        assert!((piece.share - 0.6).abs() < 1e-12);
        assert!((piece.quad.unwrap().area() - 24.0).abs() < 1e-12);
    }
}
