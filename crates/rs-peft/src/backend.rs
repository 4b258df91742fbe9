//! Which backend runs the tensors: chosen at run time among those that were compiled in.

use std::fmt;
use std::str::FromStr;

use burn::tensor::backend::AutodiffBackend;

/// The backends that this program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendKind {
    /// Pure-Rust CPU, the default.
    Flex,
    /// Pure-Rust CPU on the ndarray crate.
    Ndarray,
    /// Any GPU through WebGPU.
    Wgpu,
    /// GPUs through Vulkan.
    Vulkan,
    /// Apple GPUs through Metal.
    Metal,
    /// NVIDIA GPUs through CUDA.
    Cuda,
}

/// Errors of choosing a backend.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// No such name.
    #[error("unknown backend `{0}`; one of flex, ndarray, wgpu, vulkan, metal, cuda")]
    Unknown(String),
    /// The program was built without it.
    #[error(
        "backend `{0}` was not compiled in; build with `--features {0}` (`cargo xtask repro --backend {0}` does it for you)"
    )]
    NotCompiledIn(BackendKind),
}

impl BackendKind {
    /// Every backend, compiled in or not.
    pub const ALL: [Self; 6] = [
        Self::Flex,
        Self::Ndarray,
        Self::Wgpu,
        Self::Vulkan,
        Self::Metal,
        Self::Cuda,
    ];

    /// The name on the command line, which is the name of the cargo feature too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::Ndarray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
            Self::Cuda => "cuda",
        }
    }

    /// Whether this program was built with it.
    pub fn is_compiled_in(self) -> bool {
        match self {
            Self::Flex => cfg!(feature = "flex"),
            Self::Ndarray => cfg!(feature = "ndarray"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Vulkan => cfg!(feature = "vulkan"),
            Self::Metal => cfg!(feature = "metal"),
            Self::Cuda => cfg!(feature = "cuda"),
        }
    }

    /// Whether it runs on the CPU, where a run is repeated bit by bit and processes may share the machine.
    pub fn is_cpu(self) -> bool {
        matches!(self, Self::Flex | Self::Ndarray)
    }
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for BackendKind {
    type Err = BackendError;

    fn from_str(text: &str) -> Result<Self, BackendError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| BackendError::Unknown(text.into()))
    }
}

/// Work that is generic over the backend; [`dispatch`] gives it a concrete one.
pub trait BackendTask {
    /// What the work returns.
    type Output;

    /// Does the work on `B`.
    fn run<B: AutodiffBackend>(self, device: B::Device) -> Self::Output;
}

/// Runs a task on the chosen backend's default device.
///
/// # Errors
/// [`BackendError::NotCompiledIn`], which names the feature to enable.
pub fn dispatch<T: BackendTask>(kind: BackendKind, task: T) -> Result<T::Output, BackendError> {
    #[allow(unused_imports)]
    use burn::backend::Autodiff;
    match kind {
        #[cfg(feature = "flex")]
        BackendKind::Flex => Ok(task.run::<Autodiff<burn_flex::Flex>>(Default::default())),
        #[cfg(feature = "ndarray")]
        BackendKind::Ndarray => {
            Ok(task.run::<Autodiff<burn_ndarray::NdArray<f32>>>(Default::default()))
        }
        #[cfg(feature = "wgpu")]
        BackendKind::Wgpu => Ok(task.run::<Autodiff<burn_wgpu::Wgpu>>(Default::default())),
        #[cfg(feature = "vulkan")]
        BackendKind::Vulkan => Ok(task.run::<Autodiff<burn_wgpu::Wgpu>>(Default::default())),
        #[cfg(feature = "metal")]
        BackendKind::Metal => Ok(task.run::<Autodiff<burn_wgpu::Wgpu>>(Default::default())),
        #[cfg(feature = "cuda")]
        BackendKind::Cuda => Ok(task.run::<Autodiff<burn_cuda::Cuda>>(Default::default())),
        #[allow(unreachable_patterns)]
        other => Err(BackendError::NotCompiledIn(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Name;

    impl BackendTask for Name {
        type Output = String;

        fn run<B: AutodiffBackend>(self, device: B::Device) -> String {
            B::name(&device)
        }
    }

    #[test]
    fn a_backend_that_is_missing_names_its_feature() {
        for kind in BackendKind::ALL {
            match dispatch(kind, Name) {
                Ok(name) => assert!(kind.is_compiled_in() && !name.is_empty()),
                Err(error) => {
                    assert!(!kind.is_compiled_in());
                    assert!(
                        error.to_string().contains(&format!("--features {kind}")),
                        "{error}"
                    );
                }
            }
        }
        assert!("gpu".parse::<BackendKind>().is_err());
    }
}
