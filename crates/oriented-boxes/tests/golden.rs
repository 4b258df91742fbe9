//! Geometry against published implementations (assets/golden/oriented-boxes/export_geometry.py).

use oriented_boxes::{
    AngleConvention, Bounds, Detection, NmsScope, OddPieces, OrientedBox, Point, Quad,
    cut_to_window, intersection_area, iou, min_area_rect, nms,
};
use serde_json::Value;

fn golden(part: &str) -> Value {
    let text = include_str!("../../../assets/golden/oriented-boxes/geometry.json");
    serde_json::from_str::<Value>(text).unwrap()[part].clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    let all = value.as_array().unwrap();
    all.iter().map(|v| v.as_f64().unwrap()).collect()
}

fn quad(value: &Value) -> Quad {
    Quad::from_coordinates(numbers(value).try_into().unwrap()).unwrap()
}

fn rows(value: &Value) -> &[Value] {
    let rows = value.as_array().unwrap();
    assert!(!rows.is_empty());
    rows
}

#[test]
fn overlaps_equal_those_of_polyiou_and_shapely() {
    for row in rows(&golden("overlaps")) {
        let (a, b) = (quad(&row["a"]), quad(&row["b"]));
        let found = iou(&a, &b);
        assert!(
            (found - row["shapely"].as_f64().unwrap()).abs() < 1e-12,
            "{row}"
        );
        let common = row["common"].as_f64().unwrap();
        assert!((intersection_area(&a, &b) - common).abs() < 1e-9, "{row}");
        // polyiou loses digits far from the origin.
        assert!(
            (found - row["polyiou"].as_f64().unwrap()).abs() < 1e-8,
            "{row}"
        );
    }
}

#[test]
fn minimum_rectangles_have_the_published_area() {
    for row in rows(&golden("rectangles")) {
        let points: Vec<Point> = numbers(&row["points"])
            .chunks_exact(2)
            .map(|xy| Point::new(xy[0], xy[1]))
            .collect();
        let found = min_area_rect(&points, AngleConvention::Le90)
            .unwrap()
            .area();
        let shapely = row["shapely"].as_f64().unwrap();
        assert!((found - shapely).abs() < 1e-9 * shapely, "{row}");
        // OpenCV computes in float32.
        assert!((found - row["opencv"].as_f64().unwrap()).abs() < 1e-4 * shapely);
    }
}

#[test]
fn conventions_are_those_of_mmrotate() {
    // mmrotate rounds coordinates and sides to float32.
    const F32: f64 = 1e-4;
    for row in rows(&golden("conventions")) {
        let corners = quad(&row["quad"]);
        for convention in AngleConvention::ALL {
            let theirs = numbers(&row[convention.name()]);
            let [x, y, w, h, a] = theirs[..] else {
                panic!("{row}")
            };
            // Their numbers are in the convention's range, so nothing is renamed.
            let read = OrientedBox::new(Point::new(x, y), w, h, a, convention).unwrap();
            let near_end = |found: f64, period: f64| {
                let turns = (found - a) / period;
                (turns - turns.round()).abs() * period < F32
            };
            assert!(
                (read.angle() - a).abs() < F32
                    || near_end(read.angle(), std::f64::consts::FRAC_PI_2)
            );
            // Our numbers of the same corners; at the end of a range rounding may choose the other end.
            let ours = min_area_rect(corners.corners(), convention).unwrap();
            assert!(ours.center().distance(Point::new(x, y)) < F32, "{row}");
            let same = (ours.width() - w).abs() < F32
                && (ours.height() - h).abs() < F32
                && near_end(ours.angle(), std::f64::consts::PI);
            let swapped = convention == AngleConvention::OpenCv
                && (ours.width() - h).abs() < F32
                && (ours.height() - w).abs() < F32
                && near_end(ours.angle(), std::f64::consts::FRAC_PI_2);
            assert!(same || swapped, "{convention:?} {ours:?} {row}");
            // And back to corners.
            let back = quad(&row[format!("{}_corners", convention.name())]);
            assert!(iou(&read.quad().unwrap(), &back) > 1.0 - 1e-6);
            assert!(iou(&corners, &back) > 1.0 - 1e-4);
        }
    }
}

#[test]
fn suppression_keeps_what_the_development_kit_keeps() {
    for row in rows(&golden("nms")) {
        let detections: Vec<Detection> = rows(&row["detections"])
            .iter()
            .map(|v| {
                let v = numbers(v);
                let corners: [f64; 8] = v[..8].try_into().unwrap();
                Detection {
                    quad: Quad::from_coordinates(corners).unwrap(),
                    score: v[8],
                    class: 0,
                }
            })
            .collect();
        let threshold = row["threshold"].as_f64().unwrap();
        let kept: Vec<usize> = numbers(&row["kept"]).iter().map(|&k| k as usize).collect();
        assert_eq!(
            nms(&detections, threshold, NmsScope::PerClass).unwrap(),
            kept
        );
    }
}

#[test]
fn pieces_are_those_of_the_development_kit() {
    let tiles = golden("tiles");
    let window = numbers(&tiles["window"]);
    let window = Bounds {
        left: window[0],
        top: window[1],
        right: window[2],
        bottom: window[3],
    };
    let mut cut = 0;
    for row in rows(&tiles["rows"]) {
        let piece = cut_to_window(&quad(&row["quad"]), &window, OddPieces::Drop);
        assert!(
            (piece.share - row["share"].as_f64().unwrap()).abs() < 1e-12,
            "{row}"
        );
        match (piece.quad, &row["corners"]) {
            (None, Value::Null) => {}
            (Some(found), corners) => {
                for (a, b) in found.corners().iter().zip(quad(corners).corners()) {
                    assert!(a.distance(*b) < 1e-9, "{found:?} {row}");
                }
                cut += usize::from(piece.share < 1.0);
            }
            (None, _) => panic!("{row}"),
        }
    }
    assert!(cut > 40, "{cut} objects were cut");
}
