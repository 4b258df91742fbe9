//! Data sets by name.

use std::path::Path;

use super::dota::{CropConfig, Dota, DotaConfig, DotaCrops, DotaTiles, TileConfig};
use super::{
    EurosatMs, EurosatRgb, Folder, Manifest, OpenSarShip, OpenSarShipConfig, Polarisation, Product,
};
use crate::{DataError, Dataset, ReadLimits};

/// Names that [`open`] knows, and what each opens.
pub const DATASETS: [(&str, &str); 10] = [
    (
        "eurosat_rgb",
        "EuroSAT, RGB pictures; a folder or EuroSAT_RGB.zip",
    ),
    ("eurosat_ms", "EuroSAT, 13 bands"),
    (
        "opensarship",
        "OpenSARShip, VV sigma nought; cargo, tanker, other",
    ),
    (
        "opensarship_dual",
        "OpenSARShip, VV and VH sigma nought; cargo, tanker, other",
    ),
    (
        "opensarship_uint8",
        "OpenSARShip, VV as 8-bit pictures; cargo, tanker, other",
    ),
    ("dota", "DOTA v1.0, whole images with oriented boxes"),
    (
        "dota_tiles",
        "DOTA v1.0 in tiles of 1,024 pixels that overlap by 200",
    ),
    (
        "dota_crops",
        "DOTA v1.0, one object per sample of 512 pixels, for classification",
    ),
    ("folder", "images of one's own, one folder per class"),
    (
        "manifest",
        "images of one's own, listed in a CSV or TOML file",
    ),
];

/// Opens a data set by name with the default limits.
///
/// # Errors
/// [`DataError::UnknownDataset`], and what opening the set gives.
pub fn open(name: &str, root: &Path) -> Result<Box<dyn Dataset>, DataError> {
    open_with(name, root, ReadLimits::default())
}

/// Opens a data set by name.
///
/// # Errors
/// As [`open`].
pub fn open_with(
    name: &str,
    root: &Path,
    limits: ReadLimits,
) -> Result<Box<dyn Dataset>, DataError> {
    let ships = |product, polarisation| {
        let config = OpenSarShipConfig {
            product,
            polarisation,
            ..Default::default()
        };
        OpenSarShip::open(root, config, limits)
    };
    Ok(match name {
        "eurosat_rgb" => Box::new(EurosatRgb::open(root, limits)?),
        "eurosat_ms" => Box::new(EurosatMs::open(root, limits)?),
        "opensarship" => Box::new(ships(Product::Sigma0, Polarisation::Vv)?),
        "opensarship_dual" => Box::new(ships(Product::Sigma0, Polarisation::Both)?),
        "opensarship_uint8" => Box::new(ships(Product::Uint8, Polarisation::Vv)?),
        "dota" => Box::new(Dota::open(root, &DotaConfig::default(), limits)?),
        "dota_tiles" => Box::new(DotaTiles::open(
            root,
            &DotaConfig::default(),
            &TileConfig::default(),
            limits,
        )?),
        "dota_crops" => Box::new(DotaCrops::open(
            root,
            &DotaConfig::default(),
            &CropConfig::default(),
            limits,
        )?),
        "folder" => Box::new(Folder::open(root, limits)?),
        "manifest" => Box::new(Manifest::open(root, limits)?),
        _ => {
            let available = DATASETS.map(|(name, _)| name).join(", ");
            return Err(DataError::UnknownDataset {
                name: name.into(),
                available,
            });
        }
    })
}
