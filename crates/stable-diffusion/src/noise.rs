//! Standard normal noise drawn on the host: the same for a seed and a name on every backend.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use vit_backbone::{InitRule, SeededInit};

/// Standard normal numbers (Box & Muller 1958 on two uniform draws): a function of seed, name and shape only.
pub fn standard_normal<B: Backend>(
    seed: u64,
    name: &str,
    shape: [usize; 4],
    device: &B::Device,
) -> Tensor<B, 4> {
    let source = SeededInit::new(seed);
    let count = shape.iter().product();
    let uniform = |part: &str| {
        let rule = InitRule::Uniform { bound: 0.5 };
        source.draw(&format!("{name}.{part}"), count, rule)
    };
    let pairs = uniform("radius").into_iter().zip(uniform("angle"));
    let values: Vec<f32> = pairs
        .map(|(r, a)| {
            let radius = (-2.0 * (f64::from(r) + 0.5).max(1e-12).ln()).sqrt();
            (radius * (std::f64::consts::TAU * f64::from(a)).cos()) as f32
        })
        .collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_standard_normal_and_repeats() {
        let device = Default::default();
        let draw = |seed, name: &str| {
            let tensor = standard_normal::<burn_flex::Flex>(seed, name, [2, 4, 50, 50], &device);
            tensor.into_data().iter::<f32>().collect::<Vec<_>>()
        };
        let values = draw(1, "a");
        assert_eq!(values, draw(1, "a"));
        assert_ne!(values, draw(2, "a"));
        assert_ne!(values, draw(1, "b"));
        let moment = |power| {
            values
                .iter()
                .map(|v| f64::from(*v).powi(power))
                .sum::<f64>()
                / 2e4
        };
        assert!(moment(1).abs() < 0.03, "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.04, "{}", moment(2));
        assert!((moment(4) - 3.0).abs() < 0.3, "{}", moment(4));
    }
}
