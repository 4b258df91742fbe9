//! Polygons and the pixels that they cover.

use std::path::Path;

use rs_datasets::vector::{PolygonSource, VectorError, burn_polygon, read_polygons};
use rs_datasets::{DataError, GeoReference, ReadLimits};
use serde::Deserialize;

use crate::{collection, feature, golden};

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
            let class = feature.class.chars().next().unwrap();
            for polygon in &feature.polygons {
                let rings = pixels(polygon, golden.transform);
                burn_polygon(&rings, extent, |row, from, to| {
                    grid[row][from..to].fill(class)
                });
            }
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
        .map(|feature| feature.polygons.iter().flatten().count())
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
