//! Materials of the synthetic scenes and their stylised surface reflectance.

/// What covers the ground; also the classes of the synthetic segmentation task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Material {
    /// Well-watered crop.
    IrrigatedCrop,
    /// Crop short of water: less near infrared, much more short-wave infrared, the same green to the eye.
    DryCrop,
    /// Vigorous forest.
    HealthyForest,
    /// Forest losing vigour: flatter red edge, less near infrared.
    StressedForest,
    /// Grass and gardens.
    Meadow,
    /// Dark, moist ploughed soil.
    DarkSoil,
    /// Burnt stubble: as dark to the eye, bright in the short-wave infrared.
    BurntGround,
    /// Light, dry soil.
    DrySoil,
    /// Sand.
    Sand,
    /// Deep clear water.
    ClearWater,
    /// Water with algae: a peak at 705 nm and some near infrared.
    AlgaeWater,
    /// Water with sediment.
    SedimentWater,
    /// Tiled roofs.
    RedRoof,
    /// Metal and concrete roofs.
    BrightRoof,
    /// Roads and yards.
    Asphalt,
    /// Snow.
    Snow,
}

/// Bands of a scene: B01 to B08, B09, B10, B11, B12, B8A, as the EuroSAT files store them.
pub(super) const BANDS: usize = 13;

impl Material {
    /// All materials in the order of their class index.
    pub const ALL: [Self; 16] = [
        Self::IrrigatedCrop,
        Self::DryCrop,
        Self::HealthyForest,
        Self::StressedForest,
        Self::Meadow,
        Self::DarkSoil,
        Self::BurntGround,
        Self::DrySoil,
        Self::Sand,
        Self::ClearWater,
        Self::AlgaeWater,
        Self::SedimentWater,
        Self::RedRoof,
        Self::BrightRoof,
        Self::Asphalt,
        Self::Snow,
    ];

    /// Class index in the segmentation task.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Name as a class.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// The material that looks like it in red, green and blue.
    pub fn lookalike(self) -> Option<Self> {
        Some(match self {
            Self::IrrigatedCrop => Self::DryCrop,
            Self::DryCrop => Self::IrrigatedCrop,
            Self::HealthyForest => Self::StressedForest,
            Self::StressedForest => Self::HealthyForest,
            Self::DarkSoil => Self::BurntGround,
            Self::BurntGround => Self::DarkSoil,
            Self::ClearWater => Self::AlgaeWater,
            Self::AlgaeWater => Self::ClearWater,
            _ => return None,
        })
    }

    /// Surface reflectance at the band centres 443, 490, 560, 665, 705, 740, 783, 842, 945, 1375, 1610, 2190, 865 nm.
    pub(super) fn reflectance(self) -> [f32; BANDS] {
        match self {
            Self::IrrigatedCrop => [
                0.030, 0.036, 0.072, 0.042, 0.110, 0.330, 0.410, 0.430, 0.420, 0.10, 0.190, 0.090,
                0.440,
            ],
            Self::DryCrop => [
                0.031, 0.037, 0.072, 0.044, 0.122, 0.285, 0.340, 0.360, 0.360, 0.12, 0.275, 0.160,
                0.375,
            ],
            Self::HealthyForest => [
                0.020, 0.023, 0.043, 0.024, 0.066, 0.215, 0.285, 0.305, 0.300, 0.06, 0.130, 0.056,
                0.315,
            ],
            Self::StressedForest => [
                0.021, 0.024, 0.043, 0.026, 0.076, 0.170, 0.212, 0.228, 0.226, 0.06, 0.152, 0.078,
                0.238,
            ],
            Self::Meadow => [
                0.030, 0.041, 0.080, 0.060, 0.130, 0.270, 0.310, 0.330, 0.330, 0.10, 0.250, 0.140,
                0.340,
            ],
            Self::DarkSoil => [
                0.032, 0.040, 0.052, 0.062, 0.072, 0.084, 0.094, 0.106, 0.116, 0.08, 0.130, 0.090,
                0.118,
            ],
            Self::BurntGround => [
                0.032, 0.040, 0.050, 0.060, 0.066, 0.072, 0.080, 0.090, 0.104, 0.10, 0.170, 0.165,
                0.098,
            ],
            Self::DrySoil => [
                0.050, 0.068, 0.098, 0.138, 0.155, 0.172, 0.190, 0.206, 0.218, 0.16, 0.290, 0.250,
                0.222,
            ],
            Self::Sand => [
                0.090, 0.115, 0.160, 0.215, 0.235, 0.250, 0.265, 0.280, 0.290, 0.22, 0.370, 0.345,
                0.286,
            ],
            Self::ClearWater => [
                0.048, 0.046, 0.046, 0.020, 0.011, 0.008, 0.007, 0.006, 0.004, 0.002, 0.004, 0.002,
                0.005,
            ],
            Self::AlgaeWater => [
                0.046, 0.044, 0.047, 0.021, 0.028, 0.018, 0.017, 0.015, 0.010, 0.002, 0.005, 0.003,
                0.013,
            ],
            Self::SedimentWater => [
                0.060, 0.075, 0.100, 0.088, 0.074, 0.046, 0.042, 0.030, 0.016, 0.003, 0.005, 0.003,
                0.022,
            ],
            Self::RedRoof => [
                0.070, 0.080, 0.105, 0.190, 0.215, 0.230, 0.240, 0.250, 0.255, 0.20, 0.310, 0.280,
                0.258,
            ],
            Self::BrightRoof => [
                0.140, 0.165, 0.190, 0.205, 0.212, 0.218, 0.222, 0.226, 0.224, 0.16, 0.235, 0.220,
                0.227,
            ],
            Self::Asphalt => [
                0.080, 0.090, 0.100, 0.110, 0.115, 0.120, 0.125, 0.130, 0.132, 0.10, 0.150, 0.142,
                0.132,
            ],
            Self::Snow => [
                0.880, 0.900, 0.900, 0.890, 0.870, 0.850, 0.840, 0.820, 0.700, 0.03, 0.090, 0.070,
                0.800,
            ],
        }
    }
}
