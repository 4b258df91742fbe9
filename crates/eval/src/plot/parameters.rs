//! Score against the number of trained parameters, on a logarithmic axis with a place for zero.

use super::frame::{Colour, Frame, LEGEND_LINE, SMALL, shorten};
use crate::svg::{Anchor, Canvas, Ink, Linear, Stroke, Text, Theme};

/// One method in the plot.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterPoint {
    /// Name of the method.
    pub label: String,
    /// Trained parameters (outside the head).
    pub parameters: u64,
    /// Mean score, as printed (percent for fractions).
    pub score: f64,
    /// Half length of the error bar: the standard deviation over seeds.
    pub error: Option<f64>,
    /// Colour and marker.
    pub colour: Colour,
}

/// Score against trained parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterPlot {
    /// Title.
    pub title: String,
    /// Name and unit of the score.
    pub score_label: String,
    /// The methods.
    pub points: Vec<ParameterPoint>,
}

/// Width of the figure in pixels.
const WIDTH: f64 = 560.0;

/// Characters of a label that fit into one of two columns of the legend.
const LABEL: usize = 30;

/// Columns of the legend: two, unless a label would be cut.
fn columns(points: &[&ParameterPoint]) -> usize {
    let long = |p: &&ParameterPoint| p.label.chars().count() > LABEL;
    if points.iter().any(long) { 1 } else { 2 }
}

/// Decades of the axis as a reader says them.
fn decade(exponent: i32) -> String {
    match exponent {
        e @ 0..=2 => 10u64.pow(e as u32).to_string(),
        e @ 3..=5 => format!("{} k", 10u64.pow(e as u32 - 3)),
        e @ 6..=8 => format!("{} M", 10u64.pow(e as u32 - 6)),
        e => format!("1e{e}"),
    }
}

impl ParameterPlot {
    /// Draws the plot; points whose score is not finite are left out.
    pub fn draw(&self, theme: Theme) -> String {
        let points: Vec<&ParameterPoint> =
            self.points.iter().filter(|p| p.score.is_finite()).collect();
        let lines = points.len().div_ceil(columns(&points));
        let frame = Frame {
            left: 62.0,
            top: 40.0,
            right: WIDTH - 16.0,
            bottom: 330.0,
        };
        let height = frame.bottom + 62.0 + LEGEND_LINE * lines as f64;
        let description = format!(
            "{} against trained parameters: {}",
            self.score_label,
            points
                .iter()
                .map(|p| format!("{}: {} parameters, {:.1}", p.label, p.parameters, p.score))
                .collect::<Vec<_>>()
                .join("; ")
        );
        let mut canvas = Canvas::new(theme, WIDTH, height, &self.title, &description);
        canvas.text(
            (16.0, 24.0),
            &self.title,
            Text::new(15.0, Anchor::Start, Ink::Text).bold(),
        );

        let ends = points.iter().flat_map(|p| {
            let error = p.error.unwrap_or(0.0);
            [p.score - error, p.score + error]
        });
        let y = Linear::over(ends, 0.08, 2.0, (frame.bottom, frame.top));
        frame.y_axis(&mut canvas, &y, &self.score_label);

        let zero = points.iter().any(|p| p.parameters == 0);
        let logs = points
            .iter()
            .filter(|p| p.parameters > 0)
            .map(|p| (p.parameters as f64).log10());
        let (low, high) = logs.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
            (l.min(v), h.max(v))
        });
        let (low, high) = if low <= high {
            (low.floor(), high.ceil().max(low.floor() + 1.0))
        } else {
            (3.0, 6.0)
        };
        let start = if zero {
            frame.left + 70.0
        } else {
            frame.left + 16.0
        };
        let x = Linear::new((low, high), (start, frame.right - 16.0));
        for exponent in low as i32..=high as i32 {
            frame.x_tick(
                &mut canvas,
                x.at(f64::from(exponent)),
                &decade(exponent),
                true,
            );
        }
        let at_zero = frame.left + 24.0;
        frame.x_line(
            &mut canvas,
            "trained parameters outside the head (log scale)",
        );
        if zero {
            frame.x_tick(&mut canvas, at_zero, "0", true);
            // The axis is broken between 0 and the first decade.
            let cut = 0.5 * (at_zero + start) - 2.0;
            canvas.rect(cut - 3.0, frame.bottom - 2.0, 6.0, 4.0, Ink::Surface, None);
            for shift in [-3.0, 3.0] {
                let (a, b) = (
                    (cut + shift - 2.0, frame.bottom + 5.0),
                    (cut + shift + 2.0, frame.bottom - 5.0),
                );
                canvas.line(a, b, Stroke::solid(Ink::Muted, 1.0));
            }
        }
        let place = |p: &ParameterPoint| {
            (
                if p.parameters == 0 {
                    at_zero
                } else {
                    x.at((p.parameters as f64).log10())
                },
                y.at(p.score),
            )
        };
        for p in points.iter().filter(|p| p.colour == Colour::Baseline) {
            let level = y.at(p.score);
            let stroke = Stroke {
                ink: Ink::Baseline,
                width: 1.2,
                dash: "5 3",
            };
            canvas.line((frame.left, level), (frame.right, level), stroke);
        }
        for p in &points {
            let (px, _) = place(p);
            if let Some(error) = p.error {
                let (top, bottom) = (y.at(p.score + error), y.at(p.score - error));
                let stroke = Stroke::solid(p.colour.ink(), 1.6);
                canvas.line((px, top), (px, bottom), stroke);
                for end in [top, bottom] {
                    canvas.line((px - 5.0, end), (px + 5.0, end), stroke);
                }
            }
        }
        for p in &points {
            canvas.marker(
                place(p),
                6.0,
                p.colour.marker(),
                p.colour.ink(),
                Some(&p.label),
            );
        }
        self.legend(&mut canvas, &points, &frame);
        canvas.finish()
    }

    /// Below the axis, from best to worst score, so that the legend reads like the plot.
    fn legend(&self, canvas: &mut Canvas, points: &[&ParameterPoint], frame: &Frame) {
        let mut order: Vec<&ParameterPoint> = points.to_vec();
        order.sort_by(|a, b| b.score.total_cmp(&a.score));
        let (columns, end) = (columns(points), frame.right - 2.0);
        let lines = order.len().div_ceil(columns);
        for (i, p) in order.into_iter().enumerate() {
            let left = frame.left - 40.0 + (i / lines) as f64 * 270.0;
            let y = frame.bottom + 66.0 + LEGEND_LINE * (i % lines) as f64;
            canvas.marker(
                (left, y - 4.0),
                5.5,
                p.colour.marker(),
                p.colour.ink(),
                None,
            );
            canvas.text(
                (left + 14.0, y),
                &shorten(&p.label, LABEL * 2 / columns),
                Text::new(SMALL, Anchor::Start, Ink::Text),
            );
            let score = format!("{:.1}", p.score);
            canvas.text(
                (if columns == 1 { end } else { left + 250.0 }, y),
                &score,
                Text::new(SMALL, Anchor::End, Ink::Muted),
            );
        }
    }
}
