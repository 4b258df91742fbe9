//! The label table of OpenSARShip, and the names of the files that belong to a line of it.

use std::path::Path;

use super::opensarship::{OpenSarShipConfig, Polarisation, Product};
use super::tree::stem;
use crate::DataError;
use crate::io::{CsvRecord, Source, parse_csv};

/// Types of ship that AIS messages name (ITU-R M.1371), as the chips' file names spell them.
const TYPES: [&str; 22] = [
    "Cargo",
    "Tanker",
    "Other Type",
    "Passenger",
    "Tug",
    "Fishing",
    "Law Enforcement",
    "Search",
    "Dredging",
    "High Speed Craft",
    "Pilot Vessel",
    "Port Tender",
    "Towing",
    "Wing In Ground",
    "Diving",
    "Military",
    "Sailing",
    "Pleasure Craft",
    "Anti-pollution",
    "Medical Transport",
    "Reserved",
    "Unspecified",
];

/// A type that the names of the pictures spell out where all else abbreviates.
const SPELLED_OUT: (&str, &str) = ("Search_", "Search and Rescue vessel_");

/// One chip: where it is and what it shows.
#[derive(Debug)]
pub(super) struct Chip {
    pub(super) id: String,
    scene: String,
    /// File name of the calibrated chip without its ending.
    stem: String,
    /// Whether the scene has VH beside VV.
    pub(super) dual: bool,
    pub(super) class: usize,
}

impl Chip {
    /// Name of a file of the chip; `vh` matters for the pictures of a dual chip only.
    pub(super) fn file(&self, product: Product, vh: bool) -> String {
        let Self { scene, stem, .. } = self;
        if product == Product::Sigma0 {
            return format!("{scene}/Patch_Cal/{stem}.tif");
        }
        let picture = match stem.strip_prefix(SPELLED_OUT.0) {
            Some(rest) => format!("{}{rest}", SPELLED_OUT.1),
            None => stem.clone(),
        };
        let polarisation = match (self.dual, vh) {
            (false, _) => "",
            (true, false) => "_vv",
            (true, true) => "_vh",
        };
        format!("{scene}/Patch_Uint8/Visual_{picture}{polarisation}.tif")
    }
}

/// The chips of `labels.csv` that the configuration asks for, sorted by id, and how many it leaves out.
pub(super) fn read_table(
    source: &Source,
    config: OpenSarShipConfig,
    classes: &[&str],
) -> Result<(Vec<Chip>, usize), DataError> {
    let path = source.path_of("labels.csv");
    let bad = |place: String, detail: String| DataError::Manifest {
        path: path.clone(),
        place,
        detail,
    };
    let text = String::from_utf8(source.read("labels.csv")?).map_err(|_| {
        bad(
            "line 1".into(),
            "the table is no UTF-8 text; save it as UTF-8".into(),
        )
    })?;
    let mut records = parse_csv(&text, &path)?.into_iter();
    if records
        .next()
        .is_none_or(|header| header.fields != ["scene", "chip", "type"])
    {
        return Err(bad(
            "line 1".into(),
            "the columns must be scene, chip, type".into(),
        ));
    }
    let (mut chips, mut left_out) = (Vec::new(), 0);
    for record in records {
        match chip(&record, config, classes, &path)? {
            None => left_out += 1,
            Some(chip) => {
                for vh in [false, true] {
                    let name = chip.file(config.product, vh);
                    if !source.contains(&name) {
                        let remedy = format!(
                            "line {} of labels.csv lists it: fetch it, or take the line out",
                            record.line
                        );
                        return Err(DataError::Missing {
                            path: source.path_of(&name),
                            remedy,
                        });
                    }
                }
                chips.push(chip);
            }
        }
    }
    chips.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    if let Some(pair) = chips.windows(2).find(|pair| pair[0].id == pair[1].id) {
        let (id, name) = (pair[0].id.clone(), pair[0].file(Product::Sigma0, false));
        return Err(DataError::DuplicateId {
            root: path,
            id,
            first: name.clone(),
            second: name,
        });
    }
    Ok((chips, left_out))
}

/// The chip of one line; `None` when the configuration leaves it out.
fn chip(
    record: &CsvRecord,
    config: OpenSarShipConfig,
    classes: &[&str],
    path: &Path,
) -> Result<Option<Chip>, DataError> {
    let place = format!("line {}", record.line);
    let [scene, chip, kind] = record.fields.as_slice() else {
        return Err(DataError::Manifest {
            path: path.into(),
            place,
            detail: "three fields are needed".into(),
        });
    };
    if !TYPES.contains(&kind.as_str()) {
        return Err(DataError::UnknownLabel {
            path: path.into(),
            place,
            label: kind.clone(),
            available: TYPES.join(", "),
        });
    }
    let dual = is_dual(scene).ok_or_else(|| DataError::Manifest {
        path: path.into(),
        place,
        detail: format!(
            "scene `{scene}` names neither 1SDV (VV and VH) nor 1SSV (VV); only these are read"
        ),
    })?;
    let find = |wanted: &str| classes.iter().position(|class| *class == wanted);
    let class = find(kind).or_else(|| find("Other"));
    Ok(
        match (class, dual || config.polarisation == Polarisation::Vv) {
            (Some(class), true) => {
                let stem = stem(chip).to_owned();
                Some(Chip {
                    id: format!("{scene}/{stem}"),
                    scene: scene.clone(),
                    stem,
                    dual,
                    class,
                })
            }
            _ => None,
        },
    )
}

/// Whether a Sentinel-1 product has VV and VH (`1SDV`) or VV alone (`1SSV`); `None` for other polarisations.
fn is_dual(scene: &str) -> Option<bool> {
    scene.split('_').find_map(|part| match part {
        "1SDV" => Some(true),
        "1SSV" => Some(false),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_spell_rescue_vessels_out() {
        let chip = |dual| Chip {
            id: String::new(),
            scene: "S".into(),
            stem: "Search_x1_y2".into(),
            dual,
            class: 0,
        };
        assert_eq!(
            chip(true).file(Product::Sigma0, true),
            "S/Patch_Cal/Search_x1_y2.tif"
        );
        assert_eq!(
            chip(true).file(Product::Uint8, true),
            "S/Patch_Uint8/Visual_Search and Rescue vessel_x1_y2_vh.tif"
        );
        assert_eq!(
            chip(false).file(Product::Uint8, true),
            "S/Patch_Uint8/Visual_Search and Rescue vessel_x1_y2.tif"
        );
    }

    #[test]
    fn polarisations_come_from_the_product_name() {
        assert_eq!(is_dual("S1A_IW_GRDH_1SDV_2016"), Some(true));
        assert_eq!(is_dual("S1A_IW_SLC__1SSV_2016"), Some(false));
        assert_eq!(is_dual("S1A_EW_GRDM_1SDH_2016"), None);
    }
}
