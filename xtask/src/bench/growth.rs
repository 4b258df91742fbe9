//! How time and memory grow with the size of the input, and what a second thread gains: a process for each size.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::Times;
use super::program::Program;
use crate::workspace::{replace, root};

/// Cases, what grows, how many of it a case has, and how many times as many are tried.
const CASES: [(&str, &str, f64, &[f64]); 5] = [
    ("k_means", "rows", 50_000.0, &[0.125, 0.25, 0.5, 1.0]),
    (
        "k_means_mini_batch",
        "rows",
        50_000.0,
        &[0.125, 0.25, 0.5, 1.0],
    ),
    ("dbscan", "rows", 10_000.0, &[0.25, 0.5, 1.0, 2.0]),
    ("hdbscan", "rows", 10_000.0, &[0.25, 0.5, 1.0, 2.0]),
    (
        "vit_inference",
        "images in a batch",
        8.0,
        &[0.125, 0.25, 0.5, 1.0, 2.0],
    ),
];

/// What a case took at one size.
#[derive(Serialize, Deserialize)]
struct Point {
    size: f64,
    threads: usize,
    seconds: f64,
    peak_bytes: Option<u64>,
}

/// A case at all its sizes.
#[derive(Serialize, Deserialize)]
pub(super) struct Growth {
    name: String,
    what: String,
    points: Vec<Point>,
}

/// Measures the cases whose name contains `part`.
pub(super) fn measure(
    program: &Path,
    folder: &Path,
    part: &str,
    rounds: usize,
    threads: usize,
) -> anyhow::Result<Vec<Growth>> {
    let chosen = CASES.iter().filter(|case| case.0.contains(part));
    chosen
        .map(|&(name, what, full, scales)| {
            let largest = scales.iter().copied().fold(0.0, f64::max);
            let mut points = Vec::new();
            for (scale, threads) in scales
                .iter()
                .map(|&scale| (scale, threads))
                .chain([(largest, 1)])
            {
                let folder = folder.join(format!("growth-{scale}"));
                std::fs::create_dir_all(&folder)?;
                let times = rounds_of(program, name, &folder, scale, threads, rounds)?;
                eprintln!("{name} at {scale}: {:.1} ms", 1e3 * times.median());
                points.push(Point {
                    size: full * scale,
                    threads,
                    seconds: times.median(),
                    peak_bytes: times.peak_bytes,
                });
            }
            Ok(Growth {
                name: name.into(),
                what: what.into(),
                points,
            })
        })
        .collect()
}

fn rounds_of(
    program: &Path,
    name: &str,
    folder: &Path,
    scale: f64,
    threads: usize,
    rounds: usize,
) -> anyhow::Result<Times> {
    let command = || {
        let mut command = Command::new(program);
        command.arg(name).arg("--folder").arg(folder);
        command.arg("--scale").arg(scale.to_string());
        command.env("RAYON_NUM_THREADS", threads.to_string());
        command.env("MIMALLOC_PURGE_DELAY", "-1");
        command
    };
    crate::workspace::check(command().arg("--prepare"))?;
    let mut running = Program::start(&mut command())?.context("a case of our own is absent")?;
    for _ in 0..rounds {
        running.round()?;
    }
    running.finish()
}

/// Least-squares slope of the logarithm of `values` over that of `sizes`.
fn exponent(sizes: &[f64], values: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().map(|x| x.ln()).sum::<f64>() / v.len() as f64;
    let (x, y) = (mean(sizes), mean(values));
    let pairs = sizes.iter().zip(values);
    let (above, below) = pairs.fold((0.0, 0.0), |(above, below), (a, b)| {
        let d = a.ln() - x;
        (above + d * (b.ln() - y), below + d * d)
    });
    above / below
}

/// Keeps what was measured: beside the other results with `update`, in `folder` otherwise.
pub(super) fn keep(grown: &[Growth], update: bool, folder: &Path) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(grown)? + "\n";
    replace(&folder.join("growth.json"), &text)?;
    if update {
        replace(&root().join("results/growth.json"), &text)?;
    }
    Ok(())
}

/// What was kept last with `update`; nothing when that never was.
pub(super) fn kept() -> anyhow::Result<Vec<Growth>> {
    let path = root().join("results/growth.json");
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(&path)?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

/// The section of the page; empty when nothing was measured.
pub(super) fn section(grown: &[Growth]) -> String {
    if grown.is_empty() {
        return String::new();
    }
    let mut page = String::from(
        "\n## Growth\n\n\
         Time and largest resident set of a process of its own for every size; the exponent is the slope between logarithms. The gain is that of all\n\
         threads over one, at the largest size.\n\n\
         | case | grows | sizes | times | exponent | memory, MiB | gain |\n|---|---|---|---|---|---|---|\n",
    );
    for case in grown {
        let Some((single, points)) = case.points.split_last() else {
            continue;
        };
        let column = |each: &dyn Fn(&Point) -> String| {
            points.iter().map(each).collect::<Vec<_>>().join(", ")
        };
        let of = |each: fn(&Point) -> f64| points.iter().map(each).collect::<Vec<f64>>();
        let gain = points
            .last()
            .map_or(f64::NAN, |p| single.seconds / p.seconds);
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {:.2} | {} | {gain:.2} |",
            case.name,
            case.what,
            column(&|p| p.size.to_string()),
            column(&|p| super::page::time(p.seconds)),
            exponent(&of(|p| p.size), &of(|p| p.seconds)),
            column(&|p| p.peak_bytes.map_or("-".into(), |b| (b >> 20).to_string())),
        );
    }
    page += "\nMeasured by `cargo xtask bench --growth --update`.\n";
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponent_of_a_power_is_the_power() {
        let sizes = [10.0, 20.0, 40.0];
        let values = sizes.map(|n: f64| 3.0 * n.powf(1.5));
        assert!((exponent(&sizes, &values) - 1.5).abs() < 1e-12);
    }
}
