//! From a scene to a map.

use std::path::Path;
use std::sync::mpsc::sync_channel;

use rs_datasets::Sample;
use rs_datasets::io::{GeoTiffWriter, SceneFile};
use serde::Serialize;

use super::band_file::TileRow;
use super::mosaic::{Mosaic, Plan};
use super::reading::{Batch, Window, Windows};
use super::rows::{Files, Rows};
use super::setup::{files, identity, notes, plan, windows_of};
use super::work::{Work, folder_of, sweep};
use super::{MapKind, MapOptions, Progress, SceneError, Watch, WindowModel};

/// Batches of windows that wait for the model.
const WAITING: usize = 2;

/// What a map came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MapReport {
    /// Rows of the map.
    pub height: usize,
    /// Columns of the map.
    pub width: usize,
    /// Windows in all.
    pub windows: usize,
    /// Windows without a measured pixel, at which the model did not look, in this attempt.
    pub empty_windows: usize,
    /// Windows that an earlier attempt had done.
    pub resumed_windows: usize,
    /// Pixels of each class.
    pub pixels: Vec<u64>,
    /// Pixels without a class.
    pub without_class: u64,
    /// What the reader of the map should know.
    pub notes: Vec<String>,
}

/// Maps a scene with a model.
///
/// Windows overlap, and their logits are blended as [`super::blend_weights`] says; the class of a pixel is the one with the largest
/// blended logit, its probability the softmax of them. A pixel that the scene does not measure (no data, NaN) has no class: 255 in the
/// map. A model that says something about a window as a whole gives a coarser map, whose pixels are the cells at the windows'
/// middles. Map and probabilities have the grid, the reference system and the transform of the scene.
///
/// Finished rows are kept in a folder `.<name>.work` beside the map until it is whole. The same call after a stop goes on from there
/// and gives the same bytes; with another scene, model or setting it begins anew.
///
/// # Errors
/// [`SceneError`]; a map that existed is as it was then.
pub fn map_scene(
    model: &dyn WindowModel,
    scene: &Path,
    output: &Path,
    options: &MapOptions,
    watch: Watch<'_>,
) -> Result<MapReport, SceneError> {
    let scene = SceneFile::open(scene, options.limits)?;
    let windows = windows_of(model, &scene, options)?;
    let plan = plan(model, &scene, options)?;
    let files = files(model, &scene, options, &plan)?;
    let identity = identity(model, &scene, options, &windows)?;
    let mut outputs = vec![output];
    outputs.extend(options.probabilities.iter().map(|file| file.path.as_path()));
    let going_on = std::fs::read(folder_of(output).join("identity"))
        .is_ok_and(|found| found == identity.as_bytes());
    for path in &outputs {
        // Where an attempt was stopped between the renaming of two files, one of them is there.
        if path.exists() && !options.force && !going_on {
            return Err(SceneError::Exists {
                path: (*path).into(),
            });
        }
    }
    let work = Work::open(output, &identity)?;
    outputs.iter().try_for_each(|path| sweep(path))?;
    let [tile_rows, _] = files.tiles();
    let finished = work.finished(tile_rows, files.classes + 1, files.tiles_per_row());
    let mut report = MapReport {
        height: files.map.height,
        width: files.map.width,
        windows: plan.rows.len() * plan.columns.len(),
        empty_windows: 0,
        resumed_windows: 0,
        pixels: vec![0; files.classes],
        without_class: 0,
        notes: notes(&scene, &plan),
    };
    if finished < tile_rows {
        compute(
            model,
            &windows,
            &plan,
            &files,
            &work,
            finished,
            options.batch,
            watch,
            &mut report,
        )?;
    } else {
        report.resumed_windows = report.windows;
    }
    assemble(&files, &work, &outputs, &mut report)?;
    work.remove()?;
    Ok(report)
}

/// Maps the rows of tiles from `finished` on.
fn compute(
    model: &dyn WindowModel,
    windows: &Windows<'_>,
    plan: &Plan,
    files: &Files,
    work: &Work,
    finished: usize,
    batch: usize,
    watch: Watch<'_>,
    report: &mut MapReport,
) -> Result<(), SceneError> {
    let first_row = finished * rs_datasets::io::TILE;
    let start = plan.first_row_for(first_row);
    let mut progress = Progress {
        done: start * plan.columns.len(),
        total: report.windows,
        resumed: start * plan.columns.len(),
    };
    report.resumed_windows = progress.resumed;
    let mut mosaic = Mosaic::new(plan, files.classes);
    let mut rows = Rows::new(files, work, first_row);
    std::thread::scope(|scope| {
        let (to, batches) = sync_channel(WAITING);
        scope.spawn(move || windows.send((&plan.rows, &plan.columns), start, batch, &to));
        for batch in batches {
            let Batch {
                row,
                first,
                ends_row,
                windows,
            } = batch?;
            mosaic.mark(row, first, &windows);
            let count = windows.len();
            let (places, samples) = measured(first, windows);
            report.empty_windows += count - places.len();
            if !samples.is_empty() {
                let logits = logits(model, plan, plan.rows[row], &samples)?;
                mosaic.add(row, &places, &logits);
            }
            if ends_row {
                let range = plan.finished_by(row);
                let lines = range.len();
                for (line, map_row) in range.enumerate() {
                    let (logits, valid) = mosaic.line(line);
                    rows.push(map_row, &logits, valid)?;
                }
                mosaic.drop_lines(lines);
            }
            progress.done += count;
            if watch(progress).is_break() {
                return Err(SceneError::Stopped {
                    done: progress.done,
                    total: progress.total,
                });
            }
        }
        Ok(())
    })
}

/// The windows with a measured pixel, and which of their row they are.
fn measured(first: usize, windows: Vec<Window>) -> (Vec<usize>, Vec<Sample>) {
    (first..)
        .zip(windows)
        .filter(|(_, window)| window.valid.contains(&true))
        .map(|(place, window)| (place, window.sample))
        .unzip()
}

/// The model's logits, after a look at whether that is what they are.
fn logits(
    model: &dyn WindowModel,
    plan: &Plan,
    row: usize,
    samples: &[Sample],
) -> Result<Vec<f32>, SceneError> {
    let logits = model
        .logits(samples)
        .map_err(|source| SceneError::Model { row, source })?;
    let area = match plan.kind {
        MapKind::Pixels => plan.window[0] * plan.window[1],
        MapKind::Windows => 1,
    };
    let expected = samples.len() * model.classes().len() * area;
    let found = if logits.len() != expected {
        format!("{} numbers", logits.len())
    } else if let Some(bad) = logits.iter().find(|logit| !logit.is_finite()) {
        format!("{bad}")
    } else {
        return Ok(logits);
    };
    Err(SceneError::Logits {
        row,
        found,
        expected: format!(
            "{expected} finite numbers for {} windows and {} classes",
            samples.len(),
            model.classes().len()
        ),
    })
}

/// Puts the rows of tiles together, the probabilities first: where the map is, everything is.
fn assemble(
    files: &Files,
    work: &Work,
    outputs: &[&Path],
    report: &mut MapReport,
) -> Result<(), SceneError> {
    let [tile_rows, across] = files.tiles();
    let mut map = GeoTiffWriter::create(outputs[0], &files.map)?;
    let mut probabilities = match (&files.probabilities, outputs.get(1)) {
        (Some(spec), Some(path)) => Some(GeoTiffWriter::create(path, spec)?),
        _ => None,
    };
    for row in 0..tile_rows {
        let path = work.row(row);
        let Some(found) = TileRow::read(&path, files.classes + 1, files.tiles_per_row()) else {
            return Err(SceneError::Io {
                action: "read what was just written to",
                path,
                source: std::io::ErrorKind::InvalidData.into(),
            });
        };
        for (class, count) in report.pixels.iter_mut().enumerate() {
            *count += found.counts[class];
        }
        report.without_class += found.counts[files.classes];
        for (at, tile) in found.tiles.iter().enumerate() {
            let (plane, column) = (at / across, at % across);
            match (plane, &mut probabilities) {
                (0, _) | (_, None) => map.write(0, row, column, tile)?,
                (plane, Some(writer)) => writer.write(plane - 1, row, column, tile)?,
            }
        }
    }
    if let Some(writer) = probabilities {
        writer.finish()?;
    }
    map.finish()?;
    Ok(())
}
