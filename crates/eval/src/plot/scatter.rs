//! Points of several kinds in the plane, in panels side by side that share both axes.

use super::frame::{Frame, LEGEND_LINE, SMALL};
use crate::svg::{Anchor, Canvas, Ink, Linear, Marker, Text, Theme};

/// Points that look alike.
#[derive(Debug, Clone, PartialEq)]
pub struct ScatterSeries {
    /// What they are.
    pub label: String,
    /// Where they are; points that are not finite are left out.
    pub points: Vec<[f64; 2]>,
    /// Colour, by index of the series' meaning.
    pub colour: usize,
    /// How prominent they are.
    pub weight: ScatterWeight,
}

/// How prominent points are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScatterWeight {
    /// Many small ones behind the others.
    Ground,
    /// Data.
    Point,
    /// Few large ones before the others, such as centres, with a shape by index.
    Landmark(usize),
}

/// Panels of points.
#[derive(Debug, Clone, PartialEq)]
pub struct ScatterPlot {
    /// Title.
    pub title: String,
    /// Titles of the panels and what they show. Series of the same label share a line of the legend.
    pub panels: Vec<(String, Vec<ScatterSeries>)>,
    /// Titles of the axes.
    pub axes: [String; 2],
}

const SIDE: f64 = 340.0;
const GAP: f64 = 24.0;
const LEFT: f64 = 62.0;
const TOP: f64 = 62.0;

impl ScatterSeries {
    fn marker(&self) -> Marker {
        match self.weight {
            ScatterWeight::Landmark(shape) => Marker::of(shape + 1),
            _ => Marker::Circle,
        }
    }

    fn radius(&self) -> f64 {
        match self.weight {
            ScatterWeight::Ground => 2.2,
            ScatterWeight::Point => 3.8,
            ScatterWeight::Landmark(_) => 8.0,
        }
    }
}

impl ScatterPlot {
    /// Draws the plot.
    pub fn draw(&self, theme: Theme) -> String {
        let panels = self.panels.len().max(1) as f64;
        let mut legend: Vec<&ScatterSeries> = Vec::new();
        for series in self.panels.iter().flat_map(|(_, series)| series) {
            if !legend.iter().any(|known| known.label == series.label) {
                legend.push(series);
            }
        }
        let width = LEFT + panels * SIDE + (panels - 1.0) * GAP + 16.0;
        let bottom = TOP + SIDE;
        let height = bottom + 62.0 + LEGEND_LINE * legend.len().div_ceil(2) as f64;
        let counts: Vec<String> = self
            .panels
            .iter()
            .map(|(title, series)| {
                let parts = series
                    .iter()
                    .map(|s| format!("{} {}", s.points.len(), s.label));
                format!("{title}: {}", parts.collect::<Vec<_>>().join(", "))
            })
            .collect();
        let mut canvas = Canvas::new(theme, width, height, &self.title, &counts.join("; "));
        let heading = Text::new(15.0, Anchor::Start, Ink::Text).bold();
        canvas.text((16.0, 24.0), &self.title, heading);
        let values = |axis: usize| {
            let series = self.panels.iter().flat_map(|(_, series)| series);
            series.flat_map(move |s| s.points.iter().map(move |p| p[axis]))
        };
        let y = Linear::over(values(1), 0.05, 1e-9, (bottom, TOP));
        for (index, (title, series)) in self.panels.iter().enumerate() {
            let left = LEFT + index as f64 * (SIDE + GAP);
            let frame = Frame {
                left,
                top: TOP,
                right: left + SIDE,
                bottom,
            };
            let x = Linear::over(values(0), 0.05, 1e-9, (left, left + SIDE));
            let middle = Text::new(SMALL, Anchor::Middle, Ink::Text).bold();
            canvas.text((left + SIDE / 2.0, TOP - 10.0), title, middle);
            if index == 0 {
                frame.y_axis(&mut canvas, &y, &self.axes[1]);
            }
            frame.x_axis(&mut canvas, &x, &self.axes[0], true);
            for series in series {
                for point in &series.points {
                    let at = (x.at(point[0]), y.at(point[1]));
                    let ink = Ink::Series(series.colour);
                    // A text on every point would be most of the file.
                    let text = matches!(series.weight, ScatterWeight::Landmark(_));
                    let tooltip = text.then_some(series.label.as_str());
                    canvas.marker(at, series.radius(), series.marker(), ink, tooltip);
                }
            }
        }
        for (index, series) in legend.iter().enumerate() {
            let column = (width - 32.0) / 2.0;
            let at = (
                24.0 + column * (index % 2) as f64,
                bottom + 58.0 + LEGEND_LINE * (index / 2) as f64,
            );
            let ink = Ink::Series(series.colour);
            let size = series.radius().min(6.0);
            canvas.marker((at.0, at.1 - 4.0), size, series.marker(), ink, None);
            let text = Text::new(SMALL, Anchor::Start, Ink::Text);
            canvas.text((at.0 + 14.0, at.1), &series.label, text);
        }
        canvas.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_share_a_legend_and_points_without_a_place_are_left_out() {
        let series = |label: &str, weight| ScatterSeries {
            label: label.into(),
            points: vec![[0.0, 1.0], [2.0, -1.0], [f64::NAN, 0.0]],
            colour: 1,
            weight,
        };
        let plot = ScatterPlot {
            title: "a < b".into(),
            panels: vec![
                ("before".into(), vec![series("rows", ScatterWeight::Ground)]),
                (
                    "after".into(),
                    vec![
                        series("rows", ScatterWeight::Ground),
                        series("centre", ScatterWeight::Landmark(0)),
                    ],
                ),
            ],
            axes: ["first".into(), "second".into()],
        };
        let svg = plot.draw(Theme::Standalone);
        assert!(svg.contains("a &lt; b"));
        // Two finite points in each of two panels, and one in the legend.
        assert_eq!(svg.matches("<circle").count(), 5);
        assert!(!svg.contains("NaN"));
        let empty = ScatterPlot {
            panels: Vec::new(),
            ..plot
        };
        assert!(empty.draw(Theme::Page).starts_with("<svg"));
    }
}
