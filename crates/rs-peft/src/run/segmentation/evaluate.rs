//! Classes of whole images from windows, and the counts of their pixels.

use std::collections::VecDeque;
use std::ops::Range;

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use eval::metric::PixelCounts;
use rs_datasets::Label;
use vit_backbone::Vit;

use super::data::Images;
use super::logit_sums::LogitSums;
use super::masks::PredictedMask;
use super::model::Segmenter;
use super::windows::{BATCH_PIXELS, check_fits, pixels, places};
use crate::experiment::Windows;
use crate::run::RunError;
use crate::run::map_readout::MapReadout;

/// What a part of the images gave.
pub(super) struct Evaluated {
    pub(super) counts: PixelCounts,
    /// The classes of the first images.
    pub(super) masks: Vec<PredictedMask>,
}

/// Tests the images `rows`; the predicted classes of the first `keep` of them are kept.
///
/// # Errors
/// When an image cannot be read, or is smaller than a window.
#[allow(clippy::too_many_arguments)]
pub(super) fn evaluate<B: Backend>(
    images: &Images,
    rows: Range<usize>,
    how: Windows,
    side: usize,
    readout: &MapReadout,
    base: &Vit<B>,
    model: &Segmenter<B>,
    device: &B::Device,
    keep: usize,
) -> Result<Evaluated, RunError> {
    let classes = images.all.classes();
    let mut state = State {
        counts: PixelCounts::new(classes)?,
        masks: Vec::new(),
        keep,
        open: VecDeque::new(),
        classes: classes.len(),
    };
    let forward = |values: Vec<f32>, [count, height, width]: [usize; 3]| -> Vec<f32> {
        let channels = values.len() / (count * height * width);
        let data = TensorData::new(values, [count, channels, height, width]);
        let input = Tensor::<B, 4>::from_data(data, device);
        let (maps, _) = readout.maps(base, &model.adapter, input);
        let logits = model.head.forward(maps, [height, width]);
        logits.into_data().iter::<f32>().collect()
    };
    let mut pending = Pending::default();
    for row in rows {
        let sample = images.all.load(row)?;
        let (height, width) = (sample.image.height, sample.image.width);
        let window = match how {
            Windows::Sliding => [side, side],
            Windows::Whole => [height, width],
        };
        check_fits(&sample, window)?;
        if pending.window != window {
            pending.flush(&mut state, &forward)?;
            pending.window = window;
        }
        let Label::Segmentation { classes: truth, .. } = sample.label else {
            continue; // `Images` holds label masks only.
        };
        let places = places([height, width], window);
        state.open.push_back(Open {
            id: sample.id.clone(),
            sums: LogitSums::new(classes.len(), [height, width]),
            missing: places.len(),
            truth,
        });
        for place in places {
            pending.values.extend(pixels(&sample.image, place, window));
            pending.places.push(place);
            if (pending.places.len() + 1) * window[0] * window[1] > BATCH_PIXELS {
                pending.flush(&mut state, &forward)?;
            }
        }
    }
    pending.flush(&mut state, &forward)?;
    Ok(Evaluated {
        counts: state.counts,
        masks: state.masks,
    })
}

/// An image some of whose windows are still to come.
struct Open {
    id: String,
    sums: LogitSums,
    missing: usize,
    truth: Vec<i32>,
}

struct State {
    counts: PixelCounts,
    masks: Vec<PredictedMask>,
    keep: usize,
    open: VecDeque<Open>,
    classes: usize,
}

impl State {
    /// Adds the logits `[class, row, column]` of the next window.
    fn add(
        &mut self,
        logits: &[f32],
        place: [usize; 2],
        window: [usize; 2],
    ) -> Result<(), RunError> {
        let Some(image) = self.open.front_mut() else {
            return Ok(());
        };
        image.sums.add(logits, place, window);
        image.missing -= 1;
        if image.missing == 0
            && let Some(image) = self.open.pop_front()
        {
            self.finish(image)?;
        }
        Ok(())
    }

    fn finish(&mut self, image: Open) -> Result<(), RunError> {
        let predicted = image.sums.predictions();
        self.counts.add(&image.truth, &predicted)?;
        if self.masks.len() < self.keep {
            self.masks.push(PredictedMask::new(
                image.id,
                image.sums.extent(),
                &predicted,
            ));
        }
        Ok(())
    }
}

/// Windows that wait for their forward pass.
#[derive(Default)]
struct Pending {
    window: [usize; 2],
    places: Vec<[usize; 2]>,
    values: Vec<f32>,
}

impl Pending {
    fn flush(
        &mut self,
        state: &mut State,
        forward: &dyn Fn(Vec<f32>, [usize; 3]) -> Vec<f32>,
    ) -> Result<(), RunError> {
        if self.places.is_empty() {
            return Ok(());
        }
        let places = std::mem::take(&mut self.places);
        let [height, width] = self.window;
        let logits = forward(
            std::mem::take(&mut self.values),
            [places.len(), height, width],
        );
        let one = state.classes * height * width;
        for (place, logits) in places.into_iter().zip(logits.chunks(one)) {
            state.add(logits, place, self.window)?;
        }
        Ok(())
    }
}
