//! Every spectral index against the Python package spyndex, on numbers and on every backend's tensors.

use std::collections::BTreeMap;

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};
use deflect::{INDICES, Role};
use serde::Deserialize;
use testkit::{Golden, Tolerance, assert_close};

/// What `export_indices.py` wrote.
#[derive(Deserialize)]
struct Indices {
    bands: BTreeMap<Role, Vec<f64>>,
    centres: BTreeMap<Role, f64>,
    values: BTreeMap<String, Vec<f64>>,
    not_in_spyndex: Vec<String>,
}

fn golden() -> Indices {
    Golden::json("deflect/indices.json")
}

#[test]
fn numbers_are_those_of_spyndex() {
    let golden = golden();
    let mut worst: f64 = 0.0;
    for index in &INDICES {
        let Some(expected) = golden.values.get(index.name) else {
            assert!(golden.not_in_spyndex.iter().any(|name| name == index.name));
            continue;
        };
        let formula = index.parse().unwrap();
        for (pixel, expected) in expected.iter().enumerate() {
            let found = formula.evaluate(&|role| golden.bands[&role][pixel], &|role| {
                golden.centres[&role]
            });
            let error = (found - expected).abs() / expected.abs().max(1.0);
            worst = worst.max(error);
            assert!(
                error < 1e-12,
                "{} at {pixel}: {found} instead of {expected}",
                index.name
            );
        }
    }
    println!("largest relative error: {worst:.1e}");
    assert_eq!(golden.not_in_spyndex, ["NDRE3RE1"]);
}

/// The one index of our own: its formula is stated here once more.
#[test]
fn the_index_that_spyndex_lacks_is_a_normalised_difference() {
    let golden = golden();
    let formula = deflect::find_index("NDRE3RE1").unwrap().parse().unwrap();
    for pixel in 0..6 {
        let (a, b) = (
            golden.bands[&Role::RE3][pixel],
            golden.bands[&Role::RE1][pixel],
        );
        let found = formula.evaluate(&|role| golden.bands[&role][pixel], &|_| 1.0);
        assert!((found - (a - b) / (a + b)).abs() < 1e-15);
    }
}

fn tensors_are_those_of_spyndex<B: AutodiffBackend>() {
    let golden = golden();
    let device = B::Device::default();
    for (name, expected) in &golden.values {
        let formula = deflect::find_index(name).unwrap().parse().unwrap();
        let band = |role| {
            let values = golden.bands[&role].clone();
            Tensor::<B, 1>::from_data(TensorData::new(values, [6]).convert::<f32>(), &device)
        };
        let found = formula.evaluate(&band, &|role| golden.centres[&role]);
        let expected = TensorData::new(expected.clone(), [6]);
        assert_close(&found.into_data(), &expected, Tolerance::F32, name);
    }
}

testkit::backend_matrix!(tensors_are_those_of_spyndex);
