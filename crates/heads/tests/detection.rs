//! Rotated FCOS beyond its goldens: what decoding gives back, and that nothing odd makes a NaN.

use burn::module::{AutodiffModule, Module};
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};
use heads::detection::{
    AngleLossConfig, AssignConfig, BoxLossConfig, BoxLossKind, ClassLossConfig, ClassMargin,
    DecodeConfig, DetectionLoss, DetectionLossConfig, DistanceActivation, ExtraLevels, FcosOutput,
    Focal, Gaussian, GaussianConfig, IouTransform, LevelOutput, PyramidScale, RotatedFcosConfig,
    SimplePyramidConfig, TargetObject, assign, decode,
};
use heads::{ClassWeights, DetectionHeadConfig, HeadError};
use oriented_boxes::{AngleConvention, OrientedBox, Point, iou};
use testkit::FlexBackend;

type B = FlexBackend;
type Inner = <B as AutodiffBackend>::InnerBackend;

const STRIDES: [usize; 2] = [4, 8];
const GRIDS: [[usize; 2]; 2] = [[16, 16], [8, 8]];

fn object(v: [f64; 5], class: usize) -> TargetObject {
    let place = OrientedBox::new(
        Point::new(v[0], v[1]),
        v[2],
        v[3],
        v[4],
        AngleConvention::Le90,
    );
    TargetObject {
        place: place.unwrap(),
        class,
        ignored: false,
    }
}

fn two_levels() -> AssignConfig {
    AssignConfig {
        limits: vec![16.0],
        center_radius: Some(1.5),
    }
}

/// Outputs of one image from a rule per level, channel and place.
fn output(value: impl Fn(&str, usize, usize, usize) -> f32) -> FcosOutput<B> {
    let device = Default::default();
    let levels = GRIDS.iter().enumerate().map(|(level, &[h, w])| {
        let map = |what: &str, channels: usize| {
            let values: Vec<f32> = (0..channels * h * w)
                .map(|at| value(what, level, at / (h * w), at % (h * w)))
                .collect();
            Tensor::<B, 4>::from_data(TensorData::new(values, [1, channels, h, w]), &device)
                .require_grad()
        };
        LevelOutput {
            class_logits: map("class", 2),
            distances: map("distance", 4),
            angle: map("angle", 1),
            center_ness: map("center", 1),
        }
    });
    FcosOutput {
        levels: levels.collect(),
    }
}

#[test]
fn perfect_outputs_decode_to_the_objects() {
    let objects = [
        object([20.0, 22.0, 24.0, 10.0, 0.5], 0),
        object([46.0, 40.0, 40.0, 18.0, -1.2], 1),
        object([12.0, 52.0, 12.0, 9.0, -std::f64::consts::FRAC_PI_2], 1),
    ];
    let assigned = assign(&two_levels(), 2, &GRIDS, &STRIDES, &objects).unwrap();
    let at = |level: usize, place: usize| {
        let location = place + if level == 1 { 256 } else { 0 };
        assigned.positives.iter().find(|p| p.location == location)
    };
    let perfect = output(|what, level, channel, place| {
        let Some(positive) = at(level, place) else {
            return if what == "distance" { 1.0 } else { -8.0 };
        };
        match what {
            "class" if channel == positive.class => 8.0,
            "class" => -8.0,
            "distance" => (positive.distances[channel] / STRIDES[level] as f64) as f32,
            "angle" => positive.angle as f32,
            _ => {
                let c = positive.center_ness().clamp(1e-3, 1.0 - 1e-3);
                (c / (1.0 - c)).ln() as f32
            }
        }
    });
    let found = decode(perfect, &STRIDES, true, &DecodeConfig::default()).unwrap();
    let [found] = found.as_slice() else { panic!() };
    assert_eq!(found.len(), objects.len(), "{found:?}");
    assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score));
    for object in &objects {
        let truth = object.place.quad().unwrap();
        let best = found
            .iter()
            .filter(|d| d.class == object.class)
            .map(|d| iou(&d.quad, &truth))
            .fold(0.0, f64::max);
        assert!(best > 0.999, "{object:?}: {best}");
    }
    let perfect_loss = |kind| {
        let config = DetectionLossConfig {
            assign: two_levels(),
            class: ClassLossConfig::default(),
            boxes: BoxLossConfig {
                kind,
                ..BoxLossConfig::default()
            },
        };
        DetectionLoss::new(&config, 2, &STRIDES, true, None).unwrap()
    };
    let gaussian = |distance| {
        BoxLossKind::Gaussian(GaussianConfig {
            distance,
            ..GaussianConfig::default()
        })
    };
    let rotated = |transform| BoxLossKind::RotatedIou { transform };
    for kind in [
        gaussian(Gaussian::Kld),
        gaussian(Gaussian::KldReverse),
        gaussian(Gaussian::Gwd),
        rotated(IouTransform::Log),
        rotated(IouTransform::Linear),
        rotated(IouTransform::Square),
    ] {
        let again = output(
            |what, level, channel, place| match (what, at(level, place)) {
                ("distance", Some(p)) => (p.distances[channel] / STRIDES[level] as f64) as f32,
                ("angle", Some(p)) => p.angle as f32,
                _ => 0.0,
            },
        );
        let loss = perfect_loss(kind);
        let terms = loss.forward(again, &[objects.to_vec()]).unwrap();
        assert_eq!(terms.positives, assigned.positives.len());
        let value = terms.boxes.into_scalar();
        assert!((0.0..0.02).contains(&value), "{kind:?}: {value}");
    }
}

#[test]
fn limits_of_decoding_are_kept() {
    let flat = || {
        output(|what, _, channel, place| match what {
            "class" if channel == 1 => (place % 7) as f32 - 3.0,
            "class" => -9.0,
            "distance" => 0.4,
            _ => 2.0,
        })
    };
    let config = DecodeConfig {
        keep: 5,
        before_nms: 9,
        ..DecodeConfig::default()
    };
    let found = &decode(flat(), &STRIDES, true, &config).unwrap()[0];
    assert_eq!(found.len(), 5);
    assert!(found.iter().all(|d| d.class == 1 && d.score > 0.7));
    let sure = DecodeConfig {
        score_above: 0.99,
        ..DecodeConfig::default()
    };
    assert!(decode(flat(), &STRIDES, true, &sure).unwrap()[0].is_empty());
    for bad in [
        DecodeConfig { nms: 1.5, ..config },
        DecodeConfig {
            score_above: f64::NAN,
            ..config
        },
        DecodeConfig { keep: 0, ..config },
    ] {
        assert!(matches!(
            decode(flat(), &STRIDES, true, &bad),
            Err(HeadError::Setting { .. })
        ));
    }
    assert!(matches!(
        decode(flat(), &[4], true, &config),
        Err(HeadError::Length { .. })
    ));
}

#[test]
fn outputs_that_are_not_finite_are_errors() {
    for (what, expected) in [
        ("class", "score"),
        ("distance", "box"),
        ("angle", "box"),
        ("center", "score"),
    ] {
        let broken = output(|name, _, _, place| match name {
            _ if name == what && place == 3 => f32::NAN,
            "distance" => 1.0,
            _ => 1.0,
        });
        let error = decode(broken, &STRIDES, true, &DecodeConfig::default()).unwrap_err();
        assert!(
            matches!(error, HeadError::Output { image: 0, what } if what == expected),
            "{error}"
        );
    }
    let huge = output(|name, _, _, _| if name == "distance" { 1e30 } else { 1.0 });
    let error = decode(huge, &STRIDES, true, &DecodeConfig::default()).unwrap_err();
    assert!(matches!(error, HeadError::Output { what: "box", .. }));
}

/// Every box loss and class loss, over outputs at the ends of their range and objects of every odd kind.
#[test]
fn no_loss_and_no_gradient_is_ever_a_nan() {
    let _graph = testkit::lock_autodiff();
    let kinds = [
        BoxLossKind::Gaussian(GaussianConfig::default()),
        BoxLossKind::Gaussian(GaussianConfig {
            distance: Gaussian::KldReverse,
            root: false,
            ..GaussianConfig::default()
        }),
        BoxLossKind::Gaussian(GaussianConfig {
            distance: Gaussian::Gwd,
            ..GaussianConfig::default()
        }),
        BoxLossKind::RotatedIou {
            transform: IouTransform::Log,
        },
        BoxLossKind::RotatedIou {
            transform: IouTransform::Square,
        },
        BoxLossKind::Iou {},
        BoxLossKind::SmoothL1 { beta: 1.0 },
    ];
    let classes = [
        ClassLossConfig::default(),
        ClassLossConfig {
            focal: Focal {
                gamma: 0.0,
                alpha: None,
            },
            margin: Some(ClassMargin::default()),
            class_weights: ClassWeights::Balanced,
        },
    ];
    let whole = object([30.0, 30.0, 22.0, 12.0, 0.3], 1);
    let ignored = TargetObject {
        ignored: true,
        ..whole
    };
    let scenes = [
        vec![],
        vec![whole],
        vec![ignored],
        vec![
            object([-300.0, 5.0, 20.0, 10.0, 0.0], 0),
            object([30.0, 30.0, 0.0, 0.0, 0.0], 0),
        ],
        // A location almost on the side of its box.
        vec![object([22.0 + 6.0 - 1e-9, 22.0, 12.0, 8.0, 0.0], 0)],
    ];
    for (kind, class) in kinds
        .iter()
        .flat_map(|kind| classes.iter().map(move |class| (kind, class)))
    {
        let config = DetectionLossConfig {
            assign: AssignConfig {
                center_radius: None,
                ..two_levels()
            },
            class: class.clone(),
            boxes: BoxLossConfig {
                kind: *kind,
                weight: 1.0,
                angle: Some(AngleLossConfig {
                    periodic: true,
                    ..AngleLossConfig::default()
                }),
            },
        };
        let loss = DetectionLoss::new(&config, 2, &STRIDES, true, Some(&[50, 1])).unwrap();
        for objects in &scenes {
            for (logit, distance, angle) in [
                (0.0, 0.0, 0.0),
                (60.0, 1e6, 1e4),
                (-90.0, 1e-8, -40.0),
                (3.0, 2.0, 1.0),
            ] {
                let found = output(|what, _, _, _| match what {
                    "distance" => distance,
                    "angle" => angle,
                    _ => logit,
                });
                let leaves = found.levels.clone();
                let terms = loss.forward(found, std::slice::from_ref(objects)).unwrap();
                let answers = objects
                    .iter()
                    .any(|o| !o.ignored && o.place.area() > 0.0 && o.place.center().x > 0.0);
                assert_eq!(terms.positives > 0, answers);
                let total = terms.total();
                let value = total.clone().into_scalar();
                assert!(
                    value.is_finite() && value >= 0.0,
                    "{kind:?} {objects:?}: {value}"
                );
                let gradients = total.backward();
                for level in leaves {
                    for map in [
                        level.class_logits,
                        level.distances,
                        level.angle,
                        level.center_ness,
                    ] {
                        let Some(gradient) = map.grad(&gradients) else {
                            continue;
                        };
                        let finite = gradient.into_data().iter::<f32>().all(f32::is_finite);
                        assert!(
                            finite,
                            "{kind:?} {objects:?} at {logit}, {distance}, {angle}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn ignored_places_have_no_gradient() {
    let _graph = testkit::lock_autodiff();
    let mut hidden = object([32.0, 32.0, 30.0, 30.0, 0.0], 0);
    hidden.ignored = true;
    let config = DetectionLossConfig {
        assign: two_levels(),
        ..DetectionLossConfig::default()
    };
    let loss = DetectionLoss::new(&config, 2, &STRIDES, true, None).unwrap();
    let found = output(|_, _, _, _| 0.5);
    let logits = found.levels[0].class_logits.clone();
    let terms = loss.forward(found, &[vec![hidden]]).unwrap();
    let gradient = logits.grad(&terms.total().backward()).unwrap().into_data();
    let gradient: Vec<f32> = gradient.iter::<f32>().collect();
    // Rows 5 to 10 and columns 5 to 10 have their centres inside, the corner does not.
    assert_eq!(gradient[7 * 16 + 7], 0.0);
    assert!(gradient[0] > 0.0);
}

#[test]
fn a_seed_gives_one_head_and_arrays_give_it_back() {
    let config = DetectionHeadConfig {
        pyramid: SimplePyramidConfig {
            scales: vec![PyramidScale::Double, PyramidScale::Same, PyramidScale::Half],
            channels: 8,
            extra: ExtraLevels::None,
        },
        fcos: RotatedFcosConfig {
            channels: 8,
            convolutions: 1,
            groups: 4,
            distance: DistanceActivation::Exp,
            ..RotatedFcosConfig::default()
        },
    };
    assert_eq!(config.pyramid.strides(8).unwrap(), [4, 8, 16]);
    let device = Default::default();
    let init = |seed| config.init::<B>(12, 8, 3, seed, &device).unwrap();
    let (one, two) = (init(1), init(1));
    assert_eq!(one.to_arrays(), two.to_arrays());
    assert_ne!(one.to_arrays(), init(2).to_arrays());
    let count: usize = one.to_arrays().iter().map(|array| array.values.len()).sum();
    assert_eq!(count, one.num_params());
    let copy = init(2).with_arrays(one.to_arrays()).unwrap();
    let map = Tensor::<Inner, 4>::ones([1, 12, 5, 6], &device);
    let outputs = |head: &heads::DetectionHead<Inner>| {
        let output = head.forward(map.clone());
        // An odd extent is halved upwards.
        assert_eq!(output.grids(), [[10, 12], [5, 6], [3, 3]]);
        let first = |level: LevelOutput<Inner>| level.class_logits.into_data();
        output.levels.into_iter().map(first).collect::<Vec<_>>()
    };
    assert_eq!(outputs(&one.valid()), outputs(&copy.valid()));
    let mut arrays = one.to_arrays();
    arrays.pop();
    assert!(matches!(
        init(2).with_arrays(arrays),
        Err(HeadError::Array { .. })
    ));
}

#[test]
fn settings_out_of_range_are_errors() {
    let device = Default::default();
    let base = DetectionHeadConfig::default();
    let mut broken = vec![base.clone(); 7];
    broken[0].pyramid.scales.clear();
    broken[1].pyramid.scales.reverse();
    broken[2].pyramid.channels = 0;
    broken[3].fcos.groups = 7;
    broken[4].fcos.prior = 1.0;
    broken[5].fcos.channels = usize::MAX;
    broken[6].pyramid.extra = ExtraLevels::Pool { levels: 99 };
    for config in broken {
        let error = config.init::<Inner>(8, 16, 3, 0, &device).unwrap_err();
        assert!(matches!(error, HeadError::Setting { .. }), "{error}");
    }
    // Patches of 14 pixels have no quarter.
    assert!(base.pyramid.strides(14).is_err());
    let loss = |change: &dyn Fn(&mut DetectionLossConfig)| {
        let mut config = DetectionLossConfig {
            assign: two_levels(),
            ..DetectionLossConfig::default()
        };
        change(&mut config);
        DetectionLoss::new(&config, 2, &STRIDES, true, Some(&[3, 0])).map(|_| ())
    };
    assert!(loss(&|_| ()).is_ok());
    let iou = |c: &mut DetectionLossConfig| c.boxes.kind = BoxLossKind::Iou {};
    assert!(loss(&iou).unwrap_err().to_string().contains("angle"));
    let margin = |c: &mut DetectionLossConfig| c.class.margin = Some(ClassMargin::default());
    assert_eq!(loss(&margin), Err(HeadError::EmptyClass { class: 1 }));
    assert!(loss(&|c| c.class.focal.gamma = 0.5).is_err());
    assert!(loss(&|c| c.assign.limits.clear()).is_err());
    let tau = GaussianConfig {
        tau: 0.0,
        ..GaussianConfig::default()
    };
    assert!(loss(&|c| c.boxes.kind = BoxLossKind::Gaussian(tau)).is_err());
}
