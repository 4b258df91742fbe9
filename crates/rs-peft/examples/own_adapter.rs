//! An adapter of one's own over the seam: scaling and shifting of every block's output (SSF, Lian et al., NeurIPS 2022).
//!
//! ```sh
//! cargo run -p rs-peft --example own_adapter
//! ```

use burn::backend::Autodiff;
use burn::module::{Module, Param};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Distribution, Tensor};
use burn_flex::Flex;
use vit_backbone::{Pooling, Seam, TokenEmbed, Vit, VitConfig, pool};

/// `gamma_l * x + beta_l` behind block `l`: two vectors of the width per block, nothing else.
#[derive(Module, Debug)]
pub struct ScaleShift<B: Backend> {
    gamma: Vec<Param<Tensor<B, 1>>>,
    beta: Vec<Param<Tensor<B, 1>>>,
}

impl<B: Backend> ScaleShift<B> {
    /// One and zero: at the start the model is the pretrained one.
    pub fn init(config: &VitConfig, device: &B::Device) -> Self {
        let ones = || Param::from_tensor(Tensor::ones([config.dim], device));
        let zeros = || Param::from_tensor(Tensor::zeros([config.dim], device));
        Self {
            gamma: (0..config.depth).map(|_| ones()).collect(),
            beta: (0..config.depth).map(|_| zeros()).collect(),
        }
    }
}

/// The places where it acts. Whatever is not named here does what the pretrained model does.
impl<B: Backend> Seam<B> for ScaleShift<B> {
    type State = ();

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, ()) {
        (base.forward(image), ())
    }

    fn after_block(&self, block: usize, x: Tensor<B, 3>, _state: &mut ()) -> Tensor<B, 3> {
        let gamma = self.gamma[block].val().unsqueeze();
        let beta = self.beta[block].val().unsqueeze();
        x * gamma + beta
    }
}

/// One step of gradient descent on the adapter alone.
pub fn step<B: AutodiffBackend>(
    adapter: ScaleShift<B>,
    loss: Tensor<B, 1>,
    rate: f64,
) -> ScaleShift<B> {
    let gradients = loss.backward();
    let follow = |parameter: Param<Tensor<B, 1>>| {
        parameter.map(|value| match value.grad(&gradients) {
            Some(gradient) => Tensor::from_inner(value.inner() - gradient * rate).require_grad(),
            None => value,
        })
    };
    ScaleShift {
        gamma: adapter.gamma.into_iter().map(follow).collect(),
        beta: adapter.beta.into_iter().map(follow).collect(),
    }
}

/// A small model, untrained; the adapter draws its features to a target.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    type B = Autodiff<Flex>;
    let device = Default::default();
    let config = VitConfig {
        image_size: 16,
        patch_size: 8,
        dim: 8,
        depth: 2,
        heads: 2,
        mlp_dim: 16,
        ..VitConfig::default()
    };
    // The base is only read, and no gradient is kept for it.
    let vit = Vit::<B>::init(&config, 7, &device)?.no_grad();
    let mut adapter = ScaleShift::<B>::init(&config, &device);
    println!("{} trained parameters", adapter.num_params());

    let image = Tensor::random([2, 3, 16, 16], Distribution::Normal(0.0, 1.0), &device);
    let feature = |adapter: &ScaleShift<B>| {
        let tokens = vit.forward(image.clone(), adapter);
        pool(tokens, vit.prefix_tokens(adapter), Pooling::PatchMean)
    };
    let base = pool(vit.forward(image.clone(), &()), 1, Pooling::PatchMean);
    let change = (feature(&adapter) - base).abs().max().into_scalar();
    println!("change of the features at the start: {change}");
    assert_eq!(change, 0.0);

    // Draw the features to a target.
    let target = Tensor::<B, 2>::ones([2, 8], &device);
    let loss = |adapter: &ScaleShift<B>| (feature(adapter) - target.clone()).powi_scalar(2).mean();
    let mut losses = Vec::new();
    for _ in 0..20 {
        let loss = loss(&adapter);
        losses.push(loss.clone().into_scalar());
        adapter = step(adapter, loss, 0.1);
    }
    println!("loss {:.4} to {:.4}", losses[0], losses[19]);
    assert!(losses[19] < losses[0]);
    Ok(())
}
