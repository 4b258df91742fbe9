//! What an evaluation found.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::{ApMethod, DifficultObjects};

/// One class at one threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassAp {
    /// Name of the class.
    pub class: String,
    /// Objects asked for.
    pub objects: usize,
    /// Difficult objects (among `objects` only where they count).
    pub difficult: usize,
    /// Detections.
    pub detections: usize,
    /// Detections that found an object first.
    pub right: usize,
    /// Detections that found nothing, or something found before.
    pub wrong: usize,
    /// Share of the objects found, 0 to 1; `None` without objects.
    pub recall: Option<f64>,
    /// Average precision, 0 to 1; `None` without objects.
    pub ap: Option<f64>,
}

/// Mean over a group of classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupAp {
    /// E.g. `head`.
    pub name: String,
    /// Classes of the group that have objects.
    pub classes: usize,
    /// Mean average precision over them; `None` when there are none.
    pub ap: Option<f64>,
}

/// All classes at one threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThresholdScores {
    /// An overlap above this counts as found.
    pub iou: f64,
    /// Per class, in the order of the class list.
    pub classes: Vec<ClassAp>,
    /// Mean over the classes that have objects; `None` when none has.
    pub mean: Option<f64>,
    /// Mean per group.
    pub groups: Vec<GroupAp>,
}

/// An evaluation at one or more thresholds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrientedEvaluation {
    /// How curves were averaged.
    pub method: ApMethod,
    /// What became of difficult objects.
    pub difficult: DifficultObjects,
    /// Images evaluated.
    pub images: usize,
    /// Per threshold, in the order asked for.
    pub thresholds: Vec<ThresholdScores>,
}

impl OrientedEvaluation {
    /// A Markdown table per threshold, in percent; `-` where a class has no objects.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let percent =
            |value: Option<f64>| value.map_or("-".into(), |v| format!("{:.2}", 100.0 * v));
        for scores in &self.thresholds {
            if !text.is_empty() {
                text.push('\n');
            }
            let method = match self.method {
                ApMethod::Voc07 => "11 points, VOC 2007",
                ApMethod::Area => "area under the curve",
            };
            let difficult = match self.difficult {
                DifficultObjects::Ignore => "difficult objects ignored",
                DifficultObjects::Count => "difficult objects count",
            };
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "IoU > {}, {} images, {method}, {difficult}\n\n\
                 | class | objects | difficult | detections | recall | AP |\n|---|---:|---:|---:|---:|---:|",
                scores.iou, self.images
            );
            for class in &scores.classes {
                let _ = writeln!(
                    text,
                    "| {} | {} | {} | {} | {} | {} |",
                    class.class,
                    class.objects,
                    class.difficult,
                    class.detections,
                    percent(class.recall),
                    percent(class.ap)
                );
            }
            for group in &scores.groups {
                let _ = writeln!(
                    text,
                    "| **{}** ({} classes) | | | | | **{}** |",
                    group.name,
                    group.classes,
                    percent(group.ap)
                );
            }
            let _ = writeln!(text, "| **mAP** | | | | | **{}** |", percent(scores.mean));
        }
        text
    }
}
