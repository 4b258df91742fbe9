//! One large scene with labels, cut into windows.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::description::ImageKind;
use super::files::entry;
use super::scene_config::SceneSet;
use super::scene_labels::Labels;
use crate::io::{SceneFile, SceneLimits, SceneWindow};
use crate::split::stratified_groups;
use crate::{
    BandSet, DataError, Dataset, DatasetInfo, Label, LabelTable, ReadLimits, Sample, Task,
};

/// Labelled windows of one GeoTIFF, as a [`SceneSet`] says.
///
/// Its published split divides the scene by blocks, so that no pixel is in two parts: windows next to one another resemble each
/// other, and a split that ignored that would flatter. Ids are `r<row>_c<column>` of a window's first pixel.
#[derive(Debug)]
pub struct SceneChips {
    info: DatasetInfo,
    classes: Vec<String>,
    kind: ImageKind,
    scene: SceneFile,
    labels: Labels,
    window: usize,
    chips: Vec<Chip>,
}

/// A window that has labels.
#[derive(Clone, Debug)]
struct Chip {
    id: String,
    row: usize,
    column: usize,
    /// Commonest class.
    class: usize,
    block: String,
    part: Option<String>,
}

impl SceneChips {
    /// Opens the set that a TOML file describes, or `scene.toml` of a folder. Labels and the scene's missing pixels are read once, to know
    /// which windows have labels.
    ///
    /// # Errors
    /// [`DataError::Manifest`], [`DataError::Missing`], those of opening scene and labels, [`DataError::Layout`] when no window has
    /// enough labels, and [`DataError::Split`] when there are too few blocks for the parts.
    pub fn open(path: &Path, limits: ReadLimits) -> Result<Self, DataError> {
        let path: PathBuf = match path.is_dir() {
            true => path.join("scene.toml"),
            false => path.into(),
        };
        let set = SceneSet::read(&path, &limits)?;
        let bad = |detail: String| DataError::Manifest {
            path: path.clone(),
            place: "[dataset]".into(),
            detail,
        };
        let task = set.dataset.task;
        if task == Task::OrientedDetection {
            return Err(bad(
                "a scene has no boxes; expected classification or segmentation".into(),
            ));
        }
        let classes = set.dataset.classes.clone().unwrap_or_default();
        if classes.is_empty() {
            return Err(bad(
                "`classes` are needed: the names of mask values 0, 1, ... or of polygons".into(),
            ));
        }
        let base = path.parent().unwrap_or(Path::new(""));
        let scene = SceneFile::open(&base.join(&set.scene.image), SceneLimits::default())?;
        let pixel = SceneWindow {
            row: 0,
            column: 0,
            height: 1,
            width: 1,
        };
        let kind = set.dataset.image_kind(&scene.read(pixel)?, scene.path())?;
        if kind.bands.len() != scene.bands() {
            return Err(DataError::BandCount {
                path: scene.path().into(),
                expected: format!("{} ({})", kind.bands.len(), kind.bands.names().join(", ")),
                found: scene.bands(),
            });
        }
        let ignore = &set.dataset.ignore;
        let labels = Labels::open(&set.scene.labels, base, &scene, &classes, ignore, &limits)?;
        let mut info = set.dataset.info(&path);
        info.task = task;
        let mut chips = Self {
            info,
            classes,
            kind,
            window: set.scene.window,
            scene,
            labels,
            chips: Vec::new(),
        };
        chips.find(&set)?;
        chips.divide(&set)?;
        Ok(chips)
    }

    /// Lists the windows with labels.
    fn find(&mut self, set: &SceneSet) -> Result<(), DataError> {
        let config = &set.scene;
        let edges = |extent: usize| -> Vec<usize> {
            let count = (extent / config.block_side()).max(1);
            (0..=count).map(|at| at * extent / count).collect()
        };
        let (rows, columns) = (edges(self.scene.height()), edges(self.scene.width()));
        let blocks: Vec<(usize, usize)> = (0..rows.len() - 1)
            .flat_map(|row| (0..columns.len() - 1).map(move |column| (row, column)))
            .collect();
        let found: Result<Vec<Vec<Chip>>, DataError> = blocks
            .par_iter()
            .map(|&(row, column)| {
                let block = SceneWindow {
                    row: rows[row],
                    column: columns[column],
                    height: rows[row + 1] - rows[row],
                    width: columns[column + 1] - columns[column],
                };
                self.chips_of(block, &format!("{row},{column}"), set)
            })
            .collect();
        self.chips = found?.into_iter().flatten().collect();
        self.chips.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        if self.chips.is_empty() {
            return Err(DataError::Layout {
                root: self.scene.path().into(),
                dataset: self.info.name.clone(),
                expected: format!(
                    "at least one window of {0} x {0} pixels with enough labels",
                    self.window
                ),
                found: format!(
                    "none in {} x {} pixels; do the labels lie on the scene? else lower `window` or `min_share`",
                    self.scene.height(),
                    self.scene.width()
                ),
            });
        }
        Ok(())
    }

    /// The windows of a block that have enough labels.
    fn chips_of(
        &self,
        block: SceneWindow,
        name: &str,
        set: &SceneSet,
    ) -> Result<Vec<Chip>, DataError> {
        let side = self.window;
        if block.height < side || block.width < side {
            return Ok(Vec::new());
        }
        let mut labels = self.labels.read(block)?;
        if labels.iter().all(|&label| label < 0) {
            return Ok(Vec::new());
        }
        // A pixel that is not measured teaches nothing.
        if let Some(valid) = self.scene.read(block)?.valid {
            for (label, valid) in labels.iter_mut().zip(valid) {
                if !valid {
                    *label = -1;
                }
            }
        }
        let segmentation = self.info.task == Task::Segmentation;
        let least = set
            .scene
            .min_share
            .unwrap_or(if segmentation { 0.01 } else { 0.5 });
        let stride = set.scene.stride.unwrap_or(side);
        let mut chips = Vec::new();
        for top in (0..=block.height - side).step_by(stride) {
            for left in (0..=block.width - side).step_by(stride) {
                let mut counts = vec![0usize; self.classes.len()];
                for line in top..top + side {
                    let from = line * block.width + left;
                    for &label in &labels[from..from + side] {
                        if let Ok(class) = usize::try_from(label) {
                            counts[class] += 1;
                        }
                    }
                }
                // The first of equals.
                let class = (0..counts.len()).fold(0, |best, class| {
                    if counts[class] > counts[best] {
                        class
                    } else {
                        best
                    }
                });
                let counted = match segmentation {
                    true => counts.iter().sum(),
                    false => counts[class],
                };
                if counted == 0 || (counted as f64) < least * (side * side) as f64 {
                    continue;
                }
                let (row, column) = (block.row + top, block.column + left);
                chips.push(Chip {
                    id: format!("r{row:06}_c{column:06}"),
                    row,
                    column,
                    class,
                    block: name.into(),
                    part: None,
                });
            }
        }
        Ok(chips)
    }

    /// Draws which block belongs to which part.
    fn divide(&mut self, set: &SceneSet) -> Result<(), DataError> {
        let config = &set.scene;
        let rows = self
            .chips
            .iter()
            .map(|chip| (chip.id.clone(), chip.class))
            .collect();
        let block_of: std::collections::HashMap<&str, &str> = self
            .chips
            .iter()
            .map(|chip| (chip.id.as_str(), chip.block.as_str()))
            .collect();
        let table = LabelTable::new(self.classes.clone(), rows)?
            .with_groups(|id| block_of.get(id).copied().unwrap_or_default().to_owned());
        let mut parts = vec![("test", config.test)];
        if config.validation > 0.0 {
            parts.push(("val", config.validation));
        }
        parts.push(("train", 1.0 - config.test - config.validation));
        let split = stratified_groups(&table, &self.info.name, &parts, config.seed)?;
        for (part, ids) in split.parts() {
            for id in ids {
                if let Ok(at) = self.chips.binary_search_by(|chip| chip.id.as_str().cmp(id)) {
                    self.chips[at].part = Some(part.into());
                }
            }
        }
        Ok(())
    }

    /// Block to which a window belongs, as `row,column` of blocks.
    ///
    /// # Panics
    /// For an index beyond the last window.
    pub fn block_of(&self, index: usize) -> &str {
        &self.chips[index].block
    }
}

impl Dataset for SceneChips {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn bands(&self) -> &BandSet {
        &self.kind.bands
    }

    fn len(&self) -> usize {
        self.chips.len()
    }

    fn id(&self, index: usize) -> &str {
        &self.chips[index].id
    }

    fn class_of(&self, index: usize) -> Option<usize> {
        (self.info.task == Task::Classification).then(|| self.chips[index].class)
    }

    fn published_split(&self, index: usize) -> Option<&str> {
        self.chips[index].part.as_deref()
    }

    fn load(&self, index: usize) -> Result<Sample, DataError> {
        let chip = entry(&self.chips, index)?;
        let side = self.window;
        let window = SceneWindow {
            row: chip.row,
            column: chip.column,
            height: side,
            width: side,
        };
        let raster = self.scene.read(window)?;
        let geo = raster.geo.clone();
        let (image, valid) =
            raster.into_image(&self.kind.bands, self.kind.unit, self.scene.path())?;
        let label = match self.info.task {
            Task::Segmentation => {
                let mut classes = self.labels.read(window)?;
                if let Some(mask) = &valid {
                    let pixels = classes.iter_mut().zip(&mask.valid);
                    pixels
                        .filter(|(_, valid)| !**valid)
                        .for_each(|(class, _)| *class = -1);
                }
                Label::Segmentation {
                    height: side,
                    width: side,
                    classes,
                }
            }
            _ => Label::Class(chip.class),
        };
        Ok(Sample {
            image,
            valid,
            label,
            id: chip.id.clone(),
            geo,
        })
    }
}
