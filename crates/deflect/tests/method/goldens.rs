//! The adapted forward pass and its gradients against a second formulation in PyTorch, stage by stage, on every backend.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use deflect::{Deflect, Standardisation};
use peft_lora::LoadOptions;
use testkit::{Golden, Tolerance, assert_close, golden_root};
use vit_backbone::{BackboneError, InitRule, ParameterSource, Vit};

use crate::support::small_vit;

/// A backbone's weights from a golden file.
struct Weights(Golden);

impl ParameterSource for Weights {
    fn values(
        &mut self,
        name: &str,
        shape: &[usize],
        _: InitRule,
    ) -> Result<Vec<f32>, BackboneError> {
        let found: Vec<usize> = self.0.data(name).shape.iter().copied().collect();
        assert_eq!(found, shape, "{name}");
        Ok(self.0.floats(name))
    }
}

/// Compares the gradient of every parameter with the golden's and counts them.
struct Compare<'a, B: AutodiffBackend> {
    path: Vec<String>,
    gradients: &'a B::Gradients,
    golden: &'a Golden,
    case: &'a str,
    count: usize,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Compare<'_, B> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_lowercase());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let name = format!("grad.{}", self.path.join("."));
        let what = format!("{}, {name}", self.case);
        let gradient = param.val().grad(self.gradients);
        let gradient = gradient
            .unwrap_or_else(|| panic!("{what}: none"))
            .into_data();
        assert_close(&gradient, self.golden.data(&name), Tolerance::F32, &what);
        self.count += 1;
    }
}

fn check<B: AutodiffBackend>(case: &str) {
    let device = B::Device::default();
    let config = small_vit();
    let golden = Golden::open(&format!("deflect/{case}_golden.safetensors"));
    let mut weights = Weights(Golden::open("deflect/base.safetensors"));
    let vit = Vit::<B>::from_source(&config, &mut weights, &device)
        .unwrap()
        .no_grad();
    let path = golden_root().join(format!("deflect/{case}.safetensors"));
    let options = LoadOptions::default();
    let adapter = Deflect::<B>::load(&path, &config, &options, &device)
        .unwrap()
        .adapter;
    let close = |name: &str, found: burn::tensor::TensorData| {
        assert_close(
            &found,
            golden.data(name),
            Tolerance::F32,
            &format!("{case}, {name}"),
        );
    };

    let image: Tensor<B, 4> = golden.tensor("image", &device);
    let pooled = adapter.pixel_set().pool(image.clone());
    close("numbers", pooled.values.clone().into_data());
    assert_eq!(
        pooled
            .known
            .clone()
            .into_data()
            .iter::<f32>()
            .collect::<Vec<_>>(),
        golden.floats("known"),
        "{case}: which numbers are known"
    );
    close(
        "standardised",
        adapter.embedding.standardise.forward(&pooled).into_data(),
    );
    let fitted = Standardisation::fit(adapter.pixel_set(), [image.clone()]).unwrap();
    let stored = adapter.embedding.standardise.host();
    for (found, expected) in [(&fitted.mean, &stored.mean), (&fitted.std, &stored.std)] {
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-5 * (0.1 + expected.abs()),
                "{found} {expected}"
            );
        }
    }
    let (pretrained, stream) = adapter.embedding.forward(&vit.embed, image.clone());
    close("pretrained", pretrained.into_data());
    close("stream", stream.into_data());

    let (mut x, mut pass) = vit.embed(image.clone(), &adapter);
    close("tokens", x.clone().into_data());
    for block in 0..vit.blocks.len() {
        x = vit.run_blocks(x, &mut pass, block..block + 1, &adapter);
        close(&format!("block.{block}"), x.clone().into_data());
    }
    let (output, norm_loss) = adapter.forward(&vit, image);
    close("output", output.clone().into_data());
    let mut loss = (output * golden.tensor::<B, 3>("probe", &device)).sum();
    if let Some(norm_loss) = norm_loss {
        close("norm_loss", norm_loss.clone().into_data());
        loss = loss + norm_loss;
    }
    let gradients = loss.backward();
    let mut compare = Compare::<B> {
        path: Vec::new(),
        gradients: &gradients,
        golden: &golden,
        case,
        count: 0,
    };
    adapter.visit(&mut compare);
    let expected = golden
        .names()
        .filter(|name| name.starts_with("grad."))
        .count();
    assert_eq!(compare.count, expected, "{case}: number of gradients");
}

fn the_defaults<B: AutodiffBackend>() {
    check::<B>("defaults");
}

fn every_other_option<B: AutodiffBackend>() {
    check::<B>("options");
}

fn the_soft_constraint_with_lora<B: AutodiffBackend>() {
    check::<B>("soft");
}

fn a_detached_ratio<B: AutodiffBackend>() {
    check::<B>("detached");
}

testkit::backend_matrix!(
    the_defaults,
    every_other_option,
    the_soft_constraint_with_lora,
    a_detached_ratio,
);
