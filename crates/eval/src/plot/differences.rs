//! Paired differences with their intervals, one line per method, around a line at zero.

use super::frame::{Colour, Frame, SMALL, shorten};
use crate::svg::{Anchor, Canvas, Ink, Linear, Stroke, Text, Theme};

/// One method.
#[derive(Debug, Clone, PartialEq)]
pub struct DifferenceRow {
    /// Name of the method.
    pub label: String,
    /// Mean difference, as printed (percentage points for fractions).
    pub mean: f64,
    /// Ends of the interval.
    pub interval: Option<(f64, f64)>,
    /// The single differences, drawn as small ticks below the line.
    pub singles: Vec<f64>,
    /// The printed form, e.g. `+1.2 [-0.3, +2.7]`.
    pub text: String,
    /// Colour and marker.
    pub colour: Colour,
}

/// Differences of several methods to a baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct DifferencePlot {
    /// Title.
    pub title: String,
    /// Name and unit of the axis.
    pub axis: String,
    /// The methods, from top to bottom.
    pub rows: Vec<DifferenceRow>,
}

impl DifferencePlot {
    /// Draws the plot.
    pub fn draw(&self, theme: Theme) -> String {
        const LINE: f64 = 32.0;
        // Characters of a label at most, and pixels of one at this size.
        const LABEL: usize = 48;
        const CHARACTER: f64 = 6.8;
        let height = 116.0 + LINE * self.rows.len() as f64;
        let pixels = |text: &str| CHARACTER * text.chars().count().min(LABEL) as f64;
        let widest = |texts: &mut dyn Iterator<Item = &String>| {
            texts.map(|text| pixels(text)).fold(140.0, f64::max)
        };
        let left = 18.0 + widest(&mut self.rows.iter().map(|row| &row.label));
        let frame = Frame {
            left,
            top: 42.0,
            right: left + 244.0,
            bottom: height - 54.0,
        };
        let width = frame.right + 18.0 + widest(&mut self.rows.iter().map(|row| &row.text));
        let description = self
            .rows
            .iter()
            .map(|row| format!("{}: {}", row.label, row.text))
            .collect::<Vec<_>>()
            .join("; ");
        let mut canvas = Canvas::new(theme, width, height, &self.title, &description);
        canvas.text(
            (16.0, 24.0),
            &self.title,
            Text::new(15.0, Anchor::Start, Ink::Text).bold(),
        );
        let values = self.rows.iter().flat_map(|row| {
            let (low, high) = row.interval.unwrap_or((row.mean, row.mean));
            row.singles
                .iter()
                .copied()
                .chain([low, high, row.mean, 0.0])
        });
        let x = Linear::over(values, 0.06, 1.0, (frame.left, frame.right));
        frame.x_axis(&mut canvas, &x, &self.axis, true);
        canvas.line(
            (x.at(0.0), frame.top),
            (x.at(0.0), frame.bottom),
            Stroke::solid(Ink::Text, 1.4),
        );
        for (i, row) in self.rows.iter().enumerate() {
            let y = frame.top + LINE * (i as f64 + 0.5) - 1.0;
            let ink = row.colour.ink();
            for single in &row.singles {
                let at = x.at(*single);
                canvas.line(
                    (at, y + 7.0),
                    (at, y + 11.0),
                    Stroke::solid(Ink::Muted, 1.0),
                );
            }
            if let Some((low, high)) = row.interval {
                canvas.line((x.at(low), y), (x.at(high), y), Stroke::solid(ink, 2.4));
                for end in [low, high] {
                    canvas.line(
                        (x.at(end), y - 5.0),
                        (x.at(end), y + 5.0),
                        Stroke::solid(ink, 2.0),
                    );
                }
            }
            canvas.marker(
                (x.at(row.mean), y),
                5.5,
                row.colour.marker(),
                ink,
                Some(&format!("{}: {}", row.label, row.text)),
            );
            let label = Text::new(SMALL, Anchor::End, Ink::Text);
            canvas.text(
                (frame.left - 12.0, y + 4.0),
                &shorten(&row.label, LABEL),
                label,
            );
            canvas.text(
                (frame.right + 12.0, y + 4.0),
                &row.text,
                Text::new(SMALL, Anchor::Start, Ink::Text),
            );
        }
        canvas.finish()
    }
}
