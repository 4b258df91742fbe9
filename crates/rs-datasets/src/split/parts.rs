//! The type of a split: parts that cannot overlap.

use std::collections::{HashMap, HashSet};

use crate::{DataError, Dataset, LabelTable};

/// Named parts of a data set that share no id.
///
/// The only ways to make one check that no id occurs twice, so two parts of a value of this type are disjoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    name: String,
    rule: String,
    seed: Option<u64>,
    parts: Vec<(String, Vec<String>)>,
}

impl Split {
    /// A split of given parts. `rule` says how they came about (`published`, or a rule with its version), `seed` the seed of that rule.
    ///
    /// # Errors
    /// [`DataError::Split`] when an id is in two parts or twice in one, a part is empty or named twice, a part name has other
    /// characters than letters, digits, `-` and `_`, or an id or header field holds a control character.
    pub fn new(
        name: &str,
        rule: &str,
        seed: Option<u64>,
        parts: Vec<(String, Vec<String>)>,
    ) -> Result<Self, DataError> {
        let bad = |detail: String| DataError::Split {
            split: name.into(),
            detail,
        };
        if parts.is_empty() {
            return Err(bad("expected at least one part, found none".into()));
        }
        for field in [name, rule] {
            if field.is_empty() || field.chars().any(char::is_control) || field.trim() != field {
                return Err(bad(format!(
                    "{field:?} cannot be a name or rule: it must be one line without outer blanks"
                )));
            }
        }
        let mut part_of: HashMap<&str, &str> = HashMap::new();
        for (index, (part, ids)) in parts.iter().enumerate() {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if part.is_empty() || !part.chars().all(plain) {
                return Err(bad(format!(
                    "part name {part:?} must consist of letters, digits, - and _"
                )));
            }
            if parts[..index].iter().any(|(other, _)| other == part) {
                return Err(bad(format!("part `{part}` is named twice")));
            }
            if ids.is_empty() {
                return Err(bad(format!(
                    "part `{part}` is empty; give it a larger fraction or leave it out"
                )));
            }
            for id in ids {
                if id.is_empty() || id.chars().any(char::is_control) {
                    return Err(bad(format!(
                        "id {id:?} is empty or holds a control character; rename the sample"
                    )));
                }
                if let Some(other) = part_of.insert(id, part) {
                    return Err(bad(format!(
                        "id `{id}` is in `{other}` and in `{part}`; parts must be disjoint"
                    )));
                }
            }
        }
        let parts = parts
            .into_iter()
            .map(|(part, mut ids)| {
                ids.sort();
                (part, ids)
            })
            .collect();
        Ok(Self {
            name: name.into(),
            rule: rule.into(),
            seed,
            parts,
        })
    }

    /// The split that was published with a data set, from [`Dataset::published_split`].
    ///
    /// # Errors
    /// [`DataError::Split`] when no sample belongs to a published part.
    pub fn published(dataset: &dyn Dataset) -> Result<Self, DataError> {
        let mut parts: Vec<(String, Vec<String>)> = Vec::new();
        for index in 0..dataset.len() {
            let Some(part) = dataset.published_split(index) else {
                continue;
            };
            match parts.iter_mut().find(|(name, _)| name == part) {
                Some((_, ids)) => ids.push(dataset.id(index).into()),
                None => parts.push((part.into(), vec![dataset.id(index).into()])),
            }
        }
        parts.sort();
        Self::new(
            &format!("{}-published", dataset.name()),
            "published",
            None,
            parts,
        )
    }

    /// Name of the split.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the parts came about, with the version of the rule.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// Seed of the rule, if it has one.
    pub fn seed(&self) -> Option<u64> {
        self.seed
    }

    /// Parts in order: name and ids, the ids sorted.
    pub fn parts(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.parts
            .iter()
            .map(|(name, ids)| (name.as_str(), ids.as_slice()))
    }

    /// The sorted ids of one part.
    ///
    /// # Errors
    /// [`DataError::Split`], which lists the parts that exist.
    pub fn part(&self, name: &str) -> Result<&[String], DataError> {
        self.parts
            .iter()
            .find(|(part, _)| part == name)
            .map(|(_, ids)| ids.as_slice())
            .ok_or_else(|| {
                let known: Vec<&str> = self.parts.iter().map(|(part, _)| part.as_str()).collect();
                DataError::Split {
                    split: self.name.clone(),
                    detail: format!("there is no part `{name}`; there are: {}", known.join(", ")),
                }
            })
    }

    /// The indices of a part's samples in a data set, in the order of the sorted ids.
    ///
    /// # Errors
    /// [`DataError::Split`] for an unknown part, [`DataError::UnknownId`] when the data set lacks a sample.
    pub fn indices(&self, part: &str, dataset: &dyn Dataset) -> Result<Vec<usize>, DataError> {
        let position: HashMap<&str, usize> =
            (0..dataset.len()).map(|i| (dataset.id(i), i)).collect();
        let find = |id: &String| {
            position
                .get(id.as_str())
                .copied()
                .ok_or_else(|| DataError::UnknownId {
                    dataset: dataset.name().into(),
                    id: id.clone(),
                })
        };
        self.part(part)?.iter().map(find).collect()
    }

    /// Samples per class of one part.
    ///
    /// # Errors
    /// [`DataError::Split`] for an unknown part, [`DataError::UnknownId`] when the table lacks an id.
    pub fn class_counts(&self, part: &str, table: &LabelTable) -> Result<Vec<usize>, DataError> {
        let mut counts = vec![0; table.classes().len()];
        for id in self.part(part)? {
            counts[table.class_of(id)?] += 1;
        }
        Ok(counts)
    }

    /// The same split without the given ids, whatever part they are in.
    ///
    /// # Errors
    /// [`DataError::Split`] when a part becomes empty.
    pub fn without(&self, ids: &HashSet<String>, why: &str) -> Result<Self, DataError> {
        let keep = |part: &[String]| {
            part.iter()
                .filter(|id| !ids.contains(*id))
                .cloned()
                .collect()
        };
        let parts = self
            .parts
            .iter()
            .map(|(name, part)| (name.clone(), keep(part)))
            .collect();
        Self::new(
            &self.name,
            &format!("{}; without {} ({why})", self.rule, ids.len()),
            self.seed,
            parts,
        )
    }

    /// The same split with one part replaced by a subset of it, and `rule` appended to the rule.
    pub(super) fn narrowed(
        &self,
        part: &str,
        ids: Vec<String>,
        rule: &str,
    ) -> Result<Self, DataError> {
        let mut parts = self.parts.clone();
        if let Some((_, old)) = parts.iter_mut().find(|(name, _)| name == part) {
            *old = ids;
        }
        Self::new(
            &self.name,
            &format!("{}; {rule}", self.rule),
            self.seed,
            parts,
        )
    }
}
