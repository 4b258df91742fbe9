//! Stand-ins for the sets with a class per pixel. As in [`super::fake`] they are no real data: classes lie in rectangles, and a
//! band is noise around a level that depends on the class.

use std::path::Path;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::fake::{stream, tiff, write};
use super::{BURN_SCARS_BANDS, MADOS_CLASSES};
use crate::DataError;
use crate::io::{NpyArray, Samples, encode_npy};
use crate::sensors::SENTINEL2_BANDS;

/// Edge of the stand-ins in pixels; a multiple of 6, so that MADOS has bands of 20 and 60 m.
const EDGE: usize = 24;

/// A class per pixel, row-major: `first` with one rectangle of `second`, and `missing` in the first two pixels.
fn regions(random: &mut ChaCha8Rng, first: i32, second: i32, missing: i32) -> Vec<i32> {
    let mut side = || {
        (
            random.random_range(2..8usize),
            random.random_range(12..20usize),
        )
    };
    let (rows, columns) = (side(), side());
    let inside = |at: usize, (low, high): (usize, usize)| (low..high).contains(&at);
    (0..EDGE * EDGE)
        .map(|at| match (at, at / EDGE, at % EDGE) {
            (0 | 1, ..) => missing,
            (_, row, column) if inside(row, rows) && inside(column, columns) => second,
            _ => first,
        })
        .collect()
}

/// One band over a mask: a level per class and band, and noise.
fn band(random: &mut ChaCha8Rng, mask: &[i32], band: usize, step: usize) -> Vec<f32> {
    let side = EDGE / step;
    (0..side * side)
        .map(|at| {
            let class = mask[at / side * step * EDGE + at % side * step].max(0) as usize;
            let level = 0.05 + 0.04 * ((class * 7 + band * 3) % 10) as f32;
            level + random.random_range(0.0..0.02)
        })
        .collect()
}

/// Writes `folder/hls_burn_scars/{training,validation}/<scene>_merged.tif` with `<scene>.mask.tif`, 24 x 24 pixels.
///
/// # Errors
/// [`DataError::Io`].
pub fn write_burn_scars(
    folder: &Path,
    training: usize,
    validation: usize,
    seed: u64,
) -> Result<(), DataError> {
    for (part, numbers) in [
        ("training", 0..training),
        ("validation", training..training + validation),
    ] {
        for number in numbers {
            let scene = format!(
                "subsetted_512x512_HLS.S30.T10SDH.{}.v1.4",
                2_018_000 + number
            );
            let mut random = stream(seed, &format!("{part}/{scene}"));
            let mask = regions(&mut random, 0, 1, -1);
            let mut bands: Vec<f32> = (0..BURN_SCARS_BANDS.len())
                .flat_map(|index| band(&mut random, &mask, index, 1))
                .collect();
            // The first pixel was not measured.
            bands
                .iter_mut()
                .step_by(EDGE * EDGE)
                .for_each(|value| *value = 9999.0);
            let root = folder.join("hls_burn_scars").join(part);
            let image = tiff(BURN_SCARS_BANDS.len(), EDGE, EDGE, &Samples::F32(bands));
            write(&root.join(format!("{scene}_merged.tif")), &image)?;
            let labels = mask.iter().map(|&class| class as i16).collect();
            let labels = tiff(1, EDGE, EDGE, &Samples::I16(labels));
            write(&root.join(format!("{scene}.mask.tif")), &labels)?;
        }
    }
    Ok(())
}

/// Writes `folder/MADOS` with `scenes` scenes of `crops` crops each, 24 x 24 pixels at 10 m; the first crop of a scene is for
/// training, the second for validation, the others for testing.
///
/// # Errors
/// [`DataError::Io`].
pub fn write_mados(folder: &Path, scenes: usize, crops: usize, seed: u64) -> Result<(), DataError> {
    // Wavelengths of Sentinel-2A and 2B as their files are named, and the pixel of each in metres.
    const PIXELS: [usize; 11] = [60, 10, 10, 10, 20, 20, 20, 10, 20, 20, 20];
    const NAMES: [[u32; 11]; 2] = [
        [443, 492, 560, 665, 704, 740, 783, 833, 865, 1614, 2202],
        [442, 492, 559, 665, 704, 739, 780, 833, 864, 1610, 2186],
    ];
    let root = folder.join("MADOS");
    let mut parts = [String::new(), String::new(), String::new()];
    for scene in 0..scenes {
        for crop in 0..crops {
            let id = format!("Scene_{scene}_{crop}");
            parts[crop.min(2)] += &format!("{id}\n");
            let mut random = stream(seed, &id);
            let classes = MADOS_CLASSES.len() as i32;
            let first = 1 + (scene + crop) as i32 % classes;
            let mask = regions(&mut random, first, 1 + first % classes, 0);
            let place = |metres: usize, kind: &str| {
                let scene = format!("Scene_{scene}");
                let file = format!("{scene}_L2R_{kind}_{crop}.tif");
                root.join(scene).join(metres.to_string()).join(file)
            };
            for (index, (&metres, nm)) in PIXELS.iter().zip(NAMES[scene % 2]).enumerate() {
                let step = metres / 10;
                let mut values = band(&mut random, &mask, index, step);
                if index == 2 {
                    values[1] = f32::NAN;
                }
                let image = tiff(1, EDGE / step, EDGE / step, &Samples::F32(values));
                write(&place(metres, &format!("rhorc_{nm}")), &image)?;
            }
            let labels = mask.iter().map(|&class| class as u8).collect();
            write(&place(10, "cl"), &tiff(1, EDGE, EDGE, &Samples::U8(labels)))?;
        }
    }
    for (part, text) in ["train", "val", "test"].iter().zip(&parts) {
        write(&root.join(format!("splits/{part}_X.txt")), text.as_bytes())?;
    }
    Ok(())
}

/// Writes `folder/sen1floods11` with `chips` chips of 24 x 24 pixels, Sentinel-1 and Sentinel-2; one in four each is for
/// validation, testing and Bolivia.
///
/// # Errors
/// [`DataError::Io`].
pub fn write_sen1floods11(folder: &Path, chips: usize, seed: u64) -> Result<(), DataError> {
    let root = folder.join("sen1floods11");
    let mut parts = [const { String::new() }; 4];
    for number in 0..chips {
        let country = ["Ghana", "India", "Mekong", "Bolivia"][number % 4];
        let id = format!("{country}_{}", 1000 + number);
        parts[number % 4] += &format!("{id}_S1Hand.tif,{id}_LabelHand.tif\n");
        let mut random = stream(seed, &id);
        let mask = regions(&mut random, 0, 1, -1);
        let decibels = |values: Vec<f32>| values.into_iter().map(|v| 10.0 * v.log10());
        let mut radar: Vec<f32> = (0..2)
            .flat_map(|index| decibels(band(&mut random, &mask, index, 1)).collect::<Vec<_>>())
            .collect();
        radar[5] = f32::NAN;
        let mut optical: Vec<i16> = (0..SENTINEL2_BANDS.len())
            .flat_map(|index| band(&mut random, &mask, index, 1))
            .map(|reflectance| (1e4 * reflectance) as i16)
            .collect();
        optical[7] = 0;
        let file = |kind: &str| {
            root.join(kind.trim_end_matches("Hand"))
                .join(format!("{id}_{kind}.tif"))
        };
        write(&file("S1Hand"), &tiff(2, EDGE, EDGE, &Samples::F32(radar)))?;
        write(
            &file("S2Hand"),
            &tiff(13, EDGE, EDGE, &Samples::I16(optical)),
        )?;
        let labels = mask.iter().map(|&class| class as i16).collect();
        write(
            &file("LabelHand"),
            &tiff(1, EDGE, EDGE, &Samples::I16(labels)),
        )?;
    }
    for (part, text) in ["train", "valid", "test", "bolivia"].iter().zip(&parts) {
        let file = root.join("splits").join(format!("flood_{part}_data.csv"));
        write(&file, text.as_bytes())?;
    }
    Ok(())
}

/// Writes `folder/eo_learn/{REFERENCE_SCENES,LULC}.npy`: `dates` dates of 24 x 24 pixels, the cover of the first two of which is not known.
///
/// # Errors
/// [`DataError::Io`].
pub fn write_eo_learn(folder: &Path, dates: usize, seed: u64) -> Result<(), DataError> {
    let mut random = stream(seed, "eo_learn");
    let mask = regions(&mut random, 2, 3, 0);
    let bands = SENTINEL2_BANDS.len();
    let mut values = vec![0.0; dates * mask.len() * bands];
    for (date, plane) in values.chunks_exact_mut(mask.len() * bands).enumerate() {
        for index in 0..bands {
            let level = band(&mut random, &mask, index + date, 1);
            let places = plane.iter_mut().skip(index).step_by(bands);
            places.zip(level).for_each(|(place, value)| *place = value);
        }
    }
    let root = folder.join("eo_learn");
    let array = |shape: Vec<usize>, samples| encode_npy(&NpyArray { shape, samples });
    let scenes = array(vec![dates, EDGE, EDGE, bands], Samples::F32(values))?;
    write(&root.join("REFERENCE_SCENES.npy"), &scenes)?;
    let cover = mask.iter().map(|&class| class as u16).collect();
    let cover = array(vec![EDGE, EDGE, 1], Samples::U16(cover))?;
    write(&root.join("LULC.npy"), &cover)
}
