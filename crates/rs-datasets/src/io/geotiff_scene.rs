//! Windows of a GeoTIFF that may be far larger than memory.
//!
//! `tiff-reader` reads windows by itself and keeps decoded blocks in a cache of bounded size. What is added here: everything that a
//! header claims is checked when the file is opened (a file that ends early is refused before hours were spent on its beginning),
//! and the blocks that GDAL leaves out (`SPARSE_OK`) become missing pixels where the file names a no-data value.

use std::fmt;
use std::path::{Path, PathBuf};

use tiff_reader::{Ifd, OpenOptions, ParseBudgets, RasterLayout, TiffFile};

use super::georeference::georeference;
use super::geotiff::{YCBCR, corrupt, failed, nodata, read_samples};
use super::{Dtype, GeoTags, Raster};
use crate::{DataError, GeoReference};

/// How much memory reading a scene may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SceneLimits {
    /// Bytes of decoded blocks (tiles or strips) that are kept for the next window.
    pub cache_bytes: usize,
    /// Most bytes one block, or one window, may decode to.
    pub max_block_bytes: usize,
}

impl Default for SceneLimits {
    /// 256 MiB of blocks; a block or a window of up to 512 MiB.
    fn default() -> Self {
        Self {
            cache_bytes: 256 << 20,
            max_block_bytes: 512 << 20,
        }
    }
}

/// A part of a raster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SceneWindow {
    /// First row.
    pub row: usize,
    /// First column.
    pub column: usize,
    /// Rows, at least 1.
    pub height: usize,
    /// Columns, at least 1.
    pub width: usize,
}

/// An open GeoTIFF whose windows are read one at a time; the first image only, as [`super::decode_geotiff`].
pub struct SceneFile {
    path: PathBuf,
    file: TiffFile,
    layout: RasterLayout,
    colour: bool,
    dtype: Dtype,
    nodata: Option<f64>,
    geo: Option<GeoReference>,
    tags: GeoTags,
    blocks: Blocks,
    limits: SceneLimits,
}

impl fmt::Debug for SceneFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SceneFile")
            .field("path", &self.path)
            .field("extent", &[self.layout.height, self.layout.width])
            .field("bands", &self.layout.samples_per_pixel)
            .finish_non_exhaustive()
    }
}

impl SceneFile {
    /// Opens a scene; nothing is decoded but one pixel.
    ///
    /// # Errors
    /// [`DataError::Missing`], [`DataError::Io`], [`DataError::Corrupt`] (also when a block lies beyond the end of the file),
    /// [`DataError::Unsupported`], and [`DataError::TooLarge`] when one block of the file is larger than
    /// [`SceneLimits::max_block_bytes`].
    pub fn open(path: &Path, limits: SceneLimits) -> Result<Self, DataError> {
        let file_bytes = std::fs::metadata(path)
            .map_err(|source| match source.kind() {
                std::io::ErrorKind::NotFound => DataError::Missing {
                    path: path.into(),
                    remedy: "check the name of the scene".into(),
                },
                _ => DataError::Io {
                    action: "read",
                    path: path.into(),
                    source,
                },
            })?
            .len();
        let file = TiffFile::open_with_options(path, options(&limits, file_bytes))
            .map_err(|error| failed(path, error))?;
        let ifd = file.ifd(0).map_err(|error| failed(path, error))?;
        let colour = ifd.photometric_interpretation() == Some(YCBCR);
        let stored = ifd.raster_layout().map_err(|error| failed(path, error))?;
        let layout = match colour {
            true => ifd
                .decoded_raster_layout()
                .map_err(|error| failed(path, error))?,
            false => stored,
        };
        let blocks = Blocks::of(ifd, &stored, path)?;
        blocks.check(path, file_bytes, &stored, &limits)?;
        let mut scene = Self {
            path: path.into(),
            tags: GeoTags::of(ifd),
            nodata: nodata(ifd),
            geo: georeference(ifd),
            dtype: Dtype::U8,
            layout,
            colour,
            blocks,
            limits,
            file,
        };
        // The type of the samples is what reading gives; a kind that is not read is refused here and not in the middle.
        scene.dtype = read_samples(&scene.file, &layout, colour, Some([0, 0, 1, 1]), path)?.dtype();
        Ok(scene)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of bands.
    pub fn bands(&self) -> usize {
        self.layout.samples_per_pixel
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.layout.height
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.layout.width
    }

    /// The stored type.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Value that stands for "no data", if the file names one.
    pub fn nodata(&self) -> Option<f64> {
        self.nodata
    }

    /// Where the scene lies, if the file says so.
    pub fn geo(&self) -> Option<&GeoReference> {
        self.geo.as_ref()
    }

    /// The tags that say so.
    pub fn geo_tags(&self) -> &GeoTags {
        &self.tags
    }

    /// Rows and columns of a tile, or of a strip.
    pub fn block(&self) -> [usize; 2] {
        [self.blocks.height, self.blocks.width]
    }

    /// Decodes a window; its georeference is that of the window. Only the blocks that it touches are read.
    ///
    /// # Errors
    /// [`DataError::Shape`] for a window that is empty or leaves the scene, [`DataError::TooLarge`],
    /// [`DataError::Corrupt`] when a block cannot be decoded.
    pub fn read(&self, window: SceneWindow) -> Result<Raster, DataError> {
        let SceneWindow {
            row,
            column,
            height,
            width,
        } = window;
        let within = |from: usize, count: usize, extent: usize| {
            count > 0 && from.checked_add(count).is_some_and(|end| end <= extent)
        };
        if !within(row, height, self.height()) || !within(column, width, self.width()) {
            return Err(DataError::Shape {
                expected: format!(
                    "a window inside {} x {} pixels of {}",
                    self.height(),
                    self.width(),
                    self.path.display()
                ),
                found: format!("{height} x {width} pixels from row {row}, column {column}"),
            });
        }
        let bytes = [height, width, self.bands(), self.dtype.size()]
            .iter()
            .try_fold(1u64, |product, &extent| product.checked_mul(extent as u64));
        if bytes.is_none_or(|bytes| bytes > self.limits.max_block_bytes as u64) {
            return Err(self.too_large("decodes a window to", bytes.unwrap_or(u64::MAX)));
        }
        let at = Some([row, column, height, width]);
        let samples = read_samples(&self.file, &self.layout, self.colour, at, &self.path)?;
        let mut raster = Raster {
            bands: self.bands(),
            height,
            width,
            samples: samples.into_band_major(self.bands()),
            nodata: self.nodata,
            valid: self
                .blocks
                .present(window)
                .filter(|_| self.nodata.is_some()),
            geo: self.geo.clone().map(|mut geo| {
                let [x, a, b, y, c, d] = geo.transform;
                let (column, row) = (column as f64, row as f64);
                geo.transform[0] = x + a * column + b * row;
                geo.transform[3] = y + c * column + d * row;
                geo
            }),
        };
        raster.mark_invalid();
        Ok(raster)
    }

    fn too_large(&self, what: &'static str, claimed: u64) -> DataError {
        too_large(&self.path, what, claimed, &self.limits)
    }
}

fn too_large(path: &Path, what: &'static str, claimed: u64, limits: &SceneLimits) -> DataError {
    DataError::TooLarge {
        path: path.into(),
        what,
        claimed,
        limit: limits.max_block_bytes as u64,
        field: "max_block_bytes (rewrite the file in tiles: gdal_translate -co TILED=YES)",
    }
}

fn options(limits: &SceneLimits, file_bytes: u64) -> OpenOptions {
    // A tag's values lie in the file, so they cannot be larger than it.
    let tags = usize::try_from(file_bytes).unwrap_or(usize::MAX);
    OpenOptions {
        block_cache_bytes: limits.cache_bytes,
        // Strips may be one row high; then the rows of a window are as many blocks.
        block_cache_slots: 16_384,
        parse_budgets: ParseBudgets {
            max_ifds: 4096,
            max_ifd_entries: 4096,
            max_tag_value_bytes: tags,
            max_metadata_value_bytes: tags.saturating_mul(2),
        },
        decode_output_bytes: limits.max_block_bytes,
    }
}

/// Where the blocks of an image lie, in the image and in the file.
struct Blocks {
    height: usize,
    width: usize,
    across: usize,
    down: usize,
    /// Bands are stored apart, one after the other.
    planes: usize,
    offsets: Vec<u64>,
    bytes: Vec<u64>,
}

impl Blocks {
    fn of(ifd: &Ifd, layout: &RasterLayout, path: &Path) -> Result<Self, DataError> {
        let (height, width, offsets, bytes) = if ifd.is_tiled() {
            (
                ifd.tile_height().unwrap_or(0) as usize,
                ifd.tile_width().unwrap_or(0) as usize,
                ifd.tile_offsets(),
                ifd.tile_byte_counts(),
            )
        } else {
            (
                (ifd.rows_per_strip() as usize).min(layout.height),
                layout.width,
                ifd.strip_offsets(),
                ifd.strip_byte_counts(),
            )
        };
        let (Some(offsets), Some(bytes)) = (offsets, bytes) else {
            return Err(corrupt(path, "it does not say where its blocks lie".into()));
        };
        if height == 0 || width == 0 {
            return Err(corrupt(
                path,
                format!("blocks of {height} x {width} pixels"),
            ));
        }
        let blocks = Self {
            across: layout.width.div_ceil(width),
            down: layout.height.div_ceil(height),
            planes: match layout.planar_configuration {
                1 => 1,
                _ => layout.samples_per_pixel,
            },
            height,
            width,
            offsets,
            bytes,
        };
        let expected = blocks
            .across
            .checked_mul(blocks.down)
            .and_then(|count| count.checked_mul(blocks.planes));
        if Some(blocks.offsets.len()) != expected || blocks.bytes.len() != blocks.offsets.len() {
            return Err(corrupt(
                path,
                format!(
                    "{} offsets and {} sizes for {} blocks",
                    blocks.offsets.len(),
                    blocks.bytes.len(),
                    expected.unwrap_or(usize::MAX)
                ),
            ));
        }
        Ok(blocks)
    }

    /// Refuses blocks beyond the end of the file and blocks larger than the limit.
    fn check(
        &self,
        path: &Path,
        file_bytes: u64,
        layout: &RasterLayout,
        limits: &SceneLimits,
    ) -> Result<(), DataError> {
        for (index, (&offset, &bytes)) in self.offsets.iter().zip(&self.bytes).enumerate() {
            if offset.checked_add(bytes).is_none_or(|end| end > file_bytes) {
                return Err(corrupt(
                    path,
                    format!(
                        "block {index} lies at bytes {offset} to {}, the file ends at {file_bytes}",
                        offset.saturating_add(bytes)
                    ),
                ));
            }
        }
        let samples = layout.samples_per_pixel / self.planes.max(1);
        let claimed = [self.height, self.width, samples, layout.bytes_per_sample]
            .iter()
            .try_fold(1u64, |product, &extent| product.checked_mul(extent as u64));
        match claimed {
            Some(bytes) if bytes <= limits.max_block_bytes as u64 => Ok(()),
            _ => Err(too_large(
                path,
                "decodes one block to",
                claimed.unwrap_or(u64::MAX),
                limits,
            )),
        }
    }

    /// Which pixels of a window lie in blocks that are in the file; `None` when all do.
    fn present(&self, window: SceneWindow) -> Option<Vec<bool>> {
        let (rows, columns) = (
            window.row / self.height..=(window.row + window.height - 1) / self.height,
            window.column / self.width..=(window.column + window.width - 1) / self.width,
        );
        let mut present = None;
        for (row, column) in rows.flat_map(|row| columns.clone().map(move |column| (row, column))) {
            // One missing band makes a pixel invalid.
            let absent = (0..self.planes)
                .any(|plane| self.bytes[(plane * self.down + row) * self.across + column] == 0);
            if !absent {
                continue;
            }
            let present = present.get_or_insert_with(|| vec![true; window.height * window.width]);
            let clip = |at: usize, from: usize, count: usize| at.clamp(from, from + count) - from;
            let top = clip(row * self.height, window.row, window.height);
            let bottom = clip((row + 1) * self.height, window.row, window.height);
            let left = clip(column * self.width, window.column, window.width);
            let right = clip((column + 1) * self.width, window.column, window.width);
            for row in top..bottom {
                present[row * window.width + left..row * window.width + right].fill(false);
            }
        }
        present
    }
}
