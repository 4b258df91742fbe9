//! Labelled objects under transforms: boxes and pixels move together.

use std::sync::Arc;

use oriented_boxes::{Bounds, Point, Quad, iou};
use rs_datasets::transform::{PadTo, Resize, Rotate, Symmetry};
use rs_datasets::{
    Band, BandSet, Batch, CenterCrop, Image, InputUnit, Interpolation, Label, OrientedObject,
    Pipeline, Sample, sample_stream,
};

fn objects(sample: &Sample) -> &[OrientedObject] {
    match &sample.label {
        Label::Objects(objects) => objects,
        other => panic!("{other:?}"),
    }
}

/// Whether a place is at least `margin` inside the convex quadrilateral (outside for a negative margin and `false`).
fn depth(quad: &Quad, p: Point) -> f64 {
    let simple = quad.untangled();
    let c = simple.corners();
    (0..4)
        .map(|k| {
            let (a, b) = (c[k], c[(k + 1) % 4]);
            ((b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x)) / a.distance(b)
        })
        .fold(f64::INFINITY, f64::min)
}

/// Two boxes painted with 200 and 100 on 0.
fn painted(height: usize, width: usize) -> Sample {
    let quads = [
        ([20., 12., 46., 22., 40., 37., 14., 27.], 200.0),
        ([60., 40., 78., 40., 78., 52., 60., 52.], 100.0),
    ];
    let objects: Vec<OrientedObject> = quads
        .iter()
        .enumerate()
        .map(|(class, (v, _))| OrientedObject {
            quad: Quad::from_coordinates(*v).unwrap(),
            class,
            difficulty: 0,
        })
        .collect();
    let mut data = vec![0f32; height * width];
    for (object, (_, value)) in objects.iter().zip(quads) {
        for (at, pixel) in data.iter_mut().enumerate() {
            let place = Point::new((at % width) as f64 + 0.5, (at / width) as f64 + 0.5);
            if depth(&object.quad, place) >= 0.0 {
                *pixel = value;
            }
        }
    }
    let bands = BandSet::new(vec![Band::other("grey", "test", None)]).unwrap();
    Sample {
        image: Image::new(Arc::new(bands), InputUnit::Uint8, height, width, data).unwrap(),
        valid: None,
        label: Label::Objects(objects),
        id: "painted".into(),
        geo: None,
    }
}

/// That boxes and pixels still fit: paint inside every box, none outside of all, but for `border` pixels at the sides.
fn check_paint(what: &str, sample: &Sample, border: f64) {
    let image = &sample.image;
    let found = objects(sample);
    let mut inside = vec![0; found.len()];
    for (at, &value) in image.data.iter().enumerate() {
        let place = Point::new(
            (at % image.width) as f64 + 0.5,
            (at / image.width) as f64 + 0.5,
        );
        let depths: Vec<f64> = found.iter().map(|o| depth(&o.quad, place)).collect();
        for (k, object) in found.iter().enumerate() {
            if depths[k] > border {
                let expected = [200.0, 100.0][object.class];
                assert!(
                    (value - expected).abs() < 0.01,
                    "{what}: {value} at {place:?} in {object:?}"
                );
                inside[k] += 1;
            }
        }
        if depths.iter().all(|&d| d < -border) {
            assert!(value.abs() < 0.01, "{what}: {value} at {place:?} outside");
        }
    }
    assert!(inside.iter().all(|&n| n > 30), "{what}: {inside:?}");
}

#[test]
fn boxes_move_with_the_pixels() {
    let start = painted(64, 96);
    check_paint("as painted", &start, 0.75);
    for symmetry in Symmetry::ALL {
        let moved = symmetry.apply(start.clone()).unwrap();
        assert_eq!(objects(&moved).len(), 2);
        check_paint(&format!("{symmetry:?}"), &moved, 0.75);
        let back = symmetry.inverse().apply(moved).unwrap();
        assert_eq!(back, start, "{symmetry:?}");
    }
    // Wide enough that no turn cuts anything off.
    let wide = painted(96, 96);
    for degrees in [0.0, 10.0, -31.5, 90.0, 180.0, 222.0] {
        let turned = Rotate {
            degrees,
            value: 0.0,
        }
        .apply(wide.clone())
        .unwrap();
        check_paint(&format!("{degrees} degrees"), &turned, 1.6);
    }
    let resize = |height, width, interpolation| Resize {
        height,
        width,
        interpolation,
    };
    let larger = resize(128, 288, Interpolation::Bilinear).apply(start.clone());
    check_paint("resized", &larger.unwrap(), 4.0);
    let padded = PadTo {
        height: 91,
        width: 120,
        value: 0.0,
    };
    check_paint("padded", &padded.apply(start.clone()).unwrap(), 0.75);
    let cropped = CenterCrop {
        height: 50,
        width: 60,
    };
    let cropped = cropped.apply(start.clone()).unwrap();
    // A piece of five corners loses its shortest side.
    check_paint("cropped", &cropped, 3.5);
    assert!(
        objects(&cropped)
            .iter()
            .all(|o| Bounds::of_image(60, 50).contains(&o.quad.bounds()))
    );
}

#[test]
fn a_quarter_turn_by_angle_is_the_symmetry() {
    let start = painted(64, 96);
    let square = CenterCrop {
        height: 64,
        width: 64,
    };
    let start = square.apply(start).unwrap();
    for (degrees, symmetry) in [
        (90.0, Symmetry::Rotate90),
        (-90.0, Symmetry::Rotate270),
        (180.0, Symmetry::Rotate180),
        (360.0, Symmetry::Identity),
    ] {
        let turn = Rotate {
            degrees,
            value: 7.0,
        };
        let (a, b) = (
            turn.apply(start.clone()).unwrap(),
            symmetry.apply(start.clone()).unwrap(),
        );
        assert_eq!(a.valid, None, "{degrees}");
        for (x, y) in a.image.data.iter().zip(&b.image.data) {
            assert!((x - y).abs() < 1e-3, "{degrees}: {x} {y}");
        }
        for (x, y) in objects(&a).iter().zip(objects(&b)) {
            assert!(iou(&x.quad, &y.quad) > 1.0 - 1e-9);
            assert_eq!((x.class, x.difficulty), (y.class, y.difficulty));
        }
    }
}

#[test]
fn what_a_turn_brings_in_is_padding() {
    let start = painted(64, 96);
    let turned = Rotate {
        degrees: 45.0,
        value: 9.0,
    };
    let turned = turned.apply(start.clone()).unwrap();
    let mask = turned.valid.as_ref().unwrap();
    assert!(!mask.valid[0] && turned.image.data[0] == 9.0);
    assert!(mask.valid[32 * 96 + 48]);
    let mut labelled = start;
    labelled.label = Label::Segmentation {
        height: 64,
        width: 96,
        classes: (0..64 * 96).map(|at| at % 5).collect(),
    };
    let turned = Rotate {
        degrees: 180.0,
        value: 0.0,
    };
    let Label::Segmentation { classes, .. } = turned.apply(labelled).unwrap().label else {
        panic!()
    };
    assert_eq!(classes[0], (64 * 96 - 1) % 5);
    let bad = Rotate {
        degrees: f64::NAN,
        value: 0.0,
    };
    assert!(bad.apply(painted(64, 96)).is_err());
}

#[test]
fn steps_are_read_from_toml_and_random_turns_repeat() {
    let text = "[[steps]]\nstep = 'random_rotate'\nmax_degrees = 20.0\nvalue = 0.0\n\n[[steps]]\nstep = 'rotate'\ndegrees = 5.0\nvalue = 0.0\n";
    let pipeline = Pipeline::from_toml(text).unwrap();
    assert!(pipeline.is_random());
    let run = |epoch| {
        let mut rng = sample_stream(1, epoch, "painted", 0);
        pipeline.apply(painted(64, 96), &mut rng).unwrap()
    };
    assert_eq!(run(0), run(0));
    assert_ne!(run(0), run(1));
    let bad = Pipeline::from_toml(&text.replace("20.0", "200.0")).unwrap();
    let bands = painted(64, 96).image.bands;
    assert!(bad.output_bands(&bands).is_err());
}

#[test]
fn batches_keep_the_objects_of_each_sample() {
    let mut empty = painted(64, 96);
    empty.label = Label::Objects(Vec::new());
    let batch = Batch::new(vec![painted(64, 96), empty.clone()]).unwrap();
    let all = batch.objects.unwrap();
    assert_eq!((all[0].len(), all[1].len()), (2, 0));
    assert!(batch.labels.is_empty() && batch.masks.is_none());
    empty.label = Label::Class(0);
    assert!(Batch::new(vec![painted(64, 96), empty]).is_err());
}
