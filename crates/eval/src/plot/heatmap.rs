//! A confusion matrix as a heat map.

use super::frame::{SMALL, shorten};
use crate::metric::ConfusionMatrix;
use crate::svg::{Anchor, Canvas, Ink, Text, Theme, readable_on};

/// Above this many classes the cells would be smaller than a few pixels: [`heatmap`] draws nothing.
pub const MAX_HEATMAP_CLASSES: usize = 100;

/// The colour of a fraction 0..=1: white to dark blue, lightness falling monotonically.
fn colour(fraction: f64) -> (u8, u8, u8) {
    const STOPS: [(f64, f64, f64); 5] = [
        (246.0, 248.0, 251.0),
        (198.0, 219.0, 239.0),
        (107.0, 174.0, 214.0),
        (33.0, 113.0, 181.0),
        (8.0, 48.0, 107.0),
    ];
    let position = fraction.clamp(0.0, 1.0) * 4.0;
    let below = (position.floor() as usize).min(3);
    let t = position - below as f64;
    let (a, b) = (STOPS[below], STOPS[below + 1]);
    let mix = |a: f64, b: f64| (a + (b - a) * t).round() as u8;
    (mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// Draws `matrix` with rows of true classes, each cell in percent of its row; the support of each row stands at its right.
/// `note` says what was summed. `None` above [`MAX_HEATMAP_CLASSES`] classes.
pub fn heatmap(matrix: &ConfusionMatrix, title: &str, note: &str, theme: Theme) -> Option<String> {
    let classes = matrix.classes();
    let n = classes.len();
    if n > MAX_HEATMAP_CLASSES {
        return None;
    }
    let cell = (430.0 / n as f64).clamp(7.0, 44.0);
    let size = SMALL.min(cell + 1.0);
    let label = Text::new(size, Anchor::End, Ink::Text);
    let names: Vec<String> = classes.iter().map(|class| shorten(class, 22)).collect();
    let longest = names
        .iter()
        .map(|name| label.width_of(name))
        .fold(0.0, f64::max);
    let (left, top) = (longest + 40.0, 58.0);
    let side = cell * n as f64;
    // Column names hang at 45 degrees below the matrix.
    let height = top + side + 0.71 * longest + 44.0;
    let width = (left + side + 64.0).max(340.0);
    let accuracy = matrix.accuracy().map_or(String::new(), |a| {
        format!(" Overall accuracy {:.1} %.", 100.0 * a)
    });
    let description =
        format!("Confusion matrix of {n} classes in percent of the true class. {note}{accuracy}");
    let mut canvas = Canvas::new(theme, width, height, title, &description);
    canvas.text(
        (14.0, 22.0),
        title,
        Text::new(15.0, Anchor::Start, Ink::Text).bold(),
    );
    canvas.text(
        (14.0, 41.0),
        note,
        Text::new(SMALL, Anchor::Start, Ink::Muted),
    );
    for t in 0..n {
        let support = matrix.support(t);
        let y = top + cell * t as f64;
        canvas.text((left - 8.0, y + 0.5 * cell + 0.35 * size), &names[t], label);
        for p in 0..n {
            let count = matrix.count(t, p);
            let fraction = if support > 0 {
                count as f64 / support as f64
            } else {
                0.0
            };
            let rgb = colour(fraction);
            let x = left + cell * p as f64;
            let tooltip = format!(
                "true {}, predicted {}: {count} of {support}",
                classes[t], classes[p]
            );
            let gap = if cell > 14.0 { 1.0 } else { 0.0 };
            canvas.rect(
                x,
                y,
                cell - gap,
                cell - gap,
                Ink::Rgb(rgb.0, rgb.1, rgb.2),
                Some(&tooltip),
            );
            if cell >= 20.0 && count > 0 {
                let percent = 100.0 * fraction;
                let text = if percent < 1.0 {
                    "<1".into()
                } else {
                    format!("{percent:.0}")
                };
                let style = Text::new(
                    (0.36 * cell).clamp(9.0, 13.0),
                    Anchor::Middle,
                    readable_on(rgb),
                );
                let style = if t == p { style.bold() } else { style };
                canvas.text(
                    (x + 0.5 * (cell - gap), y + 0.5 * cell + 0.34 * style.size),
                    &text,
                    style,
                );
            }
        }
        if cell >= 11.0 {
            let text = Text::new(size - 1.0, Anchor::Start, Ink::Muted);
            canvas.text(
                (left + side + 8.0, y + 0.5 * cell + 0.35 * size),
                &support.to_string(),
                text,
            );
        }
    }
    for p in 0..n {
        let at = (
            left + cell * (p as f64 + 0.5) + 0.3 * size,
            top + side + 13.0,
        );
        canvas.text(
            at,
            &names[p],
            Text::new(size, Anchor::End, Ink::Text).rotated(-45.0),
        );
    }
    let axis = Text::new(SMALL, Anchor::Middle, Ink::Muted);
    canvas.text((15.0, top + 0.5 * side), "true class", axis.rotated(-90.0));
    canvas.text((left + 0.5 * side, height - 10.0), "predicted class", axis);
    if cell >= 11.0 {
        canvas.text(
            (left + side + 8.0, top - 6.0),
            "images",
            Text::new(size - 1.0, Anchor::Start, Ink::Muted),
        );
    }
    Some(canvas.finish())
}
