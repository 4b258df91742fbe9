//! What is looked at in every pixel: chosen bands, and the indices that the bands allow.

use std::collections::BTreeMap;

use crate::bands::Role;
use crate::config::{BandChoice, IndexChoice};
use crate::error::DeflectError;
use crate::formula::Formula;
use crate::indices::{INDICES, RECOMMENDED, SpectralIndex, find_index, lacking};
use crate::spectrum::Spectrum;

/// One number per pixel.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// Name of the band or of the index.
    pub name: String,
    /// How it is computed.
    pub source: Source,
    /// The bands it needs, as positions in the description.
    pub needs: Vec<usize>,
}

/// How a feature is computed.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// The physical value of the band at this position of the description.
    Band(usize),
    /// A formula over the bands with these roles.
    Index(Formula),
}

/// The features that a choice gives for these bands, bands first.
pub(crate) fn choose(
    spectrum: &Spectrum,
    bands: &BandChoice,
    indices: &IndexChoice,
) -> Result<Vec<Feature>, DeflectError> {
    let roles = spectrum.roles()?;
    let mut features = Vec::new();
    for position in chosen_bands(spectrum, bands, &roles)? {
        features.push(Feature {
            name: spectrum.bands[position].name.clone(),
            source: Source::Band(position),
            needs: vec![position],
        });
    }
    for index in chosen_indices(spectrum, indices, &roles)? {
        let formula = index.parse()?;
        let needs = formula.bands().iter().map(|role| roles[role]).collect();
        features.push(Feature {
            name: index.name.to_owned(),
            source: Source::Index(formula),
            needs,
        });
    }
    if features.is_empty() {
        return Err(DeflectError::NoFeatures);
    }
    Ok(features)
}

fn chosen_bands(
    spectrum: &Spectrum,
    choice: &BandChoice,
    roles: &BTreeMap<Role, usize>,
) -> Result<Vec<usize>, DeflectError> {
    let all = 0..spectrum.bands.len();
    Ok(match choice {
        BandChoice::All => all.collect(),
        BandChoice::None => Vec::new(),
        BandChoice::BeyondRgb => {
            let rgb: Vec<_> = [Role::R, Role::G, Role::B]
                .iter()
                .filter_map(|role| roles.get(role))
                .collect();
            all.filter(|position| !rgb.contains(&position)).collect()
        }
        BandChoice::Named(names) => {
            let position = |name: &String| {
                let found = spectrum.bands.iter().position(|band| band.name == *name);
                found.ok_or_else(|| DeflectError::UnknownBand {
                    name: name.clone(),
                    present: spectrum.described(),
                })
            };
            names.iter().map(position).collect::<Result<_, _>>()?
        }
    })
}

fn chosen_indices(
    spectrum: &Spectrum,
    choice: &IndexChoice,
    roles: &BTreeMap<Role, usize>,
) -> Result<Vec<&'static SpectralIndex>, DeflectError> {
    let has_wavelength = |band: usize| spectrum.bands[band].wavelength_nm.is_some();
    let missing = |index: &SpectralIndex| -> Result<_, DeflectError> {
        Ok(lacking(&index.parse()?, roles, &has_wavelength))
    };
    let names: Vec<&str> = match choice {
        IndexChoice::None => return Ok(Vec::new()),
        IndexChoice::Named(names) => {
            let mut chosen = Vec::new();
            for name in names {
                let index = find_index(name)?;
                if let Some(first) = missing(index)?.first() {
                    return Err(missing_band(
                        &format!("the index `{name}`"),
                        *first,
                        spectrum,
                    ));
                }
                chosen.push(index);
            }
            return Ok(chosen);
        }
        IndexChoice::Recommended => RECOMMENDED.to_vec(),
        IndexChoice::All => INDICES.iter().map(|index| index.name).collect(),
    };
    // A selection by availability would silently come out almost empty.
    for role in [Role::R, Role::G, Role::B] {
        if !roles.contains_key(&role) {
            return Err(missing_band(
                "the selection of indices",
                (role, false),
                spectrum,
            ));
        }
    }
    let mut chosen = Vec::new();
    for name in names {
        let index = find_index(name)?;
        if missing(index)?.is_empty() {
            chosen.push(index);
        }
    }
    Ok(chosen)
}

fn missing_band(what: &str, (role, placed): (Role, bool), spectrum: &Spectrum) -> DeflectError {
    let [low, high] = role.range_nm();
    let missing = match placed {
        true => format!("`{role}` with its `wavelength_nm`"),
        false => format!("`{role}` ({low} to {high} nm)"),
    };
    DeflectError::MissingBands {
        what: what.to_owned(),
        missing,
        present: spectrum.described(),
        remedy: "describe the channel that holds it, or choose `indices` that do without".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spectrum::SpectralBand;

    fn spectrum(centres: &[f64]) -> Spectrum {
        let bands = centres.iter().enumerate();
        Spectrum::new(
            bands
                .map(|(channel, nm)| SpectralBand::optical(&format!("b{nm}"), channel, *nm))
                .collect(),
        )
    }

    #[test]
    fn sentinel_2_gives_ten_bands_and_twelve_indices() {
        let all = [
            443.0, 492.0, 560.0, 665.0, 704.0, 740.0, 783.0, 833.0, 865.0, 945.0, 1375.0, 1614.0,
            2202.0,
        ];
        let features = choose(
            &spectrum(&all),
            &BandChoice::BeyondRgb,
            &IndexChoice::Recommended,
        );
        let features = features.unwrap();
        assert_eq!(features.len(), 22);
        assert_eq!(
            features
                .iter()
                .filter(|f| matches!(f.source, Source::Band(_)))
                .count(),
            10
        );
    }

    #[test]
    fn what_the_bands_do_not_allow_is_an_error_that_says_which() {
        let no_red_edge = spectrum(&[490.0, 560.0, 665.0, 833.0]);
        let named = IndexChoice::Named(vec!["NDVI".into(), "NDREI".into()]);
        let message = choose(&no_red_edge, &BandChoice::None, &named)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("`NDREI`") && message.contains("695 to 715"),
            "{message}"
        );
        assert!(message.contains("`b833` (N)"), "{message}");

        let no_red = spectrum(&[490.0, 560.0, 833.0, 1610.0]);
        let message = choose(&no_red, &BandChoice::BeyondRgb, &IndexChoice::Recommended);
        let message = message.unwrap_err().to_string();
        assert!(message.contains("`R` (620 to 690 nm)"), "{message}");
        // Without indices, or with such as do without red, it is a pixel set like any other.
        choose(&no_red, &BandChoice::BeyondRgb, &IndexChoice::None).unwrap();
        let named = IndexChoice::Named(vec!["NDMI".into()]);
        choose(&no_red, &BandChoice::BeyondRgb, &named).unwrap();

        let rgb = spectrum(&[490.0, 560.0, 665.0]);
        let nothing = choose(&rgb, &BandChoice::BeyondRgb, &IndexChoice::None);
        assert!(matches!(nothing.unwrap_err(), DeflectError::NoFeatures));
        let unknown = BandChoice::Named(vec!["B99".into()]);
        let message = choose(&rgb, &unknown, &IndexChoice::None)
            .unwrap_err()
            .to_string();
        assert!(message.contains("`B99`"), "{message}");
    }

    #[test]
    fn an_index_over_wavelengths_needs_them() {
        let mut four = spectrum(&[490.0, 560.0, 665.0, 833.0, 1610.0]);
        let fai = IndexChoice::Named(vec!["FAI".into()]);
        choose(&four, &BandChoice::None, &fai).unwrap();
        four.bands[4].role = Some(Role::S1);
        four.bands[4].wavelength_nm = None;
        let message = choose(&four, &BandChoice::None, &fai)
            .unwrap_err()
            .to_string();
        assert!(message.contains("wavelength_nm"), "{message}");
        // Selected by availability, it is left out.
        let features = choose(&four, &BandChoice::None, &IndexChoice::All).unwrap();
        assert!(features.iter().all(|feature| feature.name != "FAI"));
        assert!(features.iter().any(|feature| feature.name == "NDBI"));
    }
}
