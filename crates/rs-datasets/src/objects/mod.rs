//! Labelled objects with oriented boxes, and what becomes of them when an image is cut or moved.

mod cut;
mod object;

pub use cut::{CutRule, Remainder};
pub use object::OrientedObject;
pub(crate) use object::moved;
