//! What a case is.

use std::path::PathBuf;

/// Where a case runs.
pub(crate) struct Setting {
    /// Folder of the input that a case shares with its peer.
    pub(crate) folder: PathBuf,
    /// Folder with real imagery.
    pub(crate) data: Option<PathBuf>,
    /// Whether the case is to be small.
    pub(crate) small: bool,
    /// How many times as many rows or images as the case has, where it can have more or fewer.
    pub(crate) scale: f64,
}

impl Setting {
    /// `full`, or `small` when that is asked for.
    pub(crate) fn size(&self, full: usize, small: usize) -> usize {
        if self.small { small } else { full }
    }

    /// [`Setting::size`], scaled; at least 1.
    pub(crate) fn count(&self, full: usize, small: usize) -> usize {
        ((self.size(full, small) as f64 * self.scale).round() as usize).max(1)
    }

    /// The folder with real imagery.
    pub(crate) fn data(&self) -> anyhow::Result<&PathBuf> {
        let missing = "this case reads real imagery; say with --data where it lies";
        self.data.as_ref().ok_or_else(|| anyhow::anyhow!(missing))
    }
}

/// One round of a case; the value says what was computed, for comparison with the peer's.
pub(crate) type Round = Box<dyn FnMut() -> anyhow::Result<f64>>;

/// A case by name.
pub(crate) struct Case {
    /// Name, as in `benches/peers`.
    pub(crate) name: &'static str,
    /// Writes the input that the case shares with its peer.
    pub(crate) prepare: fn(&Setting) -> anyhow::Result<()>,
    /// Sets the case up.
    pub(crate) start: fn(&Setting) -> anyhow::Result<Round>,
}
