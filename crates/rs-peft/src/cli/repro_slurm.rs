//! `rs-peft repro --executor slurm`: the runs as array jobs, with a report behind them.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use rs_peft::experiment::Row;
use rs_peft::run::Job;
use rs_peft::run::slurm::{Order, queued, submit};

use super::repro::{Common, progress};

/// How often the queue is looked at; a scheduler serves many.
const FIRST_LOOK: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(20);

/// Hands the jobs to the scheduler; with `--wait` returns when none of them is in the queue any more.
pub(super) fn submit_and_wait(
    root: &Path,
    common: &Common,
    rows: &[Row],
    jobs: &[Job],
) -> anyhow::Result<()> {
    if jobs.is_empty() {
        eprintln!("every run has its result; nothing is submitted");
        return Ok(());
    }
    let root = root.to_string_lossy().into_owned();
    let of = |action: &str| {
        vec![
            "repro".to_owned(),
            action.to_owned(),
            "--root".into(),
            root.clone(),
        ]
    };
    // A row asked for by name has a report of its own.
    let only = match rows {
        [row] => Some(row.name.clone()),
        _ => common.only.clone(),
    };
    let mut report = of("report");
    report.extend(common.arguments());
    for (name, value) in [
        ("--only", only),
        (
            "--reuse",
            common
                .reuse
                .as_ref()
                .map(|path| path.to_string_lossy().into_owned()),
        ),
    ] {
        report.extend(value.into_iter().flat_map(|value| [name.to_owned(), value]));
    }
    let order = Order {
        sbatch: common.sbatch.clone(),
        at_once: common.at_once,
        task: of("task"),
        report,
    };
    let folder = common.out.join("slurm");
    let submission = submit(jobs, &order, &folder)?;
    eprintln!(
        "{} runs submitted as job {}, the report as job {}; logs and results below {}",
        jobs.len(),
        submission.arrays.join(", "),
        submission.report.as_deref().unwrap_or("-"),
        common.out.display()
    );
    if !common.wait {
        eprintln!("`squeue` shows them; the same command submits what is missing then");
        return Ok(());
    }
    let all = submission.jobs();
    let bar = progress(jobs.len() as u64);
    let mut pause = FIRST_LOOK;
    loop {
        bar.set_position(jobs.iter().filter(|job| job.result.is_file()).count() as u64);
        if queued(&all)?.is_empty() {
            break;
        }
        sleep(pause);
        pause = (pause * 5 / 4).min(LONGEST);
    }
    bar.finish_and_clear();
    Ok(())
}
