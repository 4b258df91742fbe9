//! A model directory as a model of windows.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::backend::Backend;
use rs_datasets::{BandSet, InputUnit, Sample, Task};
use sha2::{Digest, Sha256};

use super::{MapKind, ModelFailure, SceneError, WindowModel};
use crate::AdaptedModel;
use crate::adapted::MANIFEST_FILE;
use crate::hex::hex;

/// An [`AdaptedModel`] with the size of its windows.
#[derive(Debug)]
pub struct SceneModel<B: Backend> {
    model: AdaptedModel<B>,
    bands: Arc<BandSet>,
    window: usize,
    identity: String,
}

impl<B: Backend> SceneModel<B> {
    /// `directory` is where `model` was loaded from. `window` is the side of a window in pixels of the scene, the training size if
    /// absent. A model with a class per window sees windows resized to its training size, so they should cover as much ground as its
    /// training images did.
    ///
    /// # Errors
    /// [`SceneError::Io`]; [`SceneError::Setting`] for a window that the model cannot see.
    pub fn new(
        model: AdaptedModel<B>,
        directory: &Path,
        window: Option<usize>,
    ) -> Result<Self, SceneError> {
        let bad = |detail| SceneError::Setting {
            what: "window",
            detail,
        };
        let size = model.manifest().input.size;
        let window = window.unwrap_or(size);
        if !(1..=8192).contains(&window) {
            return Err(bad(format!("{window} pixels; expected 1 to 8192")));
        }
        let patch = model.patch_size();
        if model.manifest().task == Task::Segmentation && !window.is_multiple_of(patch) {
            let detail = format!(
                "{window} pixels; a window has whole patches of {patch} (the training size is {size})"
            );
            return Err(bad(detail));
        }
        let path = directory.join(MANIFEST_FILE);
        let manifest = std::fs::read(&path).map_err(SceneError::io("read", path))?;
        // The manifest holds the hashes of all other files.
        let identity = format!(
            "{} {}",
            hex(&Sha256::digest(&manifest)),
            std::any::type_name::<B>()
        );
        Ok(Self {
            bands: Arc::new(model.manifest().input.bands.clone()),
            model,
            window,
            identity,
        })
    }
}

impl<B: Backend> WindowModel for SceneModel<B> {
    fn classes(&self) -> &[String] {
        &self.model.manifest().classes
    }

    fn kind(&self) -> MapKind {
        match self.model.manifest().task {
            Task::Segmentation => MapKind::Pixels,
            _ => MapKind::Windows,
        }
    }

    fn window(&self) -> [usize; 2] {
        [self.window; 2]
    }

    fn bands(&self) -> Arc<BandSet> {
        Arc::clone(&self.bands)
    }

    fn unit(&self) -> InputUnit {
        self.model.manifest().input.unit
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn logits(&self, windows: &[Sample]) -> Result<Vec<f32>, ModelFailure> {
        Ok(self.model.logits_of(windows)?.values)
    }
}
