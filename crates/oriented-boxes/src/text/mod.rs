//! The text files in which oriented boxes are published: labelTxt (ground truth) and Task 1 (detections).
//!
//! Text in, values out: reading files is the callers' matter. Errors carry the line number.

mod error;
mod fields;
mod label_txt;
mod task1;

pub use error::{LineError, LineProblem};
pub use label_txt::{LabelFile, LabelledQuad, parse_label_txt, write_label_txt};
pub use task1::{Task1Row, parse_task1, write_task1};
