//! DOTA: aerial images with oriented boxes, whole, in tiles, or one object at a time.
//!
//! Layout: `images/P0000.png` and `labelTxt/P0000.txt`, in the folder itself or in `train/`, `val/` and `test/` (which then are the published
//! split); `labelTxt-v1.0`, `-v1.5` and `-v2.0` are found too. A folder `test/` without labels gives images without labels.
//!
//! What the label files hold and this reader does with it ([`DotaConfig::odd`]): a quadrilateral whose sides cross has its corners put in order;
//! one without area and one that lies outside the image are left out. [`LabelCounts`] says how many there were of each.

mod cache;
mod config;
mod crops;
mod labels;
mod listing;
mod tile_place;
mod tiles;
mod whole;
mod windows;
mod write;

pub use config::{CropConfig, CropShape, DotaConfig, OddQuads, TileConfig};
pub use crops::DotaCrops;
pub use labels::LabelCounts;
pub use oriented_boxes::dota::{
    DEBLORA_GROUPS, DotaVersion, Group, groups_with_plane_in_the_middle,
};
pub use tile_place::{TilePlace, source_image};
pub use tiles::DotaTiles;
pub use whole::Dota;
pub use windows::windows;
pub use write::write_dota_layout;

use crate::{BandSet, DataError, DatasetInfo, Task};

/// Terms, classes and bands of version 1.0, under one of the registry's names.
pub(super) fn facts(
    name: &str,
    task: Task,
) -> Result<(DatasetInfo, Vec<&'static str>, BandSet), DataError> {
    let config = DotaConfig::default();
    let classes = config.version.classes().to_vec();
    Ok((whole::info(name, task, &config), classes, cache::bands()?))
}
