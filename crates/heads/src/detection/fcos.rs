//! The rotated FCOS head.

use burn::module::{Module, Param};
use burn::nn::conv::Conv2d;
use burn::tensor::activation::relu;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::pyramid::square_convolution;
use super::tower::TowerLayer;
use crate::HeadError;
use crate::segmentation::weights::Draw;

/// How numbers become distances, which are not negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DistanceActivation {
    /// `max(x, 0)`, published together with distances in strides.
    #[default]
    Relu,
    /// `exp(x)`, published together with distances in pixels; in strides it begins at boxes of two strides a side.
    Exp,
}

/// Settings of [`RotatedFcos`]; the defaults are those of mmrotate's `rotated_fcos_r50_fpn_1x_dota_le90`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RotatedFcosConfig {
    /// Channels of the towers.
    pub channels: usize,
    /// Layers of each tower.
    pub convolutions: usize,
    /// Groups of the normalisation; divides `channels`.
    pub groups: usize,
    /// How numbers become distances.
    pub distance: DistanceActivation,
    /// Whether distances are counted in strides of their level (norm on regression) instead of pixels.
    pub in_strides: bool,
    /// Whether centre-ness is read from the box tower instead of the class tower.
    pub center_ness_on_box: bool,
    /// Whether the angle has a trained scale.
    pub scale_angle: bool,
    /// Probability of every class at the start.
    pub prior: f64,
    /// Standard deviation of all weights at the start.
    pub init_std: f64,
}

impl Default for RotatedFcosConfig {
    fn default() -> Self {
        Self {
            channels: 256,
            convolutions: 4,
            groups: 32,
            distance: DistanceActivation::Relu,
            in_strides: true,
            center_ness_on_box: true,
            scale_angle: true,
            prior: 0.01,
            init_std: 0.01,
        }
    }
}

impl RotatedFcosConfig {
    /// That every setting is in its range.
    ///
    /// # Errors
    /// [`HeadError::Setting`].
    pub fn validate(&self) -> Result<(), HeadError> {
        let bad = |name, value: String, allowed: &str| {
            Err(HeadError::Setting {
                name,
                value,
                allowed: allowed.into(),
            })
        };
        if self.channels == 0 || self.channels > 1 << 14 {
            return bad("fcos.channels", self.channels.to_string(), "1 to 16384");
        }
        if self.convolutions > 64 {
            return bad(
                "fcos.convolutions",
                self.convolutions.to_string(),
                "0 to 64",
            );
        }
        if self.groups == 0 || !self.channels.is_multiple_of(self.groups) {
            return bad(
                "fcos.groups",
                self.groups.to_string(),
                "a divisor of channels",
            );
        }
        if !(self.prior > 0.0 && self.prior < 1.0) {
            return bad("fcos.prior", self.prior.to_string(), "above 0 and below 1");
        }
        if !(self.init_std.is_finite() && self.init_std >= 0.0) {
            return bad(
                "fcos.init_std",
                self.init_std.to_string(),
                "finite and 0 or above",
            );
        }
        Ok(())
    }

    pub(super) fn init<B: Backend>(
        &self,
        from: usize,
        classes: usize,
        strides: &[usize],
        draw: &mut Draw<'_, B>,
    ) -> Result<RotatedFcos<B>, HeadError> {
        self.validate()?;
        if classes == 0 || classes > 1 << 14 {
            return Err(HeadError::Setting {
                name: "classes",
                value: classes.to_string(),
                allowed: "1 to 16384".into(),
            });
        }
        let std = self.init_std;
        let tower = |draw: &mut Draw<'_, B>| {
            (0..self.convolutions)
                .map(|layer| {
                    let from = if layer == 0 { from } else { self.channels };
                    TowerLayer::new(from, self.channels, self.groups, std, draw)
                })
                .collect::<Vec<_>>()
        };
        let last = if self.convolutions == 0 {
            from
        } else {
            self.channels
        };
        let map = |to: usize, bias: f64, draw: &mut Draw<'_, B>| {
            let bias = Tensor::full([to], bias, draw.device);
            let weight = draw.normal([to, last, 3, 3], std);
            square_convolution(weight, Some(Param::from_tensor(bias)), 3, 1)
        };
        let ones = vec![1.0f32; strides.len()];
        Ok(RotatedFcos {
            class_tower: tower(draw),
            box_tower: tower(draw),
            class_logits: map(classes, -((1.0 - self.prior) / self.prior).ln(), draw),
            distances: map(4, 0.0, draw),
            angle: map(1, 0.0, draw),
            center_ness: map(1, 0.0, draw),
            scales: Param::from_data(TensorData::new(ones, [strides.len()]), draw.device),
            angle_scale: self
                .scale_angle
                .then(|| Param::from_tensor(Tensor::ones([1], draw.device))),
            center_ness_on_box: self.center_ness_on_box,
            exponential: self.distance == DistanceActivation::Exp,
        })
    }
}

/// FCOS (Tian et al. 2019) for oriented boxes, as mmrotate defines it: two towers shared by all levels; at every location the logits of
/// all classes, the distances to the left, top, right and bottom side **in the frame of the box**, its angle, and the centre-ness.
#[derive(Module, Debug)]
pub struct RotatedFcos<B: Backend> {
    /// In front of the class logits.
    pub class_tower: Vec<TowerLayer<B>>,
    /// In front of distances and angle.
    pub box_tower: Vec<TowerLayer<B>>,
    /// Logits of the classes.
    pub class_logits: Conv2d<B>,
    /// Distances before scale and activation.
    pub distances: Conv2d<B>,
    /// Angle before its scale.
    pub angle: Conv2d<B>,
    /// Logit of the centre-ness.
    pub center_ness: Conv2d<B>,
    /// Scale of the distances, one per level.
    pub scales: Param<Tensor<B, 1>>,
    /// Scale of the angle.
    pub angle_scale: Option<Param<Tensor<B, 1>>>,
    center_ness_on_box: bool,
    exponential: bool,
}

/// What the head says about one level.
#[derive(Debug, Clone)]
pub struct LevelOutput<B: Backend> {
    /// Logits, `[batch, classes, height, width]`.
    pub class_logits: Tensor<B, 4>,
    /// Left, top, right, bottom, `[batch, 4, height, width]`; in strides or pixels, as the head was made; never negative.
    pub distances: Tensor<B, 4>,
    /// Radians, any value, `[batch, 1, height, width]`.
    pub angle: Tensor<B, 4>,
    /// Logit, `[batch, 1, height, width]`.
    pub center_ness: Tensor<B, 4>,
}

/// What the head says about a batch, from fine to coarse.
#[derive(Debug, Clone)]
pub struct FcosOutput<B: Backend> {
    /// The levels.
    pub levels: Vec<LevelOutput<B>>,
}

impl<B: Backend> FcosOutput<B> {
    /// Rows and columns of every level.
    pub fn grids(&self) -> Vec<[usize; 2]> {
        let grid = |level: &LevelOutput<B>| {
            let [_, _, height, width] = level.class_logits.dims();
            [height, width]
        };
        self.levels.iter().map(grid).collect()
    }

    /// Images in the batch.
    pub fn batch(&self) -> usize {
        self.levels
            .first()
            .map_or(0, |level| level.class_logits.dims()[0])
    }
}

/// Largest argument of the exponential: beyond e^20 strides no box is an object, and the gradient would be infinite.
const LARGEST_LOGARITHM: f64 = 20.0;

impl<B: Backend> RotatedFcos<B> {
    /// Outputs for the maps of a pyramid.
    ///
    /// # Shapes
    /// - `maps`: `[batch, channels, height, width]` per level, as many as the head was made for
    ///
    /// # Panics
    /// If there are more maps than levels.
    pub fn forward(&self, maps: Vec<Tensor<B, 4>>) -> FcosOutput<B> {
        let run = |tower: &[TowerLayer<B>], map: &Tensor<B, 4>| {
            tower.iter().fold(map.clone(), |x, layer| layer.forward(x))
        };
        let levels = maps.into_iter().enumerate().map(|(level, map)| {
            let (class, boxes) = (run(&self.class_tower, &map), run(&self.box_tower, &map));
            let scale = self.scales.val().narrow(0, level, 1).reshape([1, 1, 1, 1]);
            let raw = self.distances.forward(boxes.clone()) * scale;
            let distances = if self.exponential {
                raw.clamp_max(LARGEST_LOGARITHM).exp()
            } else {
                relu(raw)
            };
            let mut angle = self.angle.forward(boxes.clone());
            if let Some(scale) = &self.angle_scale {
                angle = angle * scale.val().reshape([1, 1, 1, 1]);
            }
            let source = if self.center_ness_on_box {
                boxes
            } else {
                class.clone()
            };
            LevelOutput {
                class_logits: self.class_logits.forward(class),
                distances,
                angle,
                center_ness: self.center_ness.forward(source),
            }
        });
        FcosOutput {
            levels: levels.collect(),
        }
    }
}
