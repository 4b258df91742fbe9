//! A data set that remembers the image read last, because windows of one image are often read one after another.

use std::sync::{Arc, Mutex};

use rs_datasets::{DataError, Dataset, Sample};

/// A data set and its last image.
pub(crate) struct LastImage {
    pub(crate) inner: Arc<dyn Dataset>,
    last: Mutex<Option<(usize, Arc<Sample>)>>,
}

impl LastImage {
    pub(crate) fn new(inner: Arc<dyn Dataset>) -> Self {
        Self {
            inner,
            last: Mutex::new(None),
        }
    }

    /// The image, read unless it was the last one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn load(&self, index: usize) -> Result<Arc<Sample>, DataError> {
        // Whoever panicked with the lock held left a whole sample in it.
        let mut last = self.last.lock().unwrap_or_else(|e| e.into_inner());
        if let Some((held, sample)) = last.as_ref()
            && *held == index
        {
            return Ok(sample.clone());
        }
        let sample = Arc::new(self.inner.load(index)?);
        *last = Some((index, sample.clone()));
        Ok(sample)
    }
}
