//! What a map holds.

use proptest::prelude::*;
use rs_datasets::io::GeoTags;
use rs_peft::scene::{
    MapKind, MapOptions, Probabilities, WindowModel, blend_weights, map_scene, positions,
    write_quicklook,
};

use crate::toy::{Place, Scene, Toy, best, classes, go_on, pixel_logits, read};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn weights_are_a_partition_of_unity(extent in 1usize..400, window in 1usize..90, overlap in 0usize..90) {
        let overlap = overlap % window;
        let starts = positions(extent, window, overlap);
        prop_assert!(starts.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] <= window - overlap));
        prop_assert_eq!(starts[0], 0);
        if extent > window {
            prop_assert_eq!(starts[starts.len() - 1] + window, extent);
        }
        let weights = blend_weights(&starts, window, overlap, extent);
        let mut sums = vec![0.0f64; extent.max(window)];
        for (start, weights) in starts.iter().zip(&weights) {
            for (pixel, &weight) in weights.iter().enumerate() {
                prop_assert!(weight > 0.0 && weight <= 1.0);
                sums[start + pixel] += f64::from(weight);
            }
        }
        for sum in &sums[..extent] {
            prop_assert!((sum - 1.0).abs() < 1e-6, "{}", sum);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A model that looks at one pixel at a time says the same wherever windows lie.
    #[test]
    fn a_local_model_gives_the_map_that_it_gives_pixel_by_pixel(
        height in 1usize..70, width in 1usize..70, rows in 1usize..40, columns in 1usize..40,
        overlap in 0usize..40, batch in 1usize..6, seed in any::<u32>(), holes in 0usize..40,
    ) {
        let mut scene = Scene::new(height, width, seed);
        for hole in 0..holes {
            let at = (hole * 7919 + seed as usize) % scene.data.len();
            scene.data[at] = f32::NAN;
        }
        let place = Place::new();
        scene.write(&place.path("scene.tif"));
        let model = Toy::new(MapKind::Pixels, [rows, columns]);
        let mut options = MapOptions::new(model.classes());
        options.overlap = Some(overlap % rows.min(columns));
        options.batch = batch;
        options.probabilities = Some(Probabilities { path: place.path("p.tif"), percent: false });
        let report = map_scene(&model, &place.path("scene.tif"), &place.path("map.tif"), &options, &go_on).unwrap();
        let found = classes(&place.path("map.tif"));
        let probabilities = read(&place.path("p.tif")).samples.into_f32();
        let area = height * width;
        let mut without = 0;
        for (at, &class) in found.iter().enumerate() {
            let (x, y) = scene.pixel(at);
            if x.is_nan() || y.is_nan() {
                without += 1;
                prop_assert_eq!(class, 255);
                prop_assert!((0..3).all(|c| probabilities[c * area + at].is_nan()));
                continue;
            }
            let logits = pixel_logits(x, y);
            let wanted = best(logits);
            // Blending rounds: classes within a few units of the last place may change places.
            let gap = logits[usize::from(wanted)] - logits[usize::from(class)];
            prop_assert!(gap < 1e-5, "pixel {}: {} instead of {}", at, class, wanted);
            let sum: f32 = logits.iter().map(|l| l.exp()).sum();
            for c in 0..3 {
                prop_assert!((probabilities[c * area + at] - logits[c].exp() / sum).abs() < 1e-5);
            }
        }
        prop_assert_eq!(report.without_class, without);
        prop_assert_eq!(report.pixels.iter().sum::<u64>() + without, area as u64);
        prop_assert_eq!(place.names(), ["map.tif", "p.tif", "scene.tif"]);
    }
}

#[test]
fn what_lies_in_missing_pixels_changes_nothing() {
    let place = Place::new();
    let mut model = Toy::new(MapKind::Pixels, [16, 16]);
    model.context = true;
    let options = MapOptions::new(model.classes());
    let mut maps = Vec::new();
    for (number, garbage) in [0.0, 1e30, -7.5, f32::INFINITY].into_iter().enumerate() {
        let mut scene = Scene::new(50, 61, 9);
        for at in (0..scene.height * scene.width).filter(|at| at % 5 == 0 || at / 61 > 30) {
            scene.data[at] = f32::NAN;
            scene.data[scene.height * scene.width + at] = garbage;
        }
        let (from, to) = (
            place.path(&format!("{number}.tif")),
            place.path(&format!("{number}m.tif")),
        );
        scene.write(&from);
        let report = map_scene(&model, &from, &to, &options, &go_on).unwrap();
        assert!(report.empty_windows > 0, "rows 31 and below are empty");
        maps.push(classes(&to));
    }
    assert!(maps.iter().all(|map| *map == maps[0]));
    for (at, &class) in maps[0].iter().enumerate() {
        assert_eq!(class == 255, at % 5 == 0 || at / 61 > 30);
    }
}

#[test]
fn a_model_of_windows_gives_a_coarser_map_on_the_same_ground() {
    let place = Place::new();
    let scene = Scene::new(100, 130, 3);
    scene.write(&place.path("scene.tif"));
    let model = Toy::new(MapKind::Windows, [20, 20]);
    for stride in [20, 5] {
        let mut options = MapOptions::new(model.classes());
        options.stride = Some(stride);
        options.force = true;
        map_scene(
            &model,
            &place.path("scene.tif"),
            &place.path("map.tif"),
            &options,
            &go_on,
        )
        .unwrap();
        let map = read(&place.path("map.tif"));
        assert_eq!(
            [map.height, map.width],
            [100usize.div_ceil(stride), 130usize.div_ceil(stride)]
        );
        let side = 10.0 * stride as f64;
        assert_eq!(
            map.geo.unwrap().transform,
            [500_000.0, side, 0.0, 4_600_000.0, 0.0, -side]
        );
        let found = classes(&place.path("map.tif"));
        for (row, column) in [(0, 0), (2, 3), (map.height - 1, map.width - 1)] {
            let start = |cell: usize, extent: usize| {
                (cell * stride + stride / 2)
                    .saturating_sub(10)
                    .min(extent - 20)
            };
            let (top, left) = (start(row, 100), start(column, 130));
            let mut sums = [0.0f32; 3];
            for (y, x) in (0..400).map(|i| (i / 20, i % 20)) {
                let (a, b) = scene.pixel((top + y) * 130 + left + x);
                let logits = pixel_logits(a, b);
                (0..3).for_each(|class| sums[class] += logits[class]);
            }
            assert_eq!(
                found[row * map.width + column],
                best(sums),
                "{row} {column}"
            );
        }
    }
}

#[test]
fn a_scene_without_a_place_is_mapped_with_a_note_and_a_picture() {
    let place = Place::new();
    let scene = Scene::new(10, 23, 1);
    scene.write_with(&place.path("scene.tif"), GeoTags::default());
    let model = Toy::new(MapKind::Pixels, [16, 16]);
    let options = MapOptions::new(model.classes());
    let (from, to) = (place.path("scene.tif"), place.path("map.tif"));
    let report = map_scene(&model, &from, &to, &options, &go_on).unwrap();
    assert_eq!(report.notes.len(), 2, "{:?}", report.notes);
    assert!(report.notes[0].contains("georeference") && report.notes[1].contains("smaller"));
    assert!(read(&to).geo.is_none());
    write_quicklook(
        &to,
        model.classes(),
        &options.colours,
        &place.path("look.png"),
    )
    .unwrap();
    let picture = image::open(place.path("look.png")).unwrap().into_rgb8();
    // 22 times as large, behind a margin of 12.
    let first = classes(&to)[0];
    assert_eq!(
        picture.get_pixel(13, 13).0,
        options.colours.0[usize::from(first)]
    );
    let last = *classes(&to).last().unwrap();
    let corner = picture.get_pixel(12 + 23 * 22 - 1, 12 + 10 * 22 - 1);
    assert_eq!(corner.0, options.colours.0[usize::from(last)]);
}
