//! The reliability diagram: accuracy against confidence.

use super::frame::{Frame, SMALL};
use crate::metric::Reliability;
use crate::svg::{Anchor, Canvas, Ink, Linear, Stroke, Text, Theme};

/// Draws accuracy per bin of confidence as bars against the diagonal of perfect calibration; the paler the bar, the fewer
/// samples it stands for.
pub fn reliability_plot(reliability: &Reliability, title: &str, theme: Theme) -> String {
    let frame = Frame {
        left: 62.0,
        top: 40.0,
        right: 372.0,
        bottom: 350.0,
    };
    let ece = reliability.ece.map_or("no samples".into(), |ece| {
        format!("ECE {:.1} %", 100.0 * ece)
    });
    let mut canvas = Canvas::new(
        theme,
        390.0,
        404.0,
        title,
        &format!("Reliability diagram, {ece}"),
    );
    canvas.text(
        (16.0, 24.0),
        title,
        Text::new(15.0, Anchor::Start, Ink::Text).bold(),
    );
    let x = Linear::new((0.0, 100.0), (frame.left, frame.right));
    let y = Linear::new((0.0, 100.0), (frame.bottom, frame.top));
    frame.y_axis(&mut canvas, &y, "accuracy, %");
    frame.x_axis(&mut canvas, &x, "confidence, %", false);
    let most = reliability
        .bins
        .iter()
        .map(|bin| bin.count)
        .max()
        .unwrap_or(0)
        .max(1) as f64;
    for bin in &reliability.bins {
        let (Some(accuracy), Some(confidence)) = (bin.accuracy, bin.confidence) else {
            continue;
        };
        let (left, right) = (x.at(100.0 * bin.lower) + 1.0, x.at(100.0 * bin.upper) - 1.0);
        let top = y.at(100.0 * accuracy);
        let corners = [
            (left, frame.bottom),
            (left, top),
            (right, top),
            (right, frame.bottom),
        ];
        canvas.area(
            &corners,
            Ink::Series(0),
            0.25 + 0.65 * (bin.count as f64 / most).sqrt(),
        );
        let level = y.at(100.0 * confidence);
        canvas.line(
            (left, level),
            (right, level),
            Stroke::solid(Ink::Series(1), 2.0),
        );
    }
    canvas.line(
        (x.at(0.0), y.at(0.0)),
        (x.at(100.0), y.at(100.0)),
        Stroke {
            ink: Ink::Muted,
            width: 1.2,
            dash: "5 3",
        },
    );
    canvas.text(
        (frame.left + 10.0, frame.top + 18.0),
        &ece,
        Text::new(SMALL, Anchor::Start, Ink::Text).bold(),
    );
    canvas.finish()
}
