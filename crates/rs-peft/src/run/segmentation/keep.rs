//! Keeping what a seed with a class per pixel trained, as [`crate::run::keep`] does: the head's `weight` is its classifier, the rest of
//! the head stands among the further arrays under the names of [`heads::segmentation::NamedArray`].

use burn::tensor::backend::Backend;
use heads::SegmentationHead;
use peft_lora::BaseIdentity;

use super::model::Segmenter;
use crate::run::RunError;
use crate::run::keep::{add_input, linear_head, named_head, write_files};
use crate::run::map_readout::MapReadout;
use crate::run::seed::SeedRun;

pub(super) fn keep<B: Backend>(
    seed_run: &SeedRun<'_>,
    model: &Segmenter<B>,
    readout: &MapReadout,
    base: &BaseIdentity,
) -> Result<(), RunError> {
    let mut head = match &model.head {
        SegmentationHead::Linear(head) => linear_head(&head.tokens)?,
        SegmentationHead::Upernet(_) => named_head(model.head.to_arrays(), "classifier")?,
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
