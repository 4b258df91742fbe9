//! From outputs to detections.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use oriented_boxes::{AngleConvention, Detection, NmsScope, OrientedBox, Point, nms};
use serde::{Deserialize, Serialize};

use super::{FcosOutput, locations};
use crate::HeadError;

/// Settings of [`decode`]; the defaults are those of mmrotate's configurations for DOTA.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DecodeConfig {
    /// Classes whose probability is not above this are no detection, 0 to 1.
    pub score_above: f64,
    /// Most locations per level and image that are looked at, the surest ones.
    pub before_nms: usize,
    /// Detections of one class that overlap by more than this are one, 0 to 1.
    pub nms: f64,
    /// Most detections per image, the surest ones.
    pub keep: usize,
}

impl Default for DecodeConfig {
    fn default() -> Self {
        Self {
            score_above: 0.05,
            before_nms: 2000,
            nms: 0.1,
            keep: 2000,
        }
    }
}

impl DecodeConfig {
    /// That every setting is in its range.
    ///
    /// # Errors
    /// [`HeadError::Setting`].
    pub fn validate(&self) -> Result<(), HeadError> {
        for (name, value) in [
            ("decode.score_above", self.score_above),
            ("decode.nms", self.nms),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return Err(HeadError::Setting {
                    name,
                    value: value.to_string(),
                    allowed: "0 to 1".into(),
                });
            }
        }
        for (name, value) in [
            ("decode.before_nms", self.before_nms),
            ("decode.keep", self.keep),
        ] {
            if value == 0 {
                return Err(HeadError::Setting {
                    name,
                    value: "0".into(),
                    allowed: "1 or above".into(),
                });
            }
        }
        Ok(())
    }
}

/// A place of a level that may be an object.
struct Candidate {
    /// Largest score of a class.
    best: f64,
    at: usize,
}

/// Detections of every image, surest first, in pixels of the input.
///
/// A class's score is `sigmoid(logit) * sigmoid(centre-ness)`; whether it counts is decided by the first factor alone, as in mmrotate. A
/// location may be a detection of several classes.
///
/// # Errors
/// [`HeadError::Setting`] and [`HeadError::Length`] for settings and strides that do not fit; [`HeadError::Output`] for an output that is not finite, so that a
/// diverged model is told from one that finds nothing.
pub fn decode<B: Backend>(
    output: FcosOutput<B>,
    strides: &[usize],
    in_strides: bool,
    config: &DecodeConfig,
) -> Result<Vec<Vec<Detection>>, HeadError> {
    config.validate()?;
    if strides.len() != output.levels.len() {
        return Err(HeadError::Length {
            what: "the list of strides",
            expected: output.levels.len(),
            found: strides.len(),
        });
    }
    let mut found: Vec<Vec<Detection>> = vec![Vec::new(); output.batch()];
    for (level, &stride) in output.levels.into_iter().zip(strides) {
        let [_, classes, height, width] = level.class_logits.dims();
        let area = height * width;
        let points: Vec<Point> = locations([height, width], stride).collect();
        let unit = if in_strides { stride as f64 } else { 1.0 };
        let (logits, distances) = (numbers(level.class_logits), numbers(level.distances));
        let (angles, centers) = (numbers(level.angle), numbers(level.center_ness));
        for (image, found) in found.iter_mut().enumerate() {
            let logit = |class: usize, at: usize| logits[(image * classes + class) * area + at];
            let mut candidates = Vec::new();
            for at in 0..area {
                let center = sigmoid(centers[image * area + at]);
                let mut best = 0.0f64;
                let mut counts = false;
                for class in 0..classes {
                    let p = sigmoid(logit(class, at));
                    if !(p * center).is_finite() {
                        return Err(HeadError::Output {
                            image,
                            what: "score",
                        });
                    }
                    best = best.max(p * center);
                    counts |= p > config.score_above;
                }
                if counts {
                    candidates.push(Candidate { best, at });
                }
            }
            candidates.sort_by(|a, b| b.best.total_cmp(&a.best).then(a.at.cmp(&b.at)));
            candidates.truncate(config.before_nms);
            for Candidate { at, .. } in candidates {
                let side = |k: usize| f64::from(distances[(image * 4 + k) * area + at]) * unit;
                let angle = f64::from(angles[image * area + at]);
                let quad = place(points[at], [0, 1, 2, 3].map(side), angle)
                    .and_then(|place| place.quad())
                    .map_err(|_| HeadError::Output { image, what: "box" })?;
                let center = sigmoid(centers[image * area + at]);
                for class in 0..classes {
                    let p = sigmoid(logit(class, at));
                    if p > config.score_above {
                        let score = p * center;
                        found.push(Detection { quad, score, class });
                    }
                }
            }
        }
    }
    found
        .into_iter()
        .map(|all| {
            let kept = nms(&all, config.nms, NmsScope::PerClass)?;
            Ok(kept
                .into_iter()
                .take(config.keep)
                .map(|index| all[index])
                .collect())
        })
        .collect()
}

/// The box around a point, from distances in its own frame.
fn place(
    point: Point,
    [l, t, r, b]: [f64; 4],
    angle: f64,
) -> Result<OrientedBox, oriented_boxes::BoxError> {
    let (sin, cos) = angle.sin_cos();
    let (along, across) = ((r - l) / 2.0, (b - t) / 2.0);
    let center = point.moved(cos * along - sin * across, sin * along + cos * across);
    OrientedBox::new(center, l + r, t + b, angle, AngleConvention::Le90)
}

fn sigmoid(logit: f32) -> f64 {
    1.0 / (1.0 + (-f64::from(logit)).exp())
}

fn numbers<B: Backend>(map: Tensor<B, 4>) -> Vec<f32> {
    map.into_data().iter::<f32>().collect()
}
