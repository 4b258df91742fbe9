//! The figures of a report, as SVG text. They know numbers and labels, not run records.

mod curves;
mod differences;
mod frame;
mod heatmap;
mod parameters;
mod reliability;
mod scatter;

pub use curves::{CurvePlot, CurveSeries};
pub use differences::{DifferencePlot, DifferenceRow};
pub use frame::Colour;
pub use heatmap::{MAX_HEATMAP_CLASSES, heatmap};
pub use parameters::{ParameterPlot, ParameterPoint};
pub use reliability::reliability_plot;
pub use scatter::{ScatterPlot, ScatterSeries, ScatterWeight};
