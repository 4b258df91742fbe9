//! Data sets by name.

use std::path::Path;

use super::dota::{CropConfig, Dota, DotaConfig, DotaCrops, DotaTiles, TileConfig};
use super::{
    BandNaming, BigEarthNet, BurnScars, Dates, EoLearnPatch, EurosatMs, EurosatRgb, FloodSensor,
    Folder, GeoBench, GeoBenchName, Mados, Manifest, OpenSarShip, OpenSarShipConfig, Polarisation,
    Product, SceneChips, Sen1Floods11,
};
use crate::{DataError, Dataset, ReadLimits};

/// The date of eo-learn's patch without cloud or haze: the third has the lowest blue reflectance of the five.
const EO_LEARN_DATE: usize = 2;

/// Names that [`open`] knows, and what each opens.
pub const DATASETS: [(&str, &str); 24] = [
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
    (
        "geobench_so2sat",
        "GEO-Bench m-so2sat, 10 bands; local climate zones",
    ),
    (
        "geobench_brick_kiln",
        "GEO-Bench m-brick-kiln, 10 bands under their right names",
    ),
    (
        "geobench_brick_kiln_published",
        "GEO-Bench m-brick-kiln, 13 bands named as published, wrongly",
    ),
    (
        "geobench_forestnet",
        "GEO-Bench m-forestnet, 6 bands; drivers of deforestation",
    ),
    (
        "geobench_eurosat",
        "GEO-Bench m-eurosat, 13 bands under their right names",
    ),
    (
        "geobench_eurosat_published",
        "GEO-Bench m-eurosat, 13 bands named as published, wrongly",
    ),
    (
        "hls_burn_scars",
        "HLS Burn Scars, 6 bands; burnt or not per pixel",
    ),
    (
        "mados",
        "MADOS, 11 bands; marine debris, oil and 13 other classes per pixel",
    ),
    (
        "sen1floods11_s1",
        "Sen1Floods11, VV and VH in decibels; water or not per pixel",
    ),
    (
        "sen1floods11_s2",
        "Sen1Floods11, 13 bands; water or not per pixel",
    ),
    (
        "bigearthnet",
        "BigEarthNet v1, 12 bands; every one of 43 land-cover classes that occurs",
    ),
    (
        "eo_learn",
        "eo-learn's example patch, 13 bands of one clear date; land cover per pixel",
    ),
    (
        "eo_learn_dates",
        "eo-learn's example patch, 13 bands on five dates; land cover per pixel",
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
    (
        "scene",
        "windows of one large GeoTIFF, labelled by a mask or by polygons; a TOML file says how",
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
    let bench = |set, published| {
        let naming = if published {
            BandNaming::Published
        } else {
            BandNaming::Corrected
        };
        GeoBench::open(root, set, naming, limits)
    };
    Ok(match name {
        "eurosat_rgb" => Box::new(EurosatRgb::open(root, limits)?),
        "eurosat_ms" => Box::new(EurosatMs::open(root, limits)?),
        "opensarship" => Box::new(ships(Product::Sigma0, Polarisation::Vv)?),
        "opensarship_dual" => Box::new(ships(Product::Sigma0, Polarisation::Both)?),
        "opensarship_uint8" => Box::new(ships(Product::Uint8, Polarisation::Vv)?),
        "geobench_so2sat" => Box::new(bench(GeoBenchName::So2Sat, false)?),
        "geobench_brick_kiln" => Box::new(bench(GeoBenchName::BrickKiln, false)?),
        "geobench_brick_kiln_published" => Box::new(bench(GeoBenchName::BrickKiln, true)?),
        "geobench_forestnet" => Box::new(bench(GeoBenchName::ForestNet, false)?),
        "geobench_eurosat" => Box::new(bench(GeoBenchName::EuroSat, false)?),
        "geobench_eurosat_published" => Box::new(bench(GeoBenchName::EuroSat, true)?),
        "hls_burn_scars" => Box::new(BurnScars::open(root, limits)?),
        "mados" => Box::new(Mados::open(root, limits)?),
        "sen1floods11_s1" => Box::new(Sen1Floods11::open(root, FloodSensor::Sentinel1, limits)?),
        "sen1floods11_s2" => Box::new(Sen1Floods11::open(root, FloodSensor::Sentinel2, limits)?),
        "bigearthnet" => Box::new(BigEarthNet::open(root, limits)?),
        "eo_learn" => Box::new(EoLearnPatch::open(root, Dates::One(EO_LEARN_DATE), limits)?),
        "eo_learn_dates" => Box::new(EoLearnPatch::open(root, Dates::All, limits)?),
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
        "scene" => Box::new(SceneChips::open(root, limits)?),
        _ => {
            let available = DATASETS.map(|(name, _)| name).join(", ");
            return Err(DataError::UnknownDataset {
                name: name.into(),
                available,
            });
        }
    })
}
