//! F1 of groups of classes: head, middle and tail of a long-tailed distribution, in the two definitions in use.

use serde::{Deserialize, Serialize};

use super::per_class::{mean, ratio};
use super::{AbsentClasses, ConfusionMatrix};
use crate::EvalError;

/// How the F1 of a group is computed. The two differ by many points; a table must name the one it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupF1 {
    /// As the released code of debLoRA: keep the samples whose *true* label is in the group, then take the macro F1 over
    /// every label that occurs among their true *or predicted* labels. A label outside the group that is predicted once is
    /// one more class with F1 = 0 (which lowers the number), and false positives from samples outside the group are not seen
    /// (which raises it).
    Official,
    /// The per-class F1 of the whole test set, averaged over the classes of the group; absent classes as named.
    Clean(AbsentClasses),
}

/// A named group of class indices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassGroup {
    /// E.g. `head`.
    pub name: String,
    /// Indices into the class list.
    pub classes: Vec<usize>,
}

/// Disjoint groups of classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassGroups {
    groups: Vec<ClassGroup>,
}

impl ClassGroups {
    /// Checks that `groups` are non-empty, disjoint, and index a list of `classes` classes.
    ///
    /// # Errors
    /// When they are not.
    pub fn new(classes: usize, groups: Vec<ClassGroup>) -> Result<Self, EvalError> {
        let mut owner: Vec<Option<&str>> = vec![None; classes.min(super::MAX_CLASSES)];
        for group in &groups {
            if group.classes.is_empty() {
                return Err(EvalError::Classes {
                    problem: format!("group `{}` is empty; leave it out", group.name),
                });
            }
            for &class in &group.classes {
                match owner.get_mut(class) {
                    None => {
                        return Err(EvalError::Classes {
                            problem: format!(
                                "group `{}` names class {class}, the list has {classes}",
                                group.name
                            ),
                        });
                    }
                    Some(Some(other)) => {
                        return Err(EvalError::Classes {
                            problem: format!(
                                "class {class} is in group `{other}` and in group `{}`",
                                group.name
                            ),
                        });
                    }
                    Some(free) => *free = Some(&group.name),
                }
            }
        }
        Ok(Self { groups })
    }

    /// Head, middle and tail by the number of training samples: more than `head_above`, fewer than `tail_below`, the rest
    /// (Liu et al. 2019, "many/medium/few shot", use 100 and 20). Groups without classes are left out.
    ///
    /// # Errors
    /// When `tail_below > head_above + 1`, so that a class could be both.
    pub fn by_training_count(
        counts: &[u64],
        head_above: u64,
        tail_below: u64,
    ) -> Result<Self, EvalError> {
        let pick = |keep: &dyn Fn(u64) -> bool| {
            (0..counts.len())
                .filter(|&class| keep(counts[class]))
                .collect()
        };
        Self::new(
            counts.len(),
            named([
                pick(&|n| n > head_above),
                pick(&|n| n <= head_above && n >= tail_below),
                pick(&|n| n < tail_below),
            ]),
        )
    }

    /// Head, middle and tail by rank: the `head` classes with most training samples, the `tail` classes with fewest (ties by
    /// class index), the rest. Groups without classes are left out.
    ///
    /// # Errors
    /// When `head + tail` exceeds the number of classes.
    pub fn by_training_rank(counts: &[u64], head: usize, tail: usize) -> Result<Self, EvalError> {
        let split = counts
            .len()
            .checked_sub(tail)
            .filter(|&split| split >= head)
            .ok_or_else(|| EvalError::Classes {
                problem: format!(
                    "{head} head and {tail} tail classes exceed the list of {}",
                    counts.len()
                ),
            })?;
        let mut order: Vec<usize> = (0..counts.len()).collect();
        order.sort_by_key(|&class| (std::cmp::Reverse(counts[class]), class));
        Self::new(
            counts.len(),
            named([
                order[..head].to_vec(),
                order[head..split].to_vec(),
                order[split..].to_vec(),
            ]),
        )
    }

    /// The groups.
    pub fn groups(&self) -> &[ClassGroup] {
        &self.groups
    }
}

fn named(parts: [Vec<usize>; 3]) -> Vec<ClassGroup> {
    ["head", "middle", "tail"]
        .into_iter()
        .zip(parts)
        .filter(|(_, classes)| !classes.is_empty())
        .map(|(name, classes)| ClassGroup {
            name: name.into(),
            classes,
        })
        .collect()
}

impl ConfusionMatrix {
    /// F1 of the classes `group` (indices) under `definition`; `None` when no class takes part.
    pub fn group_f1(&self, group: &[usize], definition: GroupF1) -> Option<f64> {
        match definition {
            GroupF1::Official => self.group_f1_official(group),
            GroupF1::Clean(absent) => {
                let scores = self.per_class();
                mean(
                    self.scored_classes()
                        .filter(|class| group.contains(class))
                        .map(|class| &scores[class])
                        .filter(|score| absent.includes(score.support, score.predicted))
                        .map(|score| score.f1.unwrap_or(0.0)),
                )
            }
        }
    }

    fn group_f1_official(&self, group: &[usize]) -> Option<f64> {
        let classes = self.classes().len();
        let inside: Vec<bool> = (0..classes)
            .map(|c| group.contains(&c) && Some(c) != self.ignore_label())
            .collect();
        let mut predicted = vec![0u64; classes];
        for truth in (0..classes).filter(|&c| inside[c]) {
            predicted
                .iter_mut()
                .zip(self.row(truth))
                .for_each(|(sum, &count)| *sum += count);
        }
        mean((0..classes).filter_map(|class| {
            let (support, tp) = if inside[class] {
                (self.support(class), self.count(class, class))
            } else {
                (0, 0)
            };
            ratio(2.0 * tp as f64, support as f64 + predicted[class] as f64)
        }))
    }
}
