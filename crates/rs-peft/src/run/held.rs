//! Samples kept decoded in memory, or decoded whenever they are asked for where memory would not do.

use std::sync::Arc;

use rs_datasets::{BandSet, Cached, DataError, Dataset, DatasetInfo, Label, Sample};

/// Most bytes of decoded pixels kept in memory.
const PIXEL_BYTES: u64 = 8 << 30;

/// The samples `rows` of a data set, in that order, and whether they lie decoded in memory. They do where all of them, each taken to be
/// as large as the first, fit into eight gibibytes.
///
/// # Errors
/// When a sample cannot be decoded.
pub(crate) fn held(
    inner: Arc<dyn Dataset>,
    rows: Vec<usize>,
) -> Result<(Arc<dyn Dataset>, bool), DataError> {
    let bytes = match rows.first() {
        Some(&first) => size(&inner.load(first)?).saturating_mul(rows.len() as u64),
        None => 0,
    };
    if bytes > PIXEL_BYTES {
        return Ok((Arc::new(Chosen { inner, rows }), false));
    }
    // Samples larger than the first may pass the estimate; twice the limit is where they are refused.
    let cached = Cached::subset(inner.as_ref(), &rows, 2 * PIXEL_BYTES)?;
    Ok((Arc::new(cached), true))
}

/// Bytes of pixels and labels.
fn size(sample: &Sample) -> u64 {
    let labels = match &sample.label {
        Label::Segmentation { classes, .. } => classes.len(),
        _ => 0,
    };
    4 * (sample.image.data.len() + labels) as u64
}

/// Rows of a data set in a chosen order, decoded when they are asked for.
struct Chosen {
    inner: Arc<dyn Dataset>,
    rows: Vec<usize>,
}

impl Dataset for Chosen {
    fn info(&self) -> &DatasetInfo {
        self.inner.info()
    }

    fn classes(&self) -> &[String] {
        self.inner.classes()
    }

    fn bands(&self) -> &BandSet {
        self.inner.bands()
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn id(&self, index: usize) -> &str {
        self.inner.id(self.rows[index])
    }

    fn class_of(&self, index: usize) -> Option<usize> {
        self.inner.class_of(self.rows[index])
    }

    fn load(&self, index: usize) -> Result<Sample, DataError> {
        let row = self.rows.get(index).ok_or(DataError::IndexOutOfRange {
            index,
            len: self.rows.len(),
        })?;
        self.inner.load(*row)
    }
}

#[cfg(test)]
mod tests {
    use rs_datasets::{SyntheticConfig, SyntheticScenes};

    use super::*;

    #[test]
    fn chosen_rows_are_what_decoded_ones_are() {
        let config = SyntheticConfig {
            size: 8,
            ..SyntheticConfig::balanced(2, 1)
        };
        let inner: Arc<dyn Dataset> = Arc::new(SyntheticScenes::classification(config).unwrap());
        let rows = vec![7, 2, 11];
        let (decoded, in_memory) = held(inner.clone(), rows.clone()).unwrap();
        assert!(in_memory);
        let chosen = Chosen { inner, rows };
        assert_eq!((chosen.len(), decoded.len()), (3, 3));
        for row in 0..3 {
            assert_eq!(chosen.id(row), decoded.id(row));
            assert_eq!(chosen.class_of(row), decoded.class_of(row));
            assert_eq!(chosen.load(row).unwrap(), decoded.load(row).unwrap());
        }
        assert!(chosen.load(3).is_err());
    }
}
