//! Which bands enter the backbone, and how their values become what it was trained on.

use std::path::Path;

use rs_datasets::{BandStatistics, Dataset, InputUnit};
use vit_backbone::{PatchEmbedInit, TensorFile, recognise};

use super::{AdaptError, AdaptRequest};
use crate::experiment::{InputConfig, Normalisation, Rendering};
use crate::run::INPUT_METADATA;

/// Names under which red, green and blue go.
const COLOURS: [[&str; 3]; 4] = [
    ["B04", "B03", "B02"],
    ["red", "green", "blue"],
    ["Red", "Green", "Blue"],
    ["R", "G", "B"],
];

/// What a checkpoint says about its input.
pub(super) struct Checkpoint {
    /// Channels of its patch embedding.
    channels: usize,
    /// Statistics of the bands it was trained on, where it carries them.
    statistics: Option<BandStatistics>,
}

impl Checkpoint {
    pub(super) fn read(path: &Path) -> Result<Self, AdaptError> {
        let file = TensorFile::open(path)?;
        let text = file.metadata().get(INPUT_METADATA);
        let statistics: Option<BandStatistics> =
            text.and_then(|text| serde_json::from_str(text).ok());
        let channels = match &statistics {
            Some(statistics) => statistics.bands.len(),
            None => {
                let found = recognise(path)?;
                let embed = found
                    .found
                    .iter()
                    .find(|tensor| tensor.name == "patch_embed.proj.weight");
                embed
                    .and_then(|tensor| tensor.found.shape.get(1).copied())
                    .unwrap_or(3)
            }
        };
        Ok(Self {
            channels,
            statistics,
        })
    }
}

/// The input of an experiment on these images.
pub(super) fn choose(
    request: &AdaptRequest,
    dataset: &dyn Dataset,
    unit: InputUnit,
    checkpoint: &Checkpoint,
    deflect: bool,
    size: usize,
) -> Result<InputConfig, AdaptError> {
    let all: Vec<&str> = dataset.bands().names();
    for name in request.bands.iter().chain(&request.spectral) {
        dataset.bands().index_of(name)?;
    }
    let colours = COLOURS
        .iter()
        .find(|names| names.iter().all(|name| all.contains(name)));
    let channels = checkpoint.channels;
    let widened = request
        .adapt_bands
        .is_some_and(|init| init != PatchEmbedInit::Select);
    let refuse = || {
        AdaptError::usage(
            "--bands",
            format!("images of {} bands ({})", all.len(), all.join(", ")),
            format!(
                "{channels} bands for this backbone: choose them with --bands A,B,C, or give it all with --adapt-bands \
                 mean (or repeat, random, zero)"
            ),
        )
    };
    let bands: Vec<String> = if !request.bands.is_empty() {
        request.bands.clone()
    } else if widened && !deflect {
        let mut bands: Vec<&str> = colours.map_or(Vec::new(), |names| names.to_vec());
        bands.extend(all.iter().filter(|name| {
            colours.is_none_or(|colours| !colours.contains(*name))
        }));
        bands.into_iter().map(str::to_owned).collect()
    } else {
        match colours {
            Some(names) if channels == 3 => names.iter().map(|name| name.to_string()).collect(),
            _ if all.len() == channels => all.iter().map(|name| name.to_string()).collect(),
            _ => return Err(refuse()),
        }
    };
    let patch_embed = request.adapt_bands.unwrap_or(PatchEmbedInit::Select);
    if patch_embed == PatchEmbedInit::Select && bands.len() != channels {
        return Err(refuse());
    }
    // Whether the first bands are those that the backbone was trained on.
    let first = bands.get(..channels);
    let known = first.is_some_and(|first| {
        let same = |names: &[&str]| first.iter().map(String::as_str).eq(names.iter().copied());
        let coloured = COLOURS.iter().any(|names| same(names));
        match &checkpoint.statistics {
            Some(statistics) => {
                let own: Vec<&str> = statistics.bands.iter().map(String::as_str).collect();
                same(&own) || coloured && COLOURS.iter().any(|names| names[..] == own[..])
            }
            None => coloured && channels == 3,
        }
    });
    let known = match patch_embed {
        PatchEmbedInit::Select => channels,
        PatchEmbedInit::Repeat => 0,
        _ if known => channels,
        _ => 0,
    };
    let (rendering, normalise) = values(unit, &bands, known, checkpoint);
    let spectral = match (deflect, request.spectral.is_empty()) {
        (false, _) => request.spectral.clone(),
        (true, false) => request.spectral.clone(),
        (true, true) => all.iter().map(|name| name.to_string()).collect(),
    };
    Ok(InputConfig {
        bands,
        known,
        spectral,
        patch_embed,
        rendering,
        normalise,
        size,
    })
}

/// How values become the backbone's: by the statistics of its weights where they are values of the same kind, or can be rendered so.
fn values(
    unit: InputUnit,
    bands: &[String],
    known: usize,
    checkpoint: &Checkpoint,
) -> (Rendering, Normalisation) {
    let train = match unit {
        InputUnit::Sigma0Linear => (Rendering::Decibel, Normalisation::Train),
        _ => (Rendering::None, Normalisation::Train),
    };
    let Some(statistics) = &checkpoint.statistics else {
        return train;
    };
    let first: Vec<&str> = bands.iter().take(known).map(String::as_str).collect();
    let coloured = |names: &[&str]| COLOURS.iter().any(|known| known[..] == *names);
    let own: Vec<&str> = statistics.bands.iter().map(String::as_str).collect();
    let same = !first.is_empty() && (first == own || coloured(&first) && coloured(&own));
    if !same {
        return train;
    }
    let sentinel = COLOURS[0][..] == first[..];
    if unit == statistics.unit {
        (Rendering::None, Normalisation::Weights)
    } else if sentinel && unit == InputUnit::SENTINEL2_DN && statistics.unit == InputUnit::Uint8 {
        (Rendering::Uint8, Normalisation::Weights)
    } else {
        train
    }
}

#[cfg(test)]
mod tests {
    use rs_datasets::{StatisticsSource, SyntheticConfig, SyntheticScenes};

    use super::*;

    fn checkpoint(described: bool) -> Checkpoint {
        Checkpoint {
            channels: 3,
            statistics: described.then(|| BandStatistics {
                bands: COLOURS[0].map(String::from).to_vec(),
                mean: vec![0.0; 3],
                std: vec![1.0; 3],
                unit: InputUnit::Uint8,
                source: StatisticsSource::Weights {
                    name: "test".into(),
                },
                percentiles: None,
            }),
        }
    }

    fn chosen(request: &AdaptRequest, described: bool) -> Result<InputConfig, AdaptError> {
        let scenes = SyntheticScenes::classification(SyntheticConfig::balanced(1, 1)).unwrap();
        let unit = scenes.load(0).unwrap().image.unit;
        choose(request, &scenes, unit, &checkpoint(described), false, 64)
    }

    #[test]
    fn colours_are_rendered_as_the_weights_saw_them() {
        let input = chosen(&AdaptRequest::default(), true).unwrap();
        assert_eq!(input.bands, COLOURS[0]);
        assert_eq!((input.known, input.patch_embed), (3, PatchEmbedInit::Select));
        let rendered = (Rendering::Uint8, Normalisation::Weights);
        assert_eq!((input.rendering, input.normalise), rendered);
        // Without a description of the weights the training images tell.
        let input = chosen(&AdaptRequest::default(), false).unwrap();
        let plain = (Rendering::None, Normalisation::Train);
        assert_eq!((input.rendering, input.normalise), plain);
    }

    #[test]
    fn other_bands_are_fitted_as_asked() {
        let with = |init, bands: &[&str]| AdaptRequest {
            adapt_bands: init,
            bands: bands.iter().map(|b| b.to_string()).collect(),
            ..AdaptRequest::default()
        };
        let mean = chosen(&with(Some(PatchEmbedInit::Mean), &[]), true).unwrap();
        assert_eq!((mean.bands.len(), mean.known), (13, 3));
        assert_eq!(mean.normalise, Normalisation::Weights);
        let repeat = chosen(&with(Some(PatchEmbedInit::Repeat), &[]), true).unwrap();
        assert_eq!((repeat.known, repeat.normalise), (0, Normalisation::Train));
        let infrared = ["B08", "B11", "B12"];
        let select = chosen(&with(None, &infrared), true).unwrap();
        assert_eq!((select.known, select.normalise), (3, Normalisation::Train));
        let few = chosen(&with(None, &["B08"]), true).unwrap_err().to_string();
        assert!(few.contains("--adapt-bands"), "{few}");
        let none = chosen(&with(None, &["B99"]), true).unwrap_err().to_string();
        assert!(none.contains("B99") && none.contains("B08"), "{none}");
    }
}
