//! Finished rows of the map, gathered into tiles, compressed and put on disk.

use rayon::prelude::*;
use rs_datasets::io::{EncodedTile, GeoTiffSpec, Samples, TILE, encode_tile};

use super::SceneError;
use super::band_file::TileRow;
use super::work::Work;

/// Value of a map where it has no class.
pub(super) const NO_CLASS: u8 = 255;

/// The files of a map.
pub(super) struct Files {
    pub(super) map: GeoTiffSpec,
    pub(super) probabilities: Option<GeoTiffSpec>,
    pub(super) percent: bool,
    pub(super) classes: usize,
}

impl Files {
    /// Rows of tiles, and tiles per row of the map and of each class.
    pub(super) fn tiles(&self) -> [usize; 2] {
        self.map.tiles()
    }

    /// Tiles that a row of tiles has in all files.
    pub(super) fn tiles_per_row(&self) -> usize {
        let files = 1 + self.probabilities.as_ref().map_or(0, |spec| spec.bands);
        files * self.tiles()[1]
    }
}

/// The row of tiles that is being filled.
pub(super) struct Rows<'a> {
    files: &'a Files,
    work: &'a Work,
    /// Next row of the map.
    next: usize,
    /// Columns, those of the last tile beyond the map included.
    padded: usize,
    map: Vec<u8>,
    /// One plane per class.
    probabilities: Vec<Vec<f32>>,
    counts: Vec<u64>,
}

impl<'a> Rows<'a> {
    /// `next` is the first row of a row of tiles.
    pub(super) fn new(files: &'a Files, work: &'a Work, next: usize) -> Self {
        let padded = files.tiles()[1] * TILE;
        let planes = files.probabilities.as_ref().map_or(0, |spec| spec.bands);
        Self {
            files,
            work,
            next,
            padded,
            map: vec![NO_CLASS; TILE * padded],
            probabilities: vec![vec![f32::NAN; TILE * padded]; planes],
            counts: vec![0; files.classes + 1],
        }
    }

    /// Takes row `row` of the map; rows before the one that is wanted next are passed over.
    pub(super) fn push(
        &mut self,
        row: usize,
        logits: &[&[f32]],
        valid: &[bool],
    ) -> Result<(), SceneError> {
        if row != self.next {
            debug_assert!(row < self.next, "row {row} before {}", self.next);
            return Ok(());
        }
        let from = (row % TILE) * self.padded;
        for (column, &valid) in valid.iter().enumerate() {
            if !valid {
                self.counts[self.files.classes] += 1;
                continue;
            }
            // The first of equal logits, as everywhere.
            let mut best = 0;
            for class in 1..logits.len() {
                if logits[class][column] > logits[best][column] {
                    best = class;
                }
            }
            self.map[from + column] = best as u8;
            self.counts[best] += 1;
            if self.probabilities.is_empty() {
                continue;
            }
            let highest = logits[best][column];
            let sum: f32 = logits.iter().map(|l| (l[column] - highest).exp()).sum();
            for (plane, logits) in self.probabilities.iter_mut().zip(logits) {
                plane[from + column] = (logits[column] - highest).exp() / sum;
            }
        }
        self.next += 1;
        if self.next.is_multiple_of(TILE) || self.next == self.files.map.height {
            self.flush(row / TILE)?;
        }
        Ok(())
    }

    /// Compresses the row of tiles, writes it and begins the next.
    fn flush(&mut self, tile_row: usize) -> Result<(), SceneError> {
        let across = self.files.tiles()[1];
        let cut = |plane: usize, column: usize| -> Result<EncodedTile, SceneError> {
            fn tile<T: Copy>(values: &[T], padded: usize, column: usize) -> Vec<T> {
                let rows = values.chunks_exact(padded);
                rows.flat_map(|row| row[column * TILE..(column + 1) * TILE].iter().copied())
                    .collect()
            }
            let encoded = match (plane, &self.files.probabilities) {
                (0, _) | (_, None) => {
                    let samples = Samples::U8(tile(&self.map, self.padded, column));
                    encode_tile(&self.files.map, &samples)?
                }
                (plane, Some(spec)) => {
                    let values = tile(&self.probabilities[plane - 1], self.padded, column);
                    let samples = match self.files.percent {
                        false => Samples::F32(values),
                        true => Samples::U8(values.iter().map(|&value| percent(value)).collect()),
                    };
                    encode_tile(spec, &samples)?
                }
            };
            Ok(encoded)
        };
        let tiles: Result<Vec<EncodedTile>, SceneError> = (0..self.files.tiles_per_row())
            .into_par_iter()
            .map(|at| cut(at / across, at % across))
            .collect();
        let finished = TileRow {
            counts: self.counts.clone(),
            tiles: tiles?,
        };
        finished.write(&self.work.row(tile_row))?;
        self.map.fill(NO_CLASS);
        self.counts.fill(0);
        for plane in &mut self.probabilities {
            plane.fill(f32::NAN);
        }
        Ok(())
    }
}

/// A probability in whole per cent; "no data" stays that.
fn percent(probability: f32) -> u8 {
    if probability.is_nan() {
        NO_CLASS
    } else {
        (probability * 100.0).round() as u8
    }
}
