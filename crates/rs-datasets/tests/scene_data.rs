//! Labels from polygons and masks on a scene, and the data set of its windows.

mod common;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use common::check_invariants;
use rs_datasets::catalog::{self, SceneChips};
use rs_datasets::io::{
    Dtype, GeoTags, GeoTiffSpec, GeoTiffWriter, Samples, SceneFile, SceneLimits, TILE, encode_tile,
};
use rs_datasets::vector::{PolygonSource, VectorError, burn_polygon, read_polygons};
use rs_datasets::{DataError, Dataset, GeoReference, Label, ReadLimits, Split};
use serde::Deserialize;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../assets/golden/rs-datasets")
        .join(name)
}

#[derive(Deserialize)]
struct Rasterized {
    height: usize,
    width: usize,
    transform: [f64; 6],
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    shapes: Vec<serde_json::Value>,
    rows: Vec<String>,
}

fn utm(transform: [f64; 6]) -> GeoReference {
    GeoReference {
        transform,
        epsg: Some(32635),
    }
}

fn source(path: &Path, property: &str) -> PolygonSource {
    PolygonSource {
        path: path.into(),
        property: property.into(),
        layer: None,
    }
}

fn collection(features: Vec<serde_json::Value>, crs: Option<&str>) -> String {
    let mut all = serde_json::json!({ "type": "FeatureCollection", "features": features });
    if let Some(name) = crs {
        all["crs"] = serde_json::json!({ "type": "name", "properties": { "name": name } });
    }
    all.to_string()
}

fn feature(geometry: &serde_json::Value, class: impl Into<serde_json::Value>) -> serde_json::Value {
    let class = class.into();
    serde_json::json!({ "type": "Feature", "properties": { "crop": class, "note": null }, "geometry": geometry })
}

fn pixels(rings: &[Vec<[f64; 2]>], [x0, a, _, y0, _, d]: [f64; 6]) -> Vec<Vec<[f64; 2]>> {
    let ring = |ring: &Vec<[f64; 2]>| {
        ring.iter()
            .map(|[x, y]| [(x - x0) / a, (y - y0) / d])
            .collect()
    };
    rings.iter().map(ring).collect()
}

#[test]
fn polygons_cover_the_pixels_that_gdal_covers() {
    let bytes = std::fs::read(golden("rasterize.json")).unwrap();
    let golden: Rasterized = serde_json::from_slice(&bytes).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.geojson");
    let extent = [golden.height, golden.width];
    for case in &golden.cases {
        let features = case
            .shapes
            .iter()
            .zip(1..)
            .map(|(shape, at)| feature(shape, at));
        let text = collection(features.collect(), Some("urn:ogc:def:crs:EPSG::32635"));
        std::fs::write(&path, text).unwrap();
        let limits = ReadLimits::default();
        let found = read_polygons(
            &source(&path, "crop"),
            Some(&utm(golden.transform)),
            &limits,
        )
        .unwrap();
        let mut grid = vec![vec!['0'; golden.width]; golden.height];
        for feature in &found.features {
            let rings = pixels(&feature.rings, golden.transform);
            let class = feature.class.chars().next().unwrap();
            burn_polygon(&rings, extent, |row, from, to| {
                grid[row][from..to].fill(class)
            });
        }
        let rows: Vec<String> = grid.iter().map(|row| row.iter().collect()).collect();
        assert_eq!(rows, case.rows, "{}", case.name);
    }
}

#[test]
fn polygons_in_another_system_are_refused_with_both_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.geojson");
    let square =
        serde_json::json!({ "type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]] });
    let limits = ReadLimits::default();
    let scene = utm([0.0, 1.0, 0.0, 0.0, 0.0, -1.0]);
    let read = |text: String, scene: Option<&GeoReference>| {
        std::fs::write(&path, text).unwrap();
        read_polygons(&source(&path, "crop"), scene, &limits)
    };
    let plain = collection(vec![feature(&square, "a")], None);
    let error = read(plain.clone(), Some(&scene)).unwrap_err();
    assert!(matches!(error, DataError::Vector(VectorError::Crs { .. })));
    let error = error.to_string();
    for part in ["EPSG:4326", "EPSG:32635", "ogr2ogr -t_srs EPSG:32635"] {
        assert!(error.contains(part), "{error}");
    }
    let mut world = scene.clone();
    world.epsg = Some(4326);
    assert_eq!(read(plain.clone(), Some(&world)).unwrap().features.len(), 1);
    world.epsg = None;
    assert!(read(plain.clone(), Some(&world)).is_err());
    assert!(
        read(plain, None)
            .unwrap_err()
            .to_string()
            .contains("gdal_edit")
    );
    let other = collection(vec![feature(&square, "a")], Some("EPSG:3857"));
    assert!(
        read(other, Some(&scene))
            .unwrap_err()
            .to_string()
            .contains("EPSG:3857")
    );

    let nameless = collection(
        vec![feature(&square, serde_json::Value::Null)],
        Some("EPSG:32635"),
    );
    let error = read(nameless, Some(&scene)).unwrap_err().to_string();
    assert!(
        error.contains("feature 1") && error.contains("crop, note"),
        "{error}"
    );
    let point = serde_json::json!({ "type": "Point", "coordinates": [1, 2] });
    let error = read(
        collection(vec![feature(&point, "a")], Some("EPSG:32635")),
        Some(&scene),
    );
    assert!(error.unwrap_err().to_string().contains("point"));
    for text in [
        "",
        "{",
        "[]",
        "{\"type\": \"FeatureCollection\"}",
        "{\"type\": \"Polygon\", \"coordinates\": []}",
    ] {
        assert!(read(text.into(), Some(&scene)).is_err(), "{text}");
    }
    let nested = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read(nested, Some(&scene)).is_err());
}

#[cfg(not(feature = "geopackage"))]
#[test]
fn a_build_without_geopackage_says_so() {
    let limits = ReadLimits::default();
    let scene = utm([0.0, 1.0, 0.0, 0.0, 0.0, -1.0]);
    let error = read_polygons(
        &source(&golden("labels.gpkg"), "crop"),
        Some(&scene),
        &limits,
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("--features geopackage")
    );
}

#[cfg(feature = "geopackage")]
#[test]
fn polygons_from_a_geopackage() {
    let limits = ReadLimits::default();
    let scene = utm([500_000.0, 10.0, 0.0, 4_600_000.0, 0.0, -10.0]);
    let mut from = source(&golden("labels.gpkg"), "crop");
    let error = read_polygons(&from, Some(&scene), &limits)
        .unwrap_err()
        .to_string();
    assert!(error.contains("fields, world"), "{error}");
    from.layer = Some("fields".into());
    let found = read_polygons(&from, Some(&scene), &limits).unwrap();
    let classes: Vec<&str> = found
        .features
        .iter()
        .map(|feature| feature.class.as_str())
        .collect();
    assert_eq!(classes, ["maize", "wheat", "maize"]);
    let rings: Vec<usize> = found
        .features
        .iter()
        .map(|feature| feature.rings.len())
        .collect();
    assert_eq!(rings, [2, 2, 1]);
    assert_eq!(
        found.features[0].bounds(),
        [500_030.0, 4_599_850.0, 500_200.0, 4_599_960.0]
    );
    assert_eq!(
        found.features[2].bounds(),
        [500_000.0, 4_599_990.0, 500_020.0, 4_600_000.0]
    );
    from.property = "year".into();
    let found = read_polygons(&from, Some(&scene), &limits).unwrap();
    assert_eq!(found.features[1].class, "2020");
    from.property = "species".into();
    let error = read_polygons(&from, Some(&scene), &limits)
        .unwrap_err()
        .to_string();
    assert!(error.contains("crop") && error.contains("year"), "{error}");
    from.layer = Some("world".into());
    from.property = "crop".into();
    let error = read_polygons(&from, Some(&scene), &limits)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("EPSG:4326") && error.contains("EPSG:32635"),
        "{error}"
    );
    from.layer = Some("f\"; DROP TABLE fields; --".into());
    assert!(read_polygons(&from, Some(&scene), &limits).is_err());

    // Damaged anywhere, it is an error or something else that was in the file, never a panic.
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(golden("labels.gpkg")).unwrap();
    let mut damaged = source(&folder.path().join("damaged.gpkg"), "crop");
    damaged.layer = Some("fields".into());
    let mut state = 1u64;
    for _ in 0..400 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let mut changed = bytes.clone();
        let at = (state >> 20) as usize % changed.len();
        changed[at] ^= 1 << (state >> 61);
        if state >> 60 & 1 == 1 {
            changed.truncate(at);
        }
        std::fs::write(&damaged.path, changed).unwrap();
        let _ = read_polygons(&damaged, Some(&scene), &limits);
    }
}

const SIDE: usize = 300;

fn write(path: &Path, bands: usize, tags: GeoTags, value: impl Fn(usize, usize, usize) -> u8) {
    let spec = GeoTiffSpec {
        height: SIDE,
        width: SIDE,
        bands,
        dtype: Dtype::U8,
        palette: None,
        nodata: Some(255.0),
        tags,
        predictor: false,
        band_names: Vec::new(),
        metadata: Vec::new(),
    };
    let mut writer = GeoTiffWriter::create(path, &spec).unwrap();
    for (band, row, column) in (0..bands * 4).map(|i| (i / 4, i / 2 % 2, i % 2)) {
        let pixel = |i: usize| {
            let (row, column) = (row * TILE + i / TILE, column * TILE + i % TILE);
            if row < SIDE && column < SIDE {
                value(band, row, column)
            } else {
                0
            }
        };
        let tile = Samples::U8((0..TILE * TILE).map(pixel).collect());
        writer
            .write(band, row, column, &encode_tile(&spec, &tile).unwrap())
            .unwrap();
    }
    writer.finish().unwrap();
}

/// Tags of a place in UTM zone 35, as a file of GDAL has them.
fn place() -> GeoTags {
    let zip = rs_datasets::io::Source::open(&golden("tiff.zip")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for name in zip.list().unwrap() {
        let path = folder.path().join("a.tif");
        std::fs::write(&path, zip.read(&name).unwrap()).unwrap();
        if let Ok(file) = SceneFile::open(&path, SceneLimits::default())
            && file.geo().is_some_and(|geo| geo.epsg == Some(32635))
        {
            return file
                .geo_tags()
                .with_transform([500_000.0, 10.0, 0.0, 4_600_000.0, 0.0, -10.0]);
        }
    }
    panic!("no file in EPSG:32635 among the goldens");
}

fn class(row: usize, column: usize) -> u8 {
    u8::from((row / 40 + column / 50).is_multiple_of(2))
}

/// A scene of three bands with a corner that is not measured, and its mask, whose lower rows have no label.
fn scene(folder: &Path, config: &str) -> PathBuf {
    let tags = place();
    write(
        &folder.join("scene.tif"),
        3,
        tags.clone(),
        |band, row, column| {
            if row < 20 && column < 20 {
                255
            } else {
                class(row, column) * 100 + band as u8
            }
        },
    );
    write(&folder.join("mask.tif"), 1, tags, |_, row, column| {
        if row >= 280 { 255 } else { class(row, column) }
    });
    let path = folder.join("scene.toml");
    std::fs::write(&path, config).unwrap();
    path
}

const MASKED: &str = "
[scene]
image = \"scene.tif\"
labels = { mask = \"mask.tif\" }
window = 25
test = 0.3
validation = 0.2

[dataset]
task = \"segmentation\"
classes = [\"b\", \"a\"]
";

#[test]
fn windows_of_a_masked_scene_share_no_pixel_between_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = scene(
        folder.path(),
        &MASKED.replace("test = 0.3", "test = 0.3\nstride = 10"),
    );
    let set = catalog::open("scene", &path).unwrap();
    check_invariants(&*set);
    let split = Split::published(&*set).unwrap();
    let names: Vec<&str> = split.parts().map(|(name, _)| name).collect();
    assert_eq!(names, ["test", "train", "val"]);
    let mut seen: Vec<HashSet<(usize, usize)>> = Vec::new();
    for (_, ids) in split.parts() {
        let mut pixels = HashSet::new();
        for id in ids {
            let (row, column) = id[1..].split_once("_c").unwrap();
            let (row, column): (usize, usize) = (row.parse().unwrap(), column.parse().unwrap());
            pixels.extend((0..625).map(|i| (row + i / 25, column + i % 25)));
        }
        assert!(seen.iter().all(|other| other.is_disjoint(&pixels)));
        seen.push(pixels);
    }
    let shares: Vec<f64> = split
        .parts()
        .map(|(_, ids)| ids.len() as f64 / set.len() as f64)
        .collect();
    assert!(
        (shares[0] - 0.3).abs() < 0.15 && (shares[2] - 0.2).abs() < 0.15,
        "{shares:?}"
    );
    for index in 0..set.len() {
        let sample = set.load(index).unwrap();
        let (row, column) = sample.id[1..].split_once("_c").unwrap();
        let (row, column): (usize, usize) = (row.parse().unwrap(), column.parse().unwrap());
        let Label::Segmentation { classes, .. } = &sample.label else {
            panic!()
        };
        for (at, &label) in classes.iter().enumerate() {
            let (row, column) = (row + at / 25, column + at % 25);
            let missing = row >= 280 || (row < 20 && column < 20);
            let expected = if missing {
                -1
            } else {
                i32::from(class(row, column))
            };
            assert_eq!(label, expected, "{row} {column}");
            if !missing {
                assert_eq!(
                    sample.image.band(1)[at],
                    f32::from(class(row, column)) * 100.0 + 1.0
                );
            }
        }
        let geo = sample.geo.unwrap();
        assert_eq!(geo.transform[0], 500_000.0 + 10.0 * column as f64);
        assert_eq!(geo.transform[3], 4_600_000.0 - 10.0 * row as f64);
    }
    // The same seed draws the same parts; another one others.
    let again = Split::published(&*catalog::open("scene", &path).unwrap()).unwrap();
    assert_eq!(again, split);
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("test = 0.3", "seed = 7\ntest = 0.3");
    std::fs::write(&path, text).unwrap();
    assert_ne!(
        Split::published(&*catalog::open("scene", &path).unwrap()).unwrap(),
        split
    );
}

#[test]
fn classification_takes_the_class_of_most_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let config = MASKED
        .replace("segmentation", "classification")
        .replace("test = 0.3", "test = 0.3\nmin_share = 0.8");
    let path = scene(folder.path(), &config);
    let set = SceneChips::open(&path, ReadLimits::default()).unwrap();
    check_invariants(&set);
    assert!(
        set.len() < 144,
        "windows without a clear class are left out"
    );
    for index in 0..set.len() {
        let sample = set.load(index).unwrap();
        let (row, column) = sample.id[1..].split_once("_c").unwrap();
        let (row, column): (usize, usize) = (row.parse().unwrap(), column.parse().unwrap());
        let ones = (0..625).filter(|i| {
            let (row, column) = (row + i / 25, column + i % 25);
            !(row >= 280 || (row < 20 && column < 20)) && class(row, column) == 1
        });
        let zeros = (0..625).filter(|i| {
            let (row, column) = (row + i / 25, column + i % 25);
            !(row >= 280 || (row < 20 && column < 20)) && class(row, column) == 0
        });
        let (ones, zeros) = (ones.count(), zeros.count());
        assert_eq!(set.class_of(index), Some(usize::from(ones > zeros)));
        assert!(ones.max(zeros) >= 500);
    }
}

#[test]
fn polygons_label_the_same_scene() {
    let folder = tempfile::tempdir().unwrap();
    let polygons =
        "{ polygons = { path = \"labels.geojson\", property = \"crop\", outside = \"b\" } }";
    let config = MASKED.replace("{ mask = \"mask.tif\" }", polygons);
    let path = scene(folder.path(), &config);
    let corner = |column: f64, row: f64| [500_000.0 + 10.0 * column, 4_600_000.0 - 10.0 * row];
    let ring = [
        corner(60.0, 30.0),
        corner(200.0, 30.0),
        corner(200.0, 170.0),
        corner(60.0, 170.0),
        corner(60.0, 30.0),
    ];
    let square = serde_json::json!({ "type": "Polygon", "coordinates": [ring] });
    let text = |class: &str| collection(vec![feature(&square, class)], Some("EPSG:32635"));
    std::fs::write(folder.path().join("labels.geojson"), text("a")).unwrap();
    let set = SceneChips::open(&path, ReadLimits::default()).unwrap();
    let mut covered = 0;
    for index in 0..set.len() {
        let sample = set.load(index).unwrap();
        let (row, column) = sample.id[1..].split_once("_c").unwrap();
        let (row, column): (usize, usize) = (row.parse().unwrap(), column.parse().unwrap());
        let Label::Segmentation { classes, .. } = &sample.label else {
            panic!()
        };
        for (at, &label) in classes.iter().enumerate() {
            let (row, column) = (row + at / 25, column + at % 25);
            let inside = (30..170).contains(&row) && (60..200).contains(&column);
            let expected = if row < 20 && column < 20 {
                -1
            } else {
                i32::from(inside)
            };
            assert_eq!(label, expected, "{row} {column}");
            covered += usize::from(inside);
        }
    }
    assert_eq!(covered, 140 * 140);
    // Without a class outside, windows that touch no polygon are left out.
    std::fs::write(&path, config.replace(", outside = \"b\"", "")).unwrap();
    let fewer = SceneChips::open(&path, ReadLimits::default()).unwrap();
    assert!(fewer.len() < set.len());
    std::fs::write(folder.path().join("labels.geojson"), text("rye")).unwrap();
    let error = SceneChips::open(&path, ReadLimits::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("rye") && error.contains("b, a"), "{error}");
}

#[test]
fn what_does_not_fit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = scene(folder.path(), MASKED);
    let refused = |from: &str, to: &str| {
        assert!(MASKED.contains(from), "{from}");
        std::fs::write(&path, MASKED.replace(from, to)).unwrap();
        SceneChips::open(&path, ReadLimits::default())
            .unwrap_err()
            .to_string()
    };
    for (from, to, says) in [
        ("window = 25", "window = 0", "window"),
        ("window = 25", "window = 25\nstride = 26", "stride"),
        ("window = 25", "window = 25\nblock = 5", "block"),
        ("test = 0.3", "test = 0.9", "together below 1"),
        ("test = 0.3", "tset = 0.3", "tset"),
        (
            "window = 25",
            "window = 301\nblock = 301",
            "none in 300 x 300",
        ),
        ("window = 25", "window = 150\nblock = 300", "test"),
        ("mask.tif", "scene.tif", "3 bands"),
        ("scene.tif", "none.tif", "none.tif"),
        ("segmentation", "oriented_detection", "boxes"),
        ("classes = [\"b\", \"a\"]", "", "classes"),
        ("classes = [\"b\", \"a\"]", "classes = [\"b\"]", "row"),
    ] {
        let error = refused(from, to);
        assert!(error.contains(says), "{to}: {error}");
    }
    let moved = place().with_transform([500_010.0, 10.0, 0.0, 4_600_000.0, 0.0, -10.0]);
    write(
        &folder.path().join("mask.tif"),
        1,
        moved,
        |_, row, column| class(row, column),
    );
    let error = refused("test = 0.3", "test = 0.31");
    assert!(error.contains("gdalwarp"), "{error}");
}
