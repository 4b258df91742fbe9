//! Fitting the patch embedding to other channels: what each choice promises.

use burn::tensor::{Distribution, Tensor};
use burn_flex::Flex;
use vit_backbone::{PatchEmbedInit, Vit, VitConfig};

fn model() -> Vit<Flex> {
    let config = VitConfig {
        image_size: 16,
        patch_size: 4,
        dim: 8,
        depth: 1,
        heads: 2,
        mlp_dim: 16,
        ..VitConfig::default()
    };
    Vit::init(&config, 1, &Default::default()).unwrap()
}

fn image(channels: usize) -> Tensor<Flex, 4> {
    Tensor::random(
        [2, channels, 16, 16],
        Distribution::Normal(0.0, 1.0),
        &Default::default(),
    )
}

fn difference(a: Tensor<Flex, 3>, b: Tensor<Flex, 3>) -> f32 {
    (a - b).abs().max().into_scalar()
}

#[test]
fn zero_channels_change_nothing_and_random_ones_do() {
    let base = model();
    let five = image(5);
    let three = five.clone().slice([0..2, 0..3, 0..16, 0..16]);
    let expected = base.forward(three, &());
    let zero = base
        .clone()
        .with_channels(5, 3, PatchEmbedInit::Zero, 0)
        .unwrap();
    assert!(difference(zero.forward(five.clone(), &()), expected.clone()) < 1e-6);
    let random = base
        .clone()
        .with_channels(5, 3, PatchEmbedInit::Random, 0)
        .unwrap();
    assert!(difference(random.forward(five.clone(), &()), expected) > 1e-2);
    let again = base.with_channels(5, 3, PatchEmbedInit::Random, 0).unwrap();
    assert!(difference(random.forward(five.clone(), &()), again.forward(five, &())) == 0.0);
}

#[test]
fn repeated_and_averaged_weights_see_a_grey_image_as_before() {
    let base = model();
    let grey = image(1);
    let expected = base.forward(grey.clone().expand([2, 3, 16, 16]), &());
    for (channels, known, init) in [
        (6, 0, PatchEmbedInit::Repeat),
        (1, 0, PatchEmbedInit::Mean),
        (2, 0, PatchEmbedInit::Mean),
    ] {
        let fitted = base
            .clone()
            .with_channels(channels, known, init, 0)
            .unwrap();
        let found = fitted.forward(grey.clone().expand([2, channels, 16, 16]), &());
        assert!(
            difference(found, expected.clone()) < 1e-5,
            "{channels} {init:?}"
        );
    }
}

#[test]
fn other_channels_need_an_explicit_choice() {
    let error = model()
        .with_channels(5, 3, PatchEmbedInit::Select, 0)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains('5') && error.contains('3'), "{error}");
    assert!(
        model()
            .with_channels(2, 3, PatchEmbedInit::Zero, 0)
            .is_err()
    );
    assert!(
        model()
            .with_channels(3, 3, PatchEmbedInit::Select, 0)
            .is_ok()
    );
}
