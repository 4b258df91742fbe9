//! Keeping what a seed with oriented objects trained, as [`crate::run::keep`] does: the head's `weight` is the convolution to the class logits, one row per
//! class; the rest of the head stands among the further arrays under the names of [`heads::segmentation::NamedArray`].

use burn::tensor::backend::Backend;
use peft_lora::BaseIdentity;

use super::model::Detector;
use crate::run::RunError;
use crate::run::keep::{add_input, named_head, write_files};
use crate::run::seed::SeedRun;

pub(super) fn keep<B: Backend>(
    seed_run: &SeedRun<'_>,
    model: &Detector<B>,
    base: &BaseIdentity,
) -> Result<(), RunError> {
    let mut head = named_head(model.head.to_arrays(), "fcos.class_logits")?;
    add_input(&mut head, &model.adapter, None);
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
