//! OpenSARShip: ship chips cut from Sentinel-1 scenes, one or two polarisations, of any size.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::files::{entry, open_first};
use super::opensarship_table::{Chip, read_table};
use crate::io::{BandAxis, Dtype, Raster, Samples, Source, decode};
use crate::{
    BandSet, DataError, Dataset, DatasetInfo, InputUnit, Label, ReadLimits, Sample, Task, sensors,
};

/// Which rendering of the chips is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Product {
    /// `Patch_Cal`: calibrated sigma nought, linear power, float32.
    #[default]
    Sigma0,
    /// `Patch_Uint8`: pictures in which every chip is stretched on its own to 0..=255.
    Uint8,
}

/// Which polarisations make the bands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Polarisation {
    /// VV, which every chip has.
    #[default]
    Vv,
    /// VH; chips of single-polarisation scenes are left out.
    Vh,
    /// VV and VH, in this order; chips of single-polarisation scenes are left out.
    Both,
}

/// How the published ship types become classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShipClasses {
    /// `Cargo`, `Tanker`, and `Other` for all other types.
    #[default]
    CargoTankerOther,
    /// `Cargo` and `Tanker`; chips of other types are left out.
    CargoTanker,
}

/// The classes of [`ShipClasses::CargoTankerOther`].
pub(super) const CARGO_TANKER_OTHER: [&str; 3] = ["Cargo", "Tanker", "Other"];

/// What is read of OpenSARShip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenSarShipConfig {
    /// Rendering.
    pub product: Product,
    /// Polarisations.
    pub polarisation: Polarisation,
    /// Classes.
    pub classes: ShipClasses,
}

/// OpenSARShip chips.
///
/// Layout: `labels.csv` (scene, chip, type), `<scene>/Patch_Cal/<chip>.tif` with the bands **VH, VV** (or VV alone where the
/// scene has one polarisation), and `<scene>/Patch_Uint8/Visual_<chip>_{vv,vh}.tif` (`Visual_<chip>.tif` for one; there `Search` is spelled out). Ids are
/// `<scene>/<chip>`. Chips differ in size; some hold exact zeros where the radar recorded nothing.
#[derive(Debug)]
pub struct OpenSarShip {
    info: DatasetInfo,
    source: Source,
    config: OpenSarShipConfig,
    classes: Vec<String>,
    bands: Arc<BandSet>,
    chips: Vec<Chip>,
    left_out: usize,
}

impl OpenSarShip {
    /// Opens the folder or archive that holds `labels.csv`, or a folder with `opensarship/` in it.
    ///
    /// # Errors
    /// [`DataError::Missing`] for `labels.csv` or a chip that it lists, [`DataError::Manifest`], [`DataError::UnknownLabel`]
    /// for a type that OpenSARShip does not have, [`DataError::EmptyClass`], [`DataError::DuplicateId`].
    pub fn open(
        root: &Path,
        config: OpenSarShipConfig,
        limits: ReadLimits,
    ) -> Result<Self, DataError> {
        let source = open_first(root, &["opensarship"], limits)?;
        let (classes, polarisations): (&[&str], &[&str]) = (
            match config.classes {
                ShipClasses::CargoTankerOther => &CARGO_TANKER_OTHER,
                ShipClasses::CargoTanker => &["Cargo", "Tanker"],
            },
            match config.polarisation {
                Polarisation::Vv => &["VV"],
                Polarisation::Vh => &["VH"],
                Polarisation::Both => &["VV", "VH"],
            },
        );
        let (chips, left_out) = read_table(&source, config, classes)?;
        let set = Self {
            info: info(),
            source,
            config,
            classes: classes.iter().map(|&class| class.into()).collect(),
            bands: Arc::new(sensors::sentinel1(polarisations)?),
            chips,
            left_out,
        };
        for (index, class) in set.classes.iter().enumerate() {
            if !set.chips.iter().any(|chip| chip.class == index) {
                return Err(DataError::EmptyClass {
                    root: set.source.root().into(),
                    class: class.clone(),
                });
            }
        }
        Ok(set)
    }

    /// How many listed chips the configuration leaves out (no VH, or another type of ship).
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// One file of a chip as a raster of the wanted stored type.
    fn raster(&self, name: &str, dtype: Dtype) -> Result<Raster, DataError> {
        let path = self.source.path_of(name);
        let raster = decode(
            self.source.read(name)?,
            &path,
            BandAxis::First,
            self.source.limits(),
        )?;
        raster.require_dtype(dtype, &path)?;
        Ok(raster)
    }

    /// The calibrated chip with the wanted polarisations in the order of the bands.
    fn sigma0(&self, chip: &Chip) -> Result<Raster, DataError> {
        let name = chip.file(Product::Sigma0, false);
        let mut raster = self.raster(&name, Dtype::F32)?;
        let expected = if chip.dual { 2 } else { 1 };
        if raster.bands != expected {
            let words = if chip.dual { "2 (VH, VV)" } else { "1 (VV)" };
            let path = self.source.path_of(&name);
            return Err(DataError::BandCount {
                path,
                expected: words.into(),
                found: raster.bands,
            });
        }
        if let (true, Samples::F32(values)) = (chip.dual, &mut raster.samples) {
            // The file holds VH, then VV.
            let area = raster.height * raster.width;
            match self.config.polarisation {
                Polarisation::Vv => drop(values.drain(..area)),
                Polarisation::Vh => values.truncate(area),
                Polarisation::Both => values.rotate_left(area),
            }
            raster.bands = self.bands.len();
            // A hole in the other polarisation is none in this one.
            raster.valid = None;
            raster.mark_invalid();
        }
        Ok(raster)
    }

    /// The 8-bit picture of each wanted polarisation, put together.
    fn pictures(&self, chip: &Chip) -> Result<Raster, DataError> {
        let first = chip.file(Product::Uint8, self.config.polarisation == Polarisation::Vh);
        let mut whole = self.raster(&first, Dtype::U8)?;
        if self.config.polarisation == Polarisation::Both {
            let name = chip.file(Product::Uint8, true);
            let vh = self.raster(&name, Dtype::U8)?;
            if (whole.height, whole.width) != (vh.height, vh.width) {
                return Err(DataError::Extent {
                    path: self.source.path_of(&name),
                    found: format!("{} x {}", vh.height, vh.width),
                    expected: format!("{} x {}, as in VV", whole.height, whole.width),
                });
            }
            if let (Samples::U8(values), Samples::U8(more)) = (&mut whole.samples, vh.samples) {
                values.extend(more);
                whole.bands += vh.bands;
            }
        }
        Ok(whole)
    }
}

impl Dataset for OpenSarShip {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn bands(&self) -> &BandSet {
        &self.bands
    }

    fn len(&self) -> usize {
        self.chips.len()
    }

    fn id(&self, index: usize) -> &str {
        &self.chips[index].id
    }

    fn class_of(&self, index: usize) -> Option<usize> {
        Some(self.chips[index].class)
    }

    fn load(&self, index: usize) -> Result<Sample, DataError> {
        let chip = entry(&self.chips, index)?;
        let (raster, unit) = match self.config.product {
            Product::Sigma0 => (self.sigma0(chip)?, InputUnit::Sigma0Linear),
            Product::Uint8 => (self.pictures(chip)?, InputUnit::Uint8),
        };
        let path = self.source.path_of(&chip.file(self.config.product, false));
        let (image, valid) = raster.into_image(&self.bands, unit, &path)?;
        Ok(Sample {
            image,
            valid,
            label: Label::Class(chip.class),
            id: chip.id.clone(),
            geo: None,
        })
    }
}

/// Licence, citation, source.
pub(super) fn info() -> DatasetInfo {
    DatasetInfo {
        name: "opensarship".into(),
        licence: "for research use; contains modified Copernicus Sentinel data".into(),
        citation:
            "L. Huang et al.: OpenSARShip: A Dataset Dedicated to Sentinel-1 Ship Interpretation, \
                           IEEE JSTARS 11(1), 2018"
                .into(),
        source: "https://opensar.sjtu.edu.cn".into(),
        task: Task::Classification,
        expected: None,
    }
}
