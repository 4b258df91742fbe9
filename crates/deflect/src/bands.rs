//! Roles of bands: the letters in which spectral indices are written, given to the bands of any sensor by their wavelengths.
//!
//! The letters are those of the Spyndex catalogue (Montero et al. 2023, "A standardized catalogue of spectral indices").

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{DeflectError, invalid};
use crate::spectrum::SpectralBand;

/// What a band is in the formula of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Blue.
    B,
    /// Green.
    G,
    /// Red.
    R,
    /// Near infrared.
    N,
    /// First short-wave infrared window.
    S1,
    /// Second short-wave infrared window.
    S2,
    /// Coastal aerosol.
    A,
    /// First red edge.
    RE1,
    /// Second red edge.
    RE2,
    /// Third red edge.
    RE3,
    /// Narrow near infrared, where a sensor has two.
    N2,
    /// Water vapour.
    WV,
    /// First of two thermal bands; the affine map of the band gives kelvin.
    T1,
    /// Second of two thermal bands, in kelvin.
    T2,
    /// A single broad thermal band, in kelvin.
    T,
}

/// Range and nominal centre of one role.
struct Range {
    role: Role,
    name: &'static str,
    /// Lowest and highest centre wavelength, nm, both included.
    range: [f64; 2],
    /// Where several bands lie in the range, the one nearest to this wavelength (nm) is taken.
    nominal: f64,
}

const fn range(role: Role, name: &'static str, range: [f64; 2], nominal: f64) -> Range {
    Range {
        role,
        name,
        range,
        nominal,
    }
}

/// In the order in which roles choose their bands: those that most indices need come first, so that the only near-infrared
/// band of a Landsat (865 nm) is `N` and not `N2`. Nominal centres are those of Sentinel-2 and, for the thermal roles, of Landsat.
const RANGES: [Range; 15] = [
    range(Role::B, "B", [450.0, 530.0], 490.0),
    range(Role::G, "G", [510.0, 600.0], 560.0),
    range(Role::R, "R", [620.0, 690.0], 665.0),
    range(Role::N, "N", [760.0, 900.0], 833.0),
    range(Role::S1, "S1", [1550.0, 1750.0], 1610.0),
    range(Role::S2, "S2", [2080.0, 2350.0], 2190.0),
    range(Role::A, "A", [400.0, 455.0], 443.0),
    range(Role::RE1, "RE1", [695.0, 715.0], 704.0),
    range(Role::RE2, "RE2", [730.0, 750.0], 740.0),
    range(Role::RE3, "RE3", [765.0, 795.0], 783.0),
    range(Role::N2, "N2", [850.0, 880.0], 865.0),
    range(Role::WV, "WV", [930.0, 960.0], 945.0),
    range(Role::T1, "T1", [10_600.0, 11_190.0], 10_895.0),
    range(Role::T2, "T2", [11_500.0, 12_510.0], 12_005.0),
    range(Role::T, "T", [10_400.0, 12_500.0], 11_450.0),
];

impl Role {
    /// Its letters, as formulas write them.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// Lowest and highest centre wavelength in nanometres, both included.
    pub fn range_nm(self) -> [f64; 2] {
        self.entry().range
    }

    /// Every role, in the order in which they choose their bands.
    pub fn all() -> impl Iterator<Item = Self> {
        RANGES.iter().map(|entry| entry.role)
    }

    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|role| role.name() == name)
    }

    fn entry(self) -> &'static Range {
        RANGES
            .iter()
            .find(|entry| entry.role == self)
            .unwrap_or(&RANGES[0])
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which band has which role: role to position in `bands`.
///
/// Roles that a band states itself come first. Then each role in turn takes, among the optical bands in its range that have no
/// role yet, the one nearest to its nominal centre (of equals, the first); so a band has one role at most.
///
/// # Errors
/// [`DeflectError::InvalidConfig`] when two bands state the same role.
pub fn assign_roles(bands: &[SpectralBand]) -> Result<BTreeMap<Role, usize>, DeflectError> {
    let mut roles = BTreeMap::new();
    for (position, band) in bands.iter().enumerate() {
        let Some(role) = band.role else { continue };
        if let Some(other) = roles.insert(role, position) {
            return Err(invalid(
                format!("role of the band `{}`", band.name),
                role,
                format!("another one: `{}` has it already", bands[other].name),
            ));
        }
    }
    for entry in &RANGES {
        if roles.contains_key(&entry.role) {
            continue;
        }
        let distance = |position: &usize| {
            let wavelength = bands[*position].wavelength_nm.unwrap_or(f64::INFINITY);
            (wavelength - entry.nominal).abs()
        };
        let nearest = (0..bands.len())
            .filter(|position| {
                let band = &bands[*position];
                let inside = band
                    .wavelength_nm
                    .is_some_and(|nm| (entry.range[0]..=entry.range[1]).contains(&nm));
                band.optical && inside && !roles.values().any(|taken| taken == position)
            })
            .min_by(|a, b| distance(a).total_cmp(&distance(b)));
        if let Some(position) = nearest {
            roles.insert(entry.role, position);
        }
    }
    Ok(roles)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles_of(wavelengths: &[f64]) -> Vec<(Role, f64)> {
        let bands: Vec<_> = wavelengths
            .iter()
            .enumerate()
            .map(|(channel, nm)| SpectralBand::optical(&format!("b{channel}"), channel, *nm))
            .collect();
        assign_roles(&bands)
            .unwrap()
            .into_iter()
            .map(|(role, position)| (role, wavelengths[position]))
            .collect()
    }

    #[test]
    fn sentinel_2_has_twelve_roles() {
        let centres = [
            443.0, 492.0, 560.0, 665.0, 704.0, 740.0, 783.0, 833.0, 865.0, 945.0, 1375.0, 1614.0,
            2202.0,
        ];
        let found: Vec<_> = roles_of(&centres);
        let expected = [
            (Role::B, 492.0),
            (Role::G, 560.0),
            (Role::R, 665.0),
            (Role::N, 833.0),
            (Role::S1, 1614.0),
            (Role::S2, 2202.0),
            (Role::A, 443.0),
            (Role::RE1, 704.0),
            (Role::RE2, 740.0),
            (Role::RE3, 783.0),
            (Role::N2, 865.0),
            (Role::WV, 945.0),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_only_near_infrared_band_of_a_landsat_is_n() {
        let oli = roles_of(&[
            443.0, 482.0, 561.4, 654.6, 864.7, 1608.9, 2200.7, 10_895.0, 12_005.0,
        ]);
        assert!(oli.contains(&(Role::N, 864.7)), "{oli:?}");
        assert!(!oli.iter().any(|(role, _)| *role == Role::N2), "{oli:?}");
        assert!(oli.contains(&(Role::T1, 10_895.0)) && oli.contains(&(Role::T2, 12_005.0)));
        let tm = roles_of(&[485.0, 560.0, 660.0, 830.0, 1650.0, 2215.0, 11_450.0]);
        assert!(tm.contains(&(Role::T, 11_450.0)), "{tm:?}");
    }

    #[test]
    fn a_spectrometer_gives_each_role_the_nearest_of_many_bands() {
        let centres: Vec<f64> = (0..420).map(|i| 400.0 + 5.0 * f64::from(i)).collect();
        let found = roles_of(&centres);
        assert_eq!(found.len(), 12, "{found:?}");
        assert!(found.contains(&(Role::R, 665.0)) && found.contains(&(Role::N2, 865.0)));
    }

    #[test]
    fn stated_roles_win_and_may_not_clash() {
        let mut bands = vec![
            SpectralBand::optical("near", 0, 833.0),
            SpectralBand::optical("odd", 1, 1000.0),
        ];
        bands[1].role = Some(Role::N);
        assert_eq!(assign_roles(&bands).unwrap()[&Role::N], 1);
        bands[0].role = Some(Role::N);
        let message = assign_roles(&bands).unwrap_err().to_string();
        assert!(
            message.contains("near") || message.contains("odd"),
            "{message}"
        );
    }

    #[test]
    fn radar_has_no_role() {
        let mut bands = vec![SpectralBand::optical("vv", 0, 665.0)];
        bands[0].optical = false;
        assert!(assign_roles(&bands).unwrap().is_empty());
    }
}
