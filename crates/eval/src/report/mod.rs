//! Reports, generated from run records only: Markdown, one self-contained HTML page, SVG files.

mod aggregate;
mod base64;
mod cells;
mod example;
mod figures;
mod html;
mod markdown;
mod notes;
mod number;
mod picture;
mod table;
mod write;

pub use example::{ExampleImage, ExamplePrediction, ExampleSet, MAX_IMAGE_BYTES};
pub use figures::Figure;
pub use picture::Picture;
pub use table::{Cell, Column, ResultRow, ResultTable, tables};
pub use write::{Report, ReportFiles};
