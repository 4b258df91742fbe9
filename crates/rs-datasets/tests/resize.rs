//! Resizing against torchvision, and what it does to missing pixels, masks and georeferences.

use std::sync::Arc;

use proptest::prelude::*;
use rs_datasets::{
    Band, BandSet, GeoReference, Image, InputUnit, Interpolation, Label, Mask, Resize, Sample,
};
use serde::Deserialize;

/// Largest error relative to the largest value: f32 sums in another order.
const TOLERANCE: f32 = 1e-5;

fn sample(bands: usize, height: usize, width: usize, data: Vec<f32>) -> Sample {
    let set = BandSet::new(
        (0..bands)
            .map(|i| Band::other(&format!("b{i}"), "test", None))
            .collect(),
    )
    .unwrap();
    let image = Image::new(Arc::new(set), InputUnit::Reflectance, height, width, data).unwrap();
    Sample {
        image,
        valid: None,
        label: Label::None,
        id: "s".into(),
        geo: None,
    }
}

#[derive(Deserialize)]
struct Golden {
    shape: [usize; 3],
    image: Vec<f32>,
    mask: Vec<i32>,
    cases: Vec<Case>,
    nearest: Vec<Nearest>,
}

#[derive(Deserialize)]
struct Case {
    interpolation: Interpolation,
    size: [usize; 2],
    values: Vec<f32>,
}

#[derive(Deserialize)]
struct Nearest {
    size: [usize; 2],
    values: Vec<i32>,
}

#[test]
fn equals_torchvision() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../assets/golden/rs-datasets/resize.json"
    );
    let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let [bands, height, width] = golden.shape;
    let mut worst = 0f32;
    for case in &golden.cases {
        let [h, w] = case.size;
        let step = Resize {
            height: h,
            width: w,
            interpolation: case.interpolation,
        };
        let result = step
            .apply(sample(bands, height, width, golden.image.clone()))
            .unwrap();
        assert_eq!(result.image.data.len(), case.values.len());
        let scale = case.values.iter().fold(0f32, |a, v| a.max(v.abs()));
        for (ours, theirs) in result.image.data.iter().zip(&case.values) {
            worst = worst.max((ours - theirs).abs() / scale);
        }
        assert!(
            worst <= TOLERANCE,
            "{:?} {h}x{w}: {worst}",
            case.interpolation
        );
    }
    println!("largest relative error {worst:e}");
    for case in &golden.nearest {
        let [h, w] = case.size;
        let mut masked = sample(bands, height, width, golden.image.clone());
        masked.label = Label::Segmentation {
            height,
            width,
            classes: golden.mask.clone(),
        };
        let result = Resize {
            height: h,
            width: w,
            interpolation: Interpolation::Bilinear,
        }
        .apply(masked)
        .unwrap();
        assert_eq!(
            result.label,
            Label::Segmentation {
                height: h,
                width: w,
                classes: case.values.clone()
            }
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_constant_image_stays_constant(
        from in (1usize..40, 1usize..40), to in (1usize..40, 1usize..40), value in -1e4f32..1e4, kind in 0usize..3,
    ) {
        let interpolation = [Interpolation::Nearest, Interpolation::Bilinear, Interpolation::Bicubic][kind];
        let step = Resize { height: to.0, width: to.1, interpolation };
        let result = step.apply(sample(1, from.0, from.1, vec![value; from.0 * from.1])).unwrap();
        prop_assert_eq!(result.image.data.len(), to.0 * to.1);
        prop_assert!(result.image.data.iter().all(|v| (v - value).abs() <= 2e-6 * value.abs()));
    }

    #[test]
    fn missing_pixels_do_not_leak(to in (1usize..20, 1usize..20), holes in prop::collection::vec(0usize..100, 0..60)) {
        // Valid pixels all hold 5; whatever is called valid afterwards must hold 5, too.
        let mut data = vec![5f32; 100];
        holes.iter().for_each(|&at| data[at] = f32::NAN);
        let step = Resize { height: to.0, width: to.1, interpolation: Interpolation::Bilinear };
        let result = step.apply(sample(1, 10, 10, data)).unwrap();
        match result.valid {
            Some(mask) => {
                let right = |(&ok, &v): (&bool, &f32)| (v - if ok { 5.0 } else { 0.0 }).abs() < 1e-4;
                prop_assert!(mask.valid.iter().zip(&result.image.data).all(right));
            }
            None => prop_assert!(result.image.data.iter().all(|v| (v - 5.0).abs() < 1e-4 || v.is_nan())),
        }
    }
}

#[test]
fn masks_and_georeference_follow() {
    let mut input = sample(1, 2, 4, (0..8).map(|v| v as f32).collect());
    input.valid = Some(Mask {
        height: 2,
        width: 4,
        valid: vec![true, true, false, false, true, true, false, false],
    });
    input.geo = Some(GeoReference {
        transform: [100.0, 10.0, 0.0, 500.0, 0.0, -10.0],
        epsg: Some(32632),
    });
    let result = Resize {
        height: 1,
        width: 2,
        interpolation: Interpolation::Bilinear,
    }
    .apply(input.clone())
    .unwrap();
    assert_eq!(result.valid.unwrap().valid, [true, false]);
    assert_eq!(
        result.geo.unwrap().transform,
        [100.0, 20.0, 0.0, 500.0, 0.0, -20.0]
    );

    let mut wrong = input.clone();
    wrong.valid = Some(Mask {
        height: 1,
        width: 4,
        valid: vec![true; 4],
    });
    let step = Resize {
        height: 1,
        width: 2,
        interpolation: Interpolation::Bilinear,
    };
    assert!(step.apply(wrong).is_err());
    for extent in [0, 70_000] {
        assert!(
            Resize {
                height: extent,
                ..step
            }
            .apply(input.clone())
            .is_err()
        );
    }
}
