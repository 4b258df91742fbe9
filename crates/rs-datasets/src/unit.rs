//! Physical units of pixel values.

use serde::{Deserialize, Serialize};

/// What a pixel value means.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum InputUnit {
    /// Digital numbers; reflectance = value * `scale` + `offset` (Sentinel-2 L1C before baseline 04.00: scale 1e-4, offset 0).
    DigitalNumber {
        /// Reflectance per digital number.
        scale: f32,
        /// Reflectance at digital number 0.
        offset: f32,
    },
    /// Surface or top-of-atmosphere reflectance, mostly within 0..=1.
    Reflectance,
    /// Rendered 8-bit values, 0..=255.
    Uint8,
    /// Radar backscatter sigma nought, linear power, >= 0.
    Sigma0Linear,
    /// Radar backscatter sigma nought in decibels, 10 log10(linear).
    Sigma0Db,
    /// No physical unit any more: (value - mean) / standard deviation under statistics that the transform names.
    Standardised,
}

impl InputUnit {
    /// Sentinel-2 digital numbers before processing baseline 04.00: reflectance = value / 10000.
    pub const SENTINEL2_DN: Self = Self::DigitalNumber {
        scale: 1e-4,
        offset: 0.0,
    };
}
