//! Oriented boxes in images: geometry in f64, and the text files in which such boxes are published.
//!
//! - [`Point`], [`Quad`], [`Bounds`]: corners as DOTA publishes them, with a verdict on their shape.
//! - [`OrientedBox`], [`AngleConvention`]: centre, sides and angle, never without the convention of the angle.
//! - [`min_area_rect`], [`convex_hull`], [`clip_convex`]: polygons.
//! - [`iou`], [`intersection_area`], [`Prepared`]: exact rotated overlap by clipping.
//! - [`cut_to_window`]: what a tile shows of an object.
//! - [`nms`], [`merge_tiles`]: which detections stay.
//! - [`text`]: labelTxt and Task 1 files; [`dota`]: class lists.
//!
//! Coordinates are pixels, x to the right and y down, with (0, 0) the outer corner of the first pixel; an angle turns clockwise
//! as seen on the screen. There is no image, no file and no tensor here.

mod bounds;
mod clip;
pub mod dota;
mod error;
mod hull;
mod min_rect;
mod nms;
mod obox;
mod overlap;
mod point;
mod quad;
pub mod text;
mod tiles;
mod window;

pub use bounds::Bounds;
pub use clip::{clip_convex, polygon_area};
pub use error::BoxError;
pub use hull::convex_hull;
pub use min_rect::min_area_rect;
pub use nms::{Detection, NmsScope, nms};
pub use obox::{AngleConvention, OrientedBox};
pub use overlap::{Prepared, intersection_area, iou};
pub use point::Point;
pub use quad::{Quad, QuadShape};
pub use tiles::{TileDetections, merge_tiles};
pub use window::{OddPieces, Piece, cut_to_window};

/// The example of the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
