//! Windows of large GeoTIFFs, and GeoTIFFs written tile by tile.

mod files;
mod windows;
mod written;
