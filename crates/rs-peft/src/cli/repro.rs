//! `rs-peft repro`: list, run, report. Finished seeds are kept; a killed run goes on where it stopped.

use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use rs_peft::eval::record::write_atomically;
use rs_peft::experiment::{Catalog, Row};
use rs_peft::run::{Job, PlannedRow, SeedRun, plan, run_jobs, slurm};
use rs_peft::{BackendKind, dispatch};

use super::report::{known, report, write_report};
use super::repro_slurm::submit_and_wait;
use super::{clock, provenance::provenance, root};

/// Arguments of `repro`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args, Clone)]
pub(super) struct Common {
    /// Folder with real imagery (EuroSAT_RGB.zip, eurosat_ms/, opensarship/, ...); without it only synthetic scenes are used.
    #[arg(long, global = true)]
    pub(super) data: Option<PathBuf>,
    /// Where runs and the report go.
    #[arg(long, global = true, default_value = "out")]
    pub(super) out: PathBuf,
    /// flex, ndarray, wgpu, vulkan, metal or cuda.
    #[arg(long, global = true, default_value = "flex")]
    pub(super) backend: BackendKind,
    /// Processes at a time; each runs one seed. One per core on a CPU backend, one on a GPU.
    #[arg(long, global = true)]
    pub(super) workers: Option<usize>,
    /// Where the runs take place: processes of this machine, or jobs of a Slurm cluster whose nodes share the program, the data and --out.
    #[arg(long, global = true, default_value = "local")]
    pub(super) executor: Executor,
    /// An argument for sbatch, repeatable: --sbatch=--partition=gpu --sbatch=--time=4:00:00 --sbatch=--cpus-per-task=4.
    #[arg(long, global = true, value_name = "ARG")]
    pub(super) sbatch: Vec<String>,
    /// Slurm: at most this many runs at a time.
    #[arg(long, global = true, value_name = "N")]
    pub(super) at_once: Option<usize>,
    /// Slurm: stay until all runs have ended, and fail if one did.
    #[arg(long, global = true)]
    pub(super) wait: bool,
    /// Only tables or rows whose name contains this; also those that do not run unasked.
    #[arg(long, global = true)]
    pub(super) only: Option<String>,
    /// Keep the trained adapter and head of every seed beside its result.
    #[arg(long, global = true)]
    pub(super) keep_adapters: bool,
    /// Rows whose record with the same identity lies under this folder, such as `results`, are taken from there and not run again.
    #[arg(long, global = true)]
    pub(super) reuse: Option<PathBuf>,
    /// At most this many seeds per row (the result is another run, with another identity).
    #[arg(long, global = true)]
    pub(super) seeds: Option<usize>,
    /// At most this many epochs, for trying things out (another identity, too).
    #[arg(long, global = true)]
    pub(super) epochs: Option<usize>,
    /// Folder with experiments/ and assets/; found upwards from here if absent.
    #[arg(long, global = true)]
    pub(super) root: Option<PathBuf>,
}

/// Where runs take place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Executor {
    /// Processes of this machine.
    Local,
    /// Array jobs of a Slurm cluster.
    Slurm,
}

#[derive(clap::Subcommand, Clone)]
enum Action {
    /// Show every row: name, identity, seeds.
    List,
    /// Run one row, by name or by the beginning of its hash.
    Run {
        /// `group/table/row`.
        row: String,
    },
    /// Write the report again from what has been run, or from a folder of records.
    Report {
        /// Folder of run records, e.g. `results`.
        #[arg(long)]
        from: Option<PathBuf>,
        /// Replace the part between the markers `results:begin` and `results:end` of this Markdown file by the tables.
        #[arg(long)]
        update: Option<PathBuf>,
    },
    /// Run one of the runs that a submission to Slurm lists.
    #[command(hide = true)]
    Task { folder: PathBuf, index: usize },
    /// Run one seed of one row in this process.
    #[command(hide = true)]
    Seed {
        row: String,
        seed: u64,
        folder: PathBuf,
        fingerprint: String,
    },
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let root = root(args.common.root.as_deref())?;
    let catalog = rows(&root, &args.common)?;
    match &args.action {
        None => reproduce(&root, &args.common, &selected(&catalog, &args.common)),
        Some(Action::List) => {
            for row in named(&catalog, &args.common) {
                println!(
                    "{}  {:<44} {} seeds  {}",
                    &row.hash[..12],
                    row.name,
                    row.experiment.seeds.len(),
                    row.experiment.title
                );
            }
            Ok(())
        }
        Some(Action::Run { row }) => reproduce(&root, &args.common, &[catalog.find(row)?.clone()]),
        Some(Action::Report { from, update }) => report(
            &root,
            &args.common,
            &catalog,
            from.as_deref(),
            update.as_deref(),
        ),
        Some(Action::Task { folder, index }) => {
            // What `--sbatch=--cpus-per-task=N` gave.
            let threads = std::env::var("SLURM_CPUS_PER_TASK").ok();
            let threads = threads.and_then(|text| text.parse().ok()).unwrap_or(1);
            Ok(slurm::run_task(folder, *index, threads)?)
        }
        Some(Action::Seed {
            row,
            seed,
            folder,
            fingerprint,
        }) => one_seed(
            &root,
            &args.common,
            catalog.find(row)?,
            *seed,
            folder,
            fingerprint,
        ),
    }
}

/// All rows, with seeds and epochs cut as asked for.
fn rows(root: &Path, common: &Common) -> anyhow::Result<Catalog> {
    let mut catalog = Catalog::read(&root.join("experiments"))?;
    for row in &mut catalog.rows {
        if let Some(seeds) = common.seeds {
            row.experiment.seeds.truncate(seeds.max(1));
        }
        if let Some(epochs) = common.epochs {
            row.experiment.train.epochs = row.experiment.train.epochs.min(epochs.max(1));
        }
        row.hash = rs_peft::experiment::content_hash(&row.experiment)?;
    }
    Ok(catalog)
}

/// The rows whose name contains what `--only` says.
fn named<'a>(catalog: &'a Catalog, common: &'a Common) -> impl Iterator<Item = &'a Row> {
    let part = common.only.as_deref().unwrap_or_default();
    catalog
        .rows
        .iter()
        .filter(move |row| row.name.contains(part))
}

/// The rows that can run with what was given: embedded ones always, others with `--data`. Rows that a table keeps for those who
/// ask for them need `--only`.
pub(super) fn selected(catalog: &Catalog, common: &Common) -> Vec<Row> {
    named(catalog, common)
        .filter(|row| row.experiment.table.embedded || common.data.is_some())
        .filter(|row| row.by_default || common.only.is_some())
        .cloned()
        .collect()
}

fn reproduce(root: &Path, common: &Common, rows: &[Row]) -> anyhow::Result<()> {
    if !common.backend.is_compiled_in() {
        return Err(rs_peft::BackendError::NotCompiledIn(common.backend).into());
    }
    anyhow::ensure!(
        !rows.is_empty(),
        "no row is selected; `repro list` shows all"
    );
    let planned: Vec<PlannedRow> = rows
        .iter()
        .map(|row| plan(row, root, common.data.as_deref(), &common.out))
        .collect::<Result<_, _>>()?;
    if common.executor == Executor::Slurm {
        slurm::require()?;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = common
        .workers
        .unwrap_or(if common.backend.is_cpu() { cores } else { 1 })
        .max(1);
    let threads = (cores / workers).max(1);
    let known = known(common)?;
    let reused = planned.iter().filter(|row| known.contains_key(&row.id));
    if common.reuse.is_some() {
        eprintln!("{} of {} rows have a record", reused.count(), planned.len());
    }
    let mut jobs = Vec::new();
    for row in planned.iter().filter(|row| !known.contains_key(&row.id)) {
        for &seed in &row.row.experiment.seeds {
            if row.output(seed)?.is_none() {
                jobs.push(job(root, common, row, seed)?);
            }
        }
    }
    if common.executor == Executor::Slurm {
        submit_and_wait(root, common, rows, &jobs)?;
        if common.wait {
            println!("{}", write_report(root, common, &planned, &known, threads)?);
            slurm::unfinished(&jobs)?;
        }
        return Ok(());
    }
    let bar = progress(jobs.len() as u64);
    let outcome = run_jobs(jobs, workers, threads, &|name, good| {
        bar.set_message(format!("{}{name}", if good { "" } else { "FAILED " }));
        bar.inc(1);
        if bar.is_hidden() {
            eprintln!(
                "{}/{} {name}{}",
                bar.position(),
                bar.length().unwrap_or(0),
                if good { "" } else { " FAILED" }
            );
        }
    });
    bar.finish_and_clear();
    let tables = write_report(root, common, &planned, &known, threads)?;
    outcome?;
    println!("{tables}");
    Ok(())
}

/// The process that runs one seed.
fn job(root: &Path, common: &Common, row: &PlannedRow, seed: u64) -> anyhow::Result<Job> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut arguments: Vec<String> = vec![
        "repro".into(),
        "seed".into(),
        row.row.name.clone(),
        seed.to_string(),
    ];
    arguments.extend([text(&row.folder), row.id.clone()]);
    arguments.extend(["--root".into(), text(root)]);
    arguments.extend(common.arguments());
    Ok(Job {
        name: format!("{} seed {seed}", row.row.name),
        arguments,
        log: row.log_file(seed),
        result: row.seed_file(seed),
    })
}

impl Common {
    /// What decides on a run and its place, as arguments for another process of this program.
    pub(super) fn arguments(&self) -> Vec<String> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut arguments: Vec<String> = vec![
            "--backend".into(),
            self.backend.name().into(),
            "--out".into(),
            text(&self.out),
        ];
        if let Some(data) = &self.data {
            arguments.extend(["--data".into(), text(data)]);
        }
        if self.keep_adapters {
            arguments.push("--keep-adapters".into());
        }
        for (name, value) in [("--seeds", self.seeds), ("--epochs", self.epochs)] {
            if let Some(value) = value {
                arguments.extend([name.into(), value.to_string()]);
            }
        }
        arguments
    }
}

fn one_seed(
    root: &Path,
    common: &Common,
    row: &Row,
    seed: u64,
    folder: &Path,
    fingerprint: &str,
) -> anyhow::Result<()> {
    let clock = clock();
    let run = SeedRun {
        row: &row.name,
        experiment: &row.experiment,
        seed,
        root,
        data: common.data.as_deref(),
        folder,
        fingerprint,
        features: Some(&common.out.join("features")),
        backend: common.backend.name(),
        keep_adapter: common.keep_adapters,
        session: rs_peft::run::Session::default(),
        clock: &clock,
    };
    let mut output = dispatch(common.backend, run)??;
    output.provenance = Some(provenance(root, common.backend, threads()));
    write_atomically(
        &folder.join(format!("seed-{seed}.json")),
        &rs_peft::peft_lora::seal::close_json(&serde_json::to_vec_pretty(&output)?),
    )?;
    Ok(())
}

/// Threads of this process: as its parent gave them, or one per core.
fn threads() -> usize {
    let given = std::env::var("RAYON_NUM_THREADS")
        .ok()
        .and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

pub(super) fn progress(length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    // The template is a constant; a wrong one would show in the first run.
    if let Ok(style) = ProgressStyle::with_template(
        "{bar:30} {pos}/{len} runs  {elapsed} gone, {eta} left  {wide_msg}",
    ) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}
