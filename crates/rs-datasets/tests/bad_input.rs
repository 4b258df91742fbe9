//! Files that are damaged, hostile or of the wrong kind: each gives an error that names the file, quickly and within memory.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rs_datasets::catalog::fake;
use rs_datasets::io::{
    BandAxis, Samples, Source, decode, decode_geotiff, decode_picture, read_raster,
};
use rs_datasets::{DataError, ReadLimits};
use tempfile::tempdir;

const LIMITS: ReadLimits = ReadLimits {
    max_file_bytes: 1 << 30,
    max_decoded_bytes: 1 << 30,
};

/// The GDAL fixtures.
fn fixtures() -> Source {
    Source::open(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/golden/rs-datasets/tiff.zip"),
    )
    .unwrap()
}

fn tiff_error(bytes: Vec<u8>) -> DataError {
    let error = decode_geotiff(bytes, Path::new("scene.tif"), &LIMITS).expect_err("an error");
    assert!(error.to_string().contains("scene.tif"), "{error}");
    error
}

/// Sets the value of a tag of type SHORT or LONG with one value, in a little-endian classic TIFF.
fn set_tag(bytes: &mut [u8], tag: u16, value: u32) {
    let entry = find_tag(bytes, tag);
    bytes[entry + 2..entry + 4].copy_from_slice(&4u16.to_le_bytes());
    bytes[entry + 8..entry + 12].copy_from_slice(&value.to_le_bytes());
}

fn find_tag(bytes: &[u8], tag: u16) -> usize {
    let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let directory = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    (0..usize::from(u16_at(directory)))
        .map(|entry| directory + 2 + 12 * entry)
        .find(|&at| u16_at(at) == tag)
        .unwrap_or_else(|| panic!("no tag {tag}"))
}

/// Highest memory use of this process so far, in bytes.
#[cfg(target_os = "linux")]
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    1024 * line
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
}

#[cfg(not(target_os = "linux"))]
fn peak_memory() -> u64 {
    0
}

/// One test and not several: they would share the peak.
#[test]
fn a_header_that_claims_a_huge_size_costs_neither_memory_nor_time() {
    let source = fixtures();
    let (before, start) = (peak_memory(), Instant::now());
    // 2^31 pixels a side: beyond the limit. 30,000 a side of one byte: within it, but not within the file.
    for (edge, beyond) in [(0x7fff_ffff, true), (30_000, false)] {
        for name in ["none", "lzw", "deflate", "packbits", "zstd"] {
            for layout in ["strip", "tile"] {
                let mut bytes = source
                    .read(&format!("uint8_{name}_{layout}_band.tif"))
                    .unwrap();
                set_tag(&mut bytes, 256, edge);
                set_tag(&mut bytes, 257, edge / 3);
                match tiff_error(bytes) {
                    DataError::TooLarge { .. } => assert!(beyond),
                    DataError::Corrupt { .. } => assert!(!beyond),
                    other => panic!("{name} {layout}: {other}"),
                }
            }
        }
    }
    // Huge tiles of a small image.
    for edge in [0x1000_0000, 16_384] {
        let mut bytes = source.read("uint8_deflate_tile_pixel.tif").unwrap();
        set_tag(&mut bytes, 322, edge);
        set_tag(&mut bytes, 323, edge);
        tiff_error(bytes);
    }
    // A table of four thousand million strips.
    let mut bytes = source.read("plain.tif").unwrap();
    for tag in [273, 279] {
        let entry = find_tag(&bytes, tag);
        bytes[entry + 4..entry + 8].copy_from_slice(&u32::MAX.to_le_bytes());
    }
    tiff_error(bytes);
    // A strip that claims to be longer than the file.
    let mut bytes = fake::tiff(1, 4, 4, &Samples::U8(vec![0; 16]));
    set_tag(&mut bytes, 279, 0x4000_0000);
    tiff_error(bytes);
    // 65,535 bands.
    let mut bytes = fake::tiff(1, 4, 4, &Samples::U8(vec![0; 16]));
    set_tag(&mut bytes, 277, 65_535);
    tiff_error(bytes);

    // Pictures.
    let mut png = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new(&mut png);
    image::ImageEncoder::write_image(encoder, &[0; 16], 4, 4, image::ExtendedColorType::L8)
        .unwrap();
    for edge in [60_000u32, 30_000] {
        let mut claimed = png.clone();
        claimed[16..20].copy_from_slice(&edge.to_be_bytes());
        claimed[20..24].copy_from_slice(&edge.to_be_bytes());
        let crc = crc32(&claimed[12..29]).to_be_bytes();
        claimed[29..33].copy_from_slice(&crc);
        let error = decode_picture(&claimed, Path::new("a.png"), &LIMITS)
            .err()
            .unwrap();
        assert!(error.to_string().contains("a.png"), "{error}");
    }
    let mut jpeg = jpeg(16);
    let frame = jpeg
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x46, 0x00, 0x46, 0x00]);
    decode_picture(&jpeg, Path::new("a.jpg"), &LIMITS)
        .err()
        .unwrap();

    let used = peak_memory() - before;
    assert!(used < 64 << 20, "{} MiB", used >> 20);
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 {
                0xedb8_8320 ^ (crc >> 1)
            } else {
                crc >> 1
            }
        })
    })
}

fn jpeg(edge: u32) -> Vec<u8> {
    let pixels: Vec<u8> = (0..3 * edge * edge).map(|i| (i * 7 % 251) as u8).collect();
    let mut bytes = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new(&mut bytes);
    image::ImageEncoder::write_image(encoder, &pixels, edge, edge, image::ExtendedColorType::Rgb8)
        .unwrap();
    bytes
}

#[test]
fn tiffs_cut_off_anywhere_are_refused() {
    let source = fixtures();
    for name in [
        "uint16_none_strip_pixel",
        "float32_deflate_tile_band",
        "int16_lzw_strip_band",
        "uint8_zstd_tile_pixel",
    ] {
        let bytes = source.read(&format!("{name}.tif")).unwrap();
        for cut in (0..bytes.len()).step_by(13) {
            let part = bytes[..cut].to_vec();
            // GDAL pads its last tile: losing some bytes of padding is no loss of pixels, any other loss is an error.
            if let Ok(raster) = decode_geotiff(part, Path::new("scene.tif"), &LIMITS) {
                let whole = decode_geotiff(bytes.clone(), Path::new("scene.tif"), &LIMITS).unwrap();
                assert_eq!(
                    raster.samples,
                    whole.samples,
                    "{name} cut to {cut} of {}",
                    bytes.len()
                );
            }
        }
    }
}

#[test]
fn jpegs_cut_off_anywhere_are_refused() {
    let bytes = jpeg(48);
    for cut in 0..bytes.len() {
        let error = decode_picture(&bytes[..cut], Path::new("a.jpg"), &LIMITS);
        assert!(
            matches!(error, Err(DataError::Corrupt { .. })),
            "cut to {cut} of {}",
            bytes.len()
        );
    }
    assert!(decode_picture(&bytes, Path::new("a.jpg"), &LIMITS).is_ok());
}

#[test]
fn pngs_cut_off_anywhere_are_refused() {
    let mut bytes = Vec::new();
    let pixels: Vec<u8> = (0..48 * 48u32).map(|i| (i * i % 251) as u8).collect();
    let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
    image::ImageEncoder::write_image(encoder, &pixels, 48, 48, image::ExtendedColorType::L8)
        .unwrap();
    // The last chunk only marks the end.
    for cut in 0..bytes.len() - 16 {
        let error = decode_picture(&bytes[..cut], Path::new("a.png"), &LIMITS);
        assert!(
            matches!(error, Err(DataError::Corrupt { .. })),
            "cut to {cut} of {}",
            bytes.len()
        );
    }
}

#[test]
fn what_is_no_image_says_so() {
    for (name, bytes) in [
        ("a.tif", &b""[..]),
        ("a.jpg", b"<html>404</html>"),
        ("a.npy", b"PK\x03\x04"),
        ("a.tif", b"II*\0"),
    ] {
        let error = decode(bytes.to_vec(), Path::new(name), BandAxis::First, &LIMITS)
            .err()
            .unwrap();
        assert!(
            matches!(error, DataError::Corrupt { .. }) && error.to_string().contains(name),
            "{error}"
        );
    }
    let folder = tempdir().unwrap();
    let error = read_raster(&folder.path().join("gone.tif"), BandAxis::First, &LIMITS)
        .err()
        .unwrap();
    assert!(matches!(error, DataError::Missing { .. }), "{error}");
    // A folder in place of a file.
    let error = read_raster(folder.path(), BandAxis::First, &LIMITS)
        .err()
        .unwrap();
    assert!(matches!(error, DataError::Io { .. }), "{error}");
}

#[test]
fn a_small_limit_is_kept() {
    let small = ReadLimits {
        max_file_bytes: 100,
        max_decoded_bytes: 100,
    };
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.tif");
    fs::write(&path, fake::tiff(1, 16, 16, &Samples::U8(vec![0; 256]))).unwrap();
    let error = read_raster(&path, BandAxis::First, &small).err().unwrap();
    assert!(
        matches!(
            error,
            DataError::TooLarge {
                field: "max_file_bytes",
                ..
            }
        ),
        "{error}"
    );
    let larger = ReadLimits {
        max_file_bytes: 1000,
        ..small
    };
    let error = read_raster(&path, BandAxis::First, &larger).err().unwrap();
    assert!(
        matches!(
            error,
            DataError::TooLarge {
                field: "max_decoded_bytes",
                claimed: 256,
                ..
            }
        ),
        "{error}"
    );
}

/// An archive of one member of 40,000 bytes.
fn zip_of(name: &str) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer
        .start_file(name, zip::write::SimpleFileOptions::default())
        .unwrap();
    let noise: Vec<u8> = (0..40_000u64)
        .map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_mul(i + 7) >> 41) as u8)
        .collect();
    writer.write_all(&noise).unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn damaged_archives_are_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("set.zip");
    let bytes = zip_of("Forest/a.jpg");
    let read = |bytes: &[u8]| -> Result<Vec<u8>, DataError> {
        fs::write(&path, bytes).unwrap();
        Source::open_with(&path, LIMITS)?.read("Forest/a.jpg")
    };
    assert_eq!(read(&bytes).unwrap().len(), 40_000);
    for cut in (0..bytes.len())
        .step_by(997)
        .chain([bytes.len() - 1, bytes.len() - 30])
    {
        let error = read(&bytes[..cut]).err().unwrap();
        assert!(
            error.to_string().contains("set.zip"),
            "cut to {cut}: {error}"
        );
    }
    // One byte of the packed data: the checksum tells.
    let mut damaged = bytes.clone();
    damaged[5000] ^= 0x55;
    assert!(matches!(read(&damaged), Err(DataError::Corrupt { .. })));
    // The directory claims 4 GiB, and 40,001 bytes.
    let entry = bytes
        .windows(4)
        .position(|window| window == b"PK\x01\x02")
        .unwrap();
    for claim in [u32::MAX - 1, 40_001] {
        let mut damaged = bytes.clone();
        damaged[entry + 24..entry + 28].copy_from_slice(&claim.to_le_bytes());
        let error = read(&damaged).err().unwrap();
        assert!(
            matches!(
                error,
                DataError::TooLarge { .. } | DataError::Corrupt { .. }
            ),
            "{error}"
        );
    }
    // A password.
    let mut locked = bytes.clone();
    locked[entry + 8] |= 1;
    locked[6] |= 1;
    let error = read(&locked).err().unwrap();
    assert!(
        matches!(error, DataError::Unsupported { .. }) && error.to_string().contains("password"),
        "{error}"
    );
    // 65,535 entries in the directory.
    let end = bytes
        .windows(4)
        .position(|window| window == b"PK\x05\x06")
        .unwrap();
    let mut damaged = bytes.clone();
    damaged[end + 8..end + 12].copy_from_slice(&[0xfe; 4]);
    assert!(read(&damaged).is_err());
    // A member that is larger than the limit.
    fs::write(&path, &bytes).unwrap();
    let small = ReadLimits {
        max_file_bytes: 39_999,
        ..LIMITS
    };
    let error = Source::open_with(&path, small)
        .unwrap()
        .read("Forest/a.jpg")
        .err()
        .unwrap();
    assert!(
        matches!(error, DataError::TooLarge { .. }) && error.to_string().contains("Forest"),
        "{error}"
    );
    let error = Source::open(&path)
        .unwrap()
        .read("Forest/b.jpg")
        .err()
        .unwrap();
    assert!(matches!(error, DataError::Missing { .. }), "{error}");
}

#[test]
fn names_cannot_leave_the_folder() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("secret"), b"x").unwrap();
    fs::create_dir(folder.path().join("set")).unwrap();
    let source = Source::open(&folder.path().join("set")).unwrap();
    let absolute = folder.path().join("secret").to_string_lossy().into_owned();
    for name in ["../secret", "a/../../secret", &absolute] {
        assert!(!source.contains(name));
        assert!(
            matches!(source.read(name), Err(DataError::OutsideRoot { .. })),
            "{name}"
        );
    }
}

#[test]
fn many_threads_read_one_archive() {
    let folder = tempdir().unwrap();
    fake::write_eurosat_rgb_zip(folder.path(), 4, 1).unwrap();
    let source = Source::open(&folder.path().join("EuroSAT_RGB.zip")).unwrap();
    let names = source.list().unwrap();
    let expected: Vec<Vec<u8>> = names
        .iter()
        .map(|name| source.read(name).unwrap())
        .collect();
    std::thread::scope(|scope| {
        for shift in 0..8 {
            let (source, names, expected) = (&source, &names, &expected);
            scope.spawn(move || {
                for at in 0..names.len() {
                    let at = (at + shift * 5) % names.len();
                    assert_eq!(source.read(&names[at]).unwrap(), expected[at]);
                }
            });
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        // The same cases on every run.
        rng_seed: proptest::test_runner::RngSeed::Fixed(20261121),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever is changed in a TIFF, the answer is a raster or an error; never a panic.
    #[test]
    fn damaged_tiffs_never_panic(which in 0usize..1000, changes in prop::collection::vec((0usize..4000, any::<u8>()), 1..6)) {
        let source = fixtures();
        let names: Vec<String> = source.list().unwrap().into_iter().filter(|name| name.ends_with(".tif")).collect();
        let mut bytes = source.read(&names[which % names.len()]).unwrap();
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        // A few MiB are enough for the fixtures.
        let limits = ReadLimits { max_file_bytes: 1 << 20, max_decoded_bytes: 4 << 20 };
        let _ = decode_geotiff(bytes, Path::new("scene.tif"), &limits);
    }

    #[test]
    fn damaged_pictures_never_panic(changes in prop::collection::vec((0usize..4000, any::<u8>()), 1..6)) {
        let mut bytes = jpeg(24);
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        let limits = ReadLimits { max_file_bytes: 1 << 20, max_decoded_bytes: 4 << 20 };
        let _ = decode_picture(&bytes, Path::new("a.jpg"), &limits);
    }
}
