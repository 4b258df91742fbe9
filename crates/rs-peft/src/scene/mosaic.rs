//! Sums of weighted logits of the rows of pixels that windows still cover.

use rayon::prelude::*;

use super::MapKind;
use super::layout::{blend_weights, cell_positions, positions};
use super::reading::Window;

/// Where all windows of a map lie, and how they count.
pub(super) struct Plan {
    pub(super) kind: MapKind,
    pub(super) window: [usize; 2],
    /// Rows and columns of the scene.
    pub(super) extent: [usize; 2],
    /// Overlap of windows, or pixels of a cell.
    pub(super) step: usize,
    /// First rows and first columns of windows.
    pub(super) rows: Vec<usize>,
    pub(super) columns: Vec<usize>,
    row_weights: Vec<Vec<f32>>,
    column_weights: Vec<Vec<f32>>,
}

impl Plan {
    pub(super) fn new(kind: MapKind, window: [usize; 2], extent: [usize; 2], step: usize) -> Self {
        let along = |axis: usize| match kind {
            MapKind::Pixels => positions(extent[axis], window[axis], step),
            MapKind::Windows => cell_positions(extent[axis], window[axis], step),
        };
        let (rows, columns) = (along(0), along(1));
        let weights = |axis: usize, starts: &[usize]| match kind {
            MapKind::Pixels => blend_weights(starts, window[axis], step, extent[axis]),
            MapKind::Windows => Vec::new(),
        };
        Self {
            kind,
            window,
            extent,
            step,
            row_weights: weights(0, &rows),
            column_weights: weights(1, &columns),
            rows,
            columns,
        }
    }

    /// Rows and columns of the map.
    pub(super) fn map_extent(&self) -> [usize; 2] {
        match self.kind {
            MapKind::Pixels => self.extent,
            MapKind::Windows => [self.rows.len(), self.columns.len()],
        }
    }

    /// The first row of windows that says something about row `row` of the map or those below it.
    pub(super) fn first_row_for(&self, row: usize) -> usize {
        match self.kind {
            MapKind::Pixels => self
                .rows
                .partition_point(|&start| start + self.window[0] <= row),
            MapKind::Windows => row,
        }
    }

    /// Rows of the map that are finished once this row of windows is.
    pub(super) fn finished_by(&self, row: usize) -> std::ops::Range<usize> {
        match self.kind {
            MapKind::Pixels => {
                let end = self.rows.get(row + 1).copied();
                self.rows[row]..end.unwrap_or(self.extent[0])
            }
            MapKind::Windows => row..row + 1,
        }
    }
}

/// Rows of the map in the making.
pub(super) struct Mosaic<'a> {
    plan: &'a Plan,
    classes: usize,
    /// Rows held: those of a window, or one row of cells.
    held: usize,
    width: usize,
    /// `[class][row][column]`.
    sums: Vec<f32>,
    /// `[row][column]`: whether the map has a value there.
    valid: Vec<bool>,
}

impl<'a> Mosaic<'a> {
    pub(super) fn new(plan: &'a Plan, classes: usize) -> Self {
        let width = plan.map_extent()[1];
        let held = match plan.kind {
            MapKind::Pixels => plan.window[0].min(plan.extent[0]),
            MapKind::Windows => 1,
        };
        Self {
            plan,
            classes,
            held,
            width,
            sums: vec![0.0; classes * held * width],
            valid: vec![false; held * width],
        }
    }

    /// Marks what is measured in windows from window `first` of row `row` on.
    pub(super) fn mark(&mut self, row: usize, first: usize, windows: &[Window]) {
        for (place, window) in (first..).zip(windows) {
            let column = self.plan.columns[place];
            match self.plan.kind {
                MapKind::Pixels => {
                    let count = self.plan.window[1].min(self.width - column);
                    for line in 0..self.held {
                        let from = line * self.plan.window[1];
                        let to = line * self.width + column;
                        self.valid[to..to + count]
                            .copy_from_slice(&window.valid[from..from + count]);
                    }
                }
                MapKind::Windows => {
                    // A cell has a class where one of its own pixels is measured, whatever lies around it.
                    let start = [self.plan.rows[row], column];
                    let cell = [row, place].map(|index| index * self.plan.step);
                    let range = |axis: usize| {
                        let end = (cell[axis] + self.plan.step).min(self.plan.extent[axis]);
                        cell[axis] - start[axis]..end - start[axis]
                    };
                    let width = self.plan.window[1];
                    self.valid[place] =
                        range(0).any(|line| window.valid[line * width..][range(1)].contains(&true));
                }
            }
        }
    }

    /// Adds the logits of windows of row `row` of windows; `places` says which windows of the row they are, from west to east.
    pub(super) fn add(&mut self, row: usize, places: &[usize], logits: &[f32]) {
        let plan = self.plan;
        let classes = self.classes;
        if plan.kind == MapKind::Windows {
            for (&place, logits) in places.iter().zip(logits.chunks_exact(classes)) {
                for (class, &logit) in logits.iter().enumerate() {
                    self.sums[class * self.width + place] = logit;
                }
            }
            return;
        }
        let [height, width] = plan.window;
        let held = self.held;
        // Each line of the sums is one task, and windows are added to it from west to east: the result does not depend on threads.
        let lines = self.sums.par_chunks_exact_mut(self.width).enumerate();
        lines.for_each(|(at, sums)| {
            let (class, line) = (at / held, at % held);
            let down = plan.row_weights[row][line];
            for (window, &place) in places.iter().enumerate() {
                let start = plan.columns[place];
                let from = ((window * classes + class) * height + line) * width;
                let logits = &logits[from..from + width];
                let weights = &plan.column_weights[place];
                let to = sums[start..].iter_mut();
                for ((sum, logit), weight) in to.zip(logits).zip(weights) {
                    *sum += down * weight * logit;
                }
            }
        });
    }

    /// A line of what is held: the logits of each class, and where the map has a value.
    pub(super) fn line(&self, line: usize) -> (Vec<&[f32]>, &[bool]) {
        let logits = (0..self.classes).map(|class| {
            let from = (class * self.held + line) * self.width;
            &self.sums[from..from + self.width]
        });
        let from = line * self.width;
        (logits.collect(), &self.valid[from..from + self.width])
    }

    /// Lets go of the first `count` lines; what is held moves up, and empty lines follow.
    pub(super) fn drop_lines(&mut self, count: usize) {
        let (held, width) = (self.held, self.width);
        let count = count.min(held);
        self.sums
            .par_chunks_exact_mut(held * width)
            .for_each(|plane| {
                plane.copy_within(count * width.., 0);
                plane[(held - count) * width..].fill(0.0);
            });
        self.valid.copy_within(count * width.., 0);
        self.valid[(held - count) * width..].fill(false);
    }
}
