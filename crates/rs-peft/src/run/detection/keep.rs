//! Keeping what a seed with oriented objects trained, as [`crate::run::keep`] does: the head's `weight` is the convolution to the class logits, one row per
//! class; the rest of the head stands among the further arrays under the names of [`heads::segmentation::NamedArray`].

use burn::tensor::backend::Backend;
use peft_lora::{BaseIdentity, HostArray, SavedHead};

use super::model::Detector;
use crate::run::RunError;
use crate::run::keep::{add_input, write_files};
use crate::run::seed::SeedRun;

pub(super) fn keep<B: Backend>(
    seed_run: &SeedRun<'_>,
    model: &Detector<B>,
    base: &BaseIdentity,
) -> Result<(), RunError> {
    let mut arrays = model.head.to_arrays();
    let mut take = |name: &str| {
        let at = arrays.iter().position(|array| array.name == name)?;
        Some(arrays.swap_remove(at))
    };
    let (weight, bias) = (
        take("fcos.class_logits.weight"),
        take("fcos.class_logits.bias"),
    );
    let array = |data: Vec<f32>, shape: Vec<usize>| HostArray { shape, data };
    let weight = weight.map_or(array(Vec::new(), vec![0, 0]), |w| {
        let rows = w.shape[0];
        let columns = w.values.len() / rows.max(1);
        array(w.values, vec![rows, columns])
    });
    let mut head = SavedHead::new(weight, bias.map(|b| array(b.values, b.shape)))?;
    let rest = arrays.into_iter();
    head.extra
        .extend(rest.map(|rest| (rest.name, array(rest.values, rest.shape))));
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
