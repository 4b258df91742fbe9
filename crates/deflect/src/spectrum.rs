//! The description of an image's spectral channels: where a band lies in the tensor and in the spectrum, and what its numbers
//! mean. It is all that is asked of a sensor.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bands::{Role, assign_roles};
use crate::error::{DeflectError, invalid};

/// More bands than any imaging spectrometer has.
const MAX_BANDS: usize = 4096;

/// The spectral channels of the image tensor `[batch, channels, height, width]`.
///
/// The first channels of the tensor are those that the pretrained RGB embedding sees, as it wants them (normalised); the
/// bands described here are read from any channels, and indices are computed on physical values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spectrum {
    /// The bands, 1 to 4096 of them, in any order.
    pub bands: Vec<SpectralBand>,
    /// Number of dates; all have the same bands, and the pixel set of a patch runs over all of them.
    #[serde(default = "one")]
    pub dates: usize,
    /// A band's channel on date `t` is `channel + t * date_stride`. At least 1 with several dates.
    #[serde(default)]
    pub date_stride: usize,
    /// A channel (of the first date) that is above 0.5 where a pixel is valid, and not so (or NaN) where it is not.
    #[serde(default)]
    pub mask_channel: Option<usize>,
}

/// One band.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpectralBand {
    /// Name, unique in the description.
    pub name: String,
    /// Channel of the image tensor (on the first date), from 0.
    pub channel: usize,
    /// Centre wavelength in nanometres, 300 to 15000.
    #[serde(default)]
    pub wavelength_nm: Option<f64>,
    /// Its letter in formulas, if it shall not be found from the wavelength.
    #[serde(default)]
    pub role: Option<Role>,
    /// Whether it is a reflectance (or a temperature). Others (radar, elevation) have no wavelength and enter no index.
    #[serde(default = "yes")]
    pub optical: bool,
    /// Physical value = `scale * tensor value + offset`: reflectance (1 is all light), or kelvin for thermal bands.
    #[serde(default = "unit")]
    pub scale: f64,
    /// See `scale`.
    #[serde(default)]
    pub offset: f64,
    /// The tensor value that stands for "no data", compared with a tolerance of 1e-6 of its size.
    #[serde(default)]
    pub nodata: Option<f64>,
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

fn unit() -> f64 {
    1.0
}

impl SpectralBand {
    /// A band whose tensor values are reflectances.
    pub fn optical(name: &str, channel: usize, wavelength_nm: f64) -> Self {
        Self {
            name: name.into(),
            channel,
            wavelength_nm: Some(wavelength_nm),
            role: None,
            optical: true,
            scale: 1.0,
            offset: 0.0,
            nodata: None,
        }
    }

    /// A channel that is no reflectance, such as a radar polarisation.
    pub fn other(name: &str, channel: usize) -> Self {
        Self {
            wavelength_nm: None,
            optical: false,
            ..Self::optical(name, channel, 0.0)
        }
    }

    /// The same band with another affine map from tensor values to physical ones.
    pub fn with_map(self, scale: f64, offset: f64) -> Self {
        Self {
            scale,
            offset,
            ..self
        }
    }

    fn validate(&self) -> Result<(), DeflectError> {
        let field = |what: &str| format!("{what} of the band `{}`", self.name);
        if self.optical && self.wavelength_nm.is_none() && self.role.is_none() {
            return Err(DeflectError::NoWavelength {
                band: self.name.clone(),
            });
        }
        if let Some(nm) = self.wavelength_nm
            && !(300.0..=15_000.0).contains(&nm)
        {
            return Err(invalid(
                field("wavelength_nm"),
                nm,
                "300 to 15000 nanometres (0.665 micrometres are 665)",
            ));
        }
        if !self.optical && self.role.is_some() {
            return Err(invalid(field("role"), "given", "none, or `optical = true`"));
        }
        if !(self.scale.is_finite() && self.scale != 0.0) {
            return Err(invalid(field("scale"), self.scale, "finite and not zero"));
        }
        if !self.offset.is_finite() {
            return Err(invalid(field("offset"), self.offset, "a finite number"));
        }
        if self.nodata.is_some_and(|value| value.is_infinite()) {
            return Err(invalid(
                field("nodata"),
                "infinite",
                "a number, or none (NaN and infinities are always invalid)",
            ));
        }
        Ok(())
    }
}

impl Spectrum {
    /// One date without a mask.
    pub fn new(bands: Vec<SpectralBand>) -> Self {
        Self {
            bands,
            dates: 1,
            date_stride: 0,
            mask_channel: None,
        }
    }

    /// Checks what can be checked without an image.
    ///
    /// # Errors
    /// [`DeflectError::InvalidConfig`] naming the field, [`DeflectError::NoWavelength`].
    pub fn validate(&self) -> Result<(), DeflectError> {
        if !(1..=MAX_BANDS).contains(&self.bands.len()) {
            return Err(invalid(
                "the number of bands",
                self.bands.len(),
                format!("1 to {MAX_BANDS}"),
            ));
        }
        for (position, band) in self.bands.iter().enumerate() {
            band.validate()?;
            for other in &self.bands[..position] {
                if other.name == band.name {
                    return Err(invalid("a band's name", &band.name, "a name used once"));
                }
                if other.channel == band.channel {
                    return Err(invalid(
                        format!("channel of the band `{}`", band.name),
                        band.channel,
                        format!("another than that of `{}`", other.name),
                    ));
                }
            }
        }
        if !(1..=1024).contains(&self.dates) {
            return Err(invalid("dates", self.dates, "1 to 1024"));
        }
        if self.dates > 1 && self.date_stride == 0 {
            return Err(invalid(
                "date_stride",
                0,
                "the number of channels from one date to the next",
            ));
        }
        let limit = u32::MAX as usize;
        let largest = self.bands.iter().map(|band| band.channel).max();
        if largest
            .into_iter()
            .chain(self.mask_channel)
            .any(|c| c > limit)
            || self.date_stride > limit
        {
            return Err(invalid(
                "a channel",
                "beyond all bounds",
                "a channel of the image",
            ));
        }
        assign_roles(&self.bands).map(|_| ())
    }

    /// Which band has which role, see [`assign_roles`].
    ///
    /// # Errors
    /// What [`assign_roles`] reports.
    pub fn roles(&self) -> Result<BTreeMap<Role, usize>, DeflectError> {
        assign_roles(&self.bands)
    }

    /// The number of channels an image must have at least.
    pub fn channels_needed(&self) -> usize {
        let last = self.bands.iter().map(|band| band.channel);
        let last = last.chain(self.mask_channel).max().unwrap_or(0);
        last + (self.dates - 1) * self.date_stride + 1
    }

    /// The bands with their roles in words, for errors.
    pub(crate) fn described(&self) -> String {
        let roles = self.roles().unwrap_or_default();
        let one = |(position, band): (usize, &SpectralBand)| match roles
            .iter()
            .find(|(_, at)| **at == position)
        {
            Some((role, _)) => format!("`{}` ({role})", band.name),
            None => format!("`{}`", band.name),
        };
        let shown: Vec<_> = self.bands.iter().enumerate().take(20).map(one).collect();
        let more = self.bands.len().saturating_sub(20);
        match more {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_descriptions_name_the_band() {
        let good = SpectralBand::optical("red", 0, 665.0);
        let cases = [
            (
                SpectralBand {
                    wavelength_nm: None,
                    ..good.clone()
                },
                "no centre wavelength",
            ),
            (
                SpectralBand {
                    wavelength_nm: Some(0.665),
                    ..good.clone()
                },
                "micrometres",
            ),
            (
                SpectralBand {
                    wavelength_nm: Some(f64::NAN),
                    ..good.clone()
                },
                "wavelength_nm",
            ),
            (good.clone().with_map(0.0, 0.0), "scale"),
            (good.clone().with_map(1.0, f64::INFINITY), "offset"),
        ];
        for (band, words) in cases {
            let message = Spectrum::new(vec![band])
                .validate()
                .unwrap_err()
                .to_string();
            assert!(
                message.contains("`red`") && message.contains(words),
                "{message}"
            );
        }
        let twice = Spectrum::new(vec![good.clone(), good.clone()]);
        assert!(twice.validate().is_err());
        assert!(Spectrum::new(vec![]).validate().is_err());
        // A role stands in for a wavelength, and what is not optical needs neither.
        let stated = SpectralBand {
            wavelength_nm: None,
            role: Some(Role::R),
            ..good
        };
        Spectrum::new(vec![stated, SpectralBand::other("vv", 1)])
            .validate()
            .unwrap();
    }

    #[test]
    fn dates_need_a_stride_and_count_channels() {
        let mut spectrum = Spectrum::new(vec![SpectralBand::optical("red", 3, 665.0)]);
        assert_eq!(spectrum.channels_needed(), 4);
        spectrum.dates = 3;
        assert!(spectrum.validate().is_err());
        spectrum.date_stride = 10;
        spectrum.validate().unwrap();
        assert_eq!(spectrum.channels_needed(), 24);
    }

    #[test]
    fn unknown_keys_are_errors() {
        let text = "[[bands]]\nname = 'red'\nchannel = 0\nwavelength = 665.0";
        assert!(toml::from_str::<Spectrum>(text).is_err());
        let text = "[[bands]]\nname = 'red'\nchannel = 0\nwavelength_nm = 665.0";
        assert_eq!(
            toml::from_str::<Spectrum>(text).unwrap().bands[0].scale,
            1.0
        );
    }
}
