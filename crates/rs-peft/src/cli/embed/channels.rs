//! Images with other bands than the model was trained on.

use anyhow::ensure;
use burn::tensor::backend::Backend;
use rs_peft::vit_backbone::{PatchEmbedInit, Vit, VitConfig};

/// What `embed` is told about bands that the model does not know.
#[derive(clap::Args)]
pub(super) struct Channels {
    /// Take all bands of --bands, not the model's alone; how those that the model does not know get weights.
    #[arg(long, value_enum, requires = "bands")]
    new_bands: Option<NewBands>,
    /// How many of --bands, from the first on, are the model's own, in its order; as many as it has by default.
    #[arg(long, requires = "new_bands")]
    known_bands: Option<usize>,
    /// Seed of random weights.
    #[arg(long, default_value_t = 0, requires = "new_bands")]
    seed: u64,
}

/// Where the weights of a band that the model does not know come from.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum NewBands {
    /// Drawn, with the deviation of the pretrained ones.
    Random,
    /// Those of the pretrained bands in turn, all scaled by old / new.
    Repeat,
    /// The mean over the pretrained ones, all scaled by old / new.
    Mean,
    /// Zero: the new bands change nothing.
    Zero,
}

impl Channels {
    /// The model for `count` bands.
    pub(super) fn fit<B: Backend>(
        &self,
        vit: Vit<B>,
        config: VitConfig,
        count: usize,
    ) -> anyhow::Result<(Vit<B>, VitConfig)> {
        let Some(new) = self.new_bands else {
            return Ok((vit, config));
        };
        ensure!(
            config.spectral_embed.is_none(),
            "--new-bands: this model makes its patch embedding from wavelengths; give those of the bands with --wavelengths"
        );
        let init = match new {
            NewBands::Random => PatchEmbedInit::Random,
            NewBands::Repeat => PatchEmbedInit::Repeat,
            NewBands::Mean => PatchEmbedInit::Mean,
            NewBands::Zero => PatchEmbedInit::Zero,
        };
        let known = self.known_bands.unwrap_or(config.in_channels.min(count));
        let vit = vit.with_channels(count, known, init, self.seed)?;
        let config = VitConfig {
            in_channels: count,
            ..config
        };
        Ok((vit, config))
    }

    /// How the bands were fitted, for the file of features; nothing where they are the model's.
    pub(super) fn describe(&self) -> Option<String> {
        let new = self.new_bands?;
        let known = self.known_bands.map(|known| format!(", {known} known"));
        Some(format!(
            "{new:?}{}, seed {}",
            known.unwrap_or_default(),
            self.seed
        ))
    }
}
