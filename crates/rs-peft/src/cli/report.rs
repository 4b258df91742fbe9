//! The report of `rs-peft repro`: records, pages, and the tables of a Markdown file.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use rs_peft::eval::record::{RunRecord, read_records, write_atomically};
use rs_peft::eval::report::Report;
use rs_peft::experiment::Catalog;
use rs_peft::run::{PlannedRow, collect, examples, pictures, plan};

use super::provenance::provenance;
use super::repro::{Common, selected};

/// Records and report of the planned rows; returns the tables as Markdown.
pub(super) fn write_report(
    root: &Path,
    common: &Common,
    planned: &[PlannedRow],
    known: &BTreeMap<String, RunRecord>,
    threads: usize,
) -> anyhow::Result<String> {
    // What a result does not say about its code stays absent: today's revision may be another one.
    let mut unknown = provenance(root, common.backend, threads);
    unknown.code.git_revision = None;
    unknown.code.git_dirty = None;
    let mut found: Vec<(&PlannedRow, RunRecord)> = Vec::new();
    for row in planned {
        let own = collect(row, &unknown)?;
        if let Some(own) = &own {
            own.write(&row.folder.join("run.json"))?;
        }
        let whole = own.as_ref().is_some_and(RunRecord::is_complete);
        match (own, known.get(&row.id)) {
            (_, Some(record)) if !whole => found.push((row, record.clone())),
            (Some(record), _) => found.push((row, record)),
            (None, _) => {}
        }
    }
    let mut report = new_report();
    for (row, record) in &found {
        report.pictures.extend(pictures(row, record)?);
    }
    let mut tables: Vec<&str> = found.iter().map(|(row, _)| row.row.table()).collect();
    tables.dedup();
    for table in tables {
        let rows: Vec<_> = found
            .iter()
            .filter(|(row, _)| row.row.table() == table)
            // The predictions of a row that was taken over lie where it was run.
            .filter(|(row, _)| row.folder.join("run.json").is_file())
            .map(|(row, record)| (*row, record))
            .collect();
        report
            .examples
            .extend(examples(&rows, common.data.as_deref())?);
    }
    let records: Vec<RunRecord> = found.into_iter().map(|(_, record)| record).collect();
    let folder = common.out.join("report");
    let files = report.write(&records, &folder)?;
    eprintln!("report: {}", files.html.display());
    Ok(report
        .tables(&records)?
        .iter()
        .map(|table| format!("## {}\n\n{}\n", table.title, table.markdown()))
        .collect())
}

/// The complete records under `--reuse`, by identity.
pub(super) fn known(common: &Common) -> anyhow::Result<BTreeMap<String, RunRecord>> {
    let Some(folder) = &common.reuse else {
        return Ok(BTreeMap::new());
    };
    let stored = read_records(folder)?
        .into_iter()
        .map(|stored| stored.record);
    Ok(stored
        .filter(RunRecord::is_complete)
        .map(|record| (record.id.clone(), record))
        .collect())
}

fn new_report() -> Report {
    let mut report = Report::new("rs-peft: adaptation experiments");
    report.introduction = vec![
        "Every number comes from a run record (run.json). Differences are paired: the same seed draws the same split for every row of a table."
            .into(),
    ];
    report
}

pub(super) fn report(
    root: &Path,
    common: &Common,
    catalog: &Catalog,
    from: Option<&Path>,
    update: Option<&Path>,
) -> anyhow::Result<()> {
    let text = match from {
        Some(folder) => {
            let mut records: Vec<RunRecord> = read_records(folder)?
                .into_iter()
                .map(|stored| stored.record)
                .collect();
            records.sort_by(|a, b| {
                (&a.experiment.name, a.experiment.order)
                    .cmp(&(&b.experiment.name, b.experiment.order))
            });
            let report = new_report();
            report.write(&records, &common.out.join("report"))?;
            report
                .tables(&records)?
                .iter()
                .map(|table| format!("### {}\n\n{}\n", table.title, table.markdown()))
                .collect()
        }
        None => {
            let planned: Vec<PlannedRow> = selected(catalog, common)
                .iter()
                .map(|row| plan(row, root, common.data.as_deref(), &common.out))
                .collect::<Result<_, _>>()?;
            write_report(root, common, &planned, &known(common)?, 1)?
        }
    };
    match update {
        Some(page) => replace_tables(page, &text),
        None => {
            println!("{text}");
            Ok(())
        }
    }
}

/// Replaces what stands between the markers of a page.
fn replace_tables(page: &Path, tables: &str) -> anyhow::Result<()> {
    const BEGIN: &str = "<!-- results:begin -->\n";
    const END: &str = "<!-- results:end -->";
    let text =
        std::fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))?;
    let (Some(begin), Some(end)) = (text.find(BEGIN), text.find(END)) else {
        anyhow::bail!(
            "{} lacks the lines {} and {END}",
            page.display(),
            BEGIN.trim()
        );
    };
    anyhow::ensure!(
        begin < end,
        "{}: the markers are in the wrong order",
        page.display()
    );
    let replaced = format!(
        "{}{}\n{}",
        &text[..begin + BEGIN.len()],
        tables.trim_end(),
        &text[end..]
    );
    write_atomically(page, replaced.as_bytes())?;
    Ok(())
}
