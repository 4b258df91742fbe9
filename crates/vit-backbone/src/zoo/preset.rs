//! One published set of weights, and the table of all.

use serde::{Serialize, Serializer};

use super::{InputUnit, Normalisation, clay, clip, dino, dino_v3, dofa, mae, prithvi, supervised};
use crate::VitConfig;

/// What can be told apart from the names and shapes in a file. Weights of several publications share a family: they
/// differ in what they were trained on, which no file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Masked autoencoders with a fixed sin-cos table: MAE, and SatMAE and Cross-Scale MAE on RGB.
    Mae,
    /// Masked autoencoders with channel groups: SatMAE on more than RGB.
    GroupMae,
    /// Masked autoencoders with positions in units of ground distance: Scale-MAE.
    ScaleMae,
    /// Masked autoencoders over frames: Prithvi-EO.
    Prithvi,
    /// Masked autoencoders with a patch embedding generated from wavelengths: DOFA.
    Dofa,
    /// The same with metadata in its positions: Clay.
    Clay,
    /// Self-distillation with learned positions: DINO, DINO-MC.
    Dino,
    /// DINOv2, with and without registers.
    DinoV2,
    /// DINOv3: rotary positions.
    DinoV3,
    /// Image towers of CLIP: OpenAI's and OpenCLIP's.
    Clip,
    /// Supervised classifiers of timm.
    Supervised,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 11] = [
        Self::Mae,
        Self::GroupMae,
        Self::ScaleMae,
        Self::Prithvi,
        Self::Dofa,
        Self::Clay,
        Self::Dino,
        Self::DinoV2,
        Self::DinoV3,
        Self::Clip,
        Self::Supervised,
    ];

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mae => "MAE",
            Self::GroupMae => "MAE with channel groups",
            Self::ScaleMae => "Scale-MAE",
            Self::Prithvi => "Prithvi-EO",
            Self::Dofa => "DOFA",
            Self::Clay => "Clay",
            Self::Dino => "DINO",
            Self::DinoV2 => "DINOv2",
            Self::DinoV3 => "DINOv3",
            Self::Clip => "CLIP",
            Self::Supervised => "supervised ViT",
        }
    }
}

/// One published set of weights: how its model is built, what its input must be, and where it comes from.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Preset {
    /// Name in this project.
    pub name: &'static str,
    /// What its file looks like.
    pub family: Family,
    /// The model. It is a function because a configuration holds lists.
    #[serde(serialize_with = "called")]
    pub config: fn() -> VitConfig,
    /// Names under which it was published: files, or model identifiers of timm or OpenCLIP.
    pub files: &'static [&'static str],
    /// Container of the file, the dictionary in it, and the naming of its keys.
    pub container: &'static str,
    /// Input channels in order, those of one frame; further frames follow with the same.
    pub bands: &'static [&'static str],
    /// Meaning of an input value.
    pub unit: InputUnit,
    /// What is done to an input value before the model sees it.
    pub normalisation: Normalisation,
    /// Licence of the weights, as published.
    pub licence: &'static str,
    /// The paper.
    pub citation: &'static str,
    /// The code that the model follows.
    pub source: &'static str,
}

impl Preset {
    /// The configuration of the model.
    pub fn config(&self) -> VitConfig {
        (self.config)()
    }
}

fn called<S: Serializer>(config: &fn() -> VitConfig, serializer: S) -> Result<S::Ok, S::Error> {
    config().serialize(serializer)
}

/// Every preset, by family.
pub fn presets() -> impl Iterator<Item = &'static Preset> {
    const TABLES: [&[Preset]; 8] = [
        mae::PRESETS,
        prithvi::PRESETS,
        dofa::PRESETS,
        clay::PRESETS,
        dino::PRESETS,
        dino_v3::PRESETS,
        clip::PRESETS,
        supervised::PRESETS,
    ];
    TABLES.into_iter().flatten()
}

/// The preset of this name.
pub fn preset(name: &str) -> Option<&'static Preset> {
    presets().find(|preset| preset.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_preset_is_whole() {
        let mut names = BTreeSet::new();
        for preset in presets() {
            assert!(names.insert(preset.name), "{} stands twice", preset.name);
            let config = preset.config();
            config
                .validate()
                .unwrap_or_else(|e| panic!("{}: {e}", preset.name));
            let channels = config.patch_channels();
            assert_eq!(preset.bands.len(), channels, "{}", preset.name);
            assert_eq!(preset.normalisation.channels(), channels, "{}", preset.name);
            let texts = [
                preset.container,
                preset.licence,
                preset.citation,
                preset.source,
            ];
            assert!(
                texts.iter().all(|text| !text.is_empty()) && !preset.files.is_empty(),
                "{}",
                preset.name
            );
        }
        for family in Family::ALL {
            assert!(
                presets().any(|preset| preset.family == family),
                "{family:?}"
            );
        }
        assert!(preset("mae_vit_base").is_some() && preset("mae").is_none());
    }
}
