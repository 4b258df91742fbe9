//! Checkpoints that are damaged, hostile or something else: a clear error that names the file, never a panic.

use std::path::{Path, PathBuf};

use burn_flex::Flex;
use proptest::prelude::*;
use testkit::golden_root;
use vit_backbone::{BackboneError, Heads, LoadOptions, LoadReport, Vit, load_vit};

fn fixture(name: &str) -> PathBuf {
    golden_root().join("vit-backbone/checkpoints").join(name)
}

fn load(path: &Path) -> Result<(Vit<Flex>, LoadReport), BackboneError> {
    let options = LoadOptions {
        heads: Heads::Given(2),
        ..LoadOptions::default()
    };
    load_vit(path, None, &options, &Default::default())
}

/// The error of a file with these bytes; it must name the file.
fn error_of(bytes: &[u8]) -> String {
    let file = tempfile::Builder::new()
        .prefix("checkpoint")
        .tempfile()
        .unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let text = load(file.path()).expect_err("an error").to_string();
    assert!(
        text.contains(file.path().file_name().unwrap().to_str().unwrap()),
        "{text}"
    );
    text
}

#[test]
fn every_truncation_is_an_error() {
    for name in ["f32.safetensors", "mae.pth", "legacy.pth"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        for cut in (0..bytes.len())
            .step_by(97)
            .chain([1, 7, 8, 9, bytes.len() - 1])
        {
            error_of(&bytes[..cut]);
        }
    }
}

#[test]
fn a_header_that_claims_too_much_is_refused_before_anything_is_allocated() {
    let bytes = std::fs::read(fixture("f32.safetensors")).unwrap();
    let mut huge = bytes.clone();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(
        error_of(&huge).contains("header claims"),
        "{}",
        error_of(&huge)
    );
    huge[..8].copy_from_slice(&(1u64 << 40).to_le_bytes());
    assert!(error_of(&huge).contains("header claims"));

    // Shapes of terabytes over a few bytes, and shapes whose product overflows.
    for shape in [
        "[1000000,1000000]",
        "[18446744073709551615,18446744073709551615]",
        "[4294967296,4294967296,1]",
    ] {
        let header = format!(
            r#"{{"patch_embed.proj.weight":{{"dtype":"F32","shape":{shape},"data_offsets":[0,16]}}}}"#
        );
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.as_bytes());
        file.extend([0; 16]);
        assert!(error_of(&file).contains("damaged safetensors file"));
    }
}

#[test]
fn files_of_another_kind_are_named_as_such() {
    assert!(error_of(b"").contains("begin like neither"));
    assert!(error_of(b"version https://git-lfs.github.com/spec/v1\n").contains("pointer file"));
    assert!(error_of(b"PK\x03\x04 and then nothing").contains("damaged PyTorch (zip) file"));
    let text = load(&fixture("not_a_vit.pth")).unwrap_err().to_string();
    assert!(
        text.contains("patch_embed.proj.weight") && text.contains("not_a_vit.pth"),
        "{text}"
    );
    let text = load(&fixture("absent.pth")).unwrap_err().to_string();
    assert!(
        text.contains("absent.pth") && text.contains("opening"),
        "{text}"
    );
    let text = load(&fixture("")).unwrap_err().to_string();
    assert!(text.contains("directory"), "{text}");
}

#[test]
fn code_in_a_pickle_is_described_and_not_run() {
    let text = load(&fixture("code.pth")).unwrap_err().to_string();
    assert!(
        text.contains("whole Python object") && text.contains("system"),
        "{text}"
    );
    assert!(!Path::new("executed").exists());
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    let mut bytes = std::fs::read(fixture("f32.safetensors")).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(error_of(&bytes).contains("NaN"));
}

#[test]
fn integers_are_no_weights() {
    let bytes = std::fs::read(fixture("f32.safetensors")).unwrap();
    let size = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = String::from_utf8(bytes[8..8 + size].to_vec()).unwrap();
    // The same length in another type: four-byte integers.
    let mut changed = bytes[..8].to_vec();
    changed.extend(header.replace("F32", "I32").bytes());
    changed.extend(&bytes[8 + size..]);
    assert!(error_of(&changed).contains("I32"));
}

/// A pickle by hand: PROTO 2, then the given opcodes.
fn legacy_file(data: &[u8]) -> Vec<u8> {
    let mut file = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.".to_vec();
    file.extend(b"\x80\x02M\xe9\x03.");
    file.extend(b"\x80\x02}X\x0d\x00\x00\x00little_endian\x88s.");
    file.extend(b"\x80\x02");
    file.extend(data);
    file.extend(b".\x80\x02].");
    file
}

#[test]
fn hostile_pickles_are_bounded() {
    // An empty stack, a missing mark, a memo slot that was never filled, an unknown opcode.
    for data in [&b"R"[..], b"0", b"t", b"h\x07", b"\xff", b"u", b"a", b"(Q"] {
        assert!(error_of(&legacy_file(data)).contains("damaged PyTorch (legacy) file"));
    }
    // Strings and byte strings that claim terabytes.
    for data in [
        &b"\x8d\xff\xff\xff\xff\xff\x00\x00\x00"[..],
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff",
        b"X\xff\xff\xff\x7f",
    ] {
        error_of(&legacy_file(data));
    }
    // A list that holds itself, and one hundred thousand marks.
    error_of(&legacy_file(b"]q\x00h\x00a"));
    error_of(&legacy_file(&vec![b'('; 100_000]));
    // A dictionary copied again and again from one list of pairs: quadratic memory if it were believed.
    let mut data = b"(".to_vec();
    data.extend(b"K\x01K\x02\x86".repeat(20_000));
    data.extend(b"lq\x00");
    data.extend(b"ccollections\nOrderedDict\nh\x00\x85R".repeat(20_000));
    assert!(error_of(&legacy_file(&data)).contains("copies millions"));
}

#[test]
fn a_view_beyond_its_storage_is_refused() {
    // The pickle of a zip checkpoint, with the size of one storage or one shape made larger in place.
    let bytes = std::fs::read(fixture("legacy.pth")).unwrap();
    let at = bytes
        .windows(2)
        .position(|w| w == b"K\x05")
        .expect("pos_embed has 5 rows");
    let mut changed = bytes.clone();
    changed[at + 1] = 200;
    let text = error_of(&changed);
    assert!(
        text.contains("reaches beyond its storage") || text.contains("strides"),
        "{text}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever bytes are flipped, loading returns; what loads has finite weights of the claimed shapes.
    #[test]
    fn flipped_bytes_never_panic(
        name in prop::sample::select(vec!["f32.safetensors", "mae.pth", "legacy.pth", "dino.pth"]),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        header_only in any::<bool>(),
    ) {
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        let end = if header_only { bytes.len().min(2000) } else { bytes.len() };
        for (index, byte) in flips {
            let at = index.index(end);
            bytes[at] = byte;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        let _ = load(file.path());
    }

    /// Random opcodes never panic and never run away.
    #[test]
    fn random_pickles_never_panic(data in prop::collection::vec(any::<u8>(), 0..400)) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), legacy_file(&data)).unwrap();
        let _ = load(file.path());
    }
}
