//! What a model is told about its images beside their pixels: pixel sizes, dates, places.

use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use crate::build::Builder;
use crate::positions::single_precision_frequencies;
use crate::{BackboneError, InitRule, METADATA, PositionTable, TokenEmbed, Vit};

/// Embeddings of the date of every frame and of the place of an image, added to the patches (the TL models of Prithvi-EO-2.0,
/// Szwarcman et al. 2024, section 3.2). What is not given adds nothing, as in training, where both were dropped at random.
#[derive(Module, Debug)]
pub struct CoordinateEmbed<B: Backend> {
    /// `temporal_embed_enc.scale`: `[1]`.
    pub date_scale: Param<Tensor<B, 1>>,
    /// `location_embed_enc.scale`: `[1]`.
    pub place_scale: Param<Tensor<B, 1>>,
    /// Year and day of the year (1 to 366) of every frame, for all images or for each.
    #[module(skip)]
    pub dates: Vec<Vec<[f64; 2]>>,
    /// Latitude and longitude in degrees, for all images or for each.
    #[module(skip)]
    pub places: Vec<[f64; 2]>,
}

impl<B: Backend> CoordinateEmbed<B> {
    pub(crate) fn build(from: &mut Builder<'_, B>) -> Result<Self, BackboneError> {
        let mut scale = |name: &str| {
            from.child(name)
                .param("scale", [1], InitRule::Constant(0.1))
        };
        Ok(Self {
            date_scale: scale("temporal_embed_enc")?,
            place_scale: scale("location_embed_enc")?,
            dates: Vec::new(),
            places: Vec::new(),
        })
    }

    /// Embedded patches `[batch, frames * patches, dim]` with what is known of date and place added.
    ///
    /// # Panics
    /// When dates or places were given for another number of images or frames.
    pub(crate) fn add_to(&self, tokens: Tensor<B, 3>, frames: usize) -> Tensor<B, 3> {
        let [_, count, dim] = tokens.dims();
        let device = tokens.device();
        let mut tokens = tokens;
        if !self.dates.is_empty() {
            let each = frames * self.dates.len();
            let values = self.dates.iter().flatten().flat_map(|at| pair(*at, dim));
            let data = TensorData::new(values.collect::<Vec<f32>>(), [each, 1, dim]);
            let rows = Tensor::<B, 3>::from_data(data, &device)
                .expand([each, count / frames, dim])
                .reshape([self.dates.len(), count, dim]);
            let rows = rows.cast(tokens.dtype());
            tokens = tokens + rows * self.date_scale.val().unsqueeze();
        }
        if !self.places.is_empty() {
            let values = self.places.iter().flat_map(|at| pair(*at, dim));
            let shape = [self.places.len(), 1, dim];
            let data = TensorData::new(values.collect::<Vec<f32>>(), shape);
            let rows = Tensor::<B, 3>::from_data(data, &device);
            let rows = rows.cast(tokens.dtype());
            tokens = tokens + rows * self.place_scale.val().unsqueeze();
        }
        tokens
    }
}

/// Sines and cosines of two numbers, half of the width for each; in single precision like the published code.
fn pair(at: [f64; 2], dim: usize) -> Vec<f32> {
    let mut row = Vec::with_capacity(dim);
    for (value, width) in at.into_iter().zip([dim / 2, dim - dim / 2]) {
        let angles: Vec<f64> = single_precision_frequencies(width / 2)
            .map(|w| f64::from(value as f32 * w))
            .collect();
        row.extend(angles.iter().map(|a| a.sin() as f32));
        row.extend(angles.iter().map(|a| a.cos() as f32));
    }
    row
}

fn wrong<T>(field: &'static str, found: String, expected: &str) -> Result<T, BackboneError> {
    Err(BackboneError::Config {
        field,
        found,
        expected: expected.into(),
    })
}

impl<B: Backend> TokenEmbed<B> {
    /// The same embedding (it shares every parameter) told about its images what `other` was told.
    pub fn in_context_of(&self, other: &Self) -> Self {
        let mut own = self.clone();
        match (&mut own.positions, &other.positions) {
            (PositionTable::Ground(own), PositionTable::Ground(other)) => *own = other.clone(),
            (PositionTable::Metadata(own), PositionTable::Metadata(other)) => {
                *own = other.clone();
            }
            (_, _) => {}
        }
        if let (Some(own), Some(other)) = (&mut own.coordinates, &other.coordinates) {
            own.dates.clone_from(&other.dates);
            own.places.clone_from(&other.places);
        }
        own
    }
}

impl<B: Backend> Vit<B> {
    /// The same model (it shares every tensor) for images whose pixels have these sizes, in metres: one number for all
    /// images, or one per image of a batch.
    ///
    /// # Errors
    /// [`BackboneError::Config`] when the positions of the model do not depend on it, or a size is not a positive number.
    pub fn at_resolution(&self, metres: &[f64]) -> Result<Self, BackboneError> {
        if metres.is_empty() || metres.iter().any(|m| !(m.is_finite() && *m > 0.0)) {
            return wrong(
                "resolution",
                format!("{metres:?}"),
                "positive numbers, one for all images or one for each",
            );
        }
        let mut vit = self.clone();
        match &mut vit.embed.positions {
            PositionTable::Ground(ground) => ground.resolutions = metres.to_vec(),
            PositionTable::Metadata(metadata) => metadata.resolutions = metres.to_vec(),
            _ => {
                return wrong(
                    "positions",
                    "a table, or rotary".into(),
                    "positions that depend on the size of a pixel, such as `sin_cos_ground`",
                );
            }
        }
        Ok(vit)
    }

    /// The same model for images about which these numbers are known: sine and cosine of week and hour, then of latitude and
    /// longitude, for all images or for each of a batch; zeros for what is not known.
    ///
    /// # Errors
    /// [`BackboneError::Config`] when the positions of the model hold no metadata, or a number is not from -1 to 1.
    pub fn at_metadata(&self, metadata: &[[f64; METADATA]]) -> Result<Self, BackboneError> {
        let mut vit = self.clone();
        let PositionTable::Metadata(positions) = &mut vit.embed.positions else {
            return wrong("positions", "others".into(), "`sin_cos_metadata`");
        };
        let known = |value: &f64| (-1.0..=1.0).contains(value);
        if metadata.is_empty() || !metadata.as_flattened().iter().all(known) {
            let expected = "eight numbers from -1 to 1 for each image";
            return wrong("metadata", format!("{metadata:?}"), expected);
        }
        positions.metadata = metadata.to_vec();
        Ok(vit)
    }

    /// The same model for images of these dates: year and day of the year of every frame, for all images or for each of a
    /// batch.
    ///
    /// # Errors
    /// [`BackboneError::Config`] when the model knows no dates, has another number of frames, or a number is not finite.
    pub fn at_dates(&self, dates: &[Vec<[f64; 2]>]) -> Result<Self, BackboneError> {
        let mut vit = self.clone();
        let frames = vit.embed.frames.unwrap_or(1);
        let Some(coordinates) = &mut vit.embed.coordinates else {
            return wrong(
                "coordinates",
                "none".into(),
                "a model that embeds dates and places",
            );
        };
        let fits = |frame: &Vec<[f64; 2]>| frame.len() == frames && finite(frame.as_flattened());
        if dates.is_empty() || !dates.iter().all(fits) {
            let expected = format!("{frames} pairs of year and day of the year for each image");
            return wrong("dates", format!("{dates:?}"), &expected);
        }
        coordinates.dates = dates.to_vec();
        Ok(vit)
    }

    /// The same model for images at these places: latitude and longitude in degrees, for all images or for each of a batch.
    ///
    /// # Errors
    /// [`BackboneError::Config`] when the model knows no places, or a number is not finite.
    pub fn at_places(&self, places: &[[f64; 2]]) -> Result<Self, BackboneError> {
        let mut vit = self.clone();
        let Some(coordinates) = &mut vit.embed.coordinates else {
            return wrong(
                "coordinates",
                "none".into(),
                "a model that embeds dates and places",
            );
        };
        if places.is_empty() || !finite(places.as_flattened()) {
            let expected = "a pair of latitude and longitude for each image";
            return wrong("places", format!("{places:?}"), expected);
        }
        coordinates.places = places.to_vec();
        Ok(vit)
    }
}

fn finite(values: &[f64]) -> bool {
    values.iter().all(|value| value.is_finite())
}
