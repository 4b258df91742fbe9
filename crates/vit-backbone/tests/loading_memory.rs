//! Loading a checkpoint of 1.2 GB needs little more memory than its size. Alone in its file: the peak is the process's.

#![cfg(target_os = "linux")]

mod support;

use burn_flex::Flex;
use support::{shapes, sparse};
use vit_backbone::{LoadOptions, LoadProgress, load_vit_watched, preset};

/// The largest resident set since the last reset, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}

#[test]
fn a_large_checkpoint_is_read_tensor_by_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let config = preset("augreg_vit_large_16").unwrap().config();
    sparse(&path, &shapes(&config));
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(size > 1_200_000_000, "{size}");

    let mut steps: Vec<LoadProgress> = Vec::new();
    let before = peak();
    let (vit, report) = load_vit_watched::<Flex>(
        &path,
        Some(&config),
        &LoadOptions::default(),
        &Default::default(),
        &mut |step| steps.push(step),
    )
    .unwrap();
    let needed = peak() - before;
    assert!(
        needed as f64 <= 1.3 * size as f64,
        "{needed} bytes for a file of {size}"
    );
    // All of the model is there, and not a promise to read it later.
    assert!(needed as f64 > 0.9 * size as f64, "{needed} of {size}");
    assert_eq!(report.bytes, size);
    assert_eq!(vit.blocks.len(), config.depth);

    let all = config.parameter_count() as u64;
    assert!(steps.iter().all(|step| step.of == all));
    let numbers: Vec<u64> = steps.iter().map(|step| step.done).collect();
    assert!(numbers.is_sorted() && numbers.len() > config.depth);
    assert_eq!(numbers.last(), Some(&all));
}
