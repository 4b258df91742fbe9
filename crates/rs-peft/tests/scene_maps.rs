//! Maps of whole scenes with models whose answer for a pixel is known.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use rs_datasets::io::{
    Dtype, GeoTags, GeoTiffSpec, GeoTiffWriter, Raster, Samples, SceneFile, SceneLimits,
    SceneWindow, TILE, encode_tile,
};
use rs_datasets::{Band, BandSet, InputUnit, Sample};
use rs_peft::scene::{
    MapKind, MapOptions, ModelFailure, Probabilities, SceneError, WindowModel, blend_weights,
    map_scene, positions, write_quicklook,
};

/// Classes by thresholds of the two bands: a model that looks at one pixel at a time, or at the mean of a window.
struct Toy {
    kind: MapKind,
    window: [usize; 2],
    bands: Arc<BandSet>,
    unit: InputUnit,
    classes: Vec<String>,
    /// Adds what the neighbours to the right are, so that windows disagree about a pixel.
    context: bool,
    seen: AtomicUsize,
}

impl Toy {
    fn new(kind: MapKind, window: [usize; 2]) -> Self {
        let bands = ["x", "y"]
            .map(|name| Band::other(name, "test", None))
            .to_vec();
        Self {
            kind,
            window,
            bands: Arc::new(BandSet::new(bands).unwrap()),
            unit: InputUnit::Reflectance,
            classes: ["low", "middle", "high"].map(String::from).to_vec(),
            context: false,
            seen: AtomicUsize::new(0),
        }
    }
}

/// Three numbers of one pixel; what is missing counts as 0.5, the model's own choice.
fn pixel_logits(x: f32, y: f32) -> [f32; 3] {
    let (x, y) = if x.is_nan() || y.is_nan() {
        (0.5, 0.5)
    } else {
        (x, y)
    };
    [1.5 - 4.0 * x, 0.25 + y - x, 2.0 * x - 0.7 * y]
}

impl WindowModel for Toy {
    fn classes(&self) -> &[String] {
        &self.classes
    }
    fn kind(&self) -> MapKind {
        self.kind
    }
    fn window(&self) -> [usize; 2] {
        self.window
    }
    fn bands(&self) -> Arc<BandSet> {
        Arc::clone(&self.bands)
    }
    fn unit(&self) -> InputUnit {
        self.unit
    }
    fn identity(&self) -> String {
        format!("toy {:?} {}", self.kind, self.context)
    }
    fn logits(&self, windows: &[Sample]) -> Result<Vec<f32>, ModelFailure> {
        self.seen.fetch_add(windows.len(), Ordering::Relaxed);
        let mut logits = Vec::new();
        for window in windows {
            let image = &window.image;
            assert_eq!([image.height, image.width], self.window);
            let (x, y) = (image.band(0), image.band(1));
            let mask = window.valid.as_ref();
            let finite = |i: usize| x[i].is_finite() && y[i].is_finite();
            assert!((0..x.len()).all(|i| finite(i) == mask.is_none_or(|mask| mask.valid[i])));
            assert!(
                (0..x.len()).any(finite),
                "a window without a measured pixel"
            );
            let pixels: Vec<[f32; 3]> = (0..x.len())
                .map(|i| {
                    let next = if self.context && (i + 1) % image.width != 0 {
                        i + 1
                    } else {
                        i
                    };
                    let (own, other) = (pixel_logits(x[i], y[i]), pixel_logits(x[next], y[next]));
                    [0, 1, 2]
                        .map(|class| own[class] + if self.context { other[class] } else { 0.0 })
                })
                .collect();
            for class in 0..3 {
                match self.kind {
                    MapKind::Pixels => logits.extend(pixels.iter().map(|pixel| pixel[class])),
                    MapKind::Windows => {
                        let sum: f32 = pixels.iter().map(|pixel| pixel[class]).sum();
                        logits.push(sum / pixels.len() as f32);
                    }
                }
            }
        }
        Ok(logits)
    }
}

/// A scene of two float bands that vary over it; NaN is "no data".
struct Scene {
    height: usize,
    width: usize,
    data: Vec<f32>,
}

impl Scene {
    fn new(height: usize, width: usize, seed: u32) -> Self {
        let mut state = seed | 1;
        let data = (0..2 * height * width)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 16 & 63) as f32 / 64.0
            })
            .collect();
        Self {
            height,
            width,
            data,
        }
    }

    fn pixel(&self, at: usize) -> (f32, f32) {
        (self.data[at], self.data[self.height * self.width + at])
    }

    fn write(&self, path: &Path) {
        let tags =
            GeoTags::default().with_transform([500_000.0, 10.0, 0.0, 4_600_000.0, 0.0, -10.0]);
        self.write_with(path, tags);
    }

    fn write_with(&self, path: &Path, tags: GeoTags) {
        let spec = GeoTiffSpec {
            height: self.height,
            width: self.width,
            bands: 2,
            dtype: Dtype::F32,
            palette: None,
            nodata: None,
            tags,
            predictor: true,
            band_names: Vec::new(),
            metadata: Vec::new(),
        };
        let mut writer = GeoTiffWriter::create(path, &spec).unwrap();
        let [down, across] = spec.tiles();
        for (band, row, column) in
            (0..2 * down * across).map(|i| (i / (down * across), i / across % down, i % across))
        {
            let mut tile = vec![0.0; TILE * TILE];
            for (y, x) in (0..TILE * TILE).map(|i| (i / TILE, i % TILE)) {
                let (row, column) = (row * TILE + y, column * TILE + x);
                if row < self.height && column < self.width {
                    tile[y * TILE + x] =
                        self.data[(band * self.height + row) * self.width + column];
                }
            }
            let tile = encode_tile(&spec, &Samples::F32(tile)).unwrap();
            writer.write(band, row, column, &tile).unwrap();
        }
        writer.finish().unwrap();
    }
}

fn read(path: &Path) -> Raster {
    let file = SceneFile::open(path, SceneLimits::default()).unwrap();
    file.read(SceneWindow {
        row: 0,
        column: 0,
        height: file.height(),
        width: file.width(),
    })
    .unwrap()
}

fn classes(path: &Path) -> Vec<u8> {
    match read(path).samples {
        Samples::U8(values) => values,
        other => panic!("{:?}", other.dtype()),
    }
}

fn go_on(_: rs_peft::scene::Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn best(logits: [f32; 3]) -> u8 {
    (0..3u8).fold(0, |best, class| {
        if logits[usize::from(class)] > logits[usize::from(best)] {
            class
        } else {
            best
        }
    })
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

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
fn stopped_anywhere_it_goes_on_to_the_same_bytes() {
    let place = Place::new();
    let scene = Scene::new(700, 300, 5);
    scene.write(&place.path("scene.tif"));
    let mut model = Toy::new(MapKind::Pixels, [48, 64]);
    model.context = true;
    let mut options = MapOptions::new(model.classes());
    options.batch = 3;
    let map = |name: &str, probabilities: &str, watch: rs_peft::scene::Watch<'_>| {
        let mut options = options.clone();
        options.probabilities = Some(Probabilities {
            path: place.path(probabilities),
            percent: true,
        });
        map_scene(
            &model,
            &place.path("scene.tif"),
            &place.path(name),
            &options,
            watch,
        )
    };
    let whole = map("whole.tif", "whole_p.tif", &go_on).unwrap();
    assert!(whole.windows > 50);
    let all = model.seen.swap(0, Ordering::Relaxed);
    let mut at_once = 0;
    for stop in [
        1,
        whole.windows / 3,
        whole.windows / 2,
        whole.windows - 1,
        whole.windows,
    ] {
        let output = format!("stopped{stop}.tif");
        let stopped = map(&output, "p.tif", &|progress| {
            if progress.done >= stop {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert!(
            matches!(stopped, Err(SceneError::Stopped { .. })),
            "{stopped:?}"
        );
        assert!(!place.path(&output).exists());
        // Another map under the same name begins anew.
        model.seen.store(0, Ordering::Relaxed);
        // What a writer that was killed leaves.
        std::fs::write(place.path(&format!(".{output}.123.4.tmp")), b"half").unwrap();
        let report = map(&output, "p.tif", &go_on).unwrap();
        let seen = model.seen.load(Ordering::Relaxed);
        assert_eq!(seen + report.resumed_windows, all);
        at_once += usize::from(report.resumed_windows > 0);
        for (a, b) in [(&*output, "whole.tif"), ("p.tif", "whole_p.tif")] {
            let [a, b] = [a, b].map(|name| std::fs::read(place.path(name)).unwrap());
            assert!(a == b, "stopped after {stop} windows");
        }
        std::fs::remove_file(place.path("p.tif")).unwrap();
        std::fs::remove_file(place.path(&output)).unwrap();
    }
    assert!(
        at_once >= 3,
        "{at_once} attempts went on from finished rows"
    );
    assert_eq!(place.names(), ["scene.tif", "whole.tif", "whole_p.tif"]);
}

#[test]
fn rows_of_another_scene_or_setting_are_not_gone_on_from() {
    let place = Place::new();
    Scene::new(600, 60, 5).write(&place.path("scene.tif"));
    let model = Toy::new(MapKind::Pixels, [32, 32]);
    let options = MapOptions::new(model.classes());
    let map = |options: &MapOptions, stop: usize| {
        map_scene(
            &model,
            &place.path("scene.tif"),
            &place.path("map.tif"),
            options,
            &|progress| {
                if progress.done >= stop {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        )
    };
    let stopped = map(&options, 60);
    assert!(matches!(stopped, Err(SceneError::Stopped { .. })));
    let mut other = options.clone();
    other.overlap = Some(1);
    let stopped = map(&other, 36).unwrap_err();
    assert!(matches!(stopped, SceneError::Stopped { .. }));
    // The rows are now those of the other overlap; damaged, they are computed again.
    let work = place.path(".map.tif.work");
    let row = work.join("rows-000000");
    let mut bytes = std::fs::read(&row).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&row, &bytes).unwrap();
    let report = map(&other, usize::MAX).unwrap();
    assert_eq!(report.resumed_windows, 0);
    // The scene itself changes.
    std::fs::remove_file(place.path("map.tif")).unwrap();
    assert!(map(&options, 60).is_err());
    Scene::new(600, 60, 6).write(&place.path("scene.tif"));
    let report = map(&options, usize::MAX).unwrap();
    assert_eq!(report.resumed_windows, 0);
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
fn bad_input_is_named_and_nothing_is_left() {
    let place = Place::new();
    Scene::new(40, 40, 1).write(&place.path("scene.tif"));
    let model = Toy::new(MapKind::Pixels, [16, 16]);
    let options = MapOptions::new(model.classes());
    let refused = |model: &Toy, options: &MapOptions| {
        let error = map_scene(
            model,
            &place.path("scene.tif"),
            &place.path("map.tif"),
            options,
            &go_on,
        );
        error.unwrap_err().to_string()
    };
    let mut three = Toy::new(MapKind::Pixels, [16, 16]);
    let bands = ["a", "b", "c"]
        .map(|name| Band::other(name, "test", None))
        .to_vec();
    three.bands = Arc::new(BandSet::new(bands).unwrap());
    let error = refused(&three, &options);
    assert!(
        error.contains("2 bands") && error.contains("a, b, c"),
        "{error}"
    );
    let mut eight = Toy::new(MapKind::Pixels, [16, 16]);
    eight.unit = InputUnit::Uint8;
    let error = refused(&eight, &options);
    assert!(
        error.contains("float32") && error.contains("uint8"),
        "{error}"
    );
    for (overlap, stride, says) in [(Some(16), None, "0 to 15"), (None, Some(4), "overlap")] {
        let mut bad = options.clone();
        (bad.overlap, bad.stride) = (overlap, stride);
        let error = refused(&model, &bad);
        assert!(error.contains(says), "{error}");
    }
    let mut bad = options.clone();
    bad.batch = 0;
    assert!(refused(&model, &bad).contains("at least one"));
    assert_eq!(place.names(), ["scene.tif"]);

    std::fs::write(place.path("map.tif"), b"mine").unwrap();
    assert!(refused(&model, &options).contains("--force"));
    assert_eq!(std::fs::read(place.path("map.tif")).unwrap(), b"mine");
    let mut forced = options.clone();
    forced.force = true;
    map_scene(
        &model,
        &place.path("scene.tif"),
        &place.path("map.tif"),
        &forced,
        &go_on,
    )
    .unwrap();
    assert_eq!(place.names(), ["map.tif", "scene.tif"]);

    let missing = place.path("no/such/folder/map.tif");
    let inside_a_file = place.path("scene.tif").join("map.tif");
    assert!(
        map_scene(
            &model,
            &place.path("scene.tif"),
            &inside_a_file,
            &options,
            &go_on
        )
        .is_err()
    );
    assert!(!missing.exists());
    let bytes = std::fs::read(place.path("scene.tif")).unwrap();
    std::fs::write(place.path("cut.tif"), &bytes[..bytes.len() / 2]).unwrap();
    let error = map_scene(
        &model,
        &place.path("cut.tif"),
        &place.path("map2.tif"),
        &options,
        &go_on,
    );
    assert!(error.unwrap_err().to_string().contains("cut.tif"));
}

/// A model that gives up, or gives what are no logits.
struct Broken(Toy, f32);

impl WindowModel for Broken {
    fn classes(&self) -> &[String] {
        self.0.classes()
    }
    fn kind(&self) -> MapKind {
        self.0.kind()
    }
    fn window(&self) -> [usize; 2] {
        self.0.window()
    }
    fn bands(&self) -> Arc<BandSet> {
        self.0.bands()
    }
    fn unit(&self) -> InputUnit {
        self.0.unit()
    }
    fn identity(&self) -> String {
        self.0.identity()
    }
    fn logits(&self, windows: &[Sample]) -> Result<Vec<f32>, ModelFailure> {
        let mut logits = self.0.logits(windows)?;
        if self.1 == 0.0 {
            return Err("out of memory".into());
        }
        logits[0] = self.1;
        if self.1 == 1.0 {
            logits.pop();
        }
        Ok(logits)
    }
}

#[test]
fn a_model_that_fails_is_named_with_the_place() {
    let place = Place::new();
    Scene::new(40, 40, 1).write(&place.path("scene.tif"));
    for (fault, says) in [(0.0, "out of memory"), (f32::NAN, "NaN"), (1.0, "numbers")] {
        let model = Broken(Toy::new(MapKind::Pixels, [16, 16]), fault);
        let options = MapOptions::new(model.classes());
        let found = map_scene(
            &model,
            &place.path("scene.tif"),
            &place.path("map.tif"),
            &options,
            &go_on,
        );
        let error = found.unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("row 0"), "{error}");
        assert!(!place.path("map.tif").exists());
    }
}

#[test]
fn two_at_once_do_not_share_a_map() {
    let place = Place::new();
    Scene::new(40, 40, 1).write(&place.path("scene.tif"));
    let model = Toy::new(MapKind::Pixels, [16, 16]);
    let options = MapOptions::new(model.classes());
    let tried = std::cell::Cell::new(false);
    let (scene, map) = (place.path("scene.tif"), place.path("map.tif"));
    map_scene(&model, &scene, &map, &options, &|_| {
        if !tried.replace(true) {
            let second = map_scene(&model, &scene, &map, &options, &go_on);
            assert!(
                matches!(second, Err(SceneError::InUse { .. })),
                "{second:?}"
            );
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(tried.get());
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
