//! `rs-peft cluster` and `rs-peft calibrate` as programs, on feature files made here.

mod calibrate;
mod cluster;

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Output};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// Features per row.
pub(crate) const DIM: usize = 4;

pub(crate) fn program(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rs-peft"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// What a command that has to succeed printed, as JSON.
pub(crate) fn json(arguments: &[&str], folder: &Path) -> serde_json::Value {
    let output = program(&[arguments, &["--json"]].concat(), folder);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {complaint}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The exit code of a command that has to fail, and what it complained of.
pub(crate) fn refused(arguments: &[&str], folder: &Path) -> (i32, String) {
    let output = program(arguments, folder);
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{arguments:?}");
    (output.status.code().unwrap(), complaint)
}

/// Rows in three well separated groups of these sizes, one behind the other, a deterministic scatter of about 0.5 around each centre.
pub(crate) fn groups(sizes: [usize; 3], salt: f64) -> Vec<f32> {
    let mut rows = Vec::new();
    for (group, size) in sizes.into_iter().enumerate() {
        for row in 0..size {
            let at = row as f64 + salt;
            for feature in 0..DIM {
                let centre = if feature == group { 8.0 } else { 0.0 };
                let scatter = (at * (0.7 + 0.31 * feature as f64) + group as f64).sin();
                // The second feature is of another magnitude than the others.
                let magnitude = if feature == 1 { 10.0 } else { 1.0 };
                rows.push((magnitude * (centre + 0.5 * scatter)) as f32);
            }
        }
    }
    rows
}

/// Writes a feature file as `embed` does: one tensor, and the names of the images.
pub(crate) fn write_features(path: &Path, rows: &[f32], files: Option<&[String]>) {
    let bytes: Vec<u8> = rows.iter().flat_map(|x| x.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, vec![rows.len() / DIM, DIM], &bytes).unwrap();
    let metadata = files.map(|files| {
        HashMap::from([
            ("files".to_owned(), serde_json::to_string(files).unwrap()),
            ("weights_sha256".to_owned(), "0".repeat(64)),
        ])
    });
    let file = safetensors::serialize([("blocks.11", view)], metadata).unwrap();
    std::fs::write(path, file).unwrap();
}

/// A tensor of a file, as numbers of f64.
pub(crate) fn tensor(path: &Path, name: &str) -> (Vec<usize>, Vec<f64>) {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor(name).unwrap();
    let data = view.data();
    let values = match view.dtype() {
        Dtype::F32 => {
            let (values, _) = data.as_chunks::<4>();
            values
                .iter()
                .map(|b| f64::from(f32::from_le_bytes(*b)))
                .collect()
        }
        Dtype::F64 => {
            let (values, _) = data.as_chunks::<8>();
            values.iter().map(|b| f64::from_le_bytes(*b)).collect()
        }
        Dtype::I64 => {
            let (values, _) = data.as_chunks::<8>();
            values
                .iter()
                .map(|b| i64::from_le_bytes(*b) as f64)
                .collect()
        }
        other => panic!("{other:?}"),
    };
    (view.shape().to_vec(), values)
}

pub(crate) fn close(found: &[f64], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len());
    for (at, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        let gap = (found - wanted).abs();
        assert!(
            gap <= 1e-5 * wanted.abs().max(1.0),
            "{at}: {found}, wanted {wanted}"
        );
    }
}
