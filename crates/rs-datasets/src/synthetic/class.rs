//! Classes of the synthetic classification task.

use super::Material;

/// What a scene is about, in alphabetical order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SceneClass {
    /// Water with algae.
    AlgaeWater,
    /// Dunes and beaches.
    BareSand,
    /// Fields of burnt stubble.
    BurntField,
    /// Clear water.
    ClearWater,
    /// Fields of dark ploughed soil.
    DarkSoil,
    /// Crops short of water.
    DryCrop,
    /// Vigorous forest.
    HealthyForest,
    /// Well-watered crops.
    IrrigatedCrop,
    /// Streets and houses.
    Residential,
    /// Forest losing vigour.
    StressedForest,
}

impl SceneClass {
    /// All classes in the order of their index.
    pub const ALL: [Self; 10] = [
        Self::AlgaeWater,
        Self::BareSand,
        Self::BurntField,
        Self::ClearWater,
        Self::DarkSoil,
        Self::DryCrop,
        Self::HealthyForest,
        Self::IrrigatedCrop,
        Self::Residential,
        Self::StressedForest,
    ];

    /// Name of the class.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// The material that covers most of the scene.
    pub fn material(self) -> Material {
        match self {
            Self::AlgaeWater => Material::AlgaeWater,
            Self::BareSand => Material::Sand,
            Self::BurntField => Material::BurntGround,
            Self::ClearWater => Material::ClearWater,
            Self::DarkSoil => Material::DarkSoil,
            Self::DryCrop => Material::DryCrop,
            Self::HealthyForest => Material::HealthyForest,
            Self::IrrigatedCrop => Material::IrrigatedCrop,
            Self::Residential => Material::RedRoof,
            Self::StressedForest => Material::StressedForest,
        }
    }

    /// The class with the same structure and the same look in red, green and blue.
    pub fn lookalike(self) -> Option<Self> {
        let other = self.material().lookalike()?;
        Self::ALL
            .into_iter()
            .find(|class| class.material() == other)
    }
}
