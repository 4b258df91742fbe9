//! What a rule needs to know of a data set: ids, classes, and which ids belong together.

use std::collections::HashMap;

use crate::{DataError, Dataset};

/// Ids with their class and, where samples belong together, their group.
#[derive(Clone, Debug)]
pub struct LabelTable {
    classes: Vec<String>,
    ids: Vec<String>,
    class: Vec<usize>,
    group: Option<Vec<String>>,
    position: HashMap<String, usize>,
}

impl LabelTable {
    /// A table of `(id, class index)` rows.
    ///
    /// # Errors
    /// [`DataError::Setting`] when an id occurs twice, a class index is outside `classes`, or there is no row.
    pub fn new(classes: Vec<String>, rows: Vec<(String, usize)>) -> Result<Self, DataError> {
        let bad = |detail| DataError::Setting {
            what: "label table".into(),
            detail,
        };
        if rows.is_empty() {
            return Err(bad(
                "expected at least one sample, found none; check the folder or the filter".into(),
            ));
        }
        let mut table = Self {
            classes,
            ids: Vec::with_capacity(rows.len()),
            class: Vec::with_capacity(rows.len()),
            group: None,
            position: HashMap::with_capacity(rows.len()),
        };
        for (id, class) in rows {
            if class >= table.classes.len() {
                let known = table.classes.len();
                return Err(bad(format!(
                    "`{id}` has class index {class}, there are {known} classes; correct the label"
                )));
            }
            if table.position.insert(id.clone(), table.ids.len()).is_some() {
                return Err(bad(format!(
                    "id `{id}` occurs twice; give each sample its own id"
                )));
            }
            table.ids.push(id);
            table.class.push(class);
        }
        Ok(table)
    }

    /// The table of a classification data set; nothing is decoded.
    ///
    /// # Errors
    /// As [`LabelTable::new`]; [`DataError::Setting`] when a sample has no class (use [`LabelTable::unlabelled`]).
    pub fn of(dataset: &dyn Dataset) -> Result<Self, DataError> {
        let rows = (0..dataset.len())
            .map(|i| {
                let class = dataset.class_of(i).ok_or_else(|| DataError::Setting {
                    what: format!("label table of {}", dataset.name()),
                    detail: format!(
                        "`{}` has no class; use LabelTable::unlabelled for such data",
                        dataset.id(i)
                    ),
                })?;
                Ok((dataset.id(i).to_owned(), class))
            })
            .collect::<Result<_, DataError>>()?;
        Self::new(dataset.classes().to_vec(), rows)
    }

    /// The table of a data set without one class per image: every sample in the single class `all`.
    ///
    /// # Errors
    /// As [`LabelTable::new`].
    pub fn unlabelled(dataset: &dyn Dataset) -> Result<Self, DataError> {
        Self::new(
            vec!["all".into()],
            (0..dataset.len())
                .map(|i| (dataset.id(i).to_owned(), 0))
                .collect(),
        )
    }

    /// The same table with the group of each id, e.g. the scene that a chip was cut from.
    pub fn with_groups(mut self, group: impl Fn(&str) -> String) -> Self {
        self.group = Some(self.ids.iter().map(|id| group(id)).collect());
        self
    }

    /// The rows whose id passes.
    ///
    /// # Errors
    /// [`DataError::Setting`] when none does.
    pub fn filter(&self, keep: impl Fn(&str) -> bool) -> Result<Self, DataError> {
        let kept: Vec<usize> = (0..self.len())
            .filter(|&row| keep(&self.ids[row]))
            .collect();
        let rows = kept
            .iter()
            .map(|&row| (self.ids[row].clone(), self.class[row]))
            .collect();
        let mut table = Self::new(self.classes.clone(), rows)?;
        table.group = self
            .group
            .as_ref()
            .map(|all| kept.iter().map(|&row| all[row].clone()).collect());
        Ok(table)
    }

    /// Class names.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Ids in listing order.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no sample; never true for a table that was built.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Class index of an id.
    ///
    /// # Errors
    /// [`DataError::UnknownId`].
    pub fn class_of(&self, id: &str) -> Result<usize, DataError> {
        self.position
            .get(id)
            .map(|&row| self.class[row])
            .ok_or_else(|| DataError::UnknownId {
                dataset: "the label table".into(),
                id: id.into(),
            })
    }

    /// Samples per class.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        self.class.iter().for_each(|&class| counts[class] += 1);
        counts
    }

    /// Ids of each class, ordered by the rule's key.
    pub(super) fn keyed(&self, seed: u64) -> Vec<Vec<&str>> {
        let mut by_class: Vec<Vec<&str>> = vec![Vec::new(); self.classes.len()];
        self.ids
            .iter()
            .zip(&self.class)
            .for_each(|(id, &class)| by_class[class].push(id));
        by_class
            .iter_mut()
            .for_each(|ids| super::key::sort_by_key(seed, ids, |id| id));
        by_class
    }

    /// Groups with the classes of their members: `(group, rows)`.
    pub(super) fn groups(&self) -> Result<Vec<(&str, Vec<usize>)>, DataError> {
        let group = self.group.as_ref().ok_or_else(|| DataError::Setting {
            what: "group-aware split".into(),
            detail: "the label table has no groups; give them with LabelTable::with_groups".into(),
        })?;
        let mut rows: HashMap<&str, Vec<usize>> = HashMap::new();
        group
            .iter()
            .enumerate()
            .for_each(|(row, name)| rows.entry(name).or_default().push(row));
        Ok(rows.into_iter().collect())
    }

    /// Class index of a row.
    pub(super) fn class_at(&self, row: usize) -> usize {
        self.class[row]
    }
}
