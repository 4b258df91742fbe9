//! Small stand-ins in the real layouts, for tests and for trying a command before the real files are there.
//!
//! **Not real data:** every image is noise around a level that depends on its class (or, for DOTA, a synthetic scene). The same seed and id give the same
//! values, so that the 13-band file of an id fits its picture.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::EUROSAT_CLASSES;
pub use super::fake_by_name::write_by_name;
pub use super::fake_geobench::{hdf5, write_geobench};
pub use super::fake_pixels::{write_burn_scars, write_mados, write_sen1floods11};
use crate::io::{Samples, each, write_atomically};
use crate::sensors::EUROSAT_BAND_ORDER;
use crate::{AerialConfig, AerialScenes, BandSet, DataError, Dataset, DatasetInfo, Sample};

/// Edge of the fake EuroSAT images in pixels.
const EDGE: usize = 16;

/// The random stream of one image.
pub(super) fn stream(seed: u64, id: &str) -> ChaCha8Rng {
    // FNV-1a, so that streams differ by id and not by the order of writing.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    ChaCha8Rng::seed_from_u64(seed ^ hash)
}

/// Digital numbers `[band, row, column]` of one 13-band patch, in the order of the EuroSAT files.
fn eurosat_patch(seed: u64, class: usize, id: &str) -> Vec<u16> {
    let mut random = stream(seed, id);
    let level = |band: usize| 400 + 250 * ((class * 7 + band * 3) % 10) as u16;
    (0..EUROSAT_BAND_ORDER.len())
        .flat_map(|band| std::iter::repeat_n(level(band), EDGE * EDGE))
        .map(|level| level + random.random_range(0..200))
        .collect()
}

fn eurosat_jpeg(seed: u64, class: usize, id: &str, path: &Path) -> Result<Vec<u8>, DataError> {
    let patch = eurosat_patch(seed, class, id);
    let area = EDGE * EDGE;
    // B04, B03, B02 by pixel.
    let value = |at: usize| (patch[(3 - at % 3) * area + at / 3] / 12).min(255) as u8;
    let pixels: Vec<u8> = (0..3 * area).map(value).collect();
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 95)
        .write_image(&pixels, EDGE as u32, EDGE as u32, ExtendedColorType::Rgb8)
        .map_err(|error| failed(path, std::io::Error::other(error)))?;
    Ok(bytes)
}

/// Writes `folder/EuroSAT_RGB/<Class>/<Class>_<n>.jpg`, `per_class` images of 16 x 16 pixels each, numbered from 1.
///
/// # Errors
/// [`DataError::Io`].
pub fn write_eurosat_rgb(folder: &Path, per_class: usize, seed: u64) -> Result<(), DataError> {
    for (class, name) in EUROSAT_CLASSES.iter().enumerate() {
        for number in 1..=per_class {
            let id = format!("{name}_{number}");
            let path = folder
                .join("EuroSAT_RGB")
                .join(name)
                .join(format!("{id}.jpg"));
            write(&path, &eurosat_jpeg(seed, class, &id, &path)?)?;
        }
    }
    Ok(())
}

/// Writes `folder/EuroSAT_RGB.zip` with the images of [`write_eurosat_rgb`].
///
/// # Errors
/// [`DataError::Io`].
pub fn write_eurosat_rgb_zip(folder: &Path, per_class: usize, seed: u64) -> Result<(), DataError> {
    let path = folder.join("EuroSAT_RGB.zip");
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (class, name) in EUROSAT_CLASSES.iter().enumerate() {
        for number in 1..=per_class {
            let id = format!("{name}_{number}");
            let bytes = eurosat_jpeg(seed, class, &id, &path)?;
            archive
                .start_file(format!("EuroSAT_RGB/{name}/{id}.jpg"), options)
                .map_err(|error| failed(&path, error.into()))?;
            archive
                .write_all(&bytes)
                .map_err(|error| failed(&path, error))?;
        }
    }
    let bytes = archive
        .finish()
        .map_err(|error| failed(&path, error.into()))?
        .into_inner();
    write(&path, &bytes)
}

/// Writes `folder/eurosat_ms/{train,test}/<Class>/<Class>_<n>.tif`, 13 bands of 16 x 16 pixels, numbered from 1 through
/// both parts.
///
/// # Errors
/// [`DataError::Io`].
pub fn write_eurosat_ms(
    folder: &Path,
    train: usize,
    test: usize,
    seed: u64,
) -> Result<(), DataError> {
    for (class, name) in EUROSAT_CLASSES.iter().enumerate() {
        for number in 1..=train + test {
            let id = format!("{name}_{number}");
            let part = if number <= train { "train" } else { "test" };
            let path = folder
                .join("eurosat_ms")
                .join(part)
                .join(name)
                .join(format!("{id}.tif"));
            let samples = Samples::U16(eurosat_patch(seed, class, &id));
            write(&path, &tiff(EUROSAT_BAND_ORDER.len(), EDGE, EDGE, &samples))?;
        }
    }
    Ok(())
}

/// Writes `folder/opensarship` with two scenes, one of which has VH, and in each `per_type` chips of `Cargo`, `Tanker` and
/// `Tug`, of 17 to 24 pixels.
///
/// # Errors
/// [`DataError::Io`].
pub fn write_opensarship(folder: &Path, per_type: usize, seed: u64) -> Result<(), DataError> {
    let root = folder.join("opensarship");
    let mut table = String::from("scene,chip,type\n");
    for (scene, dual) in [
        ("S1A_IW_GRDH_1SDV_20200101T000000_FAKE", true),
        ("S1A_IW_GRDH_1SSV_20200102T000000_FAKE", false),
    ] {
        for (kind, name) in ["Cargo", "Tanker", "Tug"].iter().enumerate() {
            for number in 1..=per_type {
                let chip = format!("{name}_x{number}_y{kind}");
                table += &format!("{scene},{chip}.tif,{name}\n");
                let mut random = stream(seed, &format!("{scene}/{chip}"));
                let edge = random.random_range(17..=24usize);
                let mut band = |scale: f32| -> Vec<f32> {
                    (0..edge * edge)
                        .map(|_| scale * (1 + kind) as f32 * random.random_range(0.5..1.5))
                        .collect()
                };
                let (vh, vv) = (band(0.003), band(0.02));
                let picture = |values: &[f32], scale: f32| {
                    Samples::U8(
                        values
                            .iter()
                            .map(|value| (value / scale * 40.0) as u8)
                            .collect(),
                    )
                };
                let pictures = root.join(scene).join("Patch_Uint8");
                let calibrated = root
                    .join(scene)
                    .join("Patch_Cal")
                    .join(format!("{chip}.tif"));
                let vv_picture = tiff(1, edge, edge, &picture(&vv, 0.02));
                if dual {
                    let both = Samples::F32([vh.as_slice(), vv.as_slice()].concat());
                    write(&calibrated, &tiff(2, edge, edge, &both))?;
                    let vh_picture = tiff(1, edge, edge, &picture(&vh, 0.003));
                    write(&pictures.join(format!("Visual_{chip}_vh.tif")), &vh_picture)?;
                    write(&pictures.join(format!("Visual_{chip}_vv.tif")), &vv_picture)?;
                } else {
                    write(&calibrated, &tiff(1, edge, edge, &Samples::F32(vv)))?;
                    write(&pictures.join(format!("Visual_{chip}.tif")), &vv_picture)?;
                }
            }
        }
    }
    write(&root.join("labels.csv"), table.as_bytes())
}

/// Writes `folder/dota/images/<id>.png` and `folder/dota/labelTxt/<id>.txt` in DOTA's layout: `images` synthetic aerial scenes of 256 pixels, named
/// `P0001` and so on, the last one without objects.
///
/// # Errors
/// [`DataError::Io`]; [`DataError::Setting`] for no image.
pub fn write_dota(folder: &Path, images: usize, seed: u64) -> Result<(), DataError> {
    let config = AerialConfig {
        scenes: images,
        seed,
        size: 256,
        objects: [4, 12],
        imbalance_factor: 4.0,
        empty_share: 0.0,
        ..AerialConfig::default()
    };
    let empty = AerialConfig {
        empty_share: 1.0,
        ..config.clone()
    };
    let scenes = NamedLikeDota {
        full: AerialScenes::new(config)?,
        empty: AerialScenes::new(empty)?,
        ids: (1..=images).map(|k| format!("P{k:04}")).collect(),
    };
    super::dota::write_dota_layout(&folder.join("dota"), &scenes, Some("synthetic"))
}

/// Scenes under DOTA's names, the last one empty.
struct NamedLikeDota {
    full: AerialScenes,
    empty: AerialScenes,
    ids: Vec<String>,
}

impl Dataset for NamedLikeDota {
    fn info(&self) -> &DatasetInfo {
        self.full.info()
    }

    fn classes(&self) -> &[String] {
        self.full.classes()
    }

    fn bands(&self) -> &BandSet {
        self.full.bands()
    }

    fn len(&self) -> usize {
        self.ids.len()
    }

    fn id(&self, index: usize) -> &str {
        &self.ids[index]
    }

    fn class_of(&self, _index: usize) -> Option<usize> {
        None
    }

    fn load(&self, index: usize) -> Result<Sample, DataError> {
        let scenes = if index + 1 == self.ids.len() {
            &self.empty
        } else {
            &self.full
        };
        let id = self.ids[index].clone();
        Ok(Sample {
            id,
            ..scenes.load(index)?
        })
    }
}

/// An uncompressed little-endian TIFF of `[band, row, column]` samples, one plane and one strip per band.
///
/// This is what the stand-ins need and no more: no georeference, no limit checks. The file must stay below 4 GiB.
pub fn tiff(bands: usize, height: usize, width: usize, samples: &Samples) -> Vec<u8> {
    let format: u32 = match samples {
        Samples::U8(_) | Samples::U16(_) | Samples::U32(_) | Samples::U64(_) => 1,
        Samples::I8(_) | Samples::I16(_) | Samples::I32(_) | Samples::I64(_) => 2,
        Samples::F32(_) | Samples::F64(_) => 3,
    };
    let size = samples.dtype().size();
    let plane = (height * width * size) as u32;
    let mut bytes = b"II\x2a\0\0\0\0\0".to_vec();
    each!(samples, values => for value in values { bytes.extend_from_slice(&value.to_le_bytes()) });
    // Tag, values; all of type LONG (4).
    let list = |value: u32| vec![value; bands];
    let tags: [(u16, Vec<u32>); 11] = [
        (256, vec![width as u32]),
        (257, vec![height as u32]),
        (258, list(8 * size as u32)),
        (259, vec![1]),
        (262, vec![1]),
        (
            273,
            (0..bands as u32).map(|band| 8 + band * plane).collect(),
        ),
        (277, vec![bands as u32]),
        (278, vec![height as u32]),
        (279, list(plane)),
        (284, vec![2]),
        (339, list(format)),
    ];
    let mut directory = (tags.len() as u16).to_le_bytes().to_vec();
    for (tag, values) in &tags {
        directory.extend_from_slice(&tag.to_le_bytes());
        directory.extend_from_slice(&4u16.to_le_bytes());
        directory.extend_from_slice(&(values.len() as u32).to_le_bytes());
        if let [value] = values.as_slice() {
            directory.extend_from_slice(&value.to_le_bytes());
        } else {
            directory.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            values
                .iter()
                .for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
        }
    }
    directory.extend_from_slice(&0u32.to_le_bytes());
    // A directory starts at an even offset.
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    let at = (bytes.len() as u32).to_le_bytes();
    bytes[4..8].copy_from_slice(&at);
    bytes.extend(directory);
    bytes
}

/// Writes a file and the folders above it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    }
    write_atomically(path, bytes)
}

fn failed(path: &Path, source: std::io::Error) -> DataError {
    DataError::Io {
        action: "write",
        path: path.into(),
        source,
    }
}
