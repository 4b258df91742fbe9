//! Properties of boxes and overlaps that hold for every input, and the overlap against two independent ways to compute it.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

use geo::{Area, BooleanOps, Coord, LineString, Polygon};
use oriented_boxes::{
    AngleConvention, Detection, NmsScope, OrientedBox, Point, Prepared, Quad, QuadShape,
    intersection_area, iou, min_area_rect, nms,
};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Centre, sides and angle of a box of 1 to 60 pixels near the origin.
fn any_box() -> impl Strategy<Value = [f64; 5]> {
    (
        -40.0..40.0,
        -40.0..40.0,
        1.0..60.0,
        1.0..60.0,
        -2.0 * PI..2.0 * PI,
    )
        .prop_map(|(x, y, w, h, a)| [x, y, w, h, a])
}

fn oriented([x, y, w, h, a]: [f64; 5], convention: AngleConvention) -> OrientedBox {
    OrientedBox::new(Point::new(x, y), w, h, a, convention).unwrap()
}

fn quad(b: [f64; 5]) -> Quad {
    oriented(b, AngleConvention::Le90).quad().unwrap()
}

/// Corners of any kind.
fn any_quad() -> impl Strategy<Value = Quad> {
    prop::array::uniform8(-30.0..30.0).prop_map(|v| Quad::from_coordinates(v).unwrap())
}

/// Corners that enclose an area without crossing sides.
fn simple_quad() -> impl Strategy<Value = Quad> {
    any_quad().prop_filter("simple and no sliver", |q| {
        matches!(q.shape(), QuadShape::Convex | QuadShape::Concave) && q.area() > 1.0
    })
}

fn polygon(quad: &Quad) -> Polygon<f64> {
    let ring = quad.corners().iter().map(|p| Coord { x: p.x, y: p.y });
    Polygon::new(LineString::from_iter(ring), vec![])
}

/// The corners as a set, in an order that does not depend on the first one.
fn sorted(corners: &[Point; 4]) -> Vec<Point> {
    let mut all = corners.to_vec();
    all.sort_by(|a, b| (a.x + 1e-3 * a.y).total_cmp(&(b.x + 1e-3 * b.y)));
    all
}

fn same_corners(a: &[Point; 4], b: &[Point; 4]) -> bool {
    a.iter().all(|p| b.iter().any(|q| p.distance(*q) < 1e-9))
        && b.iter().all(|p| a.iter().any(|q| p.distance(*q) < 1e-9))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_convention_keeps_the_rectangle_and_its_range(b in any_box()) {
        for from in AngleConvention::ALL {
            let original = oriented(b, from);
            for to in AngleConvention::ALL {
                let converted = original.to(to);
                prop_assert_eq!(converted.convention(), to);
                let angle = converted.angle();
                let in_range = match to {
                    AngleConvention::OpenCv => angle > 0.0 && angle <= FRAC_PI_2,
                    AngleConvention::Le90 => (-FRAC_PI_2..FRAC_PI_2).contains(&angle),
                    AngleConvention::Le135 => (-FRAC_PI_4..3.0 * FRAC_PI_4).contains(&angle),
                };
                prop_assert!(in_range, "{to:?} {angle}");
                prop_assert!(to == AngleConvention::OpenCv || converted.width() >= converted.height());
                prop_assert!(same_corners(&original.corners(), &converted.corners()));
                // Back again: the same numbers but for rounding at the end of the range.
                let back = converted.to(from);
                prop_assert!(same_corners(&original.corners(), &back.corners()));
                prop_assert!((back.area() - original.area()).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn a_rectangle_is_its_own_minimum_rectangle(b in any_box()) {
        for convention in AngleConvention::ALL {
            let original = oriented(b, convention);
            let found = min_area_rect(&original.corners(), convention).unwrap();
            prop_assert!((found.area() - original.area()).abs() < 1e-9 * original.area().max(1.0));
            prop_assert!(iou(&found.quad().unwrap(), &original.quad().unwrap()) > 1.0 - 1e-9);
        }
    }

    #[test]
    fn a_minimum_rectangle_covers_its_points_and_is_no_larger_than_the_bounds(
        values in prop::collection::vec((-50.0f64..50.0, -50.0f64..50.0), 3..30),
    ) {
        let points: Vec<Point> = values.iter().map(|&(x, y)| Point::new(x, y)).collect();
        let hull = oriented_boxes::convex_hull(&points);
        prop_assume!(oriented_boxes::polygon_area(&hull) > 1e-3);
        let found = min_area_rect(&points, AngleConvention::Le90).unwrap();
        let bounds = oriented_boxes::Bounds::of(&points);
        prop_assert!(found.area() <= bounds.width() * bounds.height() * (1.0 + 1e-9));
        prop_assert!(found.area() >= oriented_boxes::polygon_area(&hull) * (1.0 - 1e-9));
        for point in points {
            let local = point.moved(-found.center().x, -found.center().y).turned(-found.angle());
            prop_assert!(local.x.abs() <= found.width() / 2.0 + 1e-9);
            prop_assert!(local.y.abs() <= found.height() / 2.0 + 1e-9);
        }
    }

    #[test]
    fn overlap_with_itself_is_one(q in any_quad()) {
        let expected = if q.area() > 0.0 { 1.0 } else { 0.0 };
        prop_assert!((iou(&q, &q) - expected).abs() < 1e-9);
    }

    #[test]
    fn overlap_is_symmetric_and_bounded(a in any_quad(), b in any_quad()) {
        let (ab, ba) = (iou(&a, &b), iou(&b, &a));
        prop_assert!((0.0..=1.0).contains(&ab));
        prop_assert!((ab - ba).abs() < 1e-9, "{ab} {ba}");
        let common = intersection_area(&a, &b);
        prop_assert!(common <= a.area().min(b.area()) + 1e-9);
        let covered = Prepared::new(&a).covered_by(&Prepared::new(&b));
        prop_assert!((0.0..=1.0).contains(&covered));
    }

    #[test]
    fn overlap_does_not_change_under_rigid_motion_and_scaling(
        a in any_box(), b in any_box(), turn in -PI..PI, x in -1e4..1e4, y in -1e4..1e4, scale in 0.1..10.0f64,
    ) {
        let (a, b) = (quad(a), quad(b));
        let moved = |q: &Quad| {
            q.map(|p| {
                let p = p.turned(turn);
                Point::new(scale * p.x, scale * p.y).moved(x, y)
            })
            .unwrap()
        };
        let mirrored = |q: &Quad| q.map(|p| Point::new(-p.x, p.y)).unwrap();
        let before = iou(&a, &b);
        prop_assert!((iou(&moved(&a), &moved(&b)) - before).abs() < 1e-9);
        prop_assert!((iou(&mirrored(&a), &mirrored(&b)) - before).abs() < 1e-9);
    }

    #[test]
    fn the_order_of_corners_does_not_matter(a in simple_quad(), b in simple_quad(), start in 0usize..4, reverse: bool) {
        let mut corners = *a.corners();
        corners.rotate_left(start);
        if reverse {
            corners.reverse();
        }
        let other = Quad::new(corners).unwrap();
        prop_assert!((iou(&a, &b) - iou(&other, &b)).abs() < 1e-9);
    }

    #[test]
    fn overlap_equals_that_of_an_independent_library(a in simple_quad(), b in simple_quad()) {
        let (p, q) = (polygon(&a), polygon(&b));
        let expected = p.intersection(&q).unsigned_area();
        // The library rounds coordinates to a grid of 2^-32 of the extent.
        prop_assert!((intersection_area(&a, &b) - expected).abs() < 1e-4, "{} {expected}", intersection_area(&a, &b));
        prop_assert!((a.area() - p.unsigned_area()).abs() < 1e-9);
    }

    #[test]
    fn suppression_leaves_no_pair_above_the_threshold_and_covers_the_rest(
        boxes in prop::collection::vec((any_box(), 0.0..1.0f64, 0usize..3), 0..40), threshold in 0.0..1.0f64,
    ) {
        let all: Vec<Detection> = boxes
            .iter()
            .map(|&(b, score, class)| Detection { quad: quad(b), score, class })
            .collect();
        let kept = nms(&all, threshold, NmsScope::PerClass).unwrap();
        prop_assert!(kept.windows(2).all(|pair| all[pair[0]].score >= all[pair[1]].score));
        for (at, &i) in kept.iter().enumerate() {
            for &j in &kept[..at] {
                prop_assert!(all[i].class != all[j].class || iou(&all[i].quad, &all[j].quad) <= threshold);
            }
        }
        for i in (0..all.len()).filter(|i| !kept.contains(i)) {
            prop_assert!(kept.iter().any(|&j| all[j].class == all[i].class
                && all[j].score >= all[i].score
                && iou(&all[j].quad, &all[i].quad) > threshold));
        }
        // Suppressing again changes nothing.
        let rest: Vec<Detection> = kept.iter().map(|&i| all[i]).collect();
        prop_assert_eq!(nms(&rest, threshold, NmsScope::PerClass).unwrap().len(), rest.len());
    }
}

#[test]
fn overlap_equals_a_count_of_random_points() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let inside = |b: &OrientedBox, p: Point| {
        let local = p.moved(-b.center().x, -b.center().y).turned(-b.angle());
        local.x.abs() <= b.width() / 2.0 && local.y.abs() <= b.height() / 2.0
    };
    for case in 0..20 {
        let mut any = || {
            let parameters = [
                rng.random_range(-10.0..10.0),
                rng.random_range(-10.0..10.0),
                rng.random_range(5.0..40.0),
                rng.random_range(5.0..40.0),
                rng.random_range(-PI..PI),
            ];
            oriented(parameters, AngleConvention::OpenCv)
        };
        let (a, b) = (any(), any());
        let n = 40_000;
        let (mut both, mut either) = (0u32, 0u32);
        for _ in 0..n {
            let p = Point::new(rng.random_range(-40.0..40.0), rng.random_range(-40.0..40.0));
            let (in_a, in_b) = (inside(&a, p), inside(&b, p));
            both += u32::from(in_a && in_b);
            either += u32::from(in_a || in_b);
        }
        let exact = iou(&a.quad().unwrap(), &b.quad().unwrap());
        let counted = f64::from(both) / f64::from(either);
        // Five standard deviations of the share among the points that count.
        let tolerance = 5.0 * (exact * (1.0 - exact) / f64::from(either)).sqrt() + 1e-3;
        assert!(
            (exact - counted).abs() < tolerance,
            "case {case}: {exact} {counted}"
        );
    }
}

#[test]
fn special_angles_land_in_range() {
    for quarter in -9..=9 {
        let angle = f64::from(quarter) * FRAC_PI_4;
        for convention in AngleConvention::ALL {
            let b = oriented([3.0, 4.0, 10.0, 2.0, angle], convention);
            let [_, _, w, h, _] = b.parameters();
            assert_eq!(sorted(&b.corners()).len(), 4);
            assert!((w * h - 20.0).abs() < 1e-12);
        }
    }
    // The ends of the ranges: the open end is left, the closed one is kept.
    let b = |angle, convention| oriented([0.0, 0.0, 10.0, 2.0, angle], convention);
    assert_eq!(b(0.0, AngleConvention::OpenCv).angle(), FRAC_PI_2);
    assert_eq!(b(0.0, AngleConvention::OpenCv).width(), 2.0);
    assert_eq!(b(FRAC_PI_2, AngleConvention::OpenCv).width(), 10.0);
    assert_eq!(b(FRAC_PI_2, AngleConvention::Le90).angle(), -FRAC_PI_2);
    assert_eq!(b(FRAC_PI_2, AngleConvention::Le135).angle(), FRAC_PI_2);
    assert_eq!(
        b(3.0 * FRAC_PI_4, AngleConvention::Le135).angle(),
        -FRAC_PI_4
    );
    let tiny = b(-1e-18, AngleConvention::Le90);
    assert!(tiny.angle() <= 0.0 && tiny.angle() > -1e-17);
}

#[test]
fn bad_boxes_are_refused() {
    let new = |w, h, a| OrientedBox::new(Point::new(0.0, 0.0), w, h, a, AngleConvention::Le90);
    assert!(
        new(-1.0, 1.0, 0.0)
            .unwrap_err()
            .to_string()
            .contains("width")
    );
    assert!(
        new(1.0, -1.0, 0.0)
            .unwrap_err()
            .to_string()
            .contains("height")
    );
    for bad in [f64::NAN, f64::INFINITY, 1e200] {
        assert!(new(bad, 1.0, 0.0).is_err() && new(1.0, 1.0, bad).is_err());
    }
    let line = [
        Point::new(0.0, 0.0),
        Point::new(1.0, 1.0),
        Point::new(2.0, 2.0),
    ];
    for points in [&line[..], &line[..1], &[]] {
        assert!(min_area_rect(points, AngleConvention::Le90).is_err());
    }
    let nan = [Point::new(f64::NAN, 0.0); 4];
    assert!(min_area_rect(&nan, AngleConvention::Le90).is_err());
}

#[test]
fn crossing_sides_count_as_their_untangled_corners() {
    let crossed = Quad::from_coordinates([0., 0., 2., 1., 2., 0., 0., 1.]).unwrap();
    let plain = Quad::from_coordinates([0., 0., 2., 0., 2., 1., 0., 1.]).unwrap();
    assert!((iou(&crossed, &plain) - 1.0).abs() < 1e-12);
    let flat = Quad::from_coordinates([0., 0., 1., 0., 2., 0., 3., 0.]).unwrap();
    assert_eq!(iou(&flat, &flat), 0.0);
    assert_eq!(iou(&flat, &plain), 0.0);
}
