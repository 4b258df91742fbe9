//! Conversion between physical units.

use serde::{Deserialize, Serialize};

use crate::{DataError, InputUnit, Sample};

/// The unit to convert to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "unit", deny_unknown_fields)]
pub enum TargetUnit {
    /// Reflectance, from digital numbers.
    Reflectance {},
    /// Digital numbers with reflectance = value * scale + offset, from reflectance or from other digital numbers.
    DigitalNumber {
        /// Reflectance per digital number, not 0.
        scale: f32,
        /// Reflectance at digital number 0.
        offset: f32,
    },
    /// Decibels, from linear backscatter.
    Sigma0Db {
        /// Lowest result in decibels; what is lower (zero and negative power, too) becomes this.
        floor_db: f32,
    },
    /// Linear backscatter, from decibels.
    Sigma0Linear {},
}

/// Converts every pixel to another unit; already being in that unit is no error.
///
/// NaN stays NaN. There is no conversion between optical and radar units; 8-bit values come from [`crate::RenderUint8`] and
/// cannot be converted back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvertUnit {
    /// The wanted unit.
    pub to: TargetUnit,
}

impl ConvertUnit {
    /// The unit of the result for an image in `from`.
    ///
    /// # Errors
    /// [`DataError::Unit`] when there is no such conversion, [`DataError::Setting`] for a scale that cannot be divided by.
    pub fn result_unit(&self, from: InputUnit) -> Result<InputUnit, DataError> {
        use InputUnit as U;
        let wrong = |expected: &str| {
            Err(DataError::Unit {
                step: "convert_unit",
                expected: expected.into(),
                found: format!("{from:?}"),
            })
        };
        match (self.to, from) {
            (TargetUnit::Reflectance {}, U::DigitalNumber { .. } | U::Reflectance) => {
                Ok(U::Reflectance)
            }
            (
                TargetUnit::DigitalNumber { scale, offset },
                U::DigitalNumber { .. } | U::Reflectance,
            ) => {
                if !(scale.is_finite() && scale != 0.0 && offset.is_finite()) {
                    return Err(DataError::Setting {
                        what: "convert_unit".into(),
                        detail: format!(
                            "scale {scale} and offset {offset} must be finite and the scale not 0"
                        ),
                    });
                }
                Ok(U::DigitalNumber { scale, offset })
            }
            (TargetUnit::Sigma0Db { .. }, U::Sigma0Linear | U::Sigma0Db) => Ok(U::Sigma0Db),
            (TargetUnit::Sigma0Linear {}, U::Sigma0Linear | U::Sigma0Db) => Ok(U::Sigma0Linear),
            (TargetUnit::Reflectance {} | TargetUnit::DigitalNumber { .. }, _) => {
                wrong("digital numbers or reflectance")
            }
            (TargetUnit::Sigma0Db { .. } | TargetUnit::Sigma0Linear {}, _) => {
                wrong("radar backscatter")
            }
        }
    }

    /// The sample in the wanted unit.
    ///
    /// # Errors
    /// As [`ConvertUnit::result_unit`].
    pub fn apply(&self, mut sample: Sample) -> Result<Sample, DataError> {
        let from = sample.image.unit;
        let to = self.result_unit(from)?;
        let each = |data: &mut [f32], f: &dyn Fn(f32) -> f32| {
            data.iter_mut().for_each(|value| *value = f(*value))
        };
        let data = &mut sample.image.data;
        match (from, to) {
            (InputUnit::DigitalNumber { .. } | InputUnit::Reflectance, _) if from != to => {
                // Both ends as (scale, offset) of reflectance; reflectance itself is (1, 0).
                let linear = |unit| match unit {
                    InputUnit::DigitalNumber { scale, offset } => (scale, offset),
                    _ => (1.0, 0.0),
                };
                let ((scale, offset), (new_scale, new_offset)) = (linear(from), linear(to));
                each(data, &|value| {
                    (value * scale + offset - new_offset) / new_scale
                });
            }
            (InputUnit::Sigma0Db, InputUnit::Sigma0Linear) => {
                each(data, &|value| 10f32.powf(value / 10.0))
            }
            _ => {}
        }
        if let (TargetUnit::Sigma0Db { floor_db }, InputUnit::Sigma0Linear | InputUnit::Sigma0Db) =
            (self.to, from)
        {
            let linear = from == InputUnit::Sigma0Linear;
            each(data, &|value| {
                let db = if linear {
                    if value <= 0.0 {
                        f32::NEG_INFINITY
                    } else {
                        10.0 * value.log10()
                    }
                } else {
                    value
                };
                // Not `f32::max`, which would turn NaN into the floor and hide a missing pixel.
                if db < floor_db { floor_db } else { db }
            });
        }
        sample.image.unit = to;
        Ok(sample)
    }
}
