//! What the GEO-Bench sets are: bands as stored and as they are, classes, units.

use serde::{Deserialize, Serialize};

use super::geobench::BandNaming;
use super::{EUROSAT_CLASSES, eurosat_rgb};
use crate::sensors::{SENTINEL2_BANDS, SENTINEL2_MSI};
use crate::{Band, DatasetInfo, InputUnit, Task};

/// A set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GeoBenchName {
    /// m-so2sat: local climate zones, ten bands of Sentinel-2 as reflectances (the radar bands beside them are not read).
    So2Sat,
    /// m-brick-kiln: brick kilns in Bangladesh, Sentinel-2 digital numbers.
    BrickKiln,
    /// m-forestnet: drivers of deforestation in Indonesia, six pansharpened bands of Landsat 8 in 8 bits.
    ForestNet,
    /// m-eurosat: EuroSAT, 13 bands of Sentinel-2 digital numbers.
    EuroSat,
}

/// What a set is.
#[derive(Debug)]
pub(super) struct GeoBenchSet {
    pub(super) name: &'static str,
    pub(super) folder: &'static str,
    pub(super) licence: &'static str,
    pub(super) citation: &'static str,
    pub(super) classes: &'static [&'static str],
    pub(super) unit: InputUnit,
    /// Name of the stored data set, and the band that it is.
    pub(super) bands: Vec<(&'static str, Band)>,
}

/// The names under which the 13 bands of Sentinel-2 are stored, and the bands that they name.
const SLOTS: [(&str, &str); 13] = [
    ("01 - Coastal aerosol", "B01"),
    ("02 - Blue", "B02"),
    ("03 - Green", "B03"),
    ("04 - Red", "B04"),
    ("05 - Vegetation Red Edge", "B05"),
    ("06 - Vegetation Red Edge", "B06"),
    ("07 - Vegetation Red Edge", "B07"),
    ("08 - NIR", "B08"),
    ("08A - Vegetation Red Edge", "B8A"),
    ("09 - Water vapour", "B09"),
    ("10 - SWIR - Cirrus", "B10"),
    ("11 - SWIR", "B11"),
    ("12 - SWIR", "B12"),
];

/// The bands of m-so2sat among them.
const SO2SAT: [usize; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 11, 12];

/// What the slots of m-brick-kiln hold: the last three are 8-bit pictures and are left out.
const BRICK_KILN: [&str; 10] = [
    "B01", "B02", "B03", "B04", "B05", "B07", "B8A", "B08", "B11", "B12",
];

/// What the slots of m-eurosat hold: the order of the EuroSAT files, where B8A comes last.
const EUROSAT: [&str; 13] = crate::sensors::EUROSAT_BAND_ORDER;

/// Landsat 8 OLI: stored name, name, centre wavelength in nm (USGS).
const LANDSAT: [(&str, &str, f32); 6] = [
    ("02 - Blue", "B02", 482.0),
    ("03 - Green", "B03", 561.4),
    ("04 - Red", "B04", 654.6),
    ("05 - NIR", "B05", 864.7),
    ("06 - SWIR1", "B06", 1608.9),
    ("07 - SWIR2", "B07", 2200.7),
];

/// Local climate zones (Stewart & Oke 2012) in the order of their numbers.
const ZONES: [&str; 17] = [
    "Compact high-rise",
    "Compact mid-rise",
    "Compact low-rise",
    "Open high-rise",
    "Open mid-rise",
    "Open low-rise",
    "Lightweight low-rise",
    "Large low-rise",
    "Sparsely built",
    "Heavy industry",
    "Dense trees",
    "Scattered trees",
    "Bush or scrub",
    "Low plants",
    "Bare rock or paved",
    "Bare soil or sand",
    "Water",
];

const DRIVERS: [&str; 12] = [
    "Oil palm plantation",
    "Timber plantation",
    "Other large-scale plantations",
    "Grassland shrubland",
    "Small-scale agriculture",
    "Small-scale mixed plantation",
    "Small-scale oil palm plantation",
    "Mining",
    "Fish pond",
    "Logging",
    "Secondary forest",
    "Other",
];

fn sentinel2(name: &str) -> Band {
    let found = SENTINEL2_BANDS.iter().find(|(known, ..)| *known == name);
    // Every name above is one of the table, as a test makes sure.
    let (_, nm, gsd) = found.copied().unwrap_or(("", 0.0, 0.0));
    Band::optical(name, SENTINEL2_MSI, nm, gsd)
}

impl GeoBenchSet {
    /// Licence, citation, source.
    pub(super) fn info(&self) -> DatasetInfo {
        DatasetInfo {
            name: self.name.into(),
            licence: self.licence.into(),
            citation: format!(
                "{}; A. Lacoste et al.: GEO-Bench: Toward Foundation Models for Earth Monitoring, NeurIPS 2023",
                self.citation
            ),
            source: "https://huggingface.co/datasets/recursix/geo-bench-1.0".into(),
            task: Task::Classification,
            expected: None,
        }
    }
}

impl GeoBenchName {
    /// What the set is, its bands named as asked for.
    pub(super) fn set(self, naming: BandNaming) -> GeoBenchSet {
        let named = |truth: &[&str]| -> Vec<(&'static str, Band)> {
            let published = naming == BandNaming::Published;
            let bands = SLOTS
                .iter()
                .enumerate()
                .filter_map(|(slot, &(stored, name))| {
                    let name = if published { name } else { *truth.get(slot)? };
                    Some((stored, sentinel2(name)))
                });
            bands.collect()
        };
        match self {
            Self::So2Sat => GeoBenchSet {
                name: "geobench_so2sat",
                folder: "m-so2sat",
                licence: "CC-BY-4.0",
                citation: "X. X. Zhu et al.: So2Sat LCZ42, IEEE GRSM 8(3), 2020",
                classes: &ZONES,
                unit: InputUnit::Reflectance,
                bands: SO2SAT
                    .iter()
                    .map(|&slot| (SLOTS[slot].0, sentinel2(SLOTS[slot].1)))
                    .collect(),
            },
            Self::BrickKiln => GeoBenchSet {
                name: "geobench_brick_kiln",
                folder: "m-brick-kiln",
                licence: "CC-BY-SA 4.0",
                citation: "J. Lee et al.: Scalable deep learning to identify brick kilns and aid regulatory capacity, PNAS 118(17), 2021",
                classes: &["not brick kiln", "brick kiln"],
                unit: InputUnit::SENTINEL2_DN,
                bands: named(&BRICK_KILN),
            },
            Self::ForestNet => GeoBenchSet {
                name: "geobench_forestnet",
                folder: "m-forestnet",
                licence: "CC-BY-4.0",
                citation: "J. Irvin et al.: ForestNet: Classifying Drivers of Deforestation in Indonesia using Deep Learning on \
                           Satellite Imagery, NeurIPS 2020 workshop on tackling climate change",
                classes: &DRIVERS,
                unit: InputUnit::Uint8,
                bands: LANDSAT
                    .iter()
                    .map(|&(stored, name, nm)| {
                        (stored, Band::optical(name, "Landsat-8 OLI", nm, 15.0))
                    })
                    .collect(),
            },
            Self::EuroSat => GeoBenchSet {
                name: "geobench_eurosat",
                folder: "m-eurosat",
                licence: eurosat_rgb::EUROSAT_LICENCE,
                citation: eurosat_rgb::EUROSAT_CITATION,
                classes: &EUROSAT_CLASSES,
                unit: InputUnit::SENTINEL2_DN,
                bands: named(&EUROSAT),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_known_and_corrected_where_they_are_misnamed() {
        let bands = |name: GeoBenchName, naming| -> Vec<(String, String, Option<f32>)> {
            let bands = name.set(naming).bands.into_iter();
            bands
                .map(|(stored, b)| (stored.to_owned(), b.name, b.wavelength_nm))
                .collect()
        };
        for name in [
            GeoBenchName::So2Sat,
            GeoBenchName::BrickKiln,
            GeoBenchName::ForestNet,
            GeoBenchName::EuroSat,
        ] {
            for naming in [BandNaming::Corrected, BandNaming::Published] {
                for (stored, name, nm) in bands(name, naming) {
                    assert!(nm.is_some_and(|nm| nm > 400.0), "{stored} {name}");
                }
            }
        }
        let of = |name, naming, slot: &str| {
            let found = bands(name, naming)
                .into_iter()
                .find(|band| band.0.starts_with(slot));
            found.map(|band| band.1)
        };
        let (truth, published) = (BandNaming::Corrected, BandNaming::Published);
        assert_eq!(
            of(GeoBenchName::EuroSat, truth, "12 ").as_deref(),
            Some("B8A")
        );
        assert_eq!(
            of(GeoBenchName::EuroSat, truth, "08A").as_deref(),
            Some("B09")
        );
        assert_eq!(
            of(GeoBenchName::EuroSat, published, "12 ").as_deref(),
            Some("B12")
        );
        assert_eq!(
            of(GeoBenchName::BrickKiln, truth, "08A").as_deref(),
            Some("B11")
        );
        assert_eq!(of(GeoBenchName::BrickKiln, truth, "11 "), None);
        assert_eq!(bands(GeoBenchName::BrickKiln, published).len(), 13);
        assert_eq!(
            bands(GeoBenchName::So2Sat, truth),
            bands(GeoBenchName::So2Sat, published)
        );
    }
}
