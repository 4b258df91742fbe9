//! Parameter groups: which parameters learn at which rate.

use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::paths::PathStack;
use crate::pattern::{matches, nearest};

/// One group of parameters.
///
/// Names are paths through the module, as burn visits it: field names, list indices and enum variants joined by dots
/// (`head.linear.weight`, `blocks.3.mlp.fc1.bias`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupConfig {
    /// Name of the group, for messages and records.
    pub name: String,
    /// Patterns of parameter names; `*` stands for any run of characters, dots included.
    pub patterns: Vec<String>,
    /// Peak learning rate; the schedule multiplies it.
    pub learning_rate: f64,
    /// Weight decay: decoupled for AdamW, added to the gradient for SGD.
    #[serde(default)]
    pub weight_decay: f64,
    /// Whether parameters of one dimension (biases, norm scales) decay too. The usual recipes leave them out.
    #[serde(default)]
    pub decay_vectors: bool,
}

impl GroupConfig {
    /// A group of the parameters that match one of `patterns`, without decay.
    pub fn new(name: &str, patterns: &[&str], learning_rate: f64) -> Self {
        Self {
            name: name.into(),
            patterns: patterns.iter().map(|p| (*p).into()).collect(),
            learning_rate,
            weight_decay: 0.0,
            decay_vectors: false,
        }
    }

    /// One group of everything.
    pub fn all(learning_rate: f64) -> Self {
        Self::new("all", &["*"], learning_rate)
    }

    /// Sets the weight decay.
    pub fn with_weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = weight_decay;
        self
    }

    /// Lets parameters of one dimension decay too.
    pub fn with_decay_vectors(mut self, decay_vectors: bool) -> Self {
        self.decay_vectors = decay_vectors;
        self
    }

    fn validate(&self) -> Result<(), TrainError> {
        for (what, value) in [
            ("learning_rate", self.learning_rate),
            ("weight_decay", self.weight_decay),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                let name = format!("{what} of group {}", self.name);
                return Err(TrainError::setting(name, value, "finite and 0 or above"));
            }
        }
        Ok(())
    }
}

/// A trainable parameter and its group.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterInfo {
    /// Name: the path through the module.
    pub path: String,
    /// burn's identifier, which differs from process to process.
    pub id: ParamId,
    /// Shape.
    pub shape: Vec<usize>,
    /// Index of the group.
    pub group: usize,
}

/// How much a group holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupCount {
    /// Name of the group.
    pub name: String,
    /// Number of tensors.
    pub tensors: usize,
    /// Number of scalars.
    pub parameters: usize,
}

/// Every trainable parameter of a module, in exactly one group.
#[derive(Debug, Clone)]
pub struct ParameterGroups {
    configs: Vec<GroupConfig>,
    parameters: Vec<ParameterInfo>,
    by_id: HashMap<ParamId, usize>,
}

impl ParameterGroups {
    /// Assigns the trainable parameters (those that require a gradient) of `module`.
    ///
    /// # Errors
    /// A parameter in no group or in two, a pattern or a group that matches nothing, a parameter held twice, a rate that is
    /// negative or not finite, a module without trainable parameters.
    pub fn assign<B: Backend, M: Module<B>>(
        module: &M,
        configs: &[GroupConfig],
    ) -> Result<Self, TrainError> {
        for config in configs {
            config.validate()?;
        }
        let mut collector = Collector::default();
        module.visit(&mut collector);
        let mut parameters = collector.found;
        if parameters.is_empty() {
            return Err(TrainError::NothingToTrain);
        }
        let mut by_id: HashMap<ParamId, usize> = HashMap::new();
        let mut hits: Vec<Vec<usize>> = configs.iter().map(|c| vec![0; c.patterns.len()]).collect();
        for index in 0..parameters.len() {
            let path = parameters[index].path.clone();
            if let Some(first) = by_id.insert(parameters[index].id, index) {
                return Err(TrainError::SharedParameter {
                    first: parameters[first].path.clone(),
                    second: path,
                });
            }
            let mut owner: Option<usize> = None;
            for (g, config) in configs.iter().enumerate() {
                let mut claimed = false;
                for (p, pattern) in config.patterns.iter().enumerate() {
                    if matches(pattern, &path) {
                        hits[g][p] += 1;
                        claimed = true;
                    }
                }
                if !claimed {
                    continue;
                }
                if let Some(first) = owner {
                    return Err(TrainError::Overlap {
                        path,
                        first: configs[first].name.clone(),
                        second: config.name.clone(),
                    });
                }
                owner = Some(g);
            }
            let Some(group) = owner else {
                let names: Vec<&str> = configs.iter().map(|c| c.name.as_str()).collect();
                return Err(TrainError::Ungrouped {
                    path,
                    groups: names.join(", "),
                });
            };
            parameters[index].group = group;
        }
        for (config, hits) in configs.iter().zip(&hits) {
            if config.patterns.is_empty() {
                let name = format!("patterns of group {}", config.name);
                return Err(TrainError::setting(name, "[]", "at least one pattern"));
            }
            if let Some(at) = hits.iter().position(|h| *h == 0) {
                let pattern = config.patterns[at].clone();
                return Err(TrainError::NoMatch {
                    group: config.name.clone(),
                    nearest: nearest(&pattern, parameters.iter().map(|p| p.path.as_str())),
                    pattern,
                });
            }
        }
        Ok(Self {
            configs: configs.to_vec(),
            parameters,
            by_id,
        })
    }

    /// The settings of each group.
    pub fn configs(&self) -> &[GroupConfig] {
        &self.configs
    }

    /// All trainable parameters, in visiting order.
    pub fn parameters(&self) -> &[ParameterInfo] {
        &self.parameters
    }

    /// The parameter with this identifier, if it is trainable.
    pub fn get(&self, id: ParamId) -> Option<&ParameterInfo> {
        self.by_id.get(&id).map(|i| &self.parameters[*i])
    }

    /// Number of trainable scalars (burn's `num_params` counts frozen ones too).
    pub fn trainable(&self) -> usize {
        self.counts().iter().map(|c| c.parameters).sum()
    }

    /// What each group holds, in the order of the configuration.
    pub fn counts(&self) -> Vec<GroupCount> {
        let mut counts: Vec<GroupCount> = self
            .configs
            .iter()
            .map(|c| GroupCount {
                name: c.name.clone(),
                tensors: 0,
                parameters: 0,
            })
            .collect();
        for parameter in &self.parameters {
            let count = &mut counts[parameter.group];
            count.tensors += 1;
            count.parameters += parameter.shape.iter().product::<usize>();
        }
        counts
    }
}

/// Collects trainable parameters with their names.
#[derive(Default)]
struct Collector {
    path: PathStack,
    found: Vec<ParameterInfo>,
}

impl<B: Backend> ModuleVisitor<B> for Collector {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        // Reading the value also initialises lazy parameters, before anything clones or saves the module.
        let value = param.val();
        if !value.is_require_grad() {
            return;
        }
        self.found.push(ParameterInfo {
            path: self.path.name(),
            id: param.id,
            shape: value.dims().to_vec(),
            group: usize::MAX,
        });
    }

    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }
}
