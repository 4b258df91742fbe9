//! Choosing, reordering and deriving bands by name.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Band, BandSet, DataError, Image, Sample};

/// Keeps the named bands, in the given order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelectBands {
    /// Names in the wanted order.
    pub bands: Vec<String>,
}

impl SelectBands {
    /// The set that remains of `bands`, and the position of each of its bands.
    ///
    /// # Errors
    /// [`DataError::UnknownBand`], [`DataError::DuplicateBand`].
    pub fn select(&self, bands: &BandSet) -> Result<(BandSet, Vec<usize>), DataError> {
        let positions: Vec<usize> = self
            .bands
            .iter()
            .map(|name| bands.index_of(name))
            .collect::<Result<_, _>>()?;
        let chosen = positions
            .iter()
            .map(|&position| bands.as_slice()[position].clone())
            .collect();
        Ok((BandSet::new(chosen)?, positions))
    }

    /// The sample with only the named bands.
    ///
    /// # Errors
    /// As [`SelectBands::select`]; [`DataError::Shape`] when no band is named.
    pub fn apply(&self, mut sample: Sample) -> Result<Sample, DataError> {
        let (set, positions) = self.select(&sample.image.bands)?;
        let image = &sample.image;
        let mut data = Vec::with_capacity(positions.len() * image.height * image.width);
        positions
            .iter()
            .for_each(|&position| data.extend_from_slice(image.band(position)));
        sample.image = Image::new(Arc::new(set), image.unit, image.height, image.width, data)?;
        Ok(sample)
    }
}

/// One term of a [`DeriveBand`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// Name of an existing band.
    pub band: String,
    /// Its factor.
    pub weight: f32,
}

/// Appends a band that is a weighted sum of existing ones, e.g. VV - VH in decibels (a ratio), or a copy under a new name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeriveBand {
    /// Name of the new band.
    pub name: String,
    /// Terms of the sum.
    pub terms: Vec<Term>,
}

impl DeriveBand {
    /// `bands` with the new one behind them. It has no wavelength, and the sensor and ground sampling distance of its first term.
    ///
    /// # Errors
    /// [`DataError::UnknownBand`], [`DataError::DuplicateBand`]; [`DataError::Setting`] without a term.
    pub fn extend(&self, bands: &BandSet) -> Result<BandSet, DataError> {
        let first = self.terms.first().ok_or_else(|| DataError::Setting {
            what: format!("derived band `{}`", self.name),
            detail: "expected at least one term, found none".into(),
        })?;
        for term in &self.terms {
            bands.index_of(&term.band)?;
        }
        let model = &bands.as_slice()[bands.index_of(&first.band)?];
        let mut all = bands.as_slice().to_vec();
        all.push(Band::other(&self.name, &model.sensor, model.gsd_m));
        BandSet::new(all)
    }

    /// The sample with one band more.
    ///
    /// # Errors
    /// As [`DeriveBand::extend`].
    pub fn apply(&self, mut sample: Sample) -> Result<Sample, DataError> {
        let set = self.extend(&sample.image.bands)?;
        let image = &sample.image;
        let mut sum = vec![0f32; image.height * image.width];
        for term in &self.terms {
            let band = image.band(image.bands.index_of(&term.band)?);
            sum.iter_mut()
                .zip(band)
                .for_each(|(sum, value)| *sum += term.weight * value);
        }
        let image = &mut sample.image;
        image.data.extend(sum);
        image.bands = Arc::new(set);
        Ok(sample)
    }
}
