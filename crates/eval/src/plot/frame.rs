//! What the plots share: axes with grid and ticks, the legend, the colour of a method.

use crate::svg::{Anchor, Canvas, Ink, Linear, Marker, SERIES, Stroke, Text, label_of_tick, ticks};

/// The colour and marker of a method, the same in all plots of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// The method that others are compared with.
    Baseline,
    /// Another method, by index.
    Method(usize),
}

impl Colour {
    pub(super) fn ink(self) -> Ink {
        match self {
            Self::Baseline => Ink::Baseline,
            Self::Method(i) => Ink::Series(i),
        }
    }

    pub(super) fn marker(self) -> Marker {
        match self {
            Self::Baseline => Marker::Circle,
            // One further with every round of colours, so that no pair of colour and marker comes twice.
            Self::Method(i) => Marker::of(i + 1 + i / SERIES),
        }
    }

    /// Beyond [`SERIES`] methods colours repeat, and lines are told apart by their dashes.
    pub(super) fn dash(self) -> &'static str {
        match self {
            Self::Baseline => "5 3",
            Self::Method(i) => ["", "7 3", "2 3"][(i / SERIES) % 3],
        }
    }
}

/// Size of tick labels in pixels.
pub(super) const SMALL: f64 = 12.0;

/// The inner rectangle of a plot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Frame {
    /// Horizontal grid lines with labels, and the title of the axis turned at its left.
    pub(super) fn y_axis(&self, canvas: &mut Canvas, scale: &Linear, title: &str) {
        let (values, step) = ticks(scale.domain(), 5);
        for value in values {
            let y = scale.at(value);
            canvas.line(
                (self.left, y),
                (self.right, y),
                Stroke::solid(Ink::Grid, 1.0),
            );
            let text = Text::new(SMALL, Anchor::End, Ink::Muted);
            canvas.text(
                (self.left - 8.0, y + 4.0),
                &label_of_tick(value, step),
                text,
            );
        }
        let middle = 0.5 * (self.top + self.bottom);
        canvas.text(
            (self.left - 46.0, middle),
            title,
            Text::new(SMALL, Anchor::Middle, Ink::Muted).rotated(-90.0),
        );
    }

    /// The line at the bottom, its ticks with labels, and the title below.
    pub(super) fn x_axis(&self, canvas: &mut Canvas, scale: &Linear, title: &str, grid: bool) {
        let (values, step) = ticks(scale.domain(), 6);
        for value in values {
            self.x_tick(canvas, scale.at(value), &label_of_tick(value, step), grid);
        }
        self.x_line(canvas, title);
    }

    pub(super) fn x_tick(&self, canvas: &mut Canvas, x: f64, label: &str, grid: bool) {
        if grid {
            canvas.line(
                (x, self.top),
                (x, self.bottom),
                Stroke::solid(Ink::Grid, 1.0),
            );
        }
        canvas.line(
            (x, self.bottom),
            (x, self.bottom + 4.0),
            Stroke::solid(Ink::Muted, 1.0),
        );
        canvas.text(
            (x, self.bottom + 18.0),
            label,
            Text::new(SMALL, Anchor::Middle, Ink::Muted),
        );
    }

    pub(super) fn x_line(&self, canvas: &mut Canvas, title: &str) {
        canvas.line(
            (self.left, self.bottom),
            (self.right, self.bottom),
            Stroke::solid(Ink::Muted, 1.0),
        );
        let middle = 0.5 * (self.left + self.right);
        canvas.text(
            (middle, self.bottom + 38.0),
            title,
            Text::new(SMALL, Anchor::Middle, Ink::Muted),
        );
    }
}

/// Height of one line of a legend.
pub(super) const LEGEND_LINE: f64 = 21.0;

/// `text`, shortened with an ellipsis to at most `limit` characters.
pub(super) fn shorten(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.into();
    }
    text.chars()
        .take(limit.saturating_sub(1))
        .chain(['\u{2026}'])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_methods_look_alike() {
        let looks: Vec<_> = (0..40)
            .map(|i| (i % SERIES, Colour::Method(i).marker()))
            .collect();
        for (i, look) in looks.iter().enumerate() {
            assert!(!looks[..i].contains(look), "{i}: {look:?}");
        }
    }
}
