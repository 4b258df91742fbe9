//! The pixel set of a patch: what is known of its spectra when their places are forgotten.
//!
//! Every pixel gives a number per feature (a band, an index); the numbers of a patch's pixels, on all dates, are pooled by
//! statistics that do not depend on their order. A pixel whose band is NaN, infinite, beyond 1e15 in size, equal to the
//! no-data value or masked is left out of those features that need the band. Where no pixel is left, the number is *unknown*.

mod host;

use std::collections::BTreeMap;

use burn::tensor::backend::Backend;
use burn::tensor::{Bool, Int, Tensor, TensorData};
use vit_backbone::{InitRule, SeededInit};

use crate::arithmetic::{LARGEST, Pixels};
use crate::bands::Role;
use crate::config::{PixelSetConfig, Statistic};
use crate::error::{DeflectError, invalid};
use crate::features::{Feature, Source, choose};
use crate::spectrum::Spectrum;
use crate::statistics::summarise;

/// Parts of the names of backends whose tensors lie on the host, with and without differentiation.
const HOST_BACKENDS: [&str; 2] = ["flex", "ndarray"];

/// The plan by which patches become numbers; it holds no tensor and knows no backbone but the side of its patches.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelSet {
    spectrum: Spectrum,
    features: Vec<Feature>,
    statistics: Vec<Statistic>,
    index_limit: f64,
    patch_size: usize,
    /// Positions inside a patch that are looked at; `None` for all.
    sample: Option<Vec<usize>>,
    /// Positions of the bands that any feature needs, ascending.
    needed: Vec<usize>,
}

/// The pooled numbers of every patch.
#[derive(Debug, Clone)]
pub struct Pooled<B: Backend> {
    /// `[batch, patches, numbers]`: 0 where unknown.
    pub values: Tensor<B, 3>,
    /// `[batch, patches, numbers]`: 1 where known, 0 where no pixel was valid.
    pub known: Tensor<B, 3>,
}

impl PixelSet {
    /// Resolves a choice of features against a description.
    ///
    /// # Errors
    /// What [`Spectrum::validate`] reports; [`DeflectError::MissingBands`], [`DeflectError::UnknownIndex`],
    /// [`DeflectError::UnknownBand`], [`DeflectError::NoFeatures`]; [`DeflectError::InvalidConfig`] naming the field.
    pub fn new(
        spectrum: &Spectrum,
        config: &PixelSetConfig,
        patch_size: usize,
    ) -> Result<Self, DeflectError> {
        spectrum.validate()?;
        let features = choose(spectrum, &config.bands, &config.indices)?;
        for (position, feature) in features.iter().enumerate() {
            if features[..position].iter().any(|f| f.name == feature.name) {
                return Err(invalid(
                    "a feature's name",
                    &feature.name,
                    "a name used once among chosen bands and indices",
                ));
            }
        }
        if config.statistics.is_empty() {
            return Err(invalid(
                "statistics",
                "[]",
                "at least one, for example mean",
            ));
        }
        if let Some(Statistic::Quantile(percent)) = config
            .statistics
            .iter()
            .find(|s| matches!(s, Statistic::Quantile(percent) if !(0.0..=100.0).contains(percent)))
        {
            return Err(invalid("a quantile", percent, "0 to 100 percent"));
        }
        for (field, value) in [("index_limit", config.index_limit), ("clip", config.clip)] {
            if !(value > 0.0 && value <= LARGEST) {
                return Err(invalid(field, value, "a finite number above 0"));
            }
        }
        if !(config.sample > 0.0 && config.sample <= 1.0) {
            return Err(invalid("sample", config.sample, "above 0 and at most 1"));
        }
        let mut needed: Vec<_> = features.iter().flat_map(|f| f.needs.clone()).collect();
        needed.sort_unstable();
        needed.dedup();
        Ok(Self {
            spectrum: spectrum.clone(),
            features,
            statistics: config.statistics.clone(),
            index_limit: config.index_limit,
            patch_size,
            sample: sample(config, patch_size * patch_size),
            needed,
        })
    }

    /// The features, bands first.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// What each number of a patch is, such as `NDVI.std`: the statistics of the first feature, then those of the next.
    pub fn names(&self) -> Vec<String> {
        let one = |feature: &Feature| {
            let name = feature.name.clone();
            self.statistics.iter().map(move |s| format!("{name}.{s}"))
        };
        self.features.iter().flat_map(one).collect()
    }

    /// How many numbers describe a patch.
    pub fn len(&self) -> usize {
        self.features.len() * self.statistics.len()
    }

    /// Never: a pixel set without features is refused.
    pub fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    /// Refuses images that do not fit.
    ///
    /// # Errors
    /// [`DeflectError::Image`].
    pub fn check_image(&self, shape: [usize; 4]) -> Result<(), DeflectError> {
        let channels = self.spectrum.channels_needed();
        let p = self.patch_size;
        if shape[1] >= channels
            && shape[2] > 0
            && shape[2].is_multiple_of(p)
            && shape[3] > 0
            && shape[3].is_multiple_of(p)
        {
            return Ok(());
        }
        Err(DeflectError::Image {
            found: shape.to_vec(),
            expected: format!("at least {channels} channels, and sides that are multiples of {p}"),
        })
    }

    /// The numbers of every patch.
    ///
    /// # Shapes
    /// - `image`: `[batch, channels, height, width]`
    /// - result: `[batch, patches, numbers]`, patches row by row
    ///
    /// # Panics
    /// When the image does not fit; [`PixelSet::check_image`] gives the error beforehand.
    pub fn pool<B: Backend>(&self, image: Tensor<B, 4>) -> Pooled<B> {
        self.check_image(image.dims())
            .unwrap_or_else(|error| panic!("{error}"));
        let backend = B::name(&image.device());
        if HOST_BACKENDS.iter().any(|name| backend.contains(name)) {
            self.pool_on_host(image)
        } else {
            self.pool_composed(image)
        }
    }

    /// For tensors that lie on the host; elsewhere the image would be copied there and the numbers back.
    fn pool_on_host<B: Backend>(&self, image: Tensor<B, 4>) -> Pooled<B> {
        let (shape, device) = (image.dims(), image.device());
        let data = image.into_data().convert::<f32>();
        let numbers: Vec<f32> = data.iter::<f32>().collect();
        let [batch, _, height, width] = shape;
        let patches = (height / self.patch_size) * (width / self.patch_size);
        let [values, known] = host::pool(self, &numbers, shape).map(|numbers| {
            let shape = [batch, patches, self.len()];
            Tensor::from_data(TensorData::new(numbers, shape), &device)
        });
        Pooled { values, known }
    }

    /// For every other backend.
    fn pool_composed<B: Backend>(&self, image: Tensor<B, 4>) -> Pooled<B> {
        let (bands, valid) = self.bands(image);
        let (values, valid) = self.per_pixel(bands, valid);
        let [batch, patches, features, _] = values.dims();
        let (values, known) = summarise(values, valid, &self.statistics);
        let numbers = self.statistics.len();
        let known = known.expand([batch, patches, features, numbers]);
        let flat = [batch, patches, features * numbers];
        Pooled {
            values: values.reshape(flat),
            known: known.reshape(flat),
        }
    }

    /// Centre wavelength of a role's band, nm; a choice of features makes sure that there is one where it is needed.
    fn wavelength(&self, roles: &BTreeMap<Role, usize>, role: Role) -> f64 {
        let band = roles.get(&role).map(|band| &self.spectrum.bands[*band]);
        band.and_then(|band| band.wavelength_nm).unwrap_or(f64::NAN)
    }

    /// Physical values of the needed bands, 0 where invalid, and 1 where valid: `[batch, patches, bands, pixels]` each.
    fn bands<B: Backend>(&self, image: Tensor<B, 4>) -> (Tensor<B, 4>, Tensor<B, 4>) {
        let device = image.device();
        let bands: Vec<_> = self
            .needed
            .iter()
            .map(|b| &self.spectrum.bands[*b])
            .collect();
        let count = bands.len();
        let row = |values: Vec<f64>| {
            Tensor::<B, 4>::from_data(TensorData::new(values, [1, 1, count, 1]), &device)
        };
        let channels: Vec<_> = bands.iter().map(|band| band.channel).collect();
        let raw = self.pixels(image.clone(), &channels);
        let mut valid = raw.size_within(0.0, LARGEST);
        if bands.iter().any(|band| band.nodata.is_some()) {
            let nodata = |band: &&crate::spectrum::SpectralBand| band.nodata.unwrap_or(f64::NAN);
            let values: Vec<f64> = bands.iter().map(nodata).collect();
            // Below every distance where there is no such value.
            let near = values
                .iter()
                .map(|v| if v.is_nan() { -1.0 } else { 1e-6 * v.abs() });
            let near = row(near.collect());
            let values = row(values
                .iter()
                .map(|v| if v.is_nan() { 0.0 } else { *v })
                .collect());
            let finite = raw.clone().where_or(valid.clone(), 0.0);
            let far = (finite - values).abs().greater(near.expand(raw.dims()));
            valid = valid.bool_and(far);
        }
        if let Some(channel) = self.spectrum.mask_channel {
            let mask = self.pixels(image, &[channel]).greater_elem(0.5);
            valid = valid.bool_and(mask.expand(raw.dims()));
        }
        let scale = row(bands.iter().map(|band| band.scale).collect());
        let offset = row(bands.iter().map(|band| band.offset).collect());
        let physical = raw.where_or(valid.clone(), 0.0) * scale + offset;
        let valid = valid.bool_and(physical.size_within(0.0, LARGEST));
        (physical.where_or(valid.clone(), 0.0), valid.float())
    }

    /// The pixels of channels, patch by patch and over all dates: `[batch, patches, channels, pixels]`.
    fn pixels<B: Backend>(&self, image: Tensor<B, 4>, channels: &[usize]) -> Tensor<B, 4> {
        let [batch, _, height, width] = image.dims();
        let (p, dates, count) = (self.patch_size, self.spectrum.dates, channels.len());
        let (rows, columns) = (height / p, width / p);
        let stride = self.spectrum.date_stride;
        let all: Vec<i64> = (0..dates)
            .flat_map(|date| channels.iter().map(move |c| (c + date * stride) as i64))
            .collect();
        let device = image.device();
        let all = Tensor::<B, 1, Int>::from_data(TensorData::new(all, [dates * count]), &device);
        let patches = image
            .select(1, all)
            .reshape([batch, dates * count, rows, p, columns, p])
            .permute([0, 2, 4, 1, 3, 5])
            .reshape([batch, rows * columns, dates * count, p * p]);
        let patches = match &self.sample {
            None => patches,
            Some(positions) => {
                let positions: Vec<i64> = positions.iter().map(|p| *p as i64).collect();
                let shape = [positions.len()];
                patches.select(
                    3,
                    Tensor::from_data(TensorData::new(positions, shape), &device),
                )
            }
        };
        let kept = patches.dims()[3];
        if dates == 1 {
            return patches;
        }
        patches
            .reshape([batch, rows * columns, dates, count, kept])
            .permute([0, 1, 3, 2, 4])
            .reshape([batch, rows * columns, count, dates * kept])
    }

    /// The features of every pixel and where they are valid, `[batch, patches, features, pixels]` each.
    fn per_pixel<B: Backend>(
        &self,
        bands: Tensor<B, 4>,
        valid: Tensor<B, 4>,
    ) -> (Tensor<B, 4>, Tensor<B, 4>) {
        // Every needed band is among them: `needed` was collected from the features.
        let place = |band: &usize| self.needed.binary_search(band).unwrap_or(0);
        let roles = self.spectrum.roles().unwrap_or_default();
        let wavelength = |role| self.wavelength(&roles, role);
        let of_role = |role| {
            let band = roles.get(&role).map_or(0, place);
            bands.clone().narrow(2, band, 1)
        };
        let (mut values, mut masks) = (Vec::new(), Vec::new());
        for feature in &self.features {
            values.push(match &feature.source {
                Source::Band(band) => bands.clone().narrow(2, place(band), 1),
                Source::Index(formula) => formula
                    .evaluate(&of_role, &wavelength)
                    .clamp(-self.index_limit, self.index_limit),
            });
            let needs = feature
                .needs
                .iter()
                .map(|b| valid.clone().narrow(2, place(b), 1));
            masks.extend(needs.reduce(|all, one| all * one));
        }
        (Tensor::cat(values, 2), Tensor::cat(masks, 2))
    }
}

/// Positions of the sample inside a patch of that many pixels, ascending.
fn sample(config: &PixelSetConfig, pixels: usize) -> Option<Vec<usize>> {
    let count = ((config.sample * pixels as f64) as usize).clamp(1, pixels.max(1));
    if count >= pixels {
        return None;
    }
    let rule = InitRule::Uniform { bound: 1.0 };
    let order = SeededInit::new(config.sample_seed).draw("pixel sample", pixels, rule);
    let mut positions: Vec<_> = (0..pixels).collect();
    positions.sort_by(|a, b| order[*a].total_cmp(&order[*b]));
    positions.truncate(count);
    positions.sort_unstable();
    Some(positions)
}

/// Where a float mask holds.
pub(crate) fn holds<B: Backend, const D: usize>(mask: &Tensor<B, D>) -> Tensor<B, D, Bool> {
    mask.clone().greater_elem(0.5)
}
