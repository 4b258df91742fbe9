//! `cargo xtask backends`: runs the suites of the backend matrix and publishes the largest error of each backend in
//! docs/backends.md.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, bail};

use crate::workspace::{cargo, check, replace, root};

/// Crates whose tests run on every backend.
const CRATES: [&str; 5] = ["vit-backbone", "peft-lora", "deflect", "heads", "training"];
/// Crates whose tests run on the processor's backends only: nobody has measured them on the others.
const ON_THE_HOST: [&str; 1] = ["stable-diffusion"];
/// Crates whose goldens are those of published models.
const MODELS: [&str; 2] = ["vit-backbone", "stable-diffusion"];
const PAGE: &str = "docs/backends.md";
/// The errors of each golden test of the published models, from which `docs/zoo.md` is made.
const ZOO: &str = "assets/golden/vit-backbone/zoo_errors.json";

/// Which backends to add to flex and ndarray.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also on Vulkan: needs a driver, of a GPU or Mesa's software one.
    #[arg(long)]
    vulkan: bool,
    /// Also on CUDA.
    #[arg(long)]
    cuda: bool,
    /// Device and driver of the GPU backends, for the page, such as "Vulkan: llvmpipe, Mesa 22.3.6".
    #[arg(long, default_value = "")]
    device: String,
    /// Test in release mode, when that is what is built already.
    #[arg(long)]
    release: bool,
    /// Only run the suites; leave the page as it is.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let log = root().join("target/backend-errors.tsv");
    if let Some(folder) = log.parent() {
        std::fs::create_dir_all(folder)?;
    }
    if log.exists() {
        std::fs::remove_file(&log)?;
    }
    let mut test = cargo();
    test.arg("test").env("RS_PEFT_ERROR_LOG", &log);
    for name in CRATES {
        test.args(["-p", name]);
    }
    if args.release {
        test.arg("--release");
    }
    for (wanted, feature) in [(args.vulkan, "testkit/vulkan"), (args.cuda, "testkit/cuda")] {
        if wanted {
            test.args(["--features", feature]);
        }
    }
    if args.vulkan || args.cuda {
        // Without optimisation a test shares the generic code of these backends with the crates below it; with it every test compiles
        // all of it again, for minutes.
        for name in CRATES {
            test.args([
                "--config",
                &format!("profile.dev.package.{name}.opt-level=0"),
            ]);
        }
    }
    check(&mut test)?;
    if !args.check {
        let mut test = cargo();
        test.arg("test").env("RS_PEFT_ERROR_LOG", &log);
        for name in ON_THE_HOST {
            test.args(["-p", name]);
        }
        if args.release {
            test.arg("--release");
        }
        check(&mut test)?;
    }
    let table = summary(&log)?;
    println!("{table}");
    if args.check {
        return Ok(());
    }
    write_page(&table, &args.device)?;
    replace(&root().join(ZOO), &zoo_errors(&log)?)?;
    run_zoo_page()
}

/// Test of a crate of [`MODELS`] -> backend -> largest error against a golden, as JSON.
fn zoo_errors(log: &Path) -> anyhow::Result<String> {
    let mut tests: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
    let text = std::fs::read_to_string(log)?;
    for line in text.lines() {
        if let [backend, package, test, "f32", error, _what] =
            line.split('\t').collect::<Vec<_>>()[..]
            && MODELS.contains(&package)
        {
            let largest = tests.entry(test).or_default().entry(backend).or_default();
            *largest = largest.max(error.parse()?);
        }
    }
    Ok(serde_json::to_string_pretty(&tests)? + "\n")
}

/// Writes `docs/zoo.md`, whose exactness may have changed.
fn run_zoo_page() -> anyhow::Result<()> {
    let mut page = cargo();
    page.args([
        "run",
        "--quiet",
        "-p",
        "vit-backbone",
        "--example",
        "zoo_page",
    ]);
    let output = page.output().context("cargo run --example zoo_page")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    replace(
        &root().join("docs/zoo.md"),
        std::str::from_utf8(&output.stdout)?,
    )
}

/// Largest error and number of comparisons per tolerance (rows) and backend (columns), as Markdown.
fn summary(log: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(log)
        .with_context(|| format!("no comparison was written to {}", log.display()))?;
    // (crate, tolerance) -> backend -> (largest error, comparisons)
    let mut cells: BTreeMap<(&str, &str), BTreeMap<&str, (f64, usize)>> = BTreeMap::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [backend, package, _test, tolerance, error, _what] = fields[..] else {
            bail!(
                "{} has a line that is not six fields: {line}",
                log.display()
            );
        };
        let error: f64 = error.parse()?;
        let cell = cells
            .entry((package, tolerance))
            .or_default()
            .entry(backend)
            .or_default();
        *cell = (cell.0.max(error), cell.1 + 1);
    }
    let mut backends: Vec<&str> = cells.values().flat_map(|row| row.keys().copied()).collect();
    backends.sort_unstable();
    backends.dedup();
    let mut page = String::from("| crate | tolerance |");
    backends
        .iter()
        .for_each(|b| write!(page, " {b} |").unwrap());
    page.push_str("\n|---|---|");
    backends.iter().for_each(|_| page.push_str("---|"));
    for ((package, tolerance), row) in &cells {
        write!(page, "\n| {package} | {tolerance} |")?;
        for backend in &backends {
            match row.get(backend) {
                Some((error, count)) => write!(page, " {error:.1e} ({count}) |")?,
                None => page.push_str(" - |"),
            }
        }
    }
    Ok(page)
}

fn write_page(table: &str, device: &str) -> anyhow::Result<()> {
    let device = if device.is_empty() {
        String::new()
    } else {
        format!("\n{device}.\n")
    };
    let page = format!(
        "# Backends\n\n\
        The same tests run on every backend: goldens of published Python packages, gradients against finite differences, the behavioural\n\
        suite of the adapters. The table holds the largest error seen on each, relative to the largest number of the expected tensor, with the\n\
        number of comparisons in brackets; the tolerances are described in `crates/testkit/src/tolerance.rs`. Stable Diffusion was run on the\n\
        processor's backends only.\n{device}\n\
        {table}\n\n\
        Written by `cargo xtask backends --vulkan`.\n"
    );
    replace(&root().join(PAGE), &page)
}
