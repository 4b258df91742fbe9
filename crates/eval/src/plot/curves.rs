//! Training curves: one line per method, the mean over seeds, in a band from the lowest to the highest seed.

use super::frame::{Colour, Frame, LEGEND_LINE, SMALL, shorten};
use crate::svg::{Anchor, Canvas, Ink, Linear, Stroke, Text, Theme};

/// The curve of one method.
#[derive(Debug, Clone, PartialEq)]
pub struct CurveSeries {
    /// Name of the method.
    pub label: String,
    /// Colour and dashes.
    pub colour: Colour,
    /// `(x, mean, lowest, highest)` over seeds, in order of x.
    pub points: Vec<(f64, f64, f64, f64)>,
}

/// Curves of several methods.
#[derive(Debug, Clone, PartialEq)]
pub struct CurvePlot {
    /// Title.
    pub title: String,
    /// Name of the horizontal axis.
    pub x_label: String,
    /// Name and unit of the vertical axis.
    pub y_label: String,
    /// The curves.
    pub series: Vec<CurveSeries>,
}

impl CurvePlot {
    /// Draws the plot, with the legend in columns below it.
    pub fn draw(&self, theme: Theme) -> String {
        const WIDTH: f64 = 560.0;
        const COLUMNS: usize = 2;
        let lines = self.series.len().div_ceil(COLUMNS);
        let bottom = 290.0;
        let height = bottom + 62.0 + LEGEND_LINE * lines as f64;
        let frame = Frame {
            left: 62.0,
            top: 40.0,
            right: WIDTH - 16.0,
            bottom,
        };
        let names: Vec<&str> = self
            .series
            .iter()
            .map(|series| series.label.as_str())
            .collect();
        let description = format!(
            "{} by {} for {}",
            self.y_label,
            self.x_label,
            names.join(", ")
        );
        let mut canvas = Canvas::new(theme, WIDTH, height, &self.title, &description);
        canvas.text(
            (16.0, 24.0),
            &self.title,
            Text::new(15.0, Anchor::Start, Ink::Text).bold(),
        );
        let all = || self.series.iter().flat_map(|series| &series.points);
        let x = Linear::over(all().map(|p| p.0), 0.0, 0.0, (frame.left, frame.right));
        let y = Linear::over(
            all().flat_map(|p| [p.2, p.3]),
            0.05,
            0.0,
            (frame.bottom, frame.top),
        );
        frame.y_axis(&mut canvas, &y, &self.y_label);
        frame.x_axis(&mut canvas, &x, &self.x_label, false);
        for series in &self.series {
            let upper = series.points.iter().map(|p| (x.at(p.0), y.at(p.3)));
            let lower = series.points.iter().rev().map(|p| (x.at(p.0), y.at(p.2)));
            canvas.area(
                &upper.chain(lower).collect::<Vec<_>>(),
                series.colour.ink(),
                0.14,
            );
        }
        for series in &self.series {
            let line: Vec<(f64, f64)> = series
                .points
                .iter()
                .map(|p| (x.at(p.0), y.at(p.1)))
                .collect();
            let stroke = Stroke {
                ink: series.colour.ink(),
                width: 2.0,
                dash: series.colour.dash(),
            };
            if let [single] = line[..] {
                canvas.marker(
                    single,
                    4.0,
                    series.colour.marker(),
                    series.colour.ink(),
                    Some(&series.label),
                );
            } else {
                canvas.polyline(&line, stroke, Some(&series.label));
            }
        }
        for (i, series) in self.series.iter().enumerate() {
            let left = frame.left + (i % COLUMNS) as f64 * 250.0;
            let level = bottom + 66.0 + LEGEND_LINE * (i / COLUMNS) as f64;
            let stroke = Stroke {
                ink: series.colour.ink(),
                width: 2.4,
                dash: series.colour.dash(),
            };
            canvas.line((left, level - 4.0), (left + 24.0, level - 4.0), stroke);
            let text = Text::new(SMALL, Anchor::Start, Ink::Text);
            canvas.text((left + 32.0, level), &shorten(&series.label, 28), text);
        }
        canvas.finish()
    }
}
