//! The drawing surface.

use std::fmt::Write;

use super::{Anchor, Ink, Marker, Stroke, Text, Theme, escape};

/// A figure being drawn; [`finish`](Self::finish) gives the SVG text.
///
/// Coordinates are pixels from the top left. A shape with a coordinate that is not finite is left out.
#[derive(Debug, Clone)]
pub struct Canvas {
    theme: Theme,
    width: f64,
    height: f64,
    title: String,
    description: String,
    body: String,
}

fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".into()
    } else {
        text.into()
    }
}

fn finite(values: &[f64]) -> bool {
    values.iter().all(|value| value.is_finite())
}

impl Canvas {
    /// An empty figure of `width` x `height` pixels; `title` names it for readers of the screen and on hover, `description`
    /// says what it shows.
    pub fn new(theme: Theme, width: f64, height: f64, title: &str, description: &str) -> Self {
        Self {
            theme,
            width,
            height,
            title: title.into(),
            description: description.into(),
            body: String::new(),
        }
    }

    fn stroke(&self, stroke: Stroke) -> String {
        let dash = if stroke.dash.is_empty() {
            String::new()
        } else {
            format!(r#" stroke-dasharray="{}""#, stroke.dash)
        };
        format!(
            r#"stroke="{}" stroke-width="{}"{dash}"#,
            stroke.ink.css(self.theme),
            number(stroke.width)
        )
    }

    fn element(&mut self, open: &str, tooltip: Option<&str>, tag: &str) {
        let _ = match tooltip {
            Some(text) => writeln!(self.body, "<{open}><title>{}</title></{tag}>", escape(text)),
            None => writeln!(self.body, "<{open}/>"),
        };
    }

    /// A filled rectangle, with a text shown on hover if given.
    pub fn rect(
        &mut self,
        x: f64,
        y: f64,
        width: f64,
        height: f64,
        fill: Ink,
        tooltip: Option<&str>,
    ) {
        if finite(&[x, y, width, height]) && width >= 0.0 && height >= 0.0 {
            let [x, y, width, height] = [x, y, width, height].map(number);
            let fill = fill.css(self.theme);
            let open =
                format!(r#"rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}""#);
            self.element(&open, tooltip, "rect");
        }
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: Stroke) {
        if finite(&[from.0, from.1, to.0, to.1]) {
            let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(number);
            let stroke = self.stroke(stroke);
            self.element(
                &format!(r#"line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" {stroke}"#),
                None,
                "line",
            );
        }
    }

    /// A line through `points`.
    pub fn polyline(&mut self, points: &[(f64, f64)], stroke: Stroke, tooltip: Option<&str>) {
        let stroke = self.stroke(stroke);
        let open = format!(
            r#"polyline points="{}" fill="none" stroke-linejoin="round" stroke-linecap="round" {stroke}"#,
            Self::points(points)
        );
        self.element(&open, tooltip, "polyline");
    }

    /// The area enclosed by `points`, at the given opacity (0..=1).
    pub fn area(&mut self, points: &[(f64, f64)], fill: Ink, opacity: f64) {
        let fill = fill.css(self.theme);
        let open = format!(
            r#"polygon points="{}" fill="{fill}" fill-opacity="{}""#,
            Self::points(points),
            number(opacity)
        );
        self.element(&open, None, "polygon");
    }

    fn points(points: &[(f64, f64)]) -> String {
        let kept = points.iter().filter(|point| finite(&[point.0, point.1]));
        kept.map(|&(x, y)| format!("{},{}", number(x), number(y)))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// A data point of the given radius, outlined in the colour of the ground so that neighbours stay apart.
    pub fn marker(
        &mut self,
        at: (f64, f64),
        radius: f64,
        marker: Marker,
        fill: Ink,
        tooltip: Option<&str>,
    ) {
        if !finite(&[at.0, at.1, radius]) {
            return;
        }
        let paint = format!(
            r#"fill="{}" stroke="{}" stroke-width="1.2""#,
            fill.css(self.theme),
            Ink::Surface.css(self.theme)
        );
        if marker == Marker::Circle {
            let open = format!(
                r#"circle cx="{}" cy="{}" r="{}" {paint}"#,
                number(at.0),
                number(at.1),
                number(radius)
            );
            self.element(&open, tooltip, "circle");
        } else {
            let corners: Vec<(f64, f64)> = marker
                .corners()
                .iter()
                .map(|&(x, y)| (at.0 + radius * x, at.1 + radius * y))
                .collect();
            self.element(
                &format!(r#"polygon points="{}" {paint}"#, Self::points(&corners)),
                tooltip,
                "polygon",
            );
        }
    }

    /// One line of text; `at` is on its baseline.
    pub fn text(&mut self, at: (f64, f64), text: &str, style: Text) {
        if !finite(&[at.0, at.1, style.size, style.rotate]) {
            return;
        }
        let [x, y] = [at.0, at.1].map(number);
        let anchor = match style.anchor {
            Anchor::Start => "",
            Anchor::Middle => r#" text-anchor="middle""#,
            Anchor::End => r#" text-anchor="end""#,
        };
        let bold = if style.bold {
            r#" font-weight="600""#
        } else {
            ""
        };
        let turn = if style.rotate == 0.0 {
            String::new()
        } else {
            format!(r#" transform="rotate({} {x} {y})""#, number(style.rotate))
        };
        let (size, fill) = (number(style.size), style.ink.css(self.theme));
        let _ = writeln!(
            self.body,
            r#"<text x="{x}" y="{y}" font-size="{size}" fill="{fill}"{anchor}{bold}{turn}>{}</text>"#,
            escape(text)
        );
    }

    /// The SVG document.
    pub fn finish(self) -> String {
        let [width, height] = [self.width, self.height].map(number);
        let ground = match self.theme {
            Theme::Page => String::new(),
            Theme::Standalone => format!(
                "<rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n",
                Ink::Surface.css(Theme::Standalone)
            ),
        };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             role=\"img\" aria-label=\"{title}\" font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, \
             'Helvetica Neue', Arial, sans-serif\">\n<title>{title}</title>\n<desc>{description}</desc>\n{ground}{body}</svg>\n",
            title = escape(&self.title),
            description = escape(&self.description),
            body = self.body,
        )
    }
}
