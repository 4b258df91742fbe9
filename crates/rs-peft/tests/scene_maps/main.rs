//! Maps of whole scenes with models whose answer for a pixel is known.

mod bad_input;
mod maps;
mod restart;
mod toy;
