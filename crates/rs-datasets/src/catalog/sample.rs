//! Files to try the program on: synthetic scenes in the layouts in which people keep images of their own.
//!
//! **Not real data:** the scenes are those of [`crate::synthetic`]. Unlike [`super::fake`], which fills the layouts of published sets with noise, they can be
//! learned from.

use std::path::{Path, PathBuf};

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

use super::fake::tiff;
use super::sample_areas::{Area, areas};
use crate::io::{
    Dtype, GeoTags, GeoTiffSpec, GeoTiffWriter, Samples, TILE, encode_tile, write_atomically,
};
use crate::sensors::{EUROSAT_BAND_ORDER, sentinel2};
use crate::synthetic::{LANDSCAPE_BANDS, LANDSCAPE_CLASSES, Landscape};
use crate::{BandSet, DataError, Dataset, SyntheticConfig, SyntheticScenes};

/// Reference system of the sample scene: UTM zone 33 north.
const EPSG: u16 = 32633;
/// Its upper left corner in metres east and north.
const CORNER: [f64; 2] = [500_000.0, 5_800_000.0];

/// Writes `folder/{train,test}/<Class>/<Class>_<n>.png`: ten classes, red, green and blue in 8 bits, 64 x 64 pixels; of every class
/// `per_class` images, a quarter of which is in `test`.
///
/// # Errors
/// [`DataError::Io`], [`DataError::Setting`] for fewer than two images per class.
pub fn write_chips(folder: &Path, per_class: usize, seed: u64) -> Result<(), DataError> {
    let scenes = SyntheticScenes::classification(SyntheticConfig::balanced(per_class, seed).rgb())?;
    chips(folder, per_class, &scenes, "png", |sample| {
        let image = &sample.image;
        let area = image.height * image.width;
        let data = &image.data;
        let pixels: Vec<u8> = (0..3 * area)
            .map(|at| data[(at % 3) * area + at / 3] as u8)
            .collect();
        let mut bytes = Vec::new();
        let (width, height) = (image.width as u32, image.height as u32);
        PngEncoder::new(&mut bytes)
            .write_image(&pixels, width, height, ExtendedColorType::Rgb8)
            .map_err(std::io::Error::other)?;
        Ok(bytes)
    })
}

/// Writes the same layout with the 13 bands of Sentinel-2 as GeoTIFFs of digital numbers, and beside the parts `dataset.toml`, which names bands and unit.
///
/// # Errors
/// As [`write_chips`].
pub fn write_multispectral(folder: &Path, per_class: usize, seed: u64) -> Result<(), DataError> {
    let scenes = SyntheticScenes::classification(SyntheticConfig::balanced(per_class, seed))?;
    chips(folder, per_class, &scenes, "tif", |sample| {
        let image = &sample.image;
        Ok(tiff(
            EUROSAT_BAND_ORDER.len(),
            image.height,
            image.width,
            &digital_numbers(&image.data),
        ))
    })?;
    let text = format!(
        "# Synthetic scenes, not measured.\n[dataset]\nname = \"synthetic_sentinel2\"\n{}",
        bands_and_unit(&sentinel2(&EUROSAT_BAND_ORDER)?)
    );
    write(&folder.join("dataset.toml"), text.as_bytes())
}

fn chips(
    folder: &Path,
    per_class: usize,
    scenes: &SyntheticScenes,
    ending: &str,
    encode: impl Fn(&crate::Sample) -> std::io::Result<Vec<u8>>,
) -> Result<(), DataError> {
    if per_class < 2 {
        return Err(DataError::Setting {
            what: "sample chips".into(),
            detail: format!(
                "{per_class} images per class; expected at least 2, as a quarter is held out"
            ),
        });
    }
    let test = per_class.div_ceil(4);
    for index in 0..scenes.len() {
        let class = scenes.class_of(index).unwrap_or_default();
        let name = &scenes.classes()[class];
        // Samples come class by class.
        let number = index % per_class;
        let part = if number < per_class - test {
            "train"
        } else {
            "test"
        };
        let path = folder
            .join(part)
            .join(name)
            .join(format!("{name}_{}.{ending}", number + 1));
        let bytes = encode(&scenes.load(index)?).map_err(|source| failed(&path, source))?;
        write(&path, &bytes)?;
    }
    Ok(())
}

/// Writes a scene of `size` x `size` pixels with labels, and another to map:
///
/// - `scene.tif`: four bands of digital numbers in UTM; `areas.geojson`: squares drawn in it, each of one land use; `scene.toml`, which says how the one is cut and
///   labelled by the other;
/// - `other.tif`, another scene that begins where this one ends, and `other.toml`, which labels it with `other_mask.tif`, its true land use.
///
/// # Errors
/// [`DataError::Io`], [`DataError::Setting`] unless `size` is 128 to 1,024.
pub fn write_scene(folder: &Path, size: usize, seed: u64) -> Result<(), DataError> {
    let first = Landscape::new(size, seed)?;
    let second = Landscape::new(size, seed.wrapping_add(1))?;
    let side = 10.0 * size as f64;
    let at = |east: f64| [CORNER[0] + east, 10.0, 0.0, CORNER[1], 0.0, -10.0];
    let numbers = |scene: &Landscape| digital_numbers(&scene.image.data);
    let picture = |name: &str, scene: &Landscape, transform| {
        let path = folder.join(name);
        let names = LANDSCAPE_BANDS.map(String::from).to_vec();
        raster(&path, size, transform, &numbers(scene), names)
    };
    picture("scene.tif", &first, at(0.0))?;
    picture("other.tif", &second, at(side))?;
    raster(
        &folder.join("other_mask.tif"),
        size,
        at(side),
        &Samples::U8(second.classes.clone()),
        Vec::new(),
    )?;
    let drawn = areas(&first.classes, size, LANDSCAPE_CLASSES.len());
    write(
        &folder.join("areas.geojson"),
        geojson(&drawn, at(0.0)).as_bytes(),
    )?;
    let described = format!(
        "[dataset]\nname = \"synthetic_landscape\"\ntask = \"segmentation\"\nclasses = [{}]\n{}",
        LANDSCAPE_CLASSES
            .map(|class| format!("\"{class}\""))
            .join(", "),
        bands_and_unit(&crate::synthetic::landscape_bands()?)
    );
    let one = format!(
        "# A synthetic scene, not measured, labelled by areas drawn in it.\n[scene]\nimage = \"scene.tif\"\nlabels = {{ polygons = {{ path = \"areas.geojson\", \
         property = \"land_use\" }} }}\nwindow = 64\nstride = 32\nblock = 128\ntest = 0.25\n\n{described}"
    );
    write(&folder.join("scene.toml"), one.as_bytes())?;
    let other = format!(
        "# Another synthetic scene with its true land use, to judge a map by.\n[scene]\nimage = \"other.tif\"\nlabels = {{ mask = \"other_mask.tif\" }}\nwindow = 64\nblock = 128\n\n\
         {described}"
    );
    write(&folder.join("other.toml"), other.as_bytes())
}

fn digital_numbers(data: &[f32]) -> Samples {
    Samples::U16(data.iter().map(|value| *value as u16).collect())
}

/// The entries `unit` and `bands` of a description.
fn bands_and_unit(bands: &BandSet) -> String {
    let mut text =
        String::from("unit = { digital_number = { scale = 1e-4, offset = 0.0 } }\nbands = [\n");
    for band in bands.as_slice() {
        let (name, sensor) = (&band.name, &band.sensor);
        let nm = band.wavelength_nm.unwrap_or_default();
        let metres = band.gsd_m.unwrap_or_default();
        text += &format!(
            "    {{ name = \"{name}\", sensor = \"{sensor}\", wavelength_nm = {nm:.1}, gsd_m = {metres:.1} }},\n"
        );
    }
    text + "]\n"
}

fn raster(
    path: &Path,
    size: usize,
    transform: [f64; 6],
    samples: &Samples,
    band_names: Vec<String>,
) -> Result<(), DataError> {
    create_parent(path)?;
    let spec = GeoTiffSpec {
        height: size,
        width: size,
        bands: samples.len() / (size * size),
        dtype: samples.dtype(),
        palette: None,
        nodata: None,
        tags: GeoTags::projected(EPSG, transform),
        predictor: samples.dtype() == Dtype::U16,
        band_names,
        metadata: Vec::new(),
    };
    let mut writer = GeoTiffWriter::create(path, &spec)?;
    let [down, across] = spec.tiles();
    for band in 0..spec.bands {
        for (row, column) in (0..down).flat_map(|row| (0..across).map(move |column| (row, column)))
        {
            // Pixels beyond the edge repeat the last one.
            let places = (0..TILE * TILE).map(|at| {
                let y = (row * TILE + at / TILE).min(size - 1);
                let x = (column * TILE + at % TILE).min(size - 1);
                (band * size + y) * size + x
            });
            let tile = match samples {
                Samples::U16(values) => Samples::U16(places.map(|at| values[at]).collect()),
                Samples::U8(values) => Samples::U8(places.map(|at| values[at]).collect()),
                other => {
                    return Err(DataError::Shape {
                        expected: "samples of uint8 or uint16".into(),
                        found: format!("samples of {}", other.dtype()),
                    });
                }
            };
            writer.write(band, row, column, &encode_tile(&spec, &tile)?)?;
        }
    }
    writer.finish()
}

fn geojson(areas: &[Area], transform: [f64; 6]) -> String {
    let [x, width, _, y, _, height] = transform;
    let features: Vec<String> = areas
        .iter()
        .map(|area| {
            let corner = |column: usize, row: usize| {
                format!("[{:.1}, {:.1}]", x + width * column as f64, y + height * row as f64)
            };
            let (left, top, side) = (area.column, area.row, area.side);
            let ring = [
                corner(left, top),
                corner(left, top + side),
                corner(left + side, top + side),
                corner(left + side, top),
                corner(left, top),
            ];
            format!(
                "{{\"type\": \"Feature\", \"properties\": {{\"land_use\": \"{}\"}}, \"geometry\": {{\"type\": \"Polygon\", \"coordinates\": [[{}]]}}}}",
                LANDSCAPE_CLASSES[area.class],
                ring.join(", ")
            )
        })
        .collect();
    format!(
        "{{\"type\": \"FeatureCollection\",\n\"crs\": {{\"type\": \"name\", \"properties\": {{\"name\": \"urn:ogc:def:crs:EPSG::{EPSG}\"}}}},\n\"features\": [\n{}\n]}}\n",
        features.join(",\n")
    )
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    create_parent(path)?;
    write_atomically(path, bytes)
}

fn create_parent(path: &Path) -> Result<(), DataError> {
    let folder: PathBuf = path.parent().unwrap_or(Path::new("")).into();
    std::fs::create_dir_all(&folder).map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: std::io::Error) -> DataError {
    DataError::Io {
        action: "write",
        path: path.into(),
        source,
    }
}
