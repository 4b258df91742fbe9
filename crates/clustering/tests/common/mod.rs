//! What the tests share: the golden file, tables drawn from a seed, comparison of labellings.
#![allow(dead_code, unreachable_pub)]

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde_json::Value;

pub fn golden() -> Value {
    serde_json::from_str(include_str!(
        "../../../../assets/golden/clustering/clustering.json"
    ))
    .unwrap()
}

pub fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

pub fn optional(value: &Value) -> Option<Vec<f64>> {
    (!value.is_null()).then(|| numbers(value))
}

/// `-1` is noise.
pub fn labels(value: &Value) -> Vec<Option<u32>> {
    numbers(value)
        .into_iter()
        .map(|l| (l >= 0.0).then_some(l as u32))
        .collect()
}

pub fn count(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

pub fn table(value: &Value) -> (Vec<f64>, usize) {
    (numbers(&value["values"]), count(&value["dim"]))
}

#[track_caller]
pub fn close(what: &str, ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let size = theirs.iter().fold(1e-300f64, |m, x| m.max(x.abs()));
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * size,
            "{what}, number {i}: ours {a}, theirs {b}"
        );
    }
}

/// The same partition, whatever the clusters are called.
pub fn same_partition<A, B>(ours: &[Option<A>], theirs: &[Option<B>]) -> bool
where
    A: Copy + Eq + std::hash::Hash,
    B: Copy + Eq + std::hash::Hash,
{
    let mut there = HashMap::new();
    let mut back = HashMap::new();
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|(a, b)| match (a, b) {
            (None, None) => true,
            (Some(a), Some(b)) => {
                *there.entry(*a).or_insert(*b) == *b && *back.entry(*b).or_insert(*a) == *a
            }
            _ => false,
        })
}

pub fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// `rows` rows around `groups` centres, `[rows, dim]`.
pub fn blobs(rows: usize, dim: usize, groups: usize, seed: u64) -> Vec<f64> {
    let mut rng = rng(seed);
    let mut normal = move || {
        // Sum of twelve uniform numbers: close enough to a normal one.
        (0..12)
            .map(|_| f64::from(rng.next_u32()) / 4_294_967_296.0)
            .sum::<f64>()
            - 6.0
    };
    let centres: Vec<f64> = (0..groups * dim).map(|_| 5.0 * normal()).collect();
    (0..rows)
        .flat_map(|i| {
            let g = i % groups;
            centres[g * dim..(g + 1) * dim].to_vec()
        })
        .map(|c| c + normal())
        .collect()
}

pub fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&x| x as f32).collect()
}

pub fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x)).collect()
}
