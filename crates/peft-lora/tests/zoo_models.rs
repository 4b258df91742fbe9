//! The methods on backbones that are variations of a plain one: image towers, gated MLPs, ground positions, channel groups.

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use burn_flex::Flex;
use peft_lora::{
    BaseIdentity, BitFitConfig, LoadOptions, LoraConfig, MethodConfig, PeftAdapter, PeftError,
    output_difference,
};
use testkit::behaviour::perturbed;
use testkit::{Tolerance, assert_close};
use vit_backbone::{Activation, ChannelGroups, PositionKind, Vit, VitConfig};

type B = Flex;

fn tiny() -> VitConfig {
    VitConfig {
        image_size: 8,
        patch_size: 4,
        in_channels: 3,
        dim: 8,
        depth: 2,
        heads: 2,
        mlp_dim: 12,
        ..VitConfig::default()
    }
}

fn models() -> Vec<(&'static str, VitConfig)> {
    vec![
        (
            "image tower",
            VitConfig {
                patch_bias: false,
                pre_norm: true,
                projection: Some(6),
                activation: Activation::QuickGelu,
                ..tiny()
            },
        ),
        (
            "gated MLP",
            VitConfig {
                activation: Activation::SwiGlu,
                layer_scale: Some(0.5),
                ..tiny()
            },
        ),
        (
            "ground positions",
            VitConfig {
                positions: PositionKind::SinCosGround,
                ..tiny()
            },
        ),
        (
            "rotary positions",
            VitConfig {
                positions: PositionKind::Rotary,
                register_tokens: 2,
                ..tiny()
            },
        ),
        (
            "frames",
            VitConfig {
                dim: 16,
                frames: Some(3),
                coordinates: true,
                positions: PositionKind::SinCos3d,
                ..tiny()
            },
        ),
        (
            "metadata in positions, padded patches, no output bias",
            VitConfig {
                dim: 12,
                patch_padding: 1,
                qkv_bias: false,
                proj_bias: false,
                positions: PositionKind::SinCosMetadata,
                ..tiny()
            },
        ),
        (
            "channel groups",
            VitConfig {
                channel_groups: Some(ChannelGroups {
                    groups: vec![vec![0, 2], vec![1]],
                    dim: 4,
                }),
                ..tiny()
            },
        ),
    ]
}

fn methods(config: &VitConfig) -> Vec<MethodConfig> {
    let bitfit = BitFitConfig {
        norms: true,
        patch_embed: config.channel_groups.is_none(),
    };
    vec![
        MethodConfig::Full,
        MethodConfig::NormTuning,
        MethodConfig::BitFit(bitfit),
        MethodConfig::Lora(LoraConfig::new(2, 4.0, ["all-linear"])),
    ]
}

fn base(config: &VitConfig) -> Vit<B> {
    perturbed(Vit::init(config, 1, &Default::default()).unwrap(), 2, 0.2).no_grad()
}

fn image() -> Tensor<B, 4> {
    let values: Vec<f32> = (0..2 * 3 * 64).map(|i| (i as f32 * 0.37).sin()).collect();
    Tensor::from_data(TensorData::new(values, [2, 3, 8, 8]), &Default::default())
}

#[test]
fn counts_identity_merging_and_files_hold_for_every_model() {
    let device = Default::default();
    let folder = tempfile::tempdir().unwrap();
    for (what, config) in models() {
        let base = base(&config);
        assert_eq!(base.num_params(), config.parameter_count(), "{what}");
        for method in methods(&config) {
            let what = format!("{what}, {}", method.name());
            let adapter = method.init(&base, &config, 3, &device).unwrap();
            assert_eq!(
                adapter.trainable_parameters(),
                method.count(&config).unwrap().trainable,
                "{what}"
            );
            assert_eq!(
                output_difference((&base, &()), (&base, &adapter), image()),
                0.0,
                "{what}: not the base at the start"
            );
            let moved = perturbed(adapter, 4, 0.1);
            let tokens = base.forward(image(), &moved).into_data();
            assert!(
                output_difference((&base, &()), (&base, &moved), image()) > 1e-3,
                "{what}: nothing was adapted"
            );
            let merged = moved.merge(&base).unwrap();
            assert_close(
                &merged.forward(image(), &()).into_data(),
                &tokens,
                Tolerance::REORDERED,
                &what,
            );
            let path = folder.path().join(what.replace(' ', "_"));
            moved
                .save(&path, &method, None, &BaseIdentity::default())
                .unwrap();
            let options = LoadOptions::default();
            let loaded = PeftAdapter::load(&path, &base, &config, &options, &device)
                .unwrap_or_else(|e| panic!("{what}: {e}"));
            assert_close(
                &base.forward(image(), &loaded.adapter).into_data(),
                &tokens,
                Tolerance::EXACT,
                &what,
            );
        }
    }
}

/// The size of a pixel is set on the base, batch by batch, and holds for a method that has a copy of everything.
#[test]
fn the_resolution_of_the_base_holds_for_every_method() {
    let config = models()
        .into_iter()
        .find(|(what, _)| *what == "ground positions")
        .unwrap()
        .1;
    let base = base(&config);
    let fine = base.at_resolution(&[0.3, 10.0]).unwrap();
    assert!(output_difference((&base, &()), (&fine, &()), image()) > 1e-3);
    for method in methods(&config) {
        let adapter = method.init(&base, &config, 3, &Default::default()).unwrap();
        assert_eq!(
            output_difference((&fine, &()), (&fine, &adapter), image()),
            0.0,
            "{}",
            method.name()
        );
    }
}

#[test]
fn biases_of_several_patch_embeddings_are_refused() {
    let config = models().pop().unwrap().1;
    let method = MethodConfig::bitfit();
    let refused = |error: PeftError| {
        assert!(
            matches!(&error, PeftError::InvalidConfig { field, .. } if field == "patch_embed"),
            "{error}"
        );
    };
    refused(method.count(&config).unwrap_err());
    refused(
        method
            .init(&base(&config), &config, 1, &Default::default())
            .unwrap_err(),
    );
}
