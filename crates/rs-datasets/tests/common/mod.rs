//! What the tests of the data sets share.

use std::fs;
use std::path::Path;

use rs_datasets::catalog;
use rs_datasets::{DataError, Dataset, Label};
use tempfile::TempDir;

pub(crate) fn open(name: &str, root: &Path) -> Result<Box<dyn Dataset>, DataError> {
    catalog::open(name, root)
}

pub(crate) fn write(folder: &TempDir, name: &str, bytes: &[u8]) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// What holds for every data set.
pub(crate) fn check_invariants(set: &dyn Dataset) {
    assert!(!set.is_empty());
    let mut last = "";
    for index in 0..set.len() {
        let id = set.id(index);
        assert!(last < id, "ids are unique and sorted: {last} {id}");
        last = id;
        let sample = set.load(index).unwrap();
        assert_eq!(sample.id, id);
        assert_eq!(&*sample.image.bands, set.bands());
        if let Label::Class(class) = sample.label {
            assert_eq!(set.class_of(index), Some(class));
            assert!(class < set.classes().len());
        }
        assert_eq!(set.index_of(id).unwrap(), index);
    }
    assert!(matches!(
        set.load(set.len()),
        Err(DataError::IndexOutOfRange { .. })
    ));
    assert!(matches!(
        set.index_of("no such id"),
        Err(DataError::UnknownId { .. })
    ));
    let info = set.info();
    assert_eq!(set.name(), info.name);
    assert!(!info.licence.is_empty() && !info.citation.is_empty() && !info.source.is_empty());
}
