//! From the data of a pickle to the tensors of one state dictionary.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::pickle::Pickle;
use super::value::{Id, Storage, TensorView, Value};
use crate::BackboneError;
use crate::checkpoint::container::{Entry, checked_count, corrupt};
use crate::checkpoint::report::Format;

/// Where a storage starts in the file, and its length in bytes.
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// Names under which training scripts put the model, most specific first; a teacher goes before its student, which is never chosen unasked.
const PREFERRED: [&str; 6] = [
    "model",
    "state_dict",
    "model_state_dict",
    "teacher",
    "encoder",
    "net",
];

/// Keys longer than this are no names of parameters.
const KEY_LIMIT: usize = 1024;

/// How deep dictionaries are searched for tensors.
const DEPTH: usize = 3;

/// Chooses the state dictionary of a checkpoint: the one asked for, the top level if tensors are there, else the preferred name.
/// Returns its path in the nesting and its tensors.
pub(crate) fn choose(
    path: &Path,
    pickle: &Pickle,
    asked: Option<&str>,
) -> Result<(String, BTreeMap<String, TensorView>), BackboneError> {
    let mut found = Vec::new();
    search(
        pickle,
        pickle.root,
        String::new(),
        DEPTH,
        &mut HashSet::new(),
        &mut found,
    );
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    let chosen = match asked {
        Some(asked) => names.iter().position(|name| *name == asked),
        None if found.len() == 1 => Some(0),
        None => names.iter().position(|name| name.is_empty()).or_else(|| {
            PREFERRED.iter().find_map(|wanted| {
                names
                    .iter()
                    .position(|name| name == wanted || name.starts_with(&format!("{wanted}.")))
            })
        }),
    };
    if let Some(chosen) = chosen {
        return Ok(found.swap_remove(chosen));
    }
    let (problem, remedy) = match (&pickle.values[pickle.root], names.as_slice()) {
        (Value::Opaque(class), []) => (
            format!("it holds a whole Python object (`{class}`), not a state dictionary"),
            "save `model.state_dict()` instead; objects are never executed here".to_owned(),
        ),
        (_, []) => (
            "it holds no tensors".to_owned(),
            "save `model.state_dict()`".to_owned(),
        ),
        (_, names) => (
            format!("it holds several sets of tensors, under {names:?}"),
            "choose one with the option `nested`".to_owned(),
        ),
    };
    Err(BackboneError::Checkpoint {
        path: path.to_owned(),
        problem,
        remedy,
    })
}

/// Collects the dictionaries that hold tensors directly; each dictionary is visited once, however often it is referred to.
fn search(
    pickle: &Pickle,
    id: Id,
    name: String,
    depth: usize,
    seen: &mut HashSet<Id>,
    found: &mut Vec<(String, BTreeMap<String, TensorView>)>,
) {
    let Value::Dict(items) = &pickle.values[id] else {
        return;
    };
    if !seen.insert(id) {
        return;
    }
    let mut tensors = BTreeMap::new();
    for (key, value) in items {
        let Value::Text(key) = &pickle.values[*key] else {
            continue;
        };
        if key.len() > KEY_LIMIT {
            continue;
        }
        match &pickle.values[*value] {
            Value::Tensor(view) => {
                tensors.insert(key.clone(), view.clone());
            }
            Value::Dict(_) if depth > 0 => {
                let inner = if name.is_empty() {
                    key.clone()
                } else {
                    format!("{name}.{key}")
                };
                search(pickle, *value, inner, depth - 1, seen, found);
            }
            _ => {}
        }
    }
    if !tensors.is_empty() {
        found.push((name, tensors));
    }
}

/// Describes tensors by their place in the file, after checking that each lies inside its storage and the storage inside the file.
pub(crate) fn entries(
    path: &Path,
    format: Format,
    tensors: BTreeMap<String, TensorView>,
    places: impl Fn(&Storage) -> Result<Place, BackboneError>,
) -> Result<BTreeMap<String, Entry>, BackboneError> {
    let mut entries = BTreeMap::new();
    for (key, view) in tensors {
        let bad = |what: &str| corrupt(path, format, format!("`{key}` {what}"));
        if view.shape.len() != view.strides.len() {
            return Err(bad("has another number of sizes than of strides"));
        }
        let count = checked_count(&view.shape).ok_or_else(|| bad("has an impossible shape"))?;
        let size = view.storage.dtype.bytes() as u64;
        let place = places(&view.storage)?;
        // The last number that the view touches, counted from the start of the storage.
        let mut end = view.offset as u128;
        for (size, stride) in view.shape.iter().zip(&view.strides) {
            end += size.saturating_sub(1) as u128 * *stride as u128;
        }
        let fits = count == 0
            || (end < view.storage.len as u128
                && (end + 1) * u128::from(size) <= u128::from(place.bytes));
        // A view that repeats numbers (stride 0) could claim any size.
        if !fits || count > view.storage.len {
            return Err(bad("reaches beyond its storage"));
        }
        let offset = place.offset + view.offset as u64 * size;
        entries.insert(
            key.clone(),
            Entry {
                shape: view.shape,
                dtype: view.storage.dtype,
                offset,
                strides: view.strides,
                parts: Vec::new(),
            },
        );
    }
    Ok(entries)
}
