//! Spectral bands and ordered sets of them.

use serde::{Deserialize, Serialize};

use crate::DataError;

/// One band of an image: what it is called, which instrument measured it and where in the spectrum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// Name by which the band is selected, e.g. `B08` or `VV`; unique within a set.
    pub name: String,
    /// Instrument, e.g. `Sentinel-2 MSI`.
    pub sensor: String,
    /// Centre wavelength in nanometres; absent for radar.
    pub wavelength_nm: Option<f32>,
    /// Ground sampling distance of the instrument in metres.
    pub gsd_m: Option<f32>,
}

impl Band {
    /// A band with wavelength in nanometres and ground sampling distance in metres.
    pub fn optical(name: &str, sensor: &str, wavelength_nm: f32, gsd_m: f32) -> Self {
        Self {
            name: name.into(),
            sensor: sensor.into(),
            wavelength_nm: Some(wavelength_nm),
            gsd_m: Some(gsd_m),
        }
    }

    /// A band without a wavelength in the optical range (radar polarisations, masks, unknown channels).
    pub fn other(name: &str, sensor: &str, gsd_m: Option<f32>) -> Self {
        Self {
            name: name.into(),
            sensor: sensor.into(),
            wavelength_nm: None,
            gsd_m,
        }
    }
}

/// The bands of an image in storage order, with unique names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Band>", into = "Vec<Band>")]
pub struct BandSet(Vec<Band>);

impl BandSet {
    /// A set in the given order.
    ///
    /// # Errors
    /// [`DataError::DuplicateBand`] when a name occurs twice.
    pub fn new(bands: Vec<Band>) -> Result<Self, DataError> {
        for (i, band) in bands.iter().enumerate() {
            if bands[..i].iter().any(|other| other.name == band.name) {
                return Err(DataError::DuplicateBand {
                    name: band.name.clone(),
                });
            }
        }
        Ok(Self(bands))
    }

    /// The bands in storage order.
    pub fn as_slice(&self) -> &[Band] {
        &self.0
    }

    /// How many bands there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no band.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names in storage order.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|band| band.name.as_str()).collect()
    }

    /// The position of a band.
    ///
    /// # Errors
    /// [`DataError::UnknownBand`], which lists the names that exist.
    pub fn index_of(&self, name: &str) -> Result<usize, DataError> {
        self.0
            .iter()
            .position(|band| band.name == name)
            .ok_or_else(|| DataError::UnknownBand {
                name: name.into(),
                available: self.names().join(", "),
            })
    }
}

impl TryFrom<Vec<Band>> for BandSet {
    type Error = DataError;

    fn try_from(bands: Vec<Band>) -> Result<Self, DataError> {
        Self::new(bands)
    }
}

impl From<BandSet> for Vec<Band> {
    fn from(set: BandSet) -> Self {
        set.0
    }
}
