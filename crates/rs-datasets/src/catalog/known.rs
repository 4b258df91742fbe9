//! What the published data sets of the registry are, without their files: task, classes, bands, terms.

use super::dota;
use super::geobench_table::GeoBenchName;
use super::{
    BURN_SCARS_CLASSES, BandNaming, DATASETS, EUROSAT_CLASSES, MADOS_BANDS, MADOS_CLASSES,
    SEN1FLOODS11_CLASSES, burn_scars, eurosat_ms, eurosat_rgb, mados, opensarship, sen1floods11,
};
use crate::{BandSet, DataError, DatasetInfo, Task, sensors};

/// A published data set, as [`super::open`] would give it.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownDataset {
    /// Name in the registry.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// Task, licence, citation, source, and how many samples the complete set has.
    pub info: DatasetInfo,
    /// Class names in the order of their label.
    pub classes: Vec<String>,
    /// Bands in storage order.
    pub bands: BandSet,
}

/// The published data sets, in the order of [`DATASETS`]; readers of images of one's own (`folder`, `manifest`, `scene`) are not among them.
///
/// # Errors
/// [`DataError::UnknownBand`] if a table of this crate named a band that its sensor lacks; a test makes sure that none does.
pub fn known_datasets() -> Result<Vec<KnownDataset>, DataError> {
    let mut found = Vec::new();
    for (name, about) in DATASETS {
        if let Some((info, classes, bands)) = facts(name)? {
            found.push(KnownDataset {
                name,
                about,
                info,
                classes: classes.iter().map(|&class| class.into()).collect(),
                bands,
            });
        }
    }
    Ok(found)
}

type Facts = (DatasetInfo, Vec<&'static str>, BandSet);

fn facts(name: &str) -> Result<Option<Facts>, DataError> {
    let bench = |set: GeoBenchName, naming| -> Result<Facts, DataError> {
        let set = set.set(naming);
        let bands = BandSet::new(set.bands.iter().map(|band| band.1.clone()).collect())?;
        Ok((set.info(), set.classes.to_vec(), bands))
    };
    let ships = |polarisations: &[&str]| -> Result<Facts, DataError> {
        let classes = opensarship::CARGO_TANKER_OTHER.to_vec();
        Ok((
            opensarship::info(),
            classes,
            sensors::sentinel1(polarisations)?,
        ))
    };
    let floods = |bands: BandSet| (sen1floods11::info(), SEN1FLOODS11_CLASSES.to_vec(), bands);
    let (corrected, published) = (BandNaming::Corrected, BandNaming::Published);
    Ok(Some(match name {
        "eurosat_rgb" => (
            eurosat_rgb::info(),
            EUROSAT_CLASSES.to_vec(),
            sensors::sentinel2(&["B04", "B03", "B02"])?,
        ),
        "eurosat_ms" => (
            eurosat_ms::info(),
            EUROSAT_CLASSES.to_vec(),
            sensors::sentinel2(&sensors::EUROSAT_BAND_ORDER)?,
        ),
        "opensarship" | "opensarship_uint8" => ships(&["VV"])?,
        "opensarship_dual" => ships(&["VV", "VH"])?,
        "geobench_so2sat" => bench(GeoBenchName::So2Sat, corrected)?,
        "geobench_brick_kiln" => bench(GeoBenchName::BrickKiln, corrected)?,
        "geobench_brick_kiln_published" => bench(GeoBenchName::BrickKiln, published)?,
        "geobench_forestnet" => bench(GeoBenchName::ForestNet, corrected)?,
        "geobench_eurosat" => bench(GeoBenchName::EuroSat, corrected)?,
        "geobench_eurosat_published" => bench(GeoBenchName::EuroSat, published)?,
        "hls_burn_scars" => (
            burn_scars::info(),
            BURN_SCARS_CLASSES.to_vec(),
            BandSet::new(burn_scars::harmonised()?)?,
        ),
        "mados" => (
            mados::info(),
            MADOS_CLASSES.to_vec(),
            sensors::sentinel2(&MADOS_BANDS)?,
        ),
        "sen1floods11_s1" => floods(sensors::sentinel1(&["VV", "VH"])?),
        "sen1floods11_s2" => {
            let names = sensors::SENTINEL2_BANDS.map(|(name, ..)| name);
            floods(sensors::sentinel2(&names)?)
        }
        "dota" | "dota_tiles" => dota::facts(name, Task::OrientedDetection)?,
        "dota_crops" => dota::facts(name, Task::Classification)?,
        _ => return Ok(None),
    }))
}
