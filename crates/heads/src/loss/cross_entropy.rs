//! Cross-entropy with ignore index, class weights and label smoothing, as PyTorch's `CrossEntropyLoss` defines it.

use burn::tensor::activation::log_softmax;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::{ClassWeights, Targets};
use crate::HeadError;

/// Settings of [`CrossEntropy`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CrossEntropyConfig {
    /// Rows with this label count nothing (255 in many segmentation sets, -100 in PyTorch).
    pub ignore_index: Option<i64>,
    /// Weight per class.
    pub class_weights: ClassWeights,
    /// Probability mass ε spread evenly over all classes, `0 <= ε < 1`.
    pub label_smoothing: f64,
}

/// The mean cross-entropy of a batch.
///
/// # Equation
/// With `K` classes, weights `w`, smoothing `ε`, `log p = log_softmax(logits)` and sums over the rows that are not
/// ignored:
/// `L = [ (1-ε) Σ_i -w_{y_i} log p_{i,y_i} + ε/K Σ_i Σ_c -w_c log p_{i,c} ] / Σ_i w_{y_i}`.
///
/// # Deviations
/// A batch without any counted row gives 0 with zero gradients, where PyTorch gives NaN: one empty crop must not end a
/// training run.
#[derive(Debug, Clone)]
pub struct CrossEntropy {
    classes: usize,
    ignore_index: Option<i64>,
    weights: Option<Vec<f64>>,
    smoothing: f64,
}

impl CrossEntropy {
    /// The loss over `classes` classes; `counts` are the training examples per class, needed for balanced weights only.
    ///
    /// # Errors
    /// A smoothing outside `[0, 1)`, no class at all, or class weights that cannot be resolved.
    pub fn new(
        config: &CrossEntropyConfig,
        classes: usize,
        counts: Option<&[usize]>,
    ) -> Result<Self, HeadError> {
        if !(0.0..1.0).contains(&config.label_smoothing) {
            return Err(HeadError::Setting {
                name: "label_smoothing",
                value: config.label_smoothing.to_string(),
                allowed: "at least 0 and below 1".into(),
            });
        }
        if classes == 0 {
            return Err(HeadError::Setting {
                name: "classes",
                value: "0".into(),
                allowed: "1 or above".into(),
            });
        }
        Ok(Self {
            classes,
            ignore_index: config.ignore_index,
            weights: config.class_weights.resolve(classes, counts)?,
            smoothing: config.label_smoothing,
        })
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Checks labels and puts them on the device with their weights.
    ///
    /// # Errors
    /// [`HeadError::Label`] for a label that is neither a class nor the ignore index.
    pub fn targets<B: Backend>(
        &self,
        labels: &[i64],
        device: &B::Device,
    ) -> Result<Targets<B>, HeadError> {
        let mut index = Vec::with_capacity(labels.len());
        let mut weight = Vec::with_capacity(labels.len());
        let mut counted = Vec::with_capacity(labels.len());
        for (row, &label) in labels.iter().enumerate() {
            if Some(label) == self.ignore_index {
                index.push(0);
                weight.push(0.0);
                counted.push(0.0);
                continue;
            }
            let class = usize::try_from(label)
                .ok()
                .filter(|c| *c < self.classes)
                .ok_or(HeadError::Label {
                    row,
                    label,
                    classes: self.classes,
                })?;
            index.push(class as i32);
            weight.push(self.weights.as_ref().map_or(1.0, |w| w[class] as f32));
            counted.push(1.0);
        }
        Ok(Targets::new(index, weight, counted, device))
    }

    /// [`targets`](Self::targets) of class indices, for tasks without an ignore index.
    ///
    /// # Errors
    /// As [`targets`](Self::targets).
    pub fn targets_of_classes<B: Backend>(
        &self,
        labels: &[usize],
        device: &B::Device,
    ) -> Result<Targets<B>, HeadError> {
        let labels: Vec<i64> = labels
            .iter()
            .map(|l| i64::try_from(*l).unwrap_or(i64::MAX))
            .collect();
        self.targets(&labels, device)
    }

    /// The mean loss, shape `[1]`.
    ///
    /// # Shapes
    /// - `logits`: `[rows, classes]`
    /// - `targets`: `rows` labels
    ///
    /// # Panics
    /// If the shapes do not agree.
    pub fn forward<B: Backend>(&self, logits: Tensor<B, 2>, targets: &Targets<B>) -> Tensor<B, 1> {
        let [rows, classes] = logits.dims();
        assert_eq!(
            (rows, classes),
            (targets.rows(), self.classes),
            "logits are [rows, classes]"
        );
        let device = logits.device();
        let log_p = log_softmax(logits, 1);
        let nll = log_p
            .clone()
            .gather(1, targets.index.clone().unsqueeze_dim(1))
            .squeeze_dim::<1>(1)
            .neg();
        let mut sum = (nll * targets.weight.clone()).sum();
        if self.smoothing > 0.0 {
            let per_row = match &self.weights {
                Some(w) => {
                    let w: Vec<f32> = w.iter().map(|v| *v as f32).collect();
                    let w = Tensor::<B, 1>::from_data(TensorData::new(w, [classes]), &device);
                    log_p * w.unsqueeze_dim(0)
                }
                None => log_p,
            };
            let spread = (per_row.sum_dim(1).squeeze_dim::<1>(1) * targets.counted.clone()).sum();
            sum = sum * (1.0 - self.smoothing) - spread * (self.smoothing / classes as f64);
        }
        let total = targets.total_weight();
        // All rows ignored, or only classes of weight zero: the sum is zero and so must the loss be.
        if total > 0.0 { sum / total } else { sum * 0.0 }
    }

    /// The mean loss over dense predictions.
    ///
    /// # Shapes
    /// - `logits`: `[batch, classes, height, width]`
    /// - `targets`: labels in the order `[batch, height, width]`
    ///
    /// # Panics
    /// If the shapes do not agree.
    pub fn forward_map<B: Backend>(
        &self,
        logits: Tensor<B, 4>,
        targets: &Targets<B>,
    ) -> Tensor<B, 1> {
        let [batch, classes, height, width] = logits.dims();
        let rows = logits
            .permute([0, 2, 3, 1])
            .reshape([batch * height * width, classes]);
        self.forward(rows, targets)
    }
}
