//! Rows from files: the same results as from memory, for files larger than a block, and errors for files that are not what they say.

mod common;

use std::path::{Path, PathBuf};

use clustering::InputError;
use clustering::constrained::{ConstrainedParams, MinSize};
use clustering::dbscan::DbscanParams;
use clustering::k_means::{KMeansParams, Start};
use clustering::mini_batch::MiniBatchParams;
use clustering::pca::{Components, PcaParams};
use clustering::rows::{FileRows, Matrix, RowSource};
use clustering::scaler::StandardScaler;
use common::{blobs, narrow, rng};

fn npy_header(descr: &str, order: &str, shape: &str) -> Vec<u8> {
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    while (text.len() + 11) % 64 != 0 {
        text.push(' ');
    }
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn safetensors_file(values: &[f32], shape: &str) -> Vec<u8> {
    let mut header = format!(
        r#"{{"other":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}},"features":{{"dtype":"F32","shape":{shape},"data_offsets":[4,{}]}}}}"#,
        4 + values.len() * 4
    );
    while header.len() % 8 != 0 {
        header.push(' ');
    }
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(1.0f32.to_le_bytes());
    bytes.extend(little_endian(values));
    bytes
}

/// 20,000 rows of 64 features: five blocks, each read anew in every pass.
#[test]
fn files_give_what_memory_gives() {
    let (n, dim) = (20_000, 64);
    let values = narrow(&blobs(n, dim, 7, 1));
    let folder = tempfile::tempdir().unwrap();
    let mut npy = npy_header("<f4", "False", &format!("({n}, {dim})"));
    npy.extend(little_endian(&values));
    let npy = write(folder.path(), "a.npy", &npy);
    let raw = write(folder.path(), "a.bin", &little_endian(&values));
    let tensors = write(
        folder.path(),
        "a.safetensors",
        &safetensors_file(&values, &format!("[{n},{dim}]")),
    );
    let memory = Matrix::new(&values, dim).unwrap();
    let files = [
        FileRows::<f32>::npy(&npy).unwrap(),
        FileRows::raw_f32(&raw, dim).unwrap(),
        FileRows::safetensors(&tensors, "features").unwrap(),
    ];
    let lloyd = KMeansParams::new(7)
        .start(Start::PlusPlus { sample: Some(500) })
        .max_iterations(10)
        .check()
        .unwrap();
    let wanted = lloyd.fit(&memory, None, &mut rng(3)).unwrap();
    assert!(wanted.inertia() > 0.0);
    for file in &files {
        assert_eq!(RowSource::<f32>::rows(file), n);
        assert_eq!(lloyd.fit(file, None, &mut rng(3)).unwrap(), wanted);
    }
    let file = &files[0];
    let batches = MiniBatchParams::new(7)
        .batch(256)
        .max_epochs(1)
        .check()
        .unwrap();
    assert_eq!(
        batches.fit(file, None, &mut rng(4)).unwrap(),
        batches.fit(&memory, None, &mut rng(4)).unwrap()
    );
    let constrained = ConstrainedParams::new(7, MinSize::Balance { rho: 1.0 })
        .max_iterations(3)
        .start(Start::PlusPlus { sample: Some(500) })
        .check()
        .unwrap();
    let fitted = constrained.fit(file, None, &mut rng(5)).unwrap();
    assert_eq!(fitted, constrained.fit(&memory, None, &mut rng(5)).unwrap());
    assert!(fitted.sizes().iter().all(|&s| s >= n / 7));
    let pca = PcaParams::new(Components::Count(3)).check().unwrap();
    assert_eq!(pca.fit(file).unwrap(), pca.fit(&memory).unwrap());
    // Standardised on the way in.
    let scaler = StandardScaler::fit(file).unwrap();
    let mut standardised = values.clone();
    scaler.transform(&mut standardised).unwrap();
    assert_eq!(
        lloyd
            .fit(&scaler.over(file).unwrap(), None, &mut rng(6))
            .unwrap(),
        lloyd
            .fit(&Matrix::new(&standardised, dim).unwrap(), None, &mut rng(6))
            .unwrap()
    );
    // And projected.
    let pca = pca.fit(file).unwrap();
    let projected = pca.transform(&values).unwrap();
    assert_eq!(
        lloyd
            .fit(&pca.over(file).unwrap(), None, &mut rng(7))
            .unwrap(),
        lloyd
            .fit(&Matrix::new(&projected, 3).unwrap(), None, &mut rng(7))
            .unwrap()
    );
}

#[test]
fn half_precision_is_read() {
    let values = [0.5f32, -2.0, 65504.0, 1.0 / 3.0, 0.0, 6.0e-8];
    let mut header = r#"{"rows":{"dtype":"F16","shape":[3,2],"data_offsets":[0,12]}}"#.to_owned();
    while header.len() % 8 != 0 {
        header.push(' ');
    }
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    let halves = values.map(half::f16::from_f32);
    bytes.extend(halves.iter().flat_map(|x| x.to_le_bytes()));
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "half.safetensors", &bytes);
    let file = FileRows::<f32>::safetensors(&path, "rows").unwrap();
    let mut read = [0.0f32; 6];
    file.read(0, &mut read).unwrap();
    assert_eq!(read, halves.map(|x| x.to_f32()));
    // A row that is missing is noticed when the file is opened.
    std::fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
    assert!(FileRows::<f32>::safetensors(&path, "rows").is_err());
}

#[test]
fn dbscan_reads_blocks_too() {
    let (n, dim) = (1500, 8);
    let values = narrow(&blobs(n, dim, 5, 2));
    let folder = tempfile::tempdir().unwrap();
    let raw = write(folder.path(), "a.bin", &little_endian(&values));
    let valid = DbscanParams::new(3.0).check().unwrap();
    let file = valid
        .fit(&FileRows::<f32>::raw_f32(&raw, dim).unwrap(), None)
        .unwrap();
    let memory = valid
        .fit(&Matrix::new(&values, dim).unwrap(), None)
        .unwrap();
    assert_eq!(file, memory);
    assert!(memory.clusters() >= 2);
}

#[test]
fn doubles_are_read_as_either_type() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = npy_header("<f8", "False", "(3, 2)");
    bytes.extend((0..6).flat_map(|i| (f64::from(i) / 3.0).to_le_bytes()));
    let path = write(folder.path(), "a.npy", &bytes);
    let mut double = [0.0f64; 4];
    FileRows::npy(&path).unwrap().read(1, &mut double).unwrap();
    assert_eq!(double, [2.0 / 3.0, 1.0, 4.0 / 3.0, 5.0 / 3.0]);
    let mut single = [0.0f32; 2];
    FileRows::npy(&path)
        .unwrap()
        .gather(&[2], &mut single)
        .unwrap();
    assert_eq!(single, [4.0f32 / 3.0, 5.0 / 3.0]);
}

#[track_caller]
fn refused(result: Result<FileRows<f32>, InputError>, words: &str) {
    let message = result.unwrap_err().to_string();
    assert!(message.contains(words), "{message}");
}

#[test]
fn bad_files_are_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let npy = |name: &str, bytes: &[u8]| FileRows::<f32>::npy(&write(folder, name, bytes));
    refused(FileRows::npy(&folder.join("absent")), "absent");
    refused(npy("a", b""), "ends too early");
    refused(npy("b", b"not an npy file at all"), "magic");
    refused(
        npy("c", &npy_header("<i8", "False", "(2, 2)")),
        "float32 or float64",
    );
    refused(
        npy("d", &npy_header("<f4", "True", "(2, 2)")),
        "ascontiguousarray",
    );
    refused(npy("e", &npy_header("<f4", "False", "(2,)")), "axes");
    refused(npy("f", &npy_header("<f4", "False", "(2, x)")), "no number");
    refused(
        npy("g", &npy_header("<f4", "False", "(0, 4)")),
        "at least one",
    );
    refused(npy("h", &npy_header("<f4", "False", "(2, 4)")), "cut off");
    let most = usize::MAX;
    refused(
        npy(
            "i",
            &npy_header("<f4", "False", &format!("({most}, {most})")),
        ),
        "cut off",
    );
    refused(npy("j", b"\x93NUMPY\x02\x00\xff\xff\xff\xff"), "header of");
    let raw = write(folder, "k", &[0; 13]);
    refused(FileRows::raw_f32(&raw, 3), "whole number of rows");
    refused(FileRows::raw_f32(&raw, 0), "whole number of rows");
    let tensors =
        |bytes: &[u8], name: &str| FileRows::<f32>::safetensors(&write(folder, "l", bytes), name);
    let good = safetensors_file(&[1.0; 6], "[3,2]");
    assert!(tensors(&good, "features").is_ok());
    refused(tensors(&good, "labels"), "features");
    refused(tensors(&good, "other"), "axes");
    refused(tensors(&good[..good.len() - 4], "features"), "cut off");
    refused(tensors(&[255; 8], "features"), "header of");
    refused(
        tensors(&[&1000u64.to_le_bytes()[..], b"{"].concat(), "features"),
        "not a safetensors",
    );
}

/// A file that becomes shorter while it is read is an error, not a signal.
#[test]
fn a_file_cut_off_later_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "a.bin", &[0; 400]);
    let rows = FileRows::<f32>::raw_f32(&path, 10).unwrap();
    std::fs::write(&path, [0; 40]).unwrap();
    let error = StandardScaler::fit(&rows).unwrap_err();
    assert!(matches!(error, InputError::Io { .. }), "{error}");
}
