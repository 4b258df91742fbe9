//! The promises, one function each. Each panics with the method's name and what it did instead.

use burn::module::{AutodiffModule, Module};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use vit_backbone::{InitRule, Seam, SeededInit, Vit};

use super::Subject;
use super::fixture::{image, perturbed, tiny_base, tiny_config};
use super::params::{moved, named_gradients, named_values, sgd_step};
use crate::{Tolerance, assert_close};

/// At the start the outputs are exactly the base's; where the method promises otherwise, they differ.
pub fn identity_at_initialisation<B: AutodiffBackend>(subject: &impl Subject<B>) {
    let base = tiny_base::<B>();
    let adapter = subject.init(&base, &tiny_config()).valid();
    let name = subject.name();
    let base = base.valid();
    let expected = base.forward(image(), &()).into_data();
    let found = base.forward(image(), &adapter).into_data();
    if subject.starts_as_the_base() {
        assert_close(
            &found,
            &expected,
            Tolerance::EXACT,
            &format!("{name}: outputs at initialisation"),
        );
    } else {
        assert!(
            differ(&found, &expected),
            "{name}: starts as the base, but says it does not"
        );
    }
}

/// Merged into a copy of the base, a trained adapter gives the same outputs as beside it, and other ones than the base.
pub fn merged_equals_unmerged<B: AutodiffBackend>(subject: &impl Subject<B>) {
    let base = tiny_base::<B>();
    let adapter = perturbed(subject.init(&base, &tiny_config()), 4, 0.3).valid();
    let base = base.valid();
    let before = named_values(&base);
    let Some(merged) = subject.merge(&adapter, &base) else {
        return;
    };
    let name = subject.name();
    let unmerged = base.forward(image(), &adapter).into_data();
    let found = merged.forward(image(), &()).into_data();
    assert_close(
        &found,
        &unmerged,
        Tolerance::F32,
        &format!("{name}: merged against unmerged"),
    );
    if adapter.num_params() > 0 {
        let plain = base.forward(image(), &()).into_data();
        assert!(differ(&found, &plain), "{name}: merging changed nothing");
    }
    assert_eq!(
        named_values(&base),
        before,
        "{name}: merging changed the base"
    );
}

/// Saved and loaded again, a trained adapter has the same parameters and gives bit for bit the same outputs.
pub fn survives_a_round_trip<B: AutodiffBackend>(subject: &impl Subject<B>) {
    let base = tiny_base::<B>();
    let adapter = perturbed(subject.init(&base, &tiny_config()), 5, 0.3);
    let loaded = subject.save_and_load(&adapter, &base, &tiny_config());
    let name = subject.name();
    assert_eq!(
        named_values(&loaded),
        named_values(&adapter),
        "{name}: parameters after loading"
    );
    let base = base.valid();
    let expected = base.forward(image(), &adapter.valid()).into_data();
    let found = base.forward(image(), &loaded.valid()).into_data();
    assert_close(
        &found,
        &expected,
        Tolerance::EXACT,
        &format!("{name}: outputs after loading"),
    );
    // A parameter that came back frozen would stay as it is for ever after.
    every_one_is_reached(&name, &base_of::<B>(), &loaded);
}

/// Every parameter of a trained adapter gets a gradient that is not zero.
pub fn every_parameter_gets_a_gradient<B: AutodiffBackend>(subject: &impl Subject<B>) {
    let base = tiny_base::<B>();
    let adapter = perturbed(subject.init(&base, &tiny_config()), 6, 0.3);
    every_one_is_reached(&subject.name(), &base, &adapter);
}

/// Derivatives along a random direction in each parameter agree with central differences.
pub fn gradients_agree_with_finite_differences<B: AutodiffBackend>(subject: &impl Subject<B>) {
    let _graph = fused_ops::lock_autodiff();
    if subject.is_random_in_training() {
        return; // A random function has no difference quotient; the method is checked without its dropout.
    }
    if !subject.gradients_are_exact() {
        return; // The method says that they are something else.
    }
    let base = tiny_base::<B>();
    let adapter = perturbed(subject.init(&base, &tiny_config()), 7, 0.3);
    let gradients = loss(&base, &adapter).backward();
    let (plain, inner) = (base.valid(), adapter.valid());
    let (mut analytic, mut numeric) = (Vec::new(), Vec::new());
    for (index, (path, gradient)) in named_gradients(&adapter, &gradients)
        .into_iter()
        .enumerate()
    {
        let name = subject.name();
        let gradient = gradient.unwrap_or_else(|| panic!("{name}: no gradient for `{path}`"));
        let gradient: Vec<f32> = gradient.iter::<f32>().collect();
        // Of length one, so that the step means the same for small and large parameters.
        let mut along =
            SeededInit::new(8).draw(&path, gradient.len(), InitRule::Uniform { bound: 1.0 });
        let length = along.iter().map(|v| v * v).sum::<f32>().sqrt();
        along.iter_mut().for_each(|v| *v /= length);
        analytic.push(
            along
                .iter()
                .zip(&gradient)
                .map(|(a, g)| f64::from(*a) * f64::from(*g))
                .sum::<f64>(),
        );
        let at = |step: f32| host_loss(&plain, &moved(inner.clone(), index, &along, step));
        numeric.push((at(STEP) - at(-STEP)) / f64::from(2.0 * STEP));
    }
    if analytic.is_empty() {
        return; // Nothing is trained.
    }
    let shape = [analytic.len()];
    assert_close(
        &TensorData::new(analytic, shape),
        &TensorData::new(numeric, shape),
        Tolerance::FINITE_DIFFERENCE,
        &format!("{}: gradients", subject.name()),
    );
}

/// Steps of gradient descent move every parameter of the adapter, lower the loss, and leave the base bit for bit as it was.
pub fn only_the_adapter_is_trained<B: AutodiffBackend>(subject: &impl Subject<B>) {
    let _graph = fused_ops::lock_autodiff();
    let base = tiny_base::<B>();
    let name = subject.name();
    let before = named_values(&base);
    // From a moved start: a LoRA's `A` has no gradient while its `B` is zero.
    let mut adapter = perturbed(subject.init(&base, &tiny_config()), 9, 0.1);
    let start = named_values(&adapter);
    let first = host_loss(&base.valid(), &adapter.valid());
    for _ in 0..5 {
        let gradients = loss(&base, &adapter).backward();
        for (path, gradient) in named_gradients(&base, &gradients) {
            assert!(
                gradient.is_none(),
                "{name}: the base's `{path}` got a gradient"
            );
        }
        adapter = sgd_step(adapter, &gradients, 1e-3);
    }
    assert_eq!(named_values(&base), before, "{name}: the base was trained");
    for ((path, old), (_, new)) in start.iter().zip(named_values(&adapter)) {
        assert!(differ(&new, old), "{name}: `{path}` was not trained");
    }
    if adapter.num_params() > 0 && !subject.is_random_in_training() {
        let last = host_loss(&base.valid(), &adapter.valid());
        assert!(last < first, "{name}: the loss went from {first} to {last}");
    }
}

/// After training, the base without the adapter gives exactly what it gave before.
pub fn disabling_restores_the_base<B: AutodiffBackend>(subject: &impl Subject<B>) {
    let _graph = fused_ops::lock_autodiff();
    let base = tiny_base::<B>();
    let expected = base.forward(image(), &()).into_data();
    let adapter = perturbed(subject.init(&base, &tiny_config()), 10, 0.3);
    let gradients = loss(&base, &adapter).backward();
    let adapter = sgd_step(adapter, &gradients, 1e-2);
    let adapted = base.valid().forward(image(), &adapter.valid()).into_data();
    let name = subject.name();
    if adapter.num_params() > 0 {
        assert!(
            differ(&adapted, &expected),
            "{name}: the adapter does nothing"
        );
    }
    let found = base.forward(image(), &()).into_data();
    assert_close(
        &found,
        &expected,
        Tolerance::EXACT,
        &format!("{name}: the base after training"),
    );
}

/// Without differentiation two passes give the same; with it, methods with dropout give other outputs each time.
pub fn dropout_is_off_in_inference<B: AutodiffBackend>(subject: &impl Subject<B>) {
    let base = tiny_base::<B>();
    let adapter = perturbed(subject.init(&base, &tiny_config()), 11, 0.3);
    let name = subject.name();
    let (plain, inner) = (base.valid(), adapter.valid());
    let inference = || plain.forward(image(), &inner).into_data();
    assert_close(
        &inference(),
        &inference(),
        Tolerance::EXACT,
        &format!("{name}: two passes of inference"),
    );
    let training = || base.forward(image(), &adapter).into_data();
    let (first, second) = (training(), training());
    if subject.is_random_in_training() {
        assert!(
            differ(&first, &second),
            "{name}: training is not random, but says it is"
        );
    } else {
        assert_close(
            &first,
            &second,
            Tolerance::EXACT,
            &format!("{name}: two passes of training"),
        );
        // Not exact: without differentiation a backend may use fused kernels.
        assert_close(
            &first,
            &inference(),
            Tolerance::F32,
            &format!("{name}: training against inference"),
        );
    }
}

/// Length of a step of central differences, along a direction of length one.
const STEP: f32 = 1e-2;

/// A fixed weighting of the output tokens, `[batch, tokens, dim]`.
fn probe<B: Backend>(shape: [usize; 3]) -> Tensor<B, 3> {
    let values = SeededInit::new(12).draw(
        "probe",
        shape.iter().product(),
        InitRule::Uniform { bound: 1.0 },
    );
    Tensor::from_data(TensorData::new(values, shape), &B::Device::default())
}

/// A scalar that depends on every output.
fn loss<B: Backend>(base: &Vit<B>, adapter: &impl Seam<B>) -> Tensor<B, 1> {
    let tokens = base.forward(image(), adapter);
    let shape = tokens.dims();
    (tokens * probe(shape)).sum()
}

/// The same scalar, summed in double precision on the host: its differences are small beside its terms.
fn host_loss<B: Backend>(base: &Vit<B>, adapter: &impl Seam<B>) -> f64 {
    let tokens = base.forward(image(), adapter);
    let weights = probe::<B>(tokens.dims()).into_data();
    let tokens = tokens.into_data();
    tokens
        .iter::<f64>()
        .zip(weights.iter::<f64>())
        .map(|(t, w)| t * w)
        .sum()
}

fn every_one_is_reached<B: AutodiffBackend, A: AutodiffModule<B> + Seam<B>>(
    name: &str,
    base: &Vit<B>,
    adapter: &A,
) {
    let _graph = fused_ops::lock_autodiff();
    let gradients = loss(base, adapter).backward();
    for (path, gradient) in named_gradients(adapter, &gradients) {
        let gradient = gradient.unwrap_or_else(|| panic!("{name}: no gradient for `{path}`"));
        assert!(
            gradient.iter::<f32>().all(f32::is_finite),
            "{name}: the gradient of `{path}` is not finite"
        );
        assert!(
            gradient.iter::<f32>().any(|value| value != 0.0),
            "{name}: the gradient of `{path}` is zero"
        );
    }
}

fn base_of<B: Backend>() -> Vit<B> {
    tiny_base()
}

/// Whether two tensors of the same shape differ anywhere.
fn differ(a: &TensorData, b: &TensorData) -> bool {
    a.iter::<f32>().zip(b.iter::<f32>()).any(|(a, b)| a != b)
}
