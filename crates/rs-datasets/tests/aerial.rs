//! The synthetic aerial scenes.

#[allow(dead_code)] // every test uses its own part
mod common;

use common::check_invariants;
use oriented_boxes::{Bounds, Point, iou};
use rs_datasets::{
    AerialClass, AerialConfig, AerialScenes, Dataset, Label, OrientedObject, Sample, catalog,
};

fn objects(sample: &Sample) -> &[OrientedObject] {
    match &sample.label {
        Label::Objects(objects) => objects,
        other => panic!("{other:?}"),
    }
}

#[test]
fn aerial_scenes_repeat_and_their_objects_stand_apart() {
    let config = AerialConfig {
        scenes: 12,
        seed: 4,
        size: 256,
        ..AerialConfig::default()
    };
    let scenes = AerialScenes::new(config.clone()).unwrap();
    check_invariants(&scenes);
    let more = AerialScenes::new(AerialConfig {
        scenes: 100,
        ..config.clone()
    })
    .unwrap();
    assert_eq!(scenes.load(5).unwrap(), more.load(5).unwrap());
    let other = AerialScenes::new(AerialConfig { seed: 5, ..config }).unwrap();
    assert_ne!(scenes.load(5).unwrap().image, other.load(5).unwrap().image);
    for index in 0..scenes.len() {
        let sample = scenes.load(index).unwrap();
        let found = objects(&sample);
        let image = Bounds::of_image(256, 256);
        for (at, object) in found.iter().enumerate() {
            assert!(image.contains(&object.quad.bounds()));
            assert!(
                found[..at]
                    .iter()
                    .all(|o| iou(&o.quad, &object.quad) == 0.0)
            );
        }
    }
}

#[test]
fn an_object_changes_its_pixels_and_no_others() {
    // The same scene with and without noise differs everywhere; without noise, ground is ground.
    let config = AerialConfig {
        scenes: 8,
        seed: 9,
        size: 256,
        noise: 0.0,
        empty_share: 0.0,
        ..AerialConfig::default()
    };
    let scenes = AerialScenes::new(config).unwrap();
    let (mut inside, mut all) = (0.0, 0);
    for index in 0..scenes.len() {
        let sample = scenes.load(index).unwrap();
        for object in objects(&sample) {
            // Contrast between the middle line and a ring around the box.
            let c = object.quad.center();
            let value = |p: Point| {
                let (x, y) = (
                    p.x.clamp(0.0, 255.0) as usize,
                    p.y.clamp(0.0, 255.0) as usize,
                );
                [0, 1, 2].map(|band| f64::from(sample.image.band(band)[y * 256 + x]))
            };
            let middle = value(c);
            let corners = object.quad.corners();
            let far: Vec<[f64; 3]> = corners
                .iter()
                .map(|p| {
                    value(Point::new(
                        c.x + 1.25 * (p.x - c.x),
                        c.y + 1.25 * (p.y - c.y),
                    ))
                })
                .collect();
            let difference = far
                .iter()
                .map(|v| {
                    v.iter()
                        .zip(middle)
                        .map(|(a, b)| (a - b).abs())
                        .sum::<f64>()
                })
                .sum::<f64>()
                / 4.0;
            inside += difference;
            all += 1;
        }
    }
    assert!(all > 40, "{all}");
    assert!(
        inside / f64::from(all) > 40.0,
        "{}",
        inside / f64::from(all)
    );
}

#[test]
fn classes_are_long_tailed() {
    let scenes = AerialScenes::new(AerialConfig {
        scenes: 400,
        seed: 1,
        ..AerialConfig::default()
    })
    .unwrap();
    let mut counts = [0usize; AerialClass::ALL.len()];
    let mut empty = 0;
    for index in 0..scenes.len() {
        let found = scenes.objects(index).unwrap();
        empty += usize::from(found.is_empty());
        found.iter().for_each(|o| counts[o.class] += 1);
    }
    let sum = |range: std::ops::Range<usize>| counts[range].iter().sum::<usize>();
    // Ships need water and large objects space, so neighbours may change places; the groups do not.
    assert!(
        sum(0..4) > 3 * sum(4..7) && sum(4..7) > 2 * sum(7..10),
        "{counts:?}"
    );
    assert!(counts.iter().all(|&n| n > 5), "{counts:?}");
    assert!((5..60).contains(&empty), "{empty}");
    assert_eq!(
        scenes.objects(7).unwrap(),
        objects(&scenes.load(7).unwrap())
    );
    // Groups follow debLoRA's head, middle and tail.
    let groups = catalog::dota::DEBLORA_GROUPS;
    for (at, class) in AerialClass::ALL.iter().enumerate() {
        let group = [0..4, 4..7, 7..10].iter().position(|r| r.contains(&at));
        let members = groups[group.unwrap()].1;
        assert!(members.contains(&class.name()), "{class:?}");
    }
}

#[test]
fn scene_settings_out_of_range_are_refused() {
    let base = AerialConfig::default();
    let bad_scenes = [
        AerialConfig {
            scenes: 0,
            ..base.clone()
        },
        AerialConfig {
            size: 64,
            ..base.clone()
        },
        AerialConfig {
            objects: [5, 4],
            ..base.clone()
        },
        AerialConfig {
            imbalance_factor: f64::NAN,
            ..base.clone()
        },
        AerialConfig {
            noise: -1.0,
            ..base.clone()
        },
    ];
    for bad in bad_scenes {
        assert!(AerialScenes::new(bad).is_err());
    }
}
