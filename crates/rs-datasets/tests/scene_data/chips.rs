//! Windows of a labelled scene.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use rs_datasets::catalog::{self, SceneChips};
use rs_datasets::io::{
    Dtype, GeoTags, GeoTiffSpec, GeoTiffWriter, Samples, SceneFile, SceneLimits, TILE, encode_tile,
};
use rs_datasets::{Dataset, Label, ReadLimits, Split};

use crate::common::check_invariants;
use crate::{collection, feature, golden};

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
