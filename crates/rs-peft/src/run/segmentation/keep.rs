//! Keeping what a seed with a class per pixel trained, as [`crate::run::keep`] does: the head's `weight` is its classifier, the rest of
//! the head stands among the further arrays under the names of [`heads::segmentation::NamedArray`].

use burn::tensor::backend::Backend;
use heads::SegmentationHead;
use peft_lora::{BaseIdentity, HostArray, SavedHead};

use super::model::{MapReadout, Segmenter};
use crate::run::RunError;
use crate::run::keep::{add_input, linear_head, write_files};
use crate::run::seed::SeedRun;

pub(super) fn keep<B: Backend>(
    seed_run: &SeedRun<'_>,
    model: &Segmenter<B>,
    readout: &MapReadout,
    base: &BaseIdentity,
) -> Result<(), RunError> {
    let mut head = match &model.head {
        SegmentationHead::Linear(head) => linear_head(&head.tokens)?,
        SegmentationHead::Upernet(_) => {
            let mut arrays = model.head.to_arrays();
            let mut take = |name: &str| {
                let at = arrays.iter().position(|array| array.name == name)?;
                Some(arrays.swap_remove(at))
            };
            let (weight, bias) = (take("classifier.weight"), take("classifier.bias"));
            let array = |values: Vec<f32>, shape: Vec<usize>| HostArray {
                shape,
                data: values,
            };
            // The kernel is one pixel, so the classifier is a matrix.
            let weight = weight.map_or(array(Vec::new(), vec![0, 0]), |w| {
                array(w.values, w.shape[..2].to_vec())
            });
            let mut head = SavedHead::new(weight, bias.map(|b| array(b.values, b.shape)))?;
            let rest = arrays
                .into_iter()
                .map(|rest| (rest.name, array(rest.values, rest.shape)));
            head.extra.extend(rest);
            head
        }
    };
    add_input(&mut head, &model.adapter, readout.spectra.as_ref());
    let method = &seed_run.experiment.method;
    write_files(
        seed_run.folder,
        seed_run.seed,
        &model.adapter,
        method,
        &head,
        base,
    )
}
