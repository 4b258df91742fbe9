//! Scoring a model on labelled images, with the metrics of the runs.

use burn::tensor::backend::Backend;
use eval::metric::{Evaluation, PixelCounts, Probabilities, evaluate};
use rs_datasets::{Dataset, Label, Sample, Task};

use super::{AdaptedError, AdaptedModel};

/// Images decoded at a time.
const CHUNK: usize = 64;

impl<B: Backend> AdaptedModel<B> {
    /// Scores the samples `indices` of a data set whose classes are the model's, by name.
    ///
    /// # Errors
    /// [`AdaptedError::Task`] for labels of another kind, [`AdaptedError::Data`] for a class that the model does not know; as
    /// [`AdaptedModel::logits`].
    pub fn score(
        &self,
        dataset: &dyn Dataset,
        indices: &[usize],
    ) -> Result<Evaluation, AdaptedError> {
        let task = self.manifest.task;
        if dataset.info().task != task {
            return Err(AdaptedError::Task {
                found: name(task),
                asked: "scoring on this data set",
                expected: name(dataset.info().task),
            });
        }
        // The data set may list its classes in another order.
        let place: Vec<usize> = dataset
            .classes()
            .iter()
            .map(|class| self.class(class))
            .collect::<Result<_, _>>()?;
        match task {
            Task::Segmentation => self.score_pixels(dataset, indices, &place),
            _ => self.score_images(dataset, indices, &place),
        }
    }

    fn class(&self, class: &str) -> Result<usize, AdaptedError> {
        let classes = &self.manifest.classes;
        classes.iter().position(|own| own == class).ok_or_else(|| {
            AdaptedError::Data(rs_datasets::DataError::Setting {
                what: "classes".into(),
                detail: format!(
                    "the data set has `{class}`, which is none of the model's: {}",
                    classes.join(", ")
                ),
            })
        })
    }

    fn score_images(
        &self,
        dataset: &dyn Dataset,
        indices: &[usize],
        place: &[usize],
    ) -> Result<Evaluation, AdaptedError> {
        let classes = &self.manifest.classes;
        let (mut logits, mut truth) = (Vec::new(), Vec::new());
        for chunk in indices.chunks(CHUNK) {
            let samples: Vec<Sample> = chunk
                .iter()
                .map(|&index| dataset.load(index))
                .collect::<Result<_, _>>()?;
            for (sample, &index) in samples.iter().zip(chunk) {
                match dataset.class_of(index) {
                    Some(class) => truth.push(place[class]),
                    None => {
                        return Err(rs_datasets::DataError::Setting {
                            what: "labels".into(),
                            detail: format!("`{}` has none, so it cannot be scored", sample.id),
                        }
                        .into());
                    }
                }
            }
            logits.extend(self.logits_of(&samples)?.values);
        }
        let probabilities = Probabilities::from_logits(&logits, classes.len())?;
        let predicted = probabilities.predictions();
        Ok(evaluate(
            classes,
            &truth,
            &predicted,
            Some(&probabilities),
            None,
        )?)
    }

    fn score_pixels(
        &self,
        dataset: &dyn Dataset,
        indices: &[usize],
        place: &[usize],
    ) -> Result<Evaluation, AdaptedError> {
        let mut counts = PixelCounts::new(&self.manifest.classes)?;
        for &index in indices {
            let sample = dataset.load(index)?;
            let Label::Segmentation { classes, .. } = &sample.label else {
                continue; // Images without a mask say nothing about the model.
            };
            let truth: Vec<i32> = classes
                .iter()
                .map(|&class| match usize::try_from(class) {
                    Ok(class) => place[class] as i32,
                    Err(_) => class,
                })
                .collect();
            counts.add(&truth, &self.label_map(&sample)?.classes)?;
        }
        Ok(counts.evaluate())
    }
}

fn name(task: Task) -> &'static str {
    match task {
        Task::Classification => "classification",
        Task::MultiLabel => "classification into several classes",
        Task::Segmentation => "segmentation",
        Task::OrientedDetection => "detection",
    }
}
