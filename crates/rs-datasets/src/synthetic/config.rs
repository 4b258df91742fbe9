//! Settings of the synthetic scenes.

use serde::{Deserialize, Serialize};

use super::SceneClass;
use crate::{DataError, long_tail_counts, random};

/// What a synthetic sample holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rendering {
    /// 13 bands as digital numbers (reflectance = value / 10,000).
    #[default]
    Sentinel2,
    /// Red, green, blue as 8-bit values, rendered as EuroSAT's JPEG files are (without the compression).
    RgbUint8,
}

/// Settings of [`super::SyntheticScenes`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyntheticConfig {
    /// Scenes per class, in the order of [`SceneClass::ALL`]; for segmentation the sum counts.
    pub per_class: Vec<usize>,
    /// Seed of all scenes. Scene k of a class is the same whatever the counts are.
    pub seed: u64,
    /// Edge of a scene in pixels of 10 m, 8 to 1,024.
    #[serde(default = "default_size")]
    pub size: usize,
    /// How far lookalike materials reach into each other's range, 0 (apart) to 0.5 (the same).
    #[serde(default = "default_overlap")]
    pub overlap: f64,
    /// Strength of the sensor noise; 1 is about 1 % of the signal.
    #[serde(default = "one")]
    pub noise: f64,
    /// Strength of the aerosol and its variation.
    #[serde(default = "one")]
    pub haze: f64,
    /// What a sample holds.
    #[serde(default)]
    pub rendering: Rendering,
}

fn default_size() -> usize {
    64
}

fn default_overlap() -> f64 {
    0.05
}

fn one() -> f64 {
    1.0
}

impl SyntheticConfig {
    /// `per_class` scenes of every class.
    pub fn balanced(per_class: usize, seed: u64) -> Self {
        Self {
            per_class: vec![per_class; SceneClass::ALL.len()],
            seed,
            size: default_size(),
            overlap: default_overlap(),
            noise: 1.0,
            haze: 1.0,
            rendering: Rendering::default(),
        }
    }

    /// Class sizes falling from `n_max` by `imbalance_factor` ([`long_tail_counts`]), the order of the classes drawn by the seed.
    ///
    /// # Errors
    /// [`DataError::Setting`] when the factor is below 1 or not finite.
    pub fn long_tailed(n_max: usize, imbalance_factor: f64, seed: u64) -> Result<Self, DataError> {
        if !(imbalance_factor.is_finite() && imbalance_factor >= 1.0) {
            return Err(DataError::Setting {
                what: "synthetic scenes".into(),
                detail: format!(
                    "imbalance factor {imbalance_factor}; expected a number of at least 1"
                ),
            });
        }
        let mut config = Self::balanced(0, seed);
        let mut order: Vec<usize> = (0..SceneClass::ALL.len()).collect();
        random::shuffle(
            &mut random::stream(&["synthetic", "tail", &seed.to_string()]),
            &mut order,
        );
        for (class, count) in
            order
                .iter()
                .zip(long_tail_counts(n_max, imbalance_factor, order.len()))
        {
            config.per_class[*class] = count;
        }
        Ok(config)
    }

    /// The same scenes rendered as red, green and blue.
    pub fn rgb(mut self) -> Self {
        self.rendering = Rendering::RgbUint8;
        self
    }

    /// That every setting is in its range.
    ///
    /// # Errors
    /// [`DataError::Setting`].
    pub fn validate(&self) -> Result<(), DataError> {
        let bad = |detail: String| {
            Err(DataError::Setting {
                what: "synthetic scenes".into(),
                detail,
            })
        };
        let classes = SceneClass::ALL.len();
        if self.per_class.len() != classes {
            return bad(format!(
                "per_class has {} numbers; expected {classes}",
                self.per_class.len()
            ));
        }
        let total = self
            .per_class
            .iter()
            .try_fold(0usize, |sum, &count| sum.checked_add(count));
        if !total.is_some_and(|total| (1..=10_000_000).contains(&total)) {
            return bad(format!(
                "per_class {:?}; expected 1 to 10,000,000 scenes in all",
                self.per_class
            ));
        }
        if !(8..=1024).contains(&self.size) {
            return bad(format!("size {}; expected 8 to 1024 pixels", self.size));
        }
        if !(0.0..=0.5).contains(&self.overlap) {
            return bad(format!("overlap {}; expected 0 to 0.5", self.overlap));
        }
        if !(0.0..=100.0).contains(&self.noise) || !(0.0..=100.0).contains(&self.haze) {
            return bad(format!(
                "noise {} and haze {}; expected 0 to 100",
                self.noise, self.haze
            ));
        }
        Ok(())
    }
}
