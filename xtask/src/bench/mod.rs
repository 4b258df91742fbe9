//! `cargo xtask bench`: every case beside its peer in one run, taking turns; medians and their ratio as a page and as JSON.

mod growth;
mod page;
mod program;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use serde::Serialize;

use crate::workspace::{cargo, check, root};
use program::Program;

/// Which cases, beside which Python.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Make a virtual environment with the pinned peers (`benches/peers/requirements.txt`), if it is not there, and run them too.
    #[arg(long)]
    peer: bool,
    /// Run the peers with this Python, which has them.
    #[arg(long, conflicts_with = "peer")]
    python: Option<PathBuf>,
    /// Only cases whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// Rounds of each program.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Threads of each program.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Folder with real imagery, for the cases that read it.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Sizes that take a fraction of a second, to try things out.
    #[arg(long)]
    small: bool,
    /// Measure how time and memory of our own grow with the input, and keep that for the page, instead of the table.
    #[arg(long, conflicts_with_all = ["peer", "python", "small"])]
    growth: bool,
    /// Write docs/performance.md and results/bench.json; otherwise both go to target/bench only.
    #[arg(long)]
    update: bool,
}

/// What was measured of a case.
#[derive(Serialize)]
pub(super) struct Measured {
    name: String,
    threads: usize,
    ours: Times,
    peer: Option<Times>,
}

/// The rounds of a program.
#[derive(Serialize)]
pub(super) struct Times {
    seconds: Vec<f64>,
    /// What the last round computed.
    value: f64,
    peak_bytes: Option<u64>,
}

impl Times {
    fn median(&self) -> f64 {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            0.5 * (sorted[middle - 1] + sorted[middle])
        }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(args.rounds > 0, "--rounds 0: expected at least 1");
    ensure!(
        !(args.small && args.update),
        "--small is for trying things out; the page holds the full sizes"
    );
    check(cargo().args(["build", "--release", "-p", "bench", "-p", "rs-peft"]))?;
    let target = root().join("target");
    let ours = target.join("release/bench");
    let python = python(args)?;
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder)?;
    if args.growth {
        let part = args.only.as_deref().unwrap_or_default();
        let grown = growth::measure(&ours, &folder, part, args.rounds, args.threads)?;
        growth::keep(&grown, args.update, &folder)?;
        print!("{}", growth::section(&grown));
        return Ok(());
    }
    let list = Command::new(&ours)
        .arg("list")
        .output()
        .context("bench list")?;
    let names = String::from_utf8(list.stdout)?;
    let part = args.only.as_deref().unwrap_or_default();
    let mut measured = Vec::new();
    for name in names.lines().filter(|name| name.contains(part)) {
        let mut common = vec![name.into(), "--folder".into(), folder.clone()];
        if let Some(data) = &args.data {
            common.extend(["--data".into(), std::fs::canonicalize(data)?]);
        }
        if args.small {
            common.push("--small".into());
        }
        let prepared = Command::new(&ours)
            .args(&common)
            .arg("--prepare")
            .output()?;
        if !prepared.status.success() {
            let said = String::from_utf8_lossy(&prepared.stderr);
            eprintln!("{name}: left out: {}", said.trim());
            continue;
        }
        let threads = args.threads.to_string();
        let mut command = Command::new(&ours);
        // As `cargo xtask repro` sets them.
        command
            .env("RAYON_NUM_THREADS", &threads)
            .env("MIMALLOC_PURGE_DELAY", "-1");
        let ours = Program::start(command.args(&common))?.context("a case of our own is absent")?;
        let peer = match &python {
            Some(python) => {
                let mut command = Command::new(python);
                command
                    .arg(root().join("benches/peers/run.py"))
                    .args(&common);
                Program::start(command.args(["--threads", &threads]))?
            }
            None => None,
        };
        let case = take_turns(name, args, ours, peer)?;
        eprintln!("{}", page::line(&case));
        measured.push(case);
    }
    if measured.is_empty() {
        bail!(
            "no case was measured; `--only` must be part of one of: {}",
            names.replace('\n', " ")
        );
    }
    page::write(&measured, args.update, &folder)
}

/// Rounds of one program and the other, the first changing each time.
fn take_turns(
    name: &str,
    args: &Args,
    mut ours: Program,
    mut peer: Option<Program>,
) -> anyhow::Result<Measured> {
    for round in 0..args.rounds {
        let first = round % 2 == 0;
        if first {
            ours.round()?;
        }
        if let Some(peer) = &mut peer {
            peer.round()?;
        }
        if !first {
            ours.round()?;
        }
    }
    Ok(Measured {
        name: name.into(),
        threads: args.threads,
        ours: ours.finish()?,
        peer: peer.map(Program::finish).transpose()?,
    })
}

/// The Python of the peers, if they are to run.
fn python(args: &Args) -> anyhow::Result<Option<PathBuf>> {
    if let Some(python) = &args.python {
        return Ok(Some(python.clone()));
    }
    if !args.peer {
        return Ok(None);
    }
    let environment = root().join("target/peers");
    let python = environment.join("bin/python");
    if !python.is_file() {
        check(
            Command::new("python3")
                .args(["-m", "venv"])
                .arg(&environment),
        )?;
        let requirements = root().join("benches/peers/requirements.txt");
        check(
            Command::new(&python)
                .args(["-m", "pip", "install", "-r"])
                .arg(requirements),
        )?;
    }
    Ok(Some(python))
}
