//! What was measured, as a page and as JSON.

use std::fmt::Write;
use std::path::Path;

use serde_json::json;

use super::{Measured, Times};
use crate::workspace::{replace, root};

/// What a case is, its peer, and the ratio of times that it is to reach.
const CASES: [(&str, &str, &str, Option<f64>); 16] = [
    (
        "vit_inference",
        "ViT-B/16 at 224, batch 8, f32: forward pass",
        "PyTorch, timm",
        Some(1.1),
    ),
    (
        "lora_step",
        "the same: training step of LoRA r 8 on qkv and a head, AdamW",
        "PyTorch, timm, peft",
        Some(1.3),
    ),
    (
        "deflect_step",
        "the same step of DEFLECT, which reads 13 bands",
        "-",
        None,
    ),
    (
        "adaptation",
        "20 epochs over 16 images, LoRA r 8 on qkv of the last four blocks; ours keeps what the frozen blocks make of an image",
        "PyTorch, timm, peft",
        Some(5.0),
    ),
    (
        "small_features",
        "the shipped ViT (3.6 M) at 64, batch 256: forward pass",
        "PyTorch, timm",
        Some(1.0),
    ),
    (
        "mae_step",
        "masked pretraining of it, batch 128: forward and backward pass",
        "PyTorch",
        Some(1.2),
    ),
    (
        "k_means",
        "k-means, 50,000 x 1,024, 64 clusters, 10 Lloyd iterations",
        "scikit-learn",
        Some(1.5),
    ),
    (
        "k_means_constrained",
        "size-constrained k-means, 4,000 x 64, 20 clusters of at least 100, 5 iterations",
        "k-means-constrained",
        Some(10.0),
    ),
    (
        "k_means_mini_batch",
        "mini-batch k-means, 50,000 x 1,024, 64 clusters, two passes",
        "scikit-learn",
        Some(1.5),
    ),
    ("dbscan", "DBSCAN, 10,000 x 32", "scikit-learn", Some(1.0)),
    ("hdbscan", "HDBSCAN, 10,000 x 32", "scikit-learn", Some(1.0)),
    (
        "geotiff",
        "reading and normalising 270 13-band GeoTIFF patches",
        "rasterio, NumPy",
        Some(3.0),
    ),
    (
        "jpeg",
        "decoding 500 JPEG files, resizing 64 to 224, bicubic",
        "Pillow",
        Some(1.0),
    ),
    (
        "load_checkpoint",
        "a checkpoint of 1.2 GB into a model (ours hashes it too)",
        "safetensors, timm",
        Some(1.0),
    ),
    (
        "load_unhashed",
        "the same without the hash",
        "safetensors, timm",
        Some(1.0),
    ),
    ("start_up", "`rs-peft --help`", "-", None),
];

/// What the table cannot say, kept with what writes it.
const NOTES: &str = include_str!("notes.md");

fn about(name: &str) -> (&'static str, &'static str, Option<f64>) {
    let found = CASES.iter().find(|case| case.0 == name);
    found.map_or(("", "", None), |case| (case.1, case.2, case.3))
}

/// A time as a reader says it.
pub(super) fn time(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.1} ms", 1e3 * seconds)
    } else {
        format!("{seconds:.2} s")
    }
}

fn memory(times: &Times) -> String {
    let mebibytes = |bytes: u64| format!("{} MiB", bytes >> 20);
    times.peak_bytes.map_or("-".into(), mebibytes)
}

/// Smallest and largest ratio of rounds that were next to each other.
fn spread(ours: &Times, peer: &Times) -> (f64, f64) {
    let pairs = ours.seconds.iter().zip(&peer.seconds);
    pairs
        .map(|(ours, peer)| peer / ours)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), ratio| {
            (low.min(ratio), high.max(ratio))
        })
}

/// One case in a line of text.
pub(super) fn line(case: &Measured) -> String {
    let ours = time(case.ours.median());
    match &case.peer {
        Some(peer) => format!(
            "{:<22} ours {ours}, peer {}, ratio {:.2}",
            case.name,
            time(peer.median()),
            peer.median() / case.ours.median()
        ),
        None => format!("{:<22} ours {ours}", case.name),
    }
}

/// Writes page and JSON to `folder`, and with `update` to their places in the workspace.
pub(super) fn write(measured: &[Measured], update: bool, folder: &Path) -> anyhow::Result<()> {
    let machine = machine();
    let mut page = format!(
        "# Performance\n\n\
         Each case runs ours and its peer in two processes that take turns, round by round, on the same input and with the same number of threads.\n\
         Medians; the ratio is the peer's time over ours, more than 1 is faster, with the smallest and largest ratio of neighbouring rounds.\n\
         Memory is the largest resident set of the whole process.\n\n\
         {machine}.\n\n\
         | case | peer | ours | peer's | ratio | aim | memory, ours | peer's |\n|---|---|---|---|---|---|---|---|\n"
    );
    for case in measured {
        let (what, peer, aim) = about(&case.name);
        let aim = aim.map_or("-".to_owned(), |aim| format!("{aim}"));
        let (theirs, ratio, theirs_memory) = match &case.peer {
            Some(peer) => {
                let (low, high) = spread(&case.ours, peer);
                let ratio = peer.median() / case.ours.median();
                (
                    time(peer.median()),
                    format!("{ratio:.2} ({low:.2} to {high:.2})"),
                    memory(peer),
                )
            }
            None => ("-".into(), "-".into(), "-".into()),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "| {what} | {peer} | {} | {theirs} | {ratio} | {aim} | {} | {theirs_memory} |",
            time(case.ours.median()),
            memory(&case.ours)
        );
    }
    let rounds = measured[0].ours.seconds.len();
    let _ = write!(
        page,
        "\n{rounds} rounds, {} threads. Written by `cargo xtask bench --peer --data DIR --update`.\n",
        measured[0].threads
    );
    if let Some(ratio) = deflect_over_lora(measured) {
        let _ = write!(
            page,
            "\nA training step of DEFLECT takes {ratio:.2} times as long as one of LoRA; the aim is at most 1.6.\n"
        );
    }
    page += NOTES;
    page += &super::growth::section(&super::growth::kept()?);
    let record = json!({ "machine": machine, "cases": measured });
    let record = serde_json::to_string_pretty(&record)? + "\n";
    let mut places = vec![
        (folder.join("performance.md"), &page),
        (folder.join("bench.json"), &record),
    ];
    if update {
        places.push((root().join("docs/performance.md"), &page));
        places.push((root().join("results/bench.json"), &record));
    }
    for (path, text) in places {
        replace(&path, text)?;
    }
    Ok(())
}

/// Time of a DEFLECT step over that of a LoRA step, where both were measured.
fn deflect_over_lora(measured: &[Measured]) -> Option<f64> {
    let median = |name: &str| {
        let found = measured.iter().find(|case| case.name == name);
        found.map(|case| case.ours.median())
    };
    Some(median("deflect_step")? / median("lora_step")?)
}

/// Processor, cores and memory, as far as the system says.
fn machine() -> String {
    let field = |path: &str, name: &str| -> Option<String> {
        let text = std::fs::read_to_string(path).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split(':').nth(1)?.trim().to_owned())
    };
    let processor = field("/proc/cpuinfo", "model name").unwrap_or(std::env::consts::ARCH.into());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let flags = field("/proc/cpuinfo", "flags").unwrap_or_default();
    let wide: Vec<&str> = ["avx2", "avx512f", "amx_bf16"]
        .into_iter()
        .filter(|flag| flags.split(' ').any(|known| known == *flag))
        .collect();
    format!("{processor}, {cores} cores ({})", wide.join(", "))
}
