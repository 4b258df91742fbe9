//! Settings of the aerial scenes.

use serde::{Deserialize, Serialize};

use crate::DataError;

/// Settings of [`super::AerialScenes`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AerialConfig {
    /// Number of scenes.
    pub scenes: usize,
    /// Seed of all scenes. Scene k is the same whatever the number is.
    pub seed: u64,
    /// Edge of a scene in pixels, 128 to 2,048.
    pub size: usize,
    /// Least and largest number of objects that are tried per scene; crowded scenes hold fewer.
    pub objects: [usize; 2],
    /// How many times more frequent the first class is than the last, at least 1.
    pub imbalance_factor: f64,
    /// Strength of the sensor noise; 1 has a standard deviation of 3 grey levels.
    pub noise: f64,
    /// Share of scenes without any object, 0 to 1.
    pub empty_share: f64,
}

impl Default for AerialConfig {
    /// 100 scenes of 512 pixels, 8 to 24 objects, 50 times more cars than helicopters, 5 % empty scenes.
    fn default() -> Self {
        Self {
            scenes: 100,
            seed: 0,
            size: 512,
            objects: [8, 24],
            imbalance_factor: 50.0,
            noise: 1.0,
            empty_share: 0.05,
        }
    }
}

impl AerialConfig {
    /// That every setting is in its range.
    ///
    /// # Errors
    /// [`DataError::Setting`].
    pub fn validate(&self) -> Result<(), DataError> {
        let bad = |detail: String| {
            Err(DataError::Setting {
                what: "aerial scenes".into(),
                detail,
            })
        };
        if !(1..=10_000_000).contains(&self.scenes) {
            return bad(format!("scenes {}; expected 1 to 10,000,000", self.scenes));
        }
        if !(128..=2048).contains(&self.size) {
            return bad(format!("size {}; expected 128 to 2048 pixels", self.size));
        }
        let [least, most] = self.objects;
        if least > most || most > 1000 {
            return bad(format!(
                "objects [{least}, {most}]; expected two rising numbers of at most 1000"
            ));
        }
        if !(1.0..=1e6).contains(&self.imbalance_factor) {
            return bad(format!(
                "imbalance_factor {}; expected 1 to 1,000,000",
                self.imbalance_factor
            ));
        }
        if !(0.0..=20.0).contains(&self.noise) || !(0.0..=1.0).contains(&self.empty_share) {
            return bad(format!(
                "noise {} and empty_share {}; expected 0 to 20 and 0 to 1",
                self.noise, self.empty_share
            ));
        }
        Ok(())
    }
}
