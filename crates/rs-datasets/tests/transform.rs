//! Transforms: geometry moves image and masks together, units and statistics are what they say, pipelines read from TOML.

use std::sync::Arc;

use proptest::prelude::*;
use rs_datasets::{
    Band, BandSet, BandStatistics, CenterCrop, Clip, ConvertUnit, DataError, DeriveBand,
    FillInvalid, GeoReference, Image, InputUnit, Label, Mask, Normalise, PadTo, Pipeline,
    RandomCrop, RenderUint8, Sample, SelectBands, StatisticsSource, Step, Symmetry, TargetUnit,
    Term, sample_stream, stream,
};

/// An image whose pixel values, label and ground position all tell the original row and column.
fn traced(height: usize, width: usize) -> Sample {
    let set = BandSet::new(
        ["a", "b"]
            .map(|name| Band::other(name, "test", Some(10.0)))
            .to_vec(),
    )
    .unwrap();
    let index: Vec<i32> = (0..(height * width) as i32).collect();
    let data = index
        .iter()
        .map(|&i| i as f32)
        .chain(index.iter().map(|&i| 1000.0 + i as f32))
        .collect();
    Sample {
        image: Image::new(Arc::new(set), InputUnit::Reflectance, height, width, data).unwrap(),
        valid: Some(Mask {
            height,
            width,
            valid: index.iter().map(|i| i % 3 != 0).collect(),
        }),
        label: Label::Segmentation {
            height,
            width,
            classes: index,
        },
        id: "traced".into(),
        geo: Some(GeoReference {
            transform: [300.0, 10.0, 0.0, 900.0, 0.0, -10.0],
            epsg: None,
        }),
    }
}

/// That every pixel still has the label, validity and ground position of the pixel it came from.
fn assert_aligned(sample: &Sample, old_width: usize) {
    let (height, width) = (sample.image.height, sample.image.width);
    let Label::Segmentation {
        classes,
        height: h,
        width: w,
    } = &sample.label
    else {
        panic!("label lost")
    };
    let mask = sample.valid.as_ref().unwrap();
    assert_eq!(
        (*h, *w, mask.height, mask.width),
        (height, width, height, width)
    );
    let t = sample.geo.as_ref().unwrap().transform;
    for at in 0..height * width {
        if classes[at] < 0 {
            assert!(!mask.valid[at], "padding is not valid");
            continue;
        }
        let source = classes[at] as usize;
        assert_eq!(sample.image.band(0)[at], source as f32);
        assert_eq!(sample.image.band(1)[at], 1000.0 + source as f32);
        assert_eq!(mask.valid[at], !source.is_multiple_of(3));
        // Pixel centres on the ground, before and after.
        let (c, r) = ((at % width) as f64 + 0.5, (at / width) as f64 + 0.5);
        let (oc, or) = (
            (source % old_width) as f64 + 0.5,
            (source / old_width) as f64 + 0.5,
        );
        let ground = (t[0] + t[1] * c + t[2] * r, t[3] + t[4] * c + t[5] * r);
        assert_eq!(ground, (300.0 + 10.0 * oc, 900.0 - 10.0 * or));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn symmetries_are_undone_by_their_inverse(height in 1usize..7, width in 1usize..7, which in 0usize..8) {
        let symmetry = Symmetry::ALL[which];
        let turned = symmetry.apply(traced(height, width)).unwrap();
        assert_aligned(&turned, width);
        prop_assert_eq!(turned.image.height == width || height == width, symmetry.swaps_axes() || height == width);
        prop_assert_eq!(symmetry.inverse().apply(turned).unwrap(), traced(height, width));
    }

    #[test]
    fn random_geometry_keeps_everything_aligned(seed in 0u64..500, height in 6usize..12, width in 6usize..12) {
        let toml = "
            [[steps]]
            step = 'random_dihedral'
            [[steps]]
            step = 'random_crop'
            height = 5
            width = 4
            [[steps]]
            step = 'random_flip'
            horizontal = 0.5
            vertical = 0.5
            [[steps]]
            step = 'pad_to'
            height = 7
            width = 7
            value = -9.0
        ";
        let pipeline = Pipeline::from_toml(toml).unwrap();
        let run = || pipeline.apply(traced(height, width), &mut sample_stream(seed, 3, "traced", 0)).unwrap();
        let result = run();
        prop_assert_eq!((result.image.height, result.image.width), (7, 7));
        prop_assert_eq!(result.image.data.iter().filter(|&&v| v == -9.0).count(), 2 * (49 - 20));
        assert_aligned(&result, width);
        prop_assert_eq!(run(), result);
    }
}

#[test]
fn the_symmetries_form_a_group() {
    let image = |symmetries: &[Symmetry]| {
        symmetries
            .iter()
            .fold(traced(3, 3), |sample, symmetry| {
                symmetry.apply(sample).unwrap()
            })
            .image
            .data
    };
    let all: Vec<Vec<f32>> = Symmetry::ALL
        .iter()
        .map(|&symmetry| image(&[symmetry]))
        .collect();
    for a in Symmetry::ALL {
        assert_eq!(
            all.iter().filter(|other| **other == image(&[a])).count(),
            1,
            "{a:?} is distinct"
        );
        for b in Symmetry::ALL {
            assert!(all.contains(&image(&[a, b])), "{a:?} then {b:?}");
        }
    }
    assert_eq!(
        image(&[Symmetry::Rotate90, Symmetry::Rotate90]),
        image(&[Symmetry::Rotate180])
    );
    // Counter-clockwise: the right column becomes the top row.
    assert_eq!(image(&[Symmetry::Rotate90])[..3], [2.0, 5.0, 8.0]);
    assert_eq!(image(&[Symmetry::FlipHorizontal])[..3], [2.0, 1.0, 0.0]);
    assert_eq!(image(&[Symmetry::Transpose])[..3], [0.0, 3.0, 6.0]);
}

#[test]
fn every_symmetry_and_place_is_drawn() {
    let mut rng = stream(&["test"]);
    let step: Step = Pipeline::from_toml("steps = [{ step = 'random_dihedral' }]")
        .unwrap()
        .steps
        .remove(0);
    let mut seen: Vec<Vec<f32>> = Vec::new();
    for _ in 0..200 {
        let data = step.apply(traced(3, 3), &mut rng).unwrap().image.data;
        if !seen.contains(&data) {
            seen.push(data);
        }
    }
    assert_eq!(seen.len(), 8);
    let mut corners = [0; 4];
    for _ in 0..100 {
        let window = RandomCrop {
            height: 4,
            width: 4,
        }
        .apply(traced(5, 5), &mut rng)
        .unwrap();
        corners[[0.0, 1.0, 5.0, 6.0]
            .iter()
            .position(|&v| v == window.image.data[0])
            .unwrap()] += 1;
    }
    assert!(corners.iter().all(|&count| count > 5), "{corners:?}");
}

#[test]
fn crops_are_central_and_refuse_what_is_too_small() {
    let result = CenterCrop {
        height: 2,
        width: 3,
    }
    .apply(traced(5, 6))
    .unwrap();
    assert_eq!(result.image.band(0), [7.0, 8.0, 9.0, 13.0, 14.0, 15.0]);
    assert_aligned(&result, 6);
    assert!(matches!(
        CenterCrop {
            height: 6,
            width: 3
        }
        .apply(traced(5, 6)),
        Err(DataError::Shape { .. })
    ));
    assert!(
        RandomCrop {
            height: 0,
            width: 3
        }
        .apply(traced(5, 6), &mut stream(&[]))
        .is_err()
    );
    let padded = PadTo {
        height: 3,
        width: 9,
        value: 0.0,
    }
    .apply(traced(5, 6))
    .unwrap();
    assert_eq!((padded.image.height, padded.image.width), (5, 9));
    assert_aligned(&padded, 6);
}

#[test]
fn bands_by_name() {
    let select = |names: &[&str]| SelectBands {
        bands: names.iter().map(|name| name.to_string()).collect(),
    };
    let result = select(&["b", "a"]).apply(traced(2, 2)).unwrap();
    assert_eq!(
        result.image.data,
        [1000.0, 1001.0, 1002.0, 1003.0, 0.0, 1.0, 2.0, 3.0]
    );
    assert_eq!(result.image.bands.names(), ["b", "a"]);
    let error = select(&["B04"])
        .apply(traced(2, 2))
        .unwrap_err()
        .to_string();
    assert!(error.contains("B04") && error.contains("a, b"), "{error}");
    assert!(select(&["a", "a"]).apply(traced(2, 2)).is_err());
    assert!(select(&[]).apply(traced(2, 2)).is_err());

    let term = |band: &str, weight| Term {
        band: band.into(),
        weight,
    };
    let ratio = DeriveBand {
        name: "b-a".into(),
        terms: vec![term("b", 1.0), term("a", -1.0)],
    };
    let result = ratio.apply(traced(2, 2)).unwrap();
    assert_eq!(result.image.bands.names(), ["a", "b", "b-a"]);
    assert_eq!(result.image.band(2), [1000.0; 4]);
}

fn with_unit(unit: InputUnit, values: &[f32]) -> Sample {
    let set = BandSet::new(vec![Band::other("a", "test", None)]).unwrap();
    let image = Image::new(Arc::new(set), unit, 1, values.len(), values.to_vec()).unwrap();
    Sample {
        image,
        valid: None,
        label: Label::None,
        id: "u".into(),
        geo: None,
    }
}

#[test]
fn units_convert_and_refuse() {
    let convert = |to, unit, values: &[f32]| ConvertUnit { to }.apply(with_unit(unit, values));
    let dn = InputUnit::DigitalNumber {
        scale: 1e-4,
        offset: -0.1,
    };
    let result = convert(TargetUnit::Reflectance {}, dn, &[1000.0, 6000.0]).unwrap();
    assert_eq!(result.image.unit, InputUnit::Reflectance);
    assert!(
        result
            .image
            .data
            .iter()
            .zip([0.0, 0.5])
            .all(|(a, b)| (a - b).abs() < 1e-6)
    );
    // Baseline 04.00 to the older convention: 1000 less.
    let older = TargetUnit::DigitalNumber {
        scale: 1e-4,
        offset: 0.0,
    };
    let result = convert(older, dn, &[1000.0, 6000.0]).unwrap();
    assert!(
        result
            .image
            .data
            .iter()
            .zip([0.0, 5000.0])
            .all(|(a, b)| (a - b).abs() < 1e-2),
        "{:?}",
        result.image.data
    );

    let db = TargetUnit::Sigma0Db { floor_db: -30.0 };
    let result = convert(
        db,
        InputUnit::Sigma0Linear,
        &[1.0, 0.1, 0.0, -2.0, 1e-9, f32::NAN],
    )
    .unwrap();
    assert_eq!(result.image.data[..5], [0.0, -10.0, -30.0, -30.0, -30.0]);
    assert!(result.image.data[5].is_nan());
    let back = ConvertUnit {
        to: TargetUnit::Sigma0Linear {},
    }
    .apply(with_unit(InputUnit::Sigma0Db, &[0.0, -10.0]))
    .unwrap();
    assert!(
        back.image
            .data
            .iter()
            .zip([1.0, 0.1])
            .all(|(a, b)| (a - b).abs() < 1e-6)
    );

    assert!(matches!(
        convert(db, InputUnit::Reflectance, &[1.0]),
        Err(DataError::Unit { .. })
    ));
    assert!(matches!(
        convert(TargetUnit::Reflectance {}, InputUnit::Uint8, &[1.0]),
        Err(DataError::Unit { .. })
    ));
    let zero = TargetUnit::DigitalNumber {
        scale: 0.0,
        offset: 0.0,
    };
    assert!(convert(zero, InputUnit::Reflectance, &[1.0]).is_err());
}

#[test]
fn rendering_clips_and_fills() {
    let result = RenderUint8::stretch(-25.0, 0.0)
        .unwrap()
        .apply(with_unit(InputUnit::Sigma0Db, &[-30.0, -12.5, 3.0]))
        .unwrap();
    assert_eq!(result.image.data, [0.0, 128.0, 255.0]);
    assert_eq!(result.image.unit, InputUnit::Uint8);
    assert!(RenderUint8::stretch(1.0, 1.0).is_err());
    assert!(
        RenderUint8::eurosat_rgb().apply(traced(2, 2)).is_err(),
        "three gains for two bands"
    );

    let mut sample = with_unit(InputUnit::Reflectance, &[1.0, f32::NAN, 3.0, f32::INFINITY]);
    sample.valid = Some(Mask {
        height: 1,
        width: 4,
        valid: vec![true, true, false, true],
    });
    let result = FillInvalid { value: 0.0 }.apply(sample).unwrap();
    assert_eq!(result.image.data, [1.0, 0.0, 0.0, 0.0]);
    let clip = Clip {
        low: vec![0.0],
        high: vec![2.0],
    };
    let clipped = clip
        .apply(with_unit(
            InputUnit::Reflectance,
            &[-1.0, 1.0, f32::INFINITY],
        ))
        .unwrap();
    assert_eq!(clipped.image.data, [0.0, 1.0, 2.0]);
    let wrong = Clip {
        low: vec![3.0],
        high: vec![2.0],
    };
    assert!(
        wrong
            .apply(with_unit(InputUnit::Reflectance, &[1.0]))
            .is_err()
    );
}

fn statistics(bands: &[&str], unit: InputUnit) -> BandStatistics {
    BandStatistics {
        bands: bands.iter().map(|name| name.to_string()).collect(),
        mean: vec![2.0; bands.len()],
        std: vec![4.0; bands.len()],
        unit,
        source: StatisticsSource::Weights {
            name: "tiny".into(),
        },
        percentiles: None,
    }
}

#[test]
fn normalising_needs_statistics_of_the_same_bands_and_unit() {
    let apply = |statistics| {
        Normalise { statistics }.apply(with_unit(InputUnit::Reflectance, &[2.0, 6.0, f32::NAN]))
    };
    let result = apply(statistics(&["a"], InputUnit::Reflectance)).unwrap();
    assert_eq!(result.image.data[..2], [0.0, 1.0]);
    assert!(
        result.image.data[2].is_nan(),
        "a missing pixel stays missing"
    );
    assert_eq!(result.image.unit, InputUnit::Standardised);
    let message = |statistics| apply(statistics).unwrap_err().to_string();
    assert!(message(statistics(&["x"], InputUnit::Reflectance)).contains("the weights tiny"));
    assert!(message(statistics(&["a"], InputUnit::Uint8)).contains("convert the unit"));
    let mut constant = statistics(&["a"], InputUnit::Reflectance);
    constant.std[0] = 0.0;
    assert!(message(constant).contains("constant band"));
    let mut short = statistics(&["a"], InputUnit::Reflectance);
    short.mean.clear();
    assert!(apply(short).is_err());
}

#[test]
fn pipelines_round_trip_and_refuse_unknown_keys() {
    let term = Term {
        band: "a".into(),
        weight: 1.0,
    };
    let pipeline = Pipeline::new(vec![
        Step::SelectBands(SelectBands {
            bands: vec!["a".into()],
        }),
        Step::DeriveBand(DeriveBand {
            name: "c".into(),
            terms: vec![term],
        }),
        Step::ConvertUnit(ConvertUnit {
            to: TargetUnit::Sigma0Db { floor_db: -30.0 },
        }),
        Step::ConvertUnit(ConvertUnit {
            to: TargetUnit::Reflectance {},
        }),
        Step::RenderUint8(RenderUint8::eurosat_rgb()),
        Step::Normalise(Normalise {
            statistics: statistics(&["a"], InputUnit::SENTINEL2_DN),
        }),
        Step::FillInvalid(FillInvalid { value: 0.0 }),
        Step::CenterCrop(CenterCrop {
            height: 3,
            width: 4,
        }),
    ]);
    let text = pipeline.to_toml().unwrap();
    assert_eq!(Pipeline::from_toml(&text).unwrap(), pipeline, "{text}");
    for bad in [
        "stepz = []",
        "steps = [{ step = 'resize', height = 8, width = 8, interpolation = 'bilinear', antialias = false }]",
        "steps = [{ step = 'random_dihedral', p = 0.5 }]",
        "steps = [{ step = 'convert_unit', to = { unit = 'reflectance', scale = 2.0 } }]",
        "steps = [{ step = 'rotate' }]",
        "steps = [{ step = 'resize', height = 8, width = 8, interpolation = 'area' }]",
        "steps = [{ step = 'resize', height = -8, width = 8, interpolation = 'bilinear' }]",
    ] {
        let error = Pipeline::from_toml(bad).unwrap_err();
        assert!(matches!(error, DataError::Setting { .. }), "{bad}: {error}");
    }
    let bands = BandSet::new(vec![Band::other("b", "test", None)]).unwrap();
    assert!(matches!(
        pipeline.output_bands(&bands),
        Err(DataError::UnknownBand { .. })
    ));
}
