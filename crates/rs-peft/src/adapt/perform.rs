//! Running a plan into a model directory: resumable, one process at a time, whole or not at all.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{AdaptError, AdaptPlan};
use crate::adapted::{FinishedSeed, KeepBackbone, MANIFEST_FILE, ModelManifest, require_free, write_model};
use crate::experiment::{Row, content_hash};
use crate::run::{PlannedRow, SHIPPED, SeedOutput, SeedRun, Session, json_file, plan};
use crate::shipped::place_backbone;
use crate::{BackendKind, RunError, dispatch};

/// Steps between checkpoints; there is one after every epoch, too.
const CHECKPOINT_STEPS: usize = 200;

/// A plan on its way to a model directory.
pub struct AdaptRun<'a> {
    /// What is run.
    pub plan: &'a AdaptPlan,
    /// The model directory to write. While it is being made, `<out>.partial` beside it holds checkpoints.
    pub out: &'a Path,
    /// The backend.
    pub backend: BackendKind,
    /// Whether the backbone's checkpoint is copied into the directory.
    pub keep: KeepBackbone,
    /// Replace a model that is there.
    pub force: bool,
    /// What shows the progress, and what ends the run early.
    pub session: Session<'a>,
    /// Tells the time since any fixed moment.
    pub clock: &'a (dyn Fn() -> Duration + Sync),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapted {
    /// The manifest of the model directory.
    pub manifest: ModelManifest,
    /// The run's result; absent where the same model was there already.
    pub output: Option<SeedOutput>,
}

impl AdaptRun<'_> {
    /// Trains, or goes on where a killed run with the same plan stopped, and writes the directory. A model of the same plan that is
    /// there already is left alone and returned.
    ///
    /// # Errors
    /// [`AdaptError::Adapted`] with [`crate::AdaptedError::Exists`] where something else is there, [`AdaptError::Busy`], and the
    /// errors of the run.
    pub fn run(&self) -> Result<Adapted, AdaptError> {
        let partial = self.partial();
        let create = |folder: &Path| {
            fs::create_dir_all(folder).map_err(|source| AdaptError::Io {
                action: "create",
                path: folder.into(),
                source,
            })
        };
        let new = !partial.exists();
        create(&partial)?;
        let lock = self.lock(&partial)?;
        let done = self.locked(&partial, &create);
        // An output that was there, or a first step that failed, leaves nothing behind.
        if done.is_ok() || new && !holds_work(&partial) {
            drop(lock);
            fs::remove_dir_all(&partial).map_err(|source| AdaptError::Io {
                action: "remove",
                path: partial,
                source,
            })?;
        }
        done
    }

    fn locked(
        &self,
        partial: &Path,
        create: &dyn Fn(&Path) -> Result<(), AdaptError>,
    ) -> Result<Adapted, AdaptError> {
        let experiment = &self.plan.experiment;
        let root = partial;
        if [SHIPPED, "random"].contains(&experiment.backbone.weights.as_str()) {
            place_backbone(root)?;
        }
        let planned = self.planned(root)?;
        if let Some(manifest) = self.there(&planned.id)? {
            return Ok(Adapted {
                manifest,
                output: None,
            });
        }
        require_free(self.out, self.force)?;
        let folder = partial.join(&planned.id[..12]);
        create(&folder)?;
        let seed = experiment.seeds.first().copied().unwrap_or_default();
        let file = folder.join(format!("seed-{seed}.json"));
        let output = match file.is_file() {
            true => json_file::read(&file)?,
            false => {
                let run = SeedRun {
                    row: "adapt",
                    experiment,
                    seed,
                    root,
                    data: self.plan.data.as_deref(),
                    folder: &folder,
                    fingerprint: &planned.id,
                    features: Some(&folder.join("features")),
                    backend: self.backend.name(),
                    keep_adapter: true,
                    session: Session {
                        checkpoint_steps: Some(
                            self.session.checkpoint_steps.unwrap_or(CHECKPOINT_STEPS),
                        ),
                        ..self.session
                    },
                    clock: self.clock,
                };
                let output = dispatch(self.backend, run).map_err(RunError::from)??;
                json_file::write(&file, &output)?;
                output
            }
        };
        let finished = FinishedSeed {
            experiment,
            seed,
            output: &output,
            folder: &folder,
            root,
            run_id: Some(&planned.id),
        };
        let manifest = write_model(self.out, &finished, self.keep, self.force)?;
        Ok(Adapted {
            manifest,
            output: Some(output),
        })
    }

    /// `<out>.partial`.
    fn partial(&self) -> PathBuf {
        let mut name = self.out.file_name().unwrap_or_default().to_os_string();
        name.push(".partial");
        self.out.with_file_name(name)
    }

    /// Keeps other processes away until it is dropped.
    fn lock(&self, partial: &Path) -> Result<File, AdaptError> {
        let path = partial.join("lock");
        let io = |action: &'static str| {
            let path = path.clone();
            move |source| AdaptError::Io {
                action,
                path,
                source,
            }
        };
        let file = File::create(&path).map_err(io("create"))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(AdaptError::Busy {
                path: self.out.into(),
            }),
            Err(TryLockError::Error(source)) => Err(io("lock")(source)),
        }
    }

    /// The identity of what is run: configuration, images, split, weights, code.
    fn planned(&self, root: &Path) -> Result<PlannedRow, AdaptError> {
        let experiment = self.plan.experiment.clone();
        let hash = content_hash(&experiment).map_err(|source| RunError::Json {
            path: "the experiment".into(),
            source,
        })?;
        let row = Row {
            name: "adapt".into(),
            path: "the experiment".into(),
            experiment,
            hash,
            place: 0,
            by_default: true,
        };
        Ok(plan(&row, root, self.plan.data.as_deref(), root)?)
    }

    /// The model of this plan, if it is there and not to be replaced.
    fn there(&self, id: &str) -> Result<Option<ModelManifest>, AdaptError> {
        if self.force || !self.out.join(MANIFEST_FILE).is_file() {
            return Ok(None);
        }
        let manifest = ModelManifest::read(self.out)?;
        let same = manifest.training.run_id.as_deref() == Some(id);
        Ok(same.then_some(manifest))
    }
}

/// Whether a folder holds results or checkpoints of a run.
fn holds_work(partial: &Path) -> bool {
    let Ok(entries) = fs::read_dir(partial) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        name != "lock" && name != "assets"
    })
}
