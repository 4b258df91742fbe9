//! A small writer of SVG: shapes, text, scales, colours; every text is escaped, every number finite.

mod canvas;
mod escape;
mod ink;
mod scale;
mod style;

pub use canvas::Canvas;
pub use escape::escape;
pub use ink::{Ink, SERIES, Theme, readable_on};
pub use scale::{Linear, label_of_tick, ticks};
pub use style::{Anchor, Marker, Stroke, Text};
