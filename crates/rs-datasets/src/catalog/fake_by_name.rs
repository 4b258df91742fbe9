//! Stand-ins by the name of the registry. As in [`super::fake`] they are no real data.

use std::path::Path;

use super::fake::{
    write_burn_scars, write_dota, write_eurosat_ms, write_eurosat_rgb, write_geobench, write_mados,
    write_opensarship, write_sen1floods11,
};
use super::geobench_table::GeoBenchName;
use super::{DATASETS, known_datasets};
use crate::DataError;

/// Most samples that are asked for at once: stand-ins are for trying commands.
const MOST: usize = 10_000;

/// Writes a stand-in that [`super::open`] opens under that name.
///
/// `count` is at least 2, at most 10,000: samples per class where an image has one class (chips per type and scene for OpenSARShip), scenes or images
/// of the whole set otherwise (MADOS rounds up to four crops per scene). A quarter of them, at least one, is for testing where the
/// layout has parts.
///
/// # Errors
/// [`DataError::UnknownDataset`], also for the readers of images of one's own; [`DataError::Setting`] for a count outside its range;
/// [`DataError::Io`].
pub fn write_by_name(name: &str, folder: &Path, count: usize, seed: u64) -> Result<(), DataError> {
    if !(2..=MOST).contains(&count) {
        return Err(DataError::Setting {
            what: "count of stand-ins".into(),
            detail: format!("{count}; expected 2 to {MOST}"),
        });
    }
    let test = (count / 4).max(1);
    match name {
        "eurosat_rgb" => write_eurosat_rgb(folder, count, seed),
        "eurosat_ms" => write_eurosat_ms(folder, count - test, test, seed),
        "opensarship" | "opensarship_dual" | "opensarship_uint8" => {
            write_opensarship(folder, count, seed)
        }
        "geobench_so2sat" => write_geobench(folder, GeoBenchName::So2Sat, count, seed),
        "geobench_brick_kiln" | "geobench_brick_kiln_published" => {
            write_geobench(folder, GeoBenchName::BrickKiln, count, seed)
        }
        "geobench_forestnet" => write_geobench(folder, GeoBenchName::ForestNet, count, seed),
        "geobench_eurosat" | "geobench_eurosat_published" => {
            write_geobench(folder, GeoBenchName::EuroSat, count, seed)
        }
        "hls_burn_scars" => write_burn_scars(folder, count - test, test, seed),
        "mados" => write_mados(folder, count.div_ceil(4), 4, seed),
        "sen1floods11_s1" | "sen1floods11_s2" => write_sen1floods11(folder, count, seed),
        "dota" | "dota_tiles" | "dota_crops" => write_dota(folder, count, seed),
        _ => {
            let names: Vec<&str> = known_datasets()?.iter().map(|known| known.name).collect();
            let mine = DATASETS.iter().any(|(other, _)| *other == name);
            let why = if mine {
                " (for a reader of one's own images there is nothing to imitate)"
            } else {
                ""
            };
            Err(DataError::UnknownDataset {
                name: name.into(),
                available: names.join(", ") + why,
            })
        }
    }
}
