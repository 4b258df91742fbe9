//! Reading windows.

use std::path::Path;

use rs_datasets::io::{
    Dtype, GeoTags, Samples, SceneFile, SceneLimits, SceneWindow, Source, decode_geotiff,
};
use rs_datasets::{DataError, ReadLimits};
use tiff_writer::{ImageBuilder, TiffVariant, TiffWriter, WriteOptions};

use crate::files::{equal, spec, whole, write};

/// Rows and columns of a raster, cut out of its samples.
fn cut(samples: &Samples, extent: [usize; 2], bands: usize, window: SceneWindow) -> Vec<f64> {
    let all = samples.clone().into_f32();
    let mut cut = Vec::new();
    for band in 0..bands {
        for row in window.row..window.row + window.height {
            let start = (band * extent[0] + row) * extent[1] + window.column;
            cut.extend(
                all[start..start + window.width]
                    .iter()
                    .map(|&v| f64::from(v)),
            );
        }
    }
    cut
}

#[test]
fn windows_of_every_layout_are_what_the_whole_file_gives() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/golden/rs-datasets/tiff.zip");
    let source = Source::open(&path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let names = source.list().unwrap();
    let mut seen = 0;
    for name in names.iter().filter(|name| name.ends_with(".tif")) {
        let bytes = source.read(name).unwrap();
        let file = folder.path().join("scene.tif");
        std::fs::write(&file, &bytes).unwrap();
        let limits = ReadLimits::default();
        let read = decode_geotiff(bytes, Path::new(name), &limits);
        let opened = SceneFile::open(&file, SceneLimits::default());
        let (expected, scene) = match (read, opened) {
            (Ok(expected), Ok(scene)) => (expected, scene),
            (Err(_), Err(_)) => continue,
            (a, b) => panic!("{name}: {:?} and {:?}", a.err(), b.err()),
        };
        seen += 1;
        assert_eq!(scene.dtype(), expected.dtype(), "{name}");
        assert_eq!(scene.geo(), expected.geo.as_ref(), "{name}");
        let found = scene.read(whole(&scene)).unwrap();
        assert!(equal(&found.samples, &expected.samples), "{name}");
        assert_eq!(found.valid, expected.valid, "{name}");
        let extent = [scene.height(), scene.width()];
        for (row, column) in [(0, 0), (extent[0] / 2, extent[1] / 3)] {
            let window = SceneWindow {
                row,
                column,
                height: (extent[0] - row).min(7),
                width: (extent[1] - column).min(9),
            };
            let found = scene.read(window).unwrap();
            let wanted = cut(&expected.samples, extent, expected.bands, window);
            let values = found.samples.into_f32();
            assert!(
                values.len() == wanted.len()
                    && values
                        .iter()
                        .zip(&wanted)
                        .all(|(a, b)| { f64::from(*a) == *b || (a.is_nan() && b.is_nan()) }),
                "{name}, {window:?}"
            );
            if let (Some(geo), Some(all)) = (&found.geo, &expected.geo) {
                let [x, a, b, ..] = all.transform;
                let moved = x + a * column as f64 + b * row as f64;
                assert!(
                    (geo.transform[0] - moved).abs() <= moved.abs() * 1e-12,
                    "{name}"
                );
            }
        }
    }
    assert!(seen > 30, "only {seen} files");
}

/// A scene declared as 20,000 x 20,000 x 4 (3.2 GB) of which three tiles are there.
fn sparse(path: &Path) -> Vec<u16> {
    let tile: Vec<u16> = (0..256 * 256 * 4)
        .map(|i| (i % 60_000) as u16 + 1)
        .collect();
    let file = std::fs::File::create(path).unwrap();
    let options = WriteOptions {
        variant: TiffVariant::BigTiff,
        ..WriteOptions::default()
    };
    let mut writer = TiffWriter::new(file, options).unwrap();
    let image = ImageBuilder::new(20_000, 20_000)
        .samples_per_pixel(4)
        .sample_type::<u16>()
        .compression(tiff_reader::constants::Compression::Deflate)
        .tiles(256, 256)
        .tag(tiff_reader::Tag::new(
            42113,
            tiff_reader::TagValue::Ascii("7".into()),
        ));
    let image = writer.add_image(image).unwrap();
    for index in 0..79 * 79 {
        if [0, 80, 79 * 79 - 1].contains(&index) {
            writer.write_block(&image, index, &tile).unwrap();
        } else {
            writer.write_block_sparse(&image, index).unwrap();
        }
    }
    writer.finish().unwrap();
    tile
}

#[test]
fn a_scene_larger_than_its_budget_is_read_in_windows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.tif");
    let tile = sparse(&path);
    let limits = SceneLimits {
        cache_bytes: 4 << 20,
        max_block_bytes: 2 << 20,
    };
    let scene = SceneFile::open(&path, limits).unwrap();
    assert_eq!(
        (scene.height(), scene.width(), scene.bands()),
        (20_000, 20_000, 4)
    );
    assert!(matches!(
        scene.read(whole(&scene)),
        Err(DataError::TooLarge { .. })
    ));
    // Tile (1, 1) lies at rows and columns 256 to 511; its neighbours to the right are not in the file.
    let window = SceneWindow {
        row: 300,
        column: 500,
        height: 20,
        width: 30,
    };
    let found = scene.read(window).unwrap();
    let Samples::U16(values) = &found.samples else {
        panic!("type {}", found.dtype());
    };
    let valid = found.valid.as_ref().unwrap();
    for row in 0..20 {
        for column in 0..30 {
            let inside = column < 12;
            let source = ((300 - 256 + row) * 256 + 500 - 256 + column) * 4;
            let numbers: Vec<u16> = (0..4)
                .map(|band| tile[(source + band) % tile.len()])
                .collect();
            let measured = inside && !numbers.contains(&7);
            assert_eq!(valid[row * 30 + column], measured, "{row} {column}");
            if inside {
                for band in 0..4 {
                    assert_eq!(values[(band * 20 + row) * 30 + column], numbers[band]);
                }
            }
        }
    }
    for window in [(0, 0, 0, 4), (19_999, 0, 2, 1), (0, usize::MAX, 1, 1)] {
        let (row, column, height, width) = window;
        let window = SceneWindow {
            row,
            column,
            height,
            width,
        };
        assert!(matches!(scene.read(window), Err(DataError::Shape { .. })));
    }
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|text| text.parse().ok()).unwrap_or(0u64) * 1024
}

#[test]
fn memory_stays_within_the_budget() {
    // 12,288 x 12,288 x 2 bytes = 302 MB, of which 4 MB may be kept.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("full.tif");
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = TiffWriter::new(file, WriteOptions::auto()).unwrap();
    let image = ImageBuilder::new(12_288, 12_288)
        .sample_type::<u16>()
        .compression(tiff_reader::constants::Compression::Deflate)
        .tiles(256, 256);
    let image = writer.add_image(image).unwrap();
    for index in 0..48 * 48 {
        writer
            .write_block(&image, index, &vec![index as u16; 256 * 256])
            .unwrap();
    }
    writer.finish().unwrap();
    let limits = SceneLimits {
        cache_bytes: 4 << 20,
        max_block_bytes: 1 << 20,
    };
    let scene = SceneFile::open(&path, limits).unwrap();
    let before = resident();
    let mut most = 0;
    for row in (0..12_288).step_by(512) {
        for column in (0..12_288).step_by(512) {
            let window = SceneWindow {
                row,
                column,
                height: 512,
                width: 512,
            };
            let found = scene.read(window).unwrap();
            let Samples::U16(values) = found.samples else {
                panic!()
            };
            assert_eq!(usize::from(values[0]), row / 256 * 48 + column / 256);
            assert_eq!(
                usize::from(values[512 * 512 - 1]),
                (row / 256 + 1) * 48 + column / 256 + 1
            );
        }
        most = most.max(resident());
    }
    // Other tests of this file run at the same time, each with a few tens of MB.
    let grown = most.saturating_sub(before);
    assert!(grown < 120 << 20, "{grown} bytes for a scene of 302 MB");
}

#[test]
fn a_file_that_ends_early_is_refused_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.tif");
    sparse(&path);
    let bytes = std::fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        SceneFile::open(&path, SceneLimits::default())
            .unwrap_err()
            .to_string()
    };
    for end in [0, 3, 16, 1000, bytes.len() / 2, bytes.len() - 1] {
        let error = refused(&bytes[..end]);
        assert!(error.contains("map.tif"), "{error}");
    }
    // The directory stands at the end of that file; GDAL writes it in front, so that such a file loses its last blocks.
    let golden =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/golden/rs-datasets/tiff.zip");
    let source = Source::open(&golden).unwrap();
    let mut beyond = 0;
    for name in source.list().unwrap() {
        let bytes = source.read(&name).unwrap();
        std::fs::write(&path, &bytes).unwrap();
        if !name.ends_with(".tif") || SceneFile::open(&path, SceneLimits::default()).is_err() {
            continue;
        }
        beyond += usize::from(refused(&bytes[..bytes.len() - 1]).contains("the file ends at"));
    }
    assert!(beyond > 10, "{beyond} files");
    let good = spec(600, 600, 1, Dtype::U8, GeoTags::default());
    write(&path, &good);
    let error = SceneFile::open(&folder.path().join("none.tif"), SceneLimits::default());
    assert!(matches!(error, Err(DataError::Missing { .. })));
    let limits = SceneLimits {
        max_block_bytes: 1000,
        ..SceneLimits::default()
    };
    assert!(matches!(
        SceneFile::open(&path, limits),
        Err(DataError::TooLarge { .. })
    ));
}
