//! Band tables of the instruments that the data sets come from.

use crate::{Band, BandSet, DataError};

/// Name of the Sentinel-2 instrument in [`Band::sensor`].
pub const SENTINEL2_MSI: &str = "Sentinel-2 MSI";
/// Name of the Sentinel-1 instrument in [`Band::sensor`].
pub const SENTINEL1_SAR: &str = "Sentinel-1 C-SAR";

/// Sentinel-2A MSI in spectral order: name, centre wavelength in nm, ground sampling distance in m.
///
/// Source: ESA, Sentinel-2 MSI spectral responses (S2-SRF, COPE-GSEG-EOPG-TN-15-0007). Sentinel-2B differs by 4 nm at most
/// up to B11 and by 17 nm in B12.
pub const SENTINEL2_BANDS: [(&str, f32, f32); 13] = [
    ("B01", 442.7, 60.0),
    ("B02", 492.4, 10.0),
    ("B03", 559.8, 10.0),
    ("B04", 664.6, 10.0),
    ("B05", 704.1, 20.0),
    ("B06", 740.5, 20.0),
    ("B07", 782.8, 20.0),
    ("B08", 832.8, 10.0),
    ("B8A", 864.7, 20.0),
    ("B09", 945.1, 60.0),
    ("B10", 1373.5, 60.0),
    ("B11", 1613.7, 20.0),
    ("B12", 2202.4, 20.0),
];

/// Storage order of the EuroSAT 13-band files: **B8A comes last**, not behind B08.
pub const EUROSAT_BAND_ORDER: [&str; 13] = [
    "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B12", "B8A",
];

/// Centre frequency of Sentinel-1's radar is 5.405 GHz; detected products have pixels of 10 m.
const SENTINEL1_PIXEL_M: f32 = 10.0;

/// Sentinel-2 bands of these names in this order, e.g. `["B04", "B03", "B02"]` for a picture.
///
/// # Errors
/// [`DataError::UnknownBand`] for a name that MSI does not have, [`DataError::DuplicateBand`] for one given twice.
pub fn sentinel2(names: &[&str]) -> Result<BandSet, DataError> {
    let band = |name: &&str| {
        let found = SENTINEL2_BANDS.iter().find(|(known, ..)| known == name);
        found
            .map(|&(name, wavelength, gsd)| Band::optical(name, SENTINEL2_MSI, wavelength, gsd))
            .ok_or_else(|| DataError::UnknownBand {
                name: (*name).into(),
                available: SENTINEL2_BANDS.map(|(name, ..)| name).join(", "),
            })
    };
    BandSet::new(names.iter().map(band).collect::<Result<_, _>>()?)
}

/// Sentinel-1 polarisations of these names in this order; each of `VV`, `VH`, `HH`, `HV`.
///
/// # Errors
/// [`DataError::UnknownBand`] for another name, [`DataError::DuplicateBand`] for one given twice.
pub fn sentinel1(names: &[&str]) -> Result<BandSet, DataError> {
    const KNOWN: [&str; 4] = ["VV", "VH", "HH", "HV"];
    let band = |name: &&str| match KNOWN.contains(name) {
        true => Ok(Band::other(name, SENTINEL1_SAR, Some(SENTINEL1_PIXEL_M))),
        false => Err(DataError::UnknownBand {
            name: (*name).into(),
            available: KNOWN.join(", "),
        }),
    };
    BandSet::new(names.iter().map(band).collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wavelengths_rise_in_spectral_order() {
        assert!(SENTINEL2_BANDS.windows(2).all(|pair| pair[0].1 < pair[1].1));
    }

    #[test]
    fn the_order_of_eurosat_files_is_a_permutation_with_b8a_last() {
        let set = sentinel2(&EUROSAT_BAND_ORDER).unwrap();
        assert_eq!(set.len(), 13);
        assert_eq!(set.index_of("B8A").unwrap(), 12);
        assert_eq!(set.as_slice()[8].wavelength_nm, Some(945.1));
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        assert!(sentinel2(&["B8"]).unwrap_err().to_string().contains("B08"));
        assert!(sentinel1(&["XX"]).unwrap_err().to_string().contains("VV"));
        assert!(sentinel1(&["VV", "VV"]).is_err());
    }
}
