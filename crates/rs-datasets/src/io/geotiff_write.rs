//! Tiled, compressed GeoTIFFs, written tile by tile.
//!
//! Why `tiff-writer`: it is the counterpart of the reader used here (MIT or Apache-2.0, pure Rust), writes tiles in any order as they
//! come, takes tags as they are and becomes a BigTIFF when 4 GiB are not enough. The encoder of the crate `tiff` writes strips
//! only. A tile is compressed apart from the file, so that many threads can do it and a stopped program can keep what it compressed.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use tiff_reader::{PhotometricInterpretation, Tag, TagValue};
use tiff_writer::compress::{BlockEncodingOptions, compress_block};
use tiff_writer::{ImageBuilder, ImageHandle, TiffVariant, TiffWriter, WriteOptions};

use super::atomic::temporary_beside;
use super::geotiff::GDAL_NODATA;
use super::{Dtype, GeoTags, Samples};
use crate::DataError;

/// Rows and columns of a tile.
pub const TILE: usize = 256;
/// Tag in which GDAL keeps items of metadata, as XML.
const GDAL_METADATA: u16 = 42112;

/// What a file will be.
#[derive(Clone, Debug, PartialEq)]
pub struct GeoTiffSpec {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Number of bands; each is stored in tiles of its own.
    pub bands: usize,
    /// `u8`, `u16` or `f32`.
    pub dtype: Dtype,
    /// Colours of the values 0, 1, ... of one band of `u8`.
    pub palette: Option<Vec<[u8; 3]>>,
    /// Value that stands for "no data".
    pub nodata: Option<f64>,
    /// Where the raster lies.
    pub tags: GeoTags,
    /// Store differences between neighbours, which compress better where values vary smoothly.
    pub predictor: bool,
    /// Name of each band, or none.
    pub band_names: Vec<String>,
    /// Further items, name and text, e.g. `CLASS_0` and `water`.
    pub metadata: Vec<(String, String)>,
}

/// A compressed tile, ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedTile(pub Vec<u8>);

impl GeoTiffSpec {
    /// Tiles from north to south and from west to east.
    pub fn tiles(&self) -> [usize; 2] {
        [self.height.div_ceil(TILE), self.width.div_ceil(TILE)]
    }

    fn check(&self) -> Result<(), DataError> {
        let bad = |detail: String| {
            Err(DataError::Setting {
                what: "GeoTIFF to be written".into(),
                detail,
            })
        };
        if ![Dtype::U8, Dtype::U16, Dtype::F32].contains(&self.dtype) {
            return bad(format!(
                "samples of {}; expected uint8, uint16 or float32",
                self.dtype
            ));
        }
        if self.palette.is_some() && (self.dtype != Dtype::U8 || self.bands != 1) {
            return bad(format!(
                "colours for {} bands of {}; they need one band of uint8",
                self.bands, self.dtype
            ));
        }
        if self.palette.as_ref().is_some_and(|p| p.len() > 256) {
            return bad("more than 256 colours".into());
        }
        let extents = [self.height, self.width, self.bands];
        if extents.contains(&0) || self.bands > u16::MAX.into() {
            return bad(format!("extents {extents:?} (rows, columns, bands)"));
        }
        if self.height > u32::MAX as usize || self.width > u32::MAX as usize {
            return bad(format!("extents {extents:?} are more than TIFF can say"));
        }
        if !self.band_names.is_empty() && self.band_names.len() != self.bands {
            return bad(format!(
                "{} names for {} bands",
                self.band_names.len(),
                self.bands
            ));
        }
        Ok(())
    }

    fn predictor(&self) -> tiff_reader::constants::Predictor {
        use tiff_reader::constants::Predictor;
        match (self.predictor, self.dtype) {
            (false, _) => Predictor::None,
            (true, Dtype::F32) => Predictor::FloatingPoint,
            (true, _) => Predictor::Horizontal,
        }
    }

    fn builder(&self) -> Result<ImageBuilder, String> {
        use tiff_reader::constants::{ColorMap, Compression, PlanarConfiguration};
        // The extents and the number of bands were checked.
        let builder = ImageBuilder::new(self.width as u32, self.height as u32)
            .samples_per_pixel(self.bands as u16);
        let builder = match self.dtype {
            Dtype::F32 => builder.sample_type::<f32>(),
            Dtype::U16 => builder.sample_type::<u16>(),
            _ => builder.sample_type::<u8>(),
        };
        let mut builder = builder
            .compression(Compression::Deflate)
            .predictor(self.predictor())
            .planar_configuration(match self.bands {
                1 => PlanarConfiguration::Chunky,
                _ => PlanarConfiguration::Planar,
            })
            .tiles(TILE as u32, TILE as u32);
        if let Some(palette) = &self.palette {
            let channel = |channel: usize| {
                (0..256)
                    .map(|value| {
                        palette
                            .get(value)
                            .map_or(0, |c| u16::from(c[channel]) * 257)
                    })
                    .collect()
            };
            builder = builder
                .photometric(PhotometricInterpretation::Palette)
                .color_map(ColorMap::new(channel(0), channel(1), channel(2))?);
        }
        for tag in &self.tags.0 {
            builder = builder.tag(tag.clone());
        }
        if let Some(nodata) = self.nodata {
            let text = if nodata.is_nan() {
                "nan".into()
            } else {
                nodata.to_string()
            };
            builder = builder.tag(Tag::new(GDAL_NODATA, TagValue::Ascii(text)));
        }
        if let Some(xml) = self.metadata_xml() {
            builder = builder.tag(Tag::new(GDAL_METADATA, TagValue::Ascii(xml)));
        }
        Ok(builder)
    }

    fn metadata_xml(&self) -> Option<String> {
        if self.band_names.is_empty() && self.metadata.is_empty() {
            return None;
        }
        let mut xml = String::from("<GDALMetadata>\n");
        for (name, text) in &self.metadata {
            let (name, text) = (escaped(name), escaped_twice(text));
            xml += &format!("  <Item name=\"{name}\">{text}</Item>\n");
        }
        for (band, name) in self.band_names.iter().enumerate() {
            let name = escaped_twice(name);
            xml += &format!(
                "  <Item name=\"DESCRIPTION\" sample=\"{band}\" role=\"description\">{name}</Item>\n"
            );
        }
        xml += "</GDALMetadata>\n";
        Some(xml)
    }
}

/// GDAL takes what is between the elements for escaped, and escapes and unescapes it once more.
fn escaped_twice(text: &str) -> String {
    escaped(&escaped(text))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            // The tag ends at a zero, and XML has no such characters.
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Compresses a tile of one band, `TILE * TILE` samples row by row; pixels beyond the raster's edge are there, whatever their value.
///
/// # Errors
/// [`DataError::Shape`] for another number or type of samples than the file has.
pub fn encode_tile(spec: &GeoTiffSpec, samples: &Samples) -> Result<EncodedTile, DataError> {
    let wrong = || DataError::Shape {
        expected: format!("{TILE} x {TILE} samples of {}", spec.dtype),
        found: format!("{} samples of {}", samples.len(), samples.dtype()),
    };
    if samples.len() != TILE * TILE || samples.dtype() != spec.dtype {
        return Err(wrong());
    }
    let options = BlockEncodingOptions {
        byte_order: tiff_reader::ByteOrder::LittleEndian,
        compression: tiff_reader::constants::Compression::Deflate,
        predictor: spec.predictor(),
        samples_per_pixel: 1,
        row_width_pixels: TILE,
        jpeg_options: None,
        jpeg_sampling: None,
        deflate_level: None,
    };
    let bytes = match samples {
        Samples::U8(values) => compress_block(values, options, 0),
        Samples::U16(values) => compress_block(values, options, 0),
        Samples::F32(values) => compress_block(values, options, 0),
        _ => return Err(wrong()),
    };
    bytes.map(EncodedTile).map_err(|error| DataError::Setting {
        what: "GeoTIFF tile".into(),
        detail: error.to_string(),
    })
}

/// A GeoTIFF in the making: a temporary file beside `path` until [`GeoTiffWriter::finish`] renames it.
///
/// Dropped before, it leaves nothing behind and an older file at `path` as it was.
pub struct GeoTiffWriter {
    path: PathBuf,
    temporary: Temporary,
    writer: TiffWriter<BufWriter<File>>,
    image: ImageHandle,
    tiles: [usize; 2],
    bands: usize,
}

/// Removes its file unless told that it is gone.
struct Temporary(Option<PathBuf>);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Nothing more can be done when even this fails.
            let _ = fs::remove_file(path);
        }
    }
}

impl GeoTiffWriter {
    /// Begins a file.
    ///
    /// # Errors
    /// [`DataError::Setting`] when the parts of `spec` contradict one another, [`DataError::Io`].
    pub fn create(path: &Path, spec: &GeoTiffSpec) -> Result<Self, DataError> {
        spec.check()?;
        let temporary = temporary_beside(path)?;
        let file = File::create_new(&temporary).map_err(|source| DataError::Io {
            action: "write",
            path: path.into(),
            source,
        })?;
        let temporary = Temporary(Some(temporary));
        let options = WriteOptions {
            variant: TiffVariant::Auto,
            ..WriteOptions::default()
        };
        let begin = || {
            let mut writer = TiffWriter::new(BufWriter::with_capacity(1 << 20, file), options)?;
            let builder = spec.builder().map_err(tiff_writer::Error::InvalidConfig)?;
            let image = writer.add_image(builder)?;
            Ok((writer, image))
        };
        let (writer, image) = begin().map_err(|error| failed(path, error))?;
        Ok(Self {
            path: path.into(),
            temporary,
            writer,
            image,
            tiles: spec.tiles(),
            bands: spec.bands,
        })
    }

    /// Writes the tile in row `row` and column `column` of tiles of a band; in any order, each once.
    ///
    /// # Errors
    /// [`DataError::Shape`] for a tile that is not there, [`DataError::Setting`] for one that was written already,
    /// [`DataError::Io`].
    pub fn write(
        &mut self,
        band: usize,
        row: usize,
        column: usize,
        tile: &EncodedTile,
    ) -> Result<(), DataError> {
        let [down, across] = self.tiles;
        if band >= self.bands || row >= down || column >= across {
            return Err(DataError::Shape {
                expected: format!("{} bands of {down} x {across} tiles", self.bands),
                found: format!("band {band}, tile row {row}, tile column {column}"),
            });
        }
        let index = (band * down + row) * across + column;
        self.writer
            .write_block_raw(&self.image, index, &tile.0)
            .map_err(|error| failed(&self.path, error))
    }

    /// Writes the directory, flushes the file to disk and gives it its name.
    ///
    /// # Errors
    /// [`DataError::Setting`] when a tile is missing, [`DataError::Io`].
    pub fn finish(self) -> Result<(), DataError> {
        let Self {
            path,
            mut temporary,
            writer,
            ..
        } = self;
        let buffer = writer.finish().map_err(|error| failed(&path, error))?;
        let io = |source| DataError::Io {
            action: "write",
            path: path.clone(),
            source,
        };
        let file = buffer
            .into_inner()
            .map_err(|error| io(error.into_error()))?;
        file.sync_all().map_err(io)?;
        if let Some(from) = &temporary.0 {
            fs::rename(from, &path).map_err(io)?;
        }
        temporary.0 = None;
        Ok(())
    }
}

fn failed(path: &Path, error: tiff_writer::Error) -> DataError {
    match error {
        tiff_writer::Error::Io(source) => DataError::Io {
            action: "write",
            path: path.into(),
            source,
        },
        other => DataError::Setting {
            what: format!("GeoTIFF {}", path.display()),
            detail: other.to_string(),
        },
    }
}
