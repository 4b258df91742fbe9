//! The loss of a batch: classes, boxes, angles, centre-ness.

use burn::tensor::activation::log_sigmoid;
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::{
    AssignConfig, BoxLossConfig, ClassLossConfig, ClassTerm, FcosOutput, LevelOutput, TargetObject,
    assign,
};
use crate::HeadError;

/// Settings of [`DetectionLoss`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectionLossConfig {
    /// Which location answers for which object.
    pub assign: AssignConfig,
    /// Of the classes.
    pub class: ClassLossConfig,
    /// Of boxes and angles.
    #[serde(rename = "box")]
    pub boxes: BoxLossConfig,
}

/// The loss of [`FcosOutput`]s.
///
/// With `N` the locations of the batch that answer for an object, at least 1: the classes' loss is a sum over all locations and the
/// angles' and the centre-ness' losses are sums over the `N`, each divided by `N`; the boxes' loss is the mean over the `N` weighted by the centre-ness of their
/// targets (mmrotate's `RotatedFCOSHead`). A batch without such a location has a classes' loss alone, the others are 0.
#[derive(Debug, Clone)]
pub struct DetectionLoss {
    config: DetectionLossConfig,
    class: ClassTerm,
    classes: usize,
    strides: Vec<usize>,
    in_strides: bool,
}

/// The parts of a loss, each of shape `[1]` and with its weight already in it.
#[derive(Debug, Clone)]
pub struct DetectionTerms<B: Backend> {
    /// Of the classes.
    pub class: Tensor<B, 1>,
    /// Of the boxes.
    pub boxes: Tensor<B, 1>,
    /// Of the angles, 0 where they have no term of their own.
    pub angle: Tensor<B, 1>,
    /// Of the centre-ness.
    pub center_ness: Tensor<B, 1>,
    /// How many locations answer for an object.
    pub positives: usize,
}

impl<B: Backend> DetectionTerms<B> {
    /// The sum.
    pub fn total(&self) -> Tensor<B, 1> {
        self.class.clone() + self.boxes.clone() + self.angle.clone() + self.center_ness.clone()
    }
}

impl DetectionLoss {
    /// The loss over `classes` classes for levels of these strides. `counts` are the training objects per class, needed for weights by frequency
    /// and for margins; `in_strides` as in [`super::RotatedFcosConfig`].
    ///
    /// # Errors
    /// [`HeadError`] for a setting out of range or counts that do not fit.
    pub fn new(
        config: &DetectionLossConfig,
        classes: usize,
        strides: &[usize],
        in_strides: bool,
        counts: Option<&[usize]>,
    ) -> Result<Self, HeadError> {
        config.assign.validate(strides.len())?;
        config.boxes.validate()?;
        Ok(Self {
            class: ClassTerm::new(&config.class, classes, counts)?,
            config: config.clone(),
            classes,
            strides: strides.to_vec(),
            in_strides,
        })
    }

    /// The loss of a batch, `objects` per image.
    ///
    /// # Errors
    /// [`HeadError::Length`] unless there is one list of objects per image and one stride per level; [`HeadError::Label`] for an object of a class
    /// outside the list.
    pub fn forward<B: Backend>(
        &self,
        output: FcosOutput<B>,
        objects: &[Vec<TargetObject>],
    ) -> Result<DetectionTerms<B>, HeadError> {
        let batch = output.batch();
        if objects.len() != batch {
            return Err(HeadError::Length {
                what: "the list of objects per image",
                expected: batch,
                found: objects.len(),
            });
        }
        let grids = output.grids();
        let mut truth = Truth::default();
        let mut all = 0;
        for (image, objects) in objects.iter().enumerate() {
            let assigned = assign(
                &self.config.assign,
                self.classes,
                &grids,
                &self.strides,
                objects,
            )?;
            all = assigned.locations;
            self.gather(&mut truth, image * all, assigned);
        }
        let rows = batch * all;
        let Some(first) = output.levels.first() else {
            return Err(HeadError::Empty { what: "the output" });
        };
        let device = first.class_logits.device();
        let mut target = vec![0.0f32; rows * self.classes];
        let mut weight = vec![1.0f32; rows];
        for (&row, &class) in truth.rows.iter().zip(&truth.classes) {
            target[row as usize * self.classes + class] = 1.0;
            weight[row as usize] = self.class.weight_of(class) as f32;
        }
        truth.ignored.iter().for_each(|&row| weight[row] = 0.0);
        let matrix = |values: Vec<f32>, width: usize| {
            Tensor::<B, 2>::from_data(TensorData::new(values, [rows, width]), &device)
        };
        let flat = |pick: &dyn Fn(&LevelOutput<B>) -> Tensor<B, 4>, width: usize| {
            let maps = output.levels.iter().map(|level| rows_of(pick(level)));
            Tensor::cat(maps.collect(), 1).reshape([rows, width])
        };
        let found = truth.rows.len();
        let count = found.max(1) as f64;
        let logits = flat(&|level| level.class_logits.clone(), self.classes);
        let class = self
            .class
            .sum(logits, matrix(target, self.classes), matrix(weight, 1))
            / count;
        if found == 0 {
            let zero = Tensor::zeros([1], &device);
            return Ok(DetectionTerms {
                class,
                boxes: zero.clone(),
                angle: zero.clone(),
                center_ness: zero,
                positives: 0,
            });
        }
        let index = Tensor::<B, 1, Int>::from_data(TensorData::new(truth.rows, [found]), &device);
        let chosen = |map: Tensor<B, 2>| map.select(0, index.clone());
        let column =
            |values: Vec<f32>| Tensor::<B, 1>::from_data(TensorData::new(values, [found]), &device);
        let distances = chosen(flat(&|level| level.distances.clone(), 4));
        let angle = chosen(flat(&|level| level.angle.clone(), 1)).squeeze_dim::<1>(1);
        let logit = chosen(flat(&|level| level.center_ness.clone(), 1)).squeeze_dim::<1>(1);
        let true_distances =
            Tensor::<B, 2>::from_data(TensorData::new(truth.distances, [found, 4]), &device);
        let true_angle = column(truth.angles);
        let sum: f64 = truth.center_ness.iter().map(|&c| f64::from(c)).sum();
        let center = column(truth.center_ness);

        let boxes = self
            .config
            .boxes
            .boxes((&distances, &angle), (&true_distances, &true_angle));
        let boxes = (boxes * center.clone()).sum() / sum.max(SMALLEST_WEIGHT);
        let angle = match self.config.boxes.angle {
            Some(config) => config.angles(angle, true_angle).sum() * (config.weight / count),
            None => Tensor::zeros([1], &device),
        };
        let center_ness = (log_sigmoid(logit.clone()) * center.clone()
            + log_sigmoid(logit.neg()) * (center.neg() + 1.0))
            .sum()
            .neg()
            / count;
        Ok(DetectionTerms {
            class,
            boxes: boxes * self.config.boxes.weight,
            angle,
            center_ness,
            positives: found,
        })
    }

    fn gather(&self, truth: &mut Truth, first: usize, assigned: super::Assigned) {
        for positive in assigned.positives {
            truth.rows.push((first + positive.location) as i32);
            truth.classes.push(positive.class);
            let unit = if self.in_strides {
                self.strides[positive.level] as f64
            } else {
                1.0
            };
            truth
                .distances
                .extend(positive.distances.map(|d| (d / unit) as f32));
            truth.angles.push(positive.angle as f32);
            truth.center_ness.push(positive.center_ness() as f32);
        }
        truth
            .ignored
            .extend(assigned.ignored.iter().map(|at| first + at));
    }
}

/// Below every sum of centre-nesses that matters; mmrotate's limit.
const SMALLEST_WEIGHT: f64 = 1e-6;

/// What the locations of a batch are to say, row after row.
#[derive(Default)]
struct Truth {
    rows: Vec<i32>,
    classes: Vec<usize>,
    distances: Vec<f32>,
    angles: Vec<f32>,
    center_ness: Vec<f32>,
    ignored: Vec<usize>,
}

/// `[batch, channels, height, width]` as `[batch, height * width, channels]`.
fn rows_of<B: Backend>(map: Tensor<B, 4>) -> Tensor<B, 3> {
    let [batch, channels, height, width] = map.dims();
    map.permute([0, 2, 3, 1])
        .reshape([batch, height * width, channels])
}
