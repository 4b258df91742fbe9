//! Stand-ins for BigEarthNet. As in [`super::fake`] they are no real data: a band is noise around a level that depends on the first class
//! of the patch.

use std::path::Path;

use rand::Rng;

use super::fake::{stream, tiff, write};
use super::{BIGEARTHNET_BANDS, BIGEARTHNET_CLASSES};
use crate::DataError;
use crate::io::Samples;
use crate::sensors::SENTINEL2_BANDS;

/// Edge of a patch in pixels of 10 m; the published ones have 120.
const EDGE: usize = 12;

/// Writes `folder/bigearthnet/<patch>/` with the twelve bands and the labels of each of `patches` patches, 12 x 12 pixels of 10 m. Patch
/// `n` has the classes `n % 43` and, if `n` is odd, the next one.
///
/// # Errors
/// [`DataError::Io`].
pub fn write_bigearthnet(folder: &Path, patches: usize, seed: u64) -> Result<(), DataError> {
    for number in 0..patches {
        let id = format!("S2A_MSIL2A_20170613T101031_{}_{}", number / 90, number % 90);
        let mut random = stream(seed, &id);
        let first = number % BIGEARTHNET_CLASSES.len();
        let classes: Vec<&str> = (first..=first + number % 2)
            .map(|class| BIGEARTHNET_CLASSES[class % BIGEARTHNET_CLASSES.len()])
            .collect();
        let stem = folder.join("bigearthnet").join(&id).join(&id);
        let file = |ending: &str| stem.with_file_name(format!("{id}_{ending}"));
        for (place, band) in BIGEARTHNET_BANDS.iter().enumerate() {
            let gsd = SENTINEL2_BANDS.iter().find(|(name, ..)| name == band);
            let side = EDGE * 10 / gsd.map_or(10, |&(_, _, gsd)| gsd as usize);
            let level = 300 + 250 * ((first * 7 + place * 3) % 10) as u16;
            let values = (0..side * side)
                .map(|_| level + random.random_range(0..100))
                .collect();
            let bytes = tiff(1, side, side, &Samples::U16(values));
            write(&file(&format!("{band}.tif")), &bytes)?;
        }
        let labels = serde_json::json!({ "labels": classes, "projection": "", "coordinates": {} });
        write(&file("labels_metadata.json"), labels.to_string().as_bytes())?;
    }
    Ok(())
}
