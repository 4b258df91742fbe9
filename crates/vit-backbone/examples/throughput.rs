//! Images per second of the small ViT of MAE pretraining on 64-pixel images, on the flex backend.
//!
//! `cargo run --release -p vit-backbone --example throughput`

use std::time::Instant;

use burn::backend::Autodiff;
use burn::module::AutodiffModule;
use burn::tensor::{Distribution, Tensor};
use burn_flex::Flex;
use vit_backbone::{BackboneError, Mae, MaeConfig, MaskPlan, PositionKind, VitConfig};

type B = Autodiff<Flex>;

fn main() -> Result<(), BackboneError> {
    let device = Default::default();
    let config = MaeConfig {
        encoder: VitConfig {
            image_size: 64,
            patch_size: 8,
            dim: 192,
            depth: 8,
            heads: 3,
            mlp_dim: 768,
            positions: PositionKind::SinCos2d,
            ..VitConfig::default()
        },
        decoder_dim: 96,
        decoder_depth: 2,
        decoder_heads: 3,
        decoder_mlp_dim: 384,
        mask_ratio: 0.75,
        normalise_pixels: true,
    };
    let mae = Mae::<B>::init(&config, 1, &device)?;
    let batch = 128;
    let image = Tensor::<B, 4>::random([batch, 3, 64, 64], Distribution::Normal(0.0, 1.0), &device);
    let rate = |what: &str, images: usize, run: &mut dyn FnMut()| {
        run();
        let start = Instant::now();
        for _ in 0..3 {
            run();
        }
        println!(
            "{what}: {:.0} images/s",
            3.0 * images as f64 / start.elapsed().as_secs_f64()
        );
    };
    let frozen = mae.valid().encoder;
    let inner = image.clone().inner();
    rate("features (no gradients)", batch, &mut || {
        drop(frozen.forward(inner.clone(), &()).into_data())
    });
    let plan = MaskPlan::random(batch, config.patches(), config.mask_ratio, 1)?;
    rate("MAE forward and backward", batch, &mut || {
        drop(mae.loss(image.clone(), &plan).backward())
    });
    let small = image.narrow(0, 0, 32);
    rate("full forward and backward, batch 32", 32, &mut || {
        drop(mae.encoder.forward(small.clone(), &()).mean().backward());
    });
    Ok(())
}
