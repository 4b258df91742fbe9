//! What the integration tests share: the tiny model, comparison with goldens, gradients, copies of the directory to spoil.

#![allow(dead_code, unreachable_pub)] // each test binary uses a part

use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::nn::Linear;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use stable_diffusion::{DiffusionError, DiffusionReport, LoadOptions, StableDiffusion};
use testkit::{Golden, Tolerance, assert_close, golden_root};

/// The directory of the tiny model.
pub fn tiny() -> PathBuf {
    golden_root().join("stable-diffusion/tiny")
}

/// One golden of the tiny model.
pub fn golden(name: &str) -> Golden {
    Golden::open(&format!("stable-diffusion/{name}_golden.safetensors"))
}

/// Everything, the decoder too.
pub fn whole() -> LoadOptions {
    LoadOptions {
        decoder: true,
        ..LoadOptions::default()
    }
}

/// The tiny model.
pub fn load<B: Backend>(options: &LoadOptions) -> (StableDiffusion<B>, DiffusionReport) {
    StableDiffusion::load(tiny(), options, &B::Device::default()).unwrap()
}

/// The error of loading a directory.
pub fn refusal(path: &Path) -> DiffusionError {
    type B = testkit::FlexBackend;
    match StableDiffusion::<B>::load(path, &LoadOptions::default(), &Default::default()) {
        Err(error) => error,
        Ok(_) => panic!("{} was loaded", path.display()),
    }
}

/// Compares and prints the error, so that the largest per backend can be read off the test output.
pub fn close<B: Backend>(actual: TensorData, golden: &Golden, name: &str) {
    let device = B::Device::default();
    let error = assert_close(&actual, golden.data(name), Tolerance::F32, name);
    println!("{} {name}: {error:.2e}", B::name(&device));
}

/// A copy whose parameters ask for gradients.
pub fn trainable<B: Backend, M: Module<B>>(module: &M) -> M {
    struct Trainable;
    impl<B: Backend> ModuleMapper<B> for Trainable {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
            Param::initialized(ParamId::new(), param.val().require_grad())
        }
    }
    module.clone().map(&mut Trainable)
}

/// The gradient of a parameter.
pub fn of<B: AutodiffBackend, const D: usize>(
    param: &Param<Tensor<B, D>>,
    grads: &B::Gradients,
) -> TensorData {
    param.val().grad(grads).expect("a gradient").into_data()
}

/// The gradient of a linear weight, outputs first.
pub fn matrix<B: AutodiffBackend>(linear: &Linear<B>, grads: &B::Gradients) -> TensorData {
    let gradient = linear.weight.val().grad(grads).expect("a gradient");
    gradient.transpose().into_data()
}

/// Time steps of a golden.
pub fn times(golden: &Golden) -> Vec<usize> {
    golden
        .data("times")
        .iter::<i64>()
        .map(|t| t as usize)
        .collect()
}

/// A copy of the tiny model's directory, to be spoiled.
pub fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_into(&tiny(), folder.path());
    folder
}

fn copy_into(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy_into(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// Changes a text file.
pub fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{}: no `{from}`", path.display());
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

/// Tensors of a safetensors file: name, type, shape, bytes.
pub type Stored = Vec<(String, safetensors::Dtype, Vec<usize>, Vec<u8>)>;

/// Reads a whole safetensors file.
pub fn read_tensors(path: &Path) -> Stored {
    let bytes = std::fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    file.iter()
        .map(|(name, view)| {
            let (dtype, shape) = (view.dtype(), view.shape().to_vec());
            (name.to_owned(), dtype, shape, view.data().to_vec())
        })
        .collect()
}

/// Writes a whole safetensors file.
pub fn write_tensors(path: &Path, tensors: &Stored) {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        let view = safetensors::tensor::TensorView::new(*dtype, shape.clone(), bytes).unwrap();
        (name.as_str(), view)
    });
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}
