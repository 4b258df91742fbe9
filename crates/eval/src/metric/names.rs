//! The names under which metrics stand in run records, and how a table prints each.

/// Overall accuracy.
pub const ACCURACY: &str = "accuracy";
/// Mean recall over the classes with true samples.
pub const BALANCED_ACCURACY: &str = "balanced_accuracy";
/// Macro F1 over the whole class list, absent classes 0.
pub const MACRO_F1: &str = "macro_f1";
/// Macro F1 over the classes that occur as truth or prediction.
pub const MACRO_F1_PRESENT: &str = "macro_f1_present";
/// F1 weighted by support.
pub const WEIGHTED_F1: &str = "weighted_f1";
/// Cohen's kappa.
pub const KAPPA: &str = "kappa";
/// Mean IoU over the whole class list, absent classes 0.
pub const MIOU: &str = "miou";
/// Mean IoU over the classes that occur as truth or prediction.
pub const MIOU_PRESENT: &str = "miou_present";
/// Expected calibration error, 15 bins of equal width.
pub const ECE: &str = "ece";
/// Mean negative log-likelihood in nats.
pub const LOG_LOSS: &str = "log_loss";
/// Multi-class Brier score.
pub const BRIER: &str = "brier";
/// Fraction of samples with the true class among the five most probable.
pub const TOP_5: &str = "top_5_accuracy";

/// Mean average precision of oriented boxes over the classes with objects, at an overlap above 0.5.
pub const MAP: &str = "map";
/// The same at an overlap above 0.75.
pub const MAP_75: &str = "map_75";
/// [`MAP`] on the images that were trained on.
pub const MAP_TRAIN: &str = "map_train";

/// Strength of the penalty of a probe, where it was chosen on a validation part.
pub const L2: &str = "l2";
/// Distance from the training mean to the mean of validation features, averaged over the tail classes.
pub const DISTANCE_TRAIN: &str = "distance_train";
/// The same from the de-biased centre.
pub const DISTANCE_DEBIASED: &str = "distance_debiased";
/// The same from the mean of the calibrated rows.
pub const DISTANCE_CALIBRATED: &str = "distance_calibrated";
/// Share of the tail classes whose de-biased centre is nearer to the validation mean than the training mean is.
pub const DEBIASED_NEARER: &str = "debiased_nearer";

/// Scale of a cosine classifier, where it was chosen on a validation part.
pub const SCALE: &str = "scale";
/// Mean distance over which a learned map moves validation features of head classes, in standardised units.
pub const DISPLACEMENT_HEAD: &str = "displacement_head";
/// The same for tail classes.
pub const DISPLACEMENT_TAIL: &str = "displacement_tail";
/// Mean cosine distance between the centres of the classes, on validation features.
pub const COSINE_BETWEEN: &str = "cosine_between";
/// Mean over the classes of the cosine distance between rows and the centre of their class, on validation features.
pub const COSINE_WITHIN: &str = "cosine_within";
/// Log-volume per axis of the head's training features less that of the tail's.
pub const VOLUME_HEAD_TAIL: &str = "volume_head_tail";
/// Share of the tail's validation features whose density under the head is larger than under the tail.
pub const TAIL_IN_HEAD: &str = "tail_in_head";
/// Mean share of head rows among the nearest training rows of the tail's validation rows.
pub const HEAD_NEIGHBOURS: &str = "head_neighbours";

/// Name of the F1 of class group `group`, e.g. `f1_tail_official`.
pub fn group_f1(group: &str, official: bool) -> String {
    format!("f1_{group}_{}", if official { "official" } else { "clean" })
}

/// Name of the IoU of one class, e.g. `iou_Burn scar`.
pub fn class_iou(class: &str) -> String {
    format!("iou_{class}")
}

/// Name of the [`MAP`] over class group `group`, e.g. `map_group_tail`.
pub fn group_map(group: &str) -> String {
    format!("map_group_{group}")
}

/// Name of the average precision of class `class` at an overlap above 0.5.
pub fn class_ap(class: &str) -> String {
    format!("ap_{class}")
}

/// How a metric is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricStyle {
    /// Column title.
    pub title: String,
    /// Whether it is a fraction, printed in percent.
    pub percent: bool,
    /// Whether more is better.
    pub higher_is_better: bool,
}

/// How the metric `name` is printed. An unknown name is printed as it stands, as a plain number of which more is better.
pub fn style(name: &str) -> MetricStyle {
    let of = |title: &str, percent, higher_is_better| MetricStyle {
        title: title.into(),
        percent,
        higher_is_better,
    };
    match name {
        ACCURACY => of("accuracy", true, true),
        BALANCED_ACCURACY => of("balanced accuracy", true, true),
        MACRO_F1 => of("macro F1", true, true),
        MACRO_F1_PRESENT => of("macro F1 (present classes)", true, true),
        WEIGHTED_F1 => of("weighted F1", true, true),
        KAPPA => of("kappa", false, true),
        MIOU => of("mIoU", true, true),
        MIOU_PRESENT => of("mIoU (present classes)", true, true),
        ECE => of("ECE", true, false),
        LOG_LOSS => of("log loss", false, false),
        BRIER => of("Brier score", false, false),
        TOP_5 => of("top-5 accuracy", true, true),
        MAP => of("mAP", true, true),
        MAP_75 => of("mAP (IoU 0.75)", true, true),
        MAP_TRAIN => of("mAP on training images", true, true),
        L2 => of("L2", false, false),
        DISTANCE_TRAIN => of("training mean to validation mean", false, false),
        DISTANCE_DEBIASED => of("de-biased centre to validation mean", false, false),
        DISTANCE_CALIBRATED => of("calibrated mean to validation mean", false, false),
        DEBIASED_NEARER => of("de-biased centre nearer", true, true),
        _ if name.starts_with("iou_") => of(&format!("IoU {}", &name[4..]), true, true),
        SCALE => of("scale of cosines", false, false),
        DISPLACEMENT_HEAD => of("displacement of the head", false, false),
        DISPLACEMENT_TAIL => of("displacement of the tail", false, true),
        COSINE_BETWEEN => of("cosine distance between classes", false, true),
        COSINE_WITHIN => of("cosine distance within classes", false, false),
        VOLUME_HEAD_TAIL => of("log-volume of head over tail", false, false),
        TAIL_IN_HEAD => of("tail in the head's region", true, false),
        HEAD_NEIGHBOURS => of("head rows among neighbours of the tail", true, false),
        _ => group_style(name),
    }
}

/// How a metric of a group of classes, or of a class, is printed.
fn group_style(name: &str) -> MetricStyle {
    let of = |title: &str, percent, higher_is_better| MetricStyle {
        title: title.into(),
        percent,
        higher_is_better,
    };
    if let Some(group) = name.strip_prefix("map_group_") {
        return of(&format!("mAP {group}"), true, true);
    }
    if let Some(class) = name.strip_prefix("ap_") {
        return of(&format!("AP {class}"), true, true);
    }
    let parts = name
        .strip_prefix("f1_")
        .and_then(|rest| rest.rsplit_once('_'));
    match parts {
        Some((group, definition @ ("official" | "clean"))) => {
            of(&format!("F1 {group} ({definition})"), true, true)
        }
        _ => of(name, false, true),
    }
}
