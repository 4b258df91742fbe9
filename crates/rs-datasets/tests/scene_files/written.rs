//! Writing tiles.

use std::path::Path;

use rs_datasets::io::{
    Dtype, GeoTags, GeoTiffSpec, GeoTiffWriter, Samples, SceneFile, SceneLimits, SceneWindow,
    Source, TILE, encode_tile,
};

use crate::files::{equal, spec, value, whole, write};

#[test]
fn what_is_written_is_read_back_with_its_place_on_the_ground() {
    let golden =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/golden/rs-datasets/tiff.zip");
    let source = Source::open(&golden).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut placed = 0;
    for name in source
        .list()
        .unwrap()
        .iter()
        .filter(|name| name.ends_with(".tif"))
    {
        let original = folder.path().join("original.tif");
        std::fs::write(&original, source.read(name).unwrap()).unwrap();
        let Ok(original) = SceneFile::open(&original, SceneLimits::default()) else {
            continue;
        };
        if original.geo_tags().is_empty() {
            continue;
        }
        placed += 1;
        let path = folder.path().join("copy.tif");
        write(
            &path,
            &spec(20, 30, 1, Dtype::U8, original.geo_tags().clone()),
        );
        let copy = SceneFile::open(&path, SceneLimits::default()).unwrap();
        assert_eq!(copy.geo_tags(), original.geo_tags(), "{name}");
        assert_eq!(copy.geo(), original.geo(), "{name}");
        // Another grid in the same system.
        let Some(geo) = original.geo() else { continue };
        let [x, a, b, y, c, d] = geo.transform;
        let coarse = [x, 4.0 * a, 4.0 * b, y, 4.0 * c, 4.0 * d];
        let tags = original.geo_tags().with_transform(coarse);
        write(&path, &spec(20, 30, 1, Dtype::U8, tags));
        let copy = SceneFile::open(&path, SceneLimits::default()).unwrap();
        let found = copy.geo().unwrap();
        assert_eq!(found.epsg, geo.epsg, "{name}");
        for (found, expected) in found.transform.iter().zip(&coarse) {
            assert!((found - expected).abs() <= expected.abs() * 1e-12, "{name}");
        }
    }
    assert!(placed >= 3, "only {placed} files with a georeference");
}

#[test]
fn bands_types_and_odd_extents_survive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.tif");
    for (height, width, bands, dtype) in [
        (1, 1, 1, Dtype::U8),
        (256, 256, 1, Dtype::F32),
        (300, 700, 3, Dtype::F32),
        (513, 255, 2, Dtype::U8),
        (300, 257, 2, Dtype::U16),
    ] {
        let mut spec = spec(height, width, bands, dtype, GeoTags::default());
        spec.nodata = Some(f64::from(value(0, 0, 0)));
        write(&path, &spec);
        let scene = SceneFile::open(&path, SceneLimits::default()).unwrap();
        assert_eq!(scene.nodata(), spec.nodata);
        assert_eq!(scene.block(), [TILE, TILE]);
        let found = scene.read(whole(&scene)).unwrap();
        assert_eq!(found.dtype(), dtype);
        assert_eq!(found.valid.as_ref().map(|valid| valid[0]), Some(false));
        let values = found.samples.into_f32();
        for band in 0..bands {
            for (row, column) in [(0, 0), (height - 1, width - 1), (height / 2, width / 3)] {
                let at = (band * height + row) * width + column;
                assert_eq!(values[at], value(band, row, column));
            }
        }
    }
}

#[test]
fn colours_and_names_are_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.tif");
    let mut spec = spec(10, 10, 1, Dtype::U8, GeoTags::default());
    spec.palette = Some(vec![[0, 114, 178], [230, 159, 0]]);
    spec.predictor = false;
    spec.band_names = vec!["class <&\" \u{0}".into()];
    spec.metadata = vec![("CLASS_0".into(), "water".into())];
    write(&path, &spec);
    let file = tiff_reader::TiffFile::open(&path).unwrap();
    let ifd = file.ifd(0).unwrap();
    let map = ifd.tag(320).unwrap().value.as_u16_slice().unwrap();
    assert_eq!(
        (map.len(), map[1], map[256 + 1], map[512]),
        (768, 230 * 257, 159 * 257, 178 * 257)
    );
    let xml = ifd.tag(42112).unwrap().value.as_str().unwrap();
    assert!(xml.contains("<Item name=\"CLASS_0\">water</Item>"), "{xml}");
    assert!(xml.contains("class &amp;lt;&amp;amp;&amp;quot;"), "{xml}");
}

#[test]
fn what_contradicts_itself_is_refused_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.tif");
    let good = spec(300, 300, 1, Dtype::F32, GeoTags::default());
    let mut bad = good.clone();
    bad.dtype = Dtype::I16;
    assert!(GeoTiffWriter::create(&path, &bad).is_err());
    bad = good.clone();
    bad.palette = Some(vec![[0; 3]]);
    assert!(GeoTiffWriter::create(&path, &bad).is_err());
    bad = good.clone();
    bad.band_names = vec!["a".into(), "b".into()];
    assert!(GeoTiffWriter::create(&path, &bad).is_err());
    assert!(encode_tile(&good, &Samples::U8(vec![0; TILE * TILE])).is_err());
    assert!(encode_tile(&good, &Samples::F32(vec![0.0; 3])).is_err());

    std::fs::write(&path, b"older").unwrap();
    let tile = encode_tile(&good, &Samples::F32(vec![1.0; TILE * TILE])).unwrap();
    let mut writer = GeoTiffWriter::create(&path, &good).unwrap();
    writer.write(0, 0, 0, &tile).unwrap();
    assert!(writer.write(0, 0, 0, &tile).is_err(), "twice");
    assert!(writer.write(0, 2, 0, &tile).is_err(), "beyond");
    let error = writer.finish().unwrap_err().to_string();
    assert!(error.contains("1 of 4"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"older");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    drop(GeoTiffWriter::create(&path, &good).unwrap());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(GeoTiffWriter::create(&folder.path().join("no/map.tif"), &good).is_err());
}

/// Writes 4 GiB; run by hand with `--ignored`.
#[test]
#[ignore = "writes 4.3 GB"]
fn beyond_four_gib_it_is_a_bigtiff() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big.tif");
    let spec = spec(65_536, 65_536, 1, Dtype::U8, GeoTags::default());
    let mut state = 1u32;
    let noise = (0..TILE * TILE).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let tile = encode_tile(&spec, &Samples::U8(noise.collect())).unwrap();
    let mut writer = GeoTiffWriter::create(&path, &spec).unwrap();
    for row in 0..256 {
        for column in 0..256 {
            writer.write(0, row, column, &tile).unwrap();
        }
    }
    writer.finish().unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() > 1 << 32);
    let scene = SceneFile::open(&path, SceneLimits::default()).unwrap();
    let at = |row, column| {
        let window = SceneWindow {
            row,
            column,
            height: 1,
            width: 1,
        };
        scene.read(window).unwrap().samples
    };
    assert_eq!(at(65_535, 65_535), at(255, 255));
}

/// The files that `assets/golden/rs-datasets/export_written.py` has GDAL read: a map with colours, probabilities as floats and in per cent.
fn golden_specs() -> Vec<(&'static str, GeoTiffSpec)> {
    let folder = tempfile::tempdir().unwrap();
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/golden/rs-datasets/tiff.zip");
    let source = Source::open(&path).unwrap();
    let utm = source.list().unwrap().into_iter().find_map(|name| {
        let path = folder.path().join("a.tif");
        std::fs::write(&path, source.read(&name).ok()?).ok()?;
        let file = SceneFile::open(&path, SceneLimits::default()).ok()?;
        let geo = file.geo()?;
        (geo.epsg == Some(32635)).then(|| file.geo_tags().clone())
    });
    let mut map = spec(300, 280, 1, Dtype::U8, utm.unwrap());
    map.palette = Some(vec![[0, 114, 178], [230, 159, 0], [0, 158, 115]]);
    map.nodata = Some(250.0);
    map.predictor = false;
    map.band_names = vec!["class".into()];
    map.metadata = vec![("CLASS_0".into(), "water & \"ice\"".into())];
    let mut floats = spec(300, 280, 3, Dtype::F32, map.tags.clone());
    floats.nodata = Some(f64::NAN);
    floats.band_names = ["water", "maize", "wheat"].map(String::from).to_vec();
    let turned = [500_000.0, 8.0, 6.0, 6_000_000.0, 6.0, -8.0];
    let mut percent = spec(30, 600, 2, Dtype::U8, map.tags.with_transform(turned));
    percent.nodata = Some(255.0);
    vec![("map", map), ("floats", floats), ("percent", percent)]
}

fn golden_folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/golden/rs-datasets/written")
}

/// Writes the files again; run by hand with `--ignored`, then run the exporter.
#[test]
#[ignore = "writes assets/golden/rs-datasets/written"]
fn the_files_for_gdal() {
    for (name, spec) in golden_specs() {
        write(&golden_folder().join(format!("{name}.tif")), &spec);
    }
}

#[test]
fn gdal_reads_what_is_written_here() {
    let bytes = std::fs::read(golden_folder().join("../written.json")).unwrap();
    let gdal: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (name, spec) in golden_specs() {
        let path = folder.path().join(name);
        write(&path, &spec);
        let now = SceneFile::open(&path, SceneLimits::default()).unwrap();
        let committed = golden_folder().join(format!("{name}.tif"));
        let committed = SceneFile::open(&committed, SceneLimits::default()).unwrap();
        // What GDAL read is what would be written today.
        let (a, b) = (
            now.read(whole(&now)).unwrap(),
            committed.read(whole(&committed)).unwrap(),
        );
        assert!(
            equal(&a.samples, &b.samples) && a.valid == b.valid,
            "{name}"
        );
        assert_eq!(now.geo_tags(), committed.geo_tags(), "{name}");
        let gdal = &gdal[name];
        assert_eq!(
            gdal["shape"],
            serde_json::json!([spec.bands, spec.height, spec.width])
        );
        assert_eq!(gdal["dtype"], spec.dtype.name());
        assert_eq!(gdal["compress"], "deflate");
        assert_eq!(gdal["tile"], serde_json::json!([TILE, TILE]));
        assert_eq!(gdal["epsg"], 32635);
        let transform: Vec<f64> = serde_json::from_value(gdal["transform"].clone()).unwrap();
        let ours = now.geo().unwrap().transform;
        assert!(
            transform
                .iter()
                .zip(&ours)
                .all(|(a, b)| (a - b).abs() <= b.abs() * 1e-12),
            "{name}: {transform:?} {ours:?}"
        );
        match spec.nodata {
            Some(value) if value.is_nan() => assert_eq!(gdal["nodata"], "nan"),
            value => assert_eq!(gdal["nodata"].as_f64(), value),
        }
        let samples = a.samples.into_f32();
        for band in 0..spec.bands {
            let area = spec.height * spec.width;
            let sum: f64 = samples[band * area..(band + 1) * area]
                .iter()
                .map(|&v| f64::from(v))
                .sum();
            assert_eq!(
                gdal["sums"][band].as_f64().unwrap(),
                sum,
                "{name}, band {band}"
            );
            assert_eq!(
                gdal["last"][band].as_f64().unwrap(),
                f64::from(samples[(band + 1) * area - 1])
            );
        }
        let names: Vec<&str> = gdal["descriptions"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|n| n.as_str())
            .collect();
        assert_eq!(names, spec.band_names);
        for (class, colour) in spec.palette.iter().flatten().enumerate() {
            assert_eq!(gdal["colours"][class], serde_json::json!(colour));
        }
        for (key, text) in &spec.metadata {
            assert_eq!(gdal["tags"][key], *text);
        }
    }
}
