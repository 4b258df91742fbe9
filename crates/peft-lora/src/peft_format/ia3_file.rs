//! (IA)3 as PEFT stores it: one vector per linear map, a column of outputs or a row of inputs.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::backend::Backend;
use serde::Deserialize;
use serde_json::{Value, json};
use vit_backbone::{LinearSite, VitConfig};

use super::adapter_config::{AdapterJson, is_unset, unsupported};
use super::array::HostArray;
use super::describe::{common_json, names_of};
use super::load::checked;
use super::methods::IA3;
use super::names::OneOrMany;
use super::vit_names::{Named, host};
use crate::adapter::PeftAdapter;
use crate::config::MethodConfig;
use crate::draw::vector;
use crate::error::PeftError;
use crate::methods::{Ia3, Ia3Config, Ia3Map, Ia3Place};
use crate::place::{Target, linear_dims};

/// The keys of an (IA)3.
#[derive(Deserialize)]
struct Ia3Json {
    #[serde(default)]
    feedforward_modules: Option<OneOrMany>,
    #[serde(default)]
    fan_in_fan_out: Value,
}

/// The vector of one whole linear map.
struct Scale {
    site: LinearSite,
    inputs: bool,
    values: HostArray,
}

/// What a file of type `IA3` holds.
pub(crate) struct Ia3File {
    scales: Vec<Scale>,
    described: Ia3Config,
}

fn key(site: LinearSite) -> String {
    format!("{site}.ia3_l")
}

/// The places where an adapter has vectors, in the order of the forward pass, and whether they scale inputs.
fn places<B: Backend>(ia3: &Ia3<B>) -> Vec<(LinearSite, bool)> {
    let place = |map: &Ia3Map<B>| (map.place.target.site, map.place.inputs);
    let mut places: Vec<_> = ia3.maps.iter().map(place).collect();
    // Parts of a fused map are neighbours.
    places.dedup();
    places
}

/// The arrays by key, parts joined and ones where nothing is trained.
pub(crate) fn ia3_arrays<B: Backend>(ia3: &Ia3<B>) -> Named {
    let mut named = Named::new();
    for (site, inputs) in places(ia3) {
        if let Some((scale, _)) = ia3.whole(site) {
            let mut array = host(scale);
            let length = array.data.len();
            array.shape = if inputs {
                vec![1, length]
            } else {
                vec![length, 1]
            };
            named.insert(key(site), array);
        }
    }
    named
}

/// The JSON of an (IA)3.
pub(crate) fn ia3_json<B: Backend>(
    ia3: &Ia3<B>,
    saves_head: bool,
    base_name: Option<&str>,
) -> Value {
    let described = described(&places(ia3), ia3.depth);
    let mut object = common_json(IA3, json!(described.targets), saves_head, base_name);
    let own = [
        ("feedforward_modules", json!(described.feedforward)),
        ("fan_in_fan_out", json!(false)),
        ("init_ia3_weights", json!(true)),
        ("exclude_modules", Value::Null),
    ];
    object.extend(own.map(|(key, value)| (key.to_owned(), value)));
    Value::Object(object)
}

/// Places in the fewest words that PEFT reads. It wants every feed-forward name among the targets, letter by letter.
fn described(places: &[(LinearSite, bool)], depth: usize) -> Ia3Config {
    let sites = |of: bool| -> Vec<LinearSite> {
        let chosen = places.iter().filter(|(_, inputs)| *inputs == of);
        chosen.map(|(site, _)| *site).collect()
    };
    let feedforward = names_of(&sites(true), depth);
    let mut targets = names_of(&sites(false), depth);
    targets.extend(feedforward.iter().cloned());
    Ia3Config {
        targets,
        feedforward,
    }
}

/// The tensors of a file, after checking that they are exactly those its configuration names.
pub(crate) fn read_ia3(
    json: &AdapterJson,
    arrays: Named,
    config: &VitConfig,
    config_path: &Path,
    tensor_path: &Path,
) -> Result<Ia3File, PeftError> {
    let own: Ia3Json =
        serde_json::from_value(Value::Object(json.rest.clone())).map_err(|source| {
            PeftError::Json {
                path: config_path.to_owned(),
                source,
            }
        })?;
    if !is_unset(&own.fan_in_fan_out) {
        let what = "`fan_in_fan_out` is set, which is not supported".into();
        return Err(unsupported(config_path, what));
    }
    let mut places = Vec::new();
    let mut expected = BTreeMap::new();
    for site in json.sites(None, config.depth, config_path)? {
        let feedforward = own.feedforward_modules.as_ref();
        let inputs = feedforward
            .map(|names| is_feedforward(names, &site.to_string(), config_path))
            .transpose()?
            .unwrap_or(false);
        let dims = linear_dims(site.map, config);
        let shape = if inputs {
            vec![1, dims.0]
        } else {
            vec![dims.1, 1]
        };
        expected.insert(key(site), shape);
        places.push((site, inputs));
    }
    if expected.is_empty() {
        // A configuration that names nothing and a file without tensors would silently do nothing.
        return Err(PeftError::Keys {
            path: tensor_path.to_owned(),
            missing: vec!["a linear map that `target_modules` names".into()],
            unexpected: arrays.into_keys().collect(),
        });
    }
    let mut arrays = checked(tensor_path, arrays, &expected)?;
    let scale = |(site, inputs): &(LinearSite, bool)| {
        // It is there: `checked` found every name expected.
        let values = arrays.remove(&key(*site))?;
        Some(Scale {
            site: *site,
            inputs: *inputs,
            values,
        })
    };
    Ok(Ia3File {
        scales: places.iter().filter_map(scale).collect(),
        described: described(&places, config.depth),
    })
}

/// Whether PEFT takes a map for a feed-forward one: its name ends with one of the list, dot or no dot, or matches the expression.
fn is_feedforward(names: &OneOrMany, name: &str, path: &Path) -> Result<bool, PeftError> {
    match names {
        OneOrMany::Names(names) => Ok(names.iter().any(|end| name.ends_with(end.as_str()))),
        OneOrMany::Expression(_) => Ok(super::names::Names::new(names, path)?.matches(name)),
    }
}

/// The adapter of a file and its method: in parts where the record says so and the tensors agree, otherwise whole.
pub(crate) fn ia3_of<B: Backend>(
    file: Ia3File,
    recorded: Option<MethodConfig>,
    config: &VitConfig,
    notes: &mut Vec<String>,
    device: &B::Device,
) -> Result<(PeftAdapter<B>, MethodConfig), PeftError> {
    let mut method = file.described;
    let mut found = None;
    if let Some(recorded) = recorded {
        if let MethodConfig::Ia3(recorded) = recorded {
            found = recorded_parts(&file.scales, &recorded, config);
            if found.is_some() {
                method = recorded;
            }
        }
        if found.is_none() {
            notes.push(
                "the tensors are not those of the method recorded; they are used as PEFT reads them"
                    .into(),
            );
        }
    }
    let vectors = found.unwrap_or_else(|| {
        let whole = |scale: Scale| {
            let place = Ia3Place {
                target: Target::whole(scale.site),
                inputs: scale.inputs,
            };
            (place, scale.values.data)
        };
        file.scales.into_iter().map(whole).collect()
    });
    let maps = vectors.into_iter().map(|(place, values)| Ia3Map {
        scale: vector(values, device),
        place,
    });
    let adapter = Ia3::from_maps(maps.collect(), config);
    Ok((PeftAdapter::Ia3(adapter), MethodConfig::Ia3(method)))
}

/// The vectors as the record describes them, or `None` if the tensors are not what that method trains.
fn recorded_parts(
    scales: &[Scale],
    recorded: &Ia3Config,
    config: &VitConfig,
) -> Option<Vec<(Ia3Place, Vec<f32>)>> {
    let places = recorded.places(config).ok()?;
    let groups: Vec<&[Ia3Place]> = places
        .chunk_by(|x, y| x.target.site == y.target.site)
        .collect();
    if groups.len() != scales.len() {
        return None;
    }
    let mut vectors = Vec::with_capacity(places.len());
    for (scale, group) in scales.iter().zip(groups) {
        let mut rest = scale.values.data.clone();
        for place in group {
            if place.target.site != scale.site || place.inputs != scale.inputs {
                return None;
            }
            let range = if place.inputs {
                0..rest.len()
            } else {
                place.target.outputs(config)
            };
            vectors.push((*place, rest[range.clone()].to_vec()));
            rest[range].fill(1.0);
        }
        // Every value outside the parts must be one, or splitting would lose it.
        if rest.iter().any(|value| *value != 1.0) {
            return None;
        }
    }
    Some(vectors)
}
