//! Building, counting and merging: what the behavioural suite does not ask of every method.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn_flex::Flex;
use peft_lora::{LoraConfig, LoraInit, MethodConfig, PRESETS, PeftAdapter, PeftError, Target};
use testkit::behaviour::{image, named_values, perturbed, tiny_base, tiny_config};
use vit_backbone::{LinearMap, LinearSite, PositionKind, Seam, Vit, VitConfig};

type B = Flex;

fn init(method: &MethodConfig, seed: u64) -> PeftAdapter<B> {
    method
        .init(&tiny_base::<B>(), &tiny_config(), seed, &Default::default())
        .unwrap()
}

fn lora(targets: &[&str]) -> LoraConfig {
    LoraConfig::new(3, 6.0, targets.iter().copied())
}

#[test]
fn counting_without_building_agrees_with_what_is_built() {
    let fixed = VitConfig {
        positions: PositionKind::SinCos2d,
        final_norm: false,
        qkv_bias: false,
        ..tiny_config()
    };
    for config in [tiny_config(), fixed] {
        let base = Vit::<B>::init(&config, 1, &Default::default()).unwrap();
        assert_eq!(base.num_params(), config.parameter_count());
        for name in PRESETS {
            let method = MethodConfig::preset(name).unwrap();
            let adapter = method.init(&base, &config, 3, &Default::default()).unwrap();
            assert_eq!(
                adapter.trainable_parameters(),
                method.count(&config).unwrap().trainable,
                "{name}"
            );
        }
    }
}

#[test]
fn a_seed_fixes_every_number_and_a_target_does_not_change_another() {
    let narrow = MethodConfig::Lora(lora(&["qkv"]));
    let wide = MethodConfig::Lora(lora(&["qkv", "fc1"]));
    let down = |adapter: &PeftAdapter<B>, name: &str| {
        let PeftAdapter::Lora(lora) = adapter else {
            panic!()
        };
        lora.maps
            .iter()
            .find(|m| m.plan.target.to_string() == name)
            .unwrap()
            .down
            .val()
            .into_data()
    };
    let place = "blocks.1.attn.qkv";
    assert_eq!(
        named_values(&init(&narrow, 1)),
        named_values(&init(&narrow, 1))
    );
    assert_eq!(down(&init(&narrow, 1), place), down(&init(&wide, 1), place));
    assert_ne!(
        down(&init(&narrow, 1), place),
        down(&init(&narrow, 2), place)
    );
    assert_ne!(
        down(&init(&narrow, 1), place),
        down(&init(&narrow, 1), "blocks.0.attn.qkv")
    );
    let scratch = MethodConfig::Scratch;
    assert_ne!(
        named_values(&init(&scratch, 1)),
        named_values(&init(&scratch, 2))
    );
}

#[test]
fn initial_values_have_their_distribution() {
    let config = VitConfig {
        dim: 256,
        heads: 4,
        depth: 1,
        mlp_dim: 256,
        ..tiny_config()
    };
    let base = Vit::<B>::init(&config, 1, &Default::default()).unwrap();
    for (rule, deviation, bound) in [
        // Uniform in ±1/sqrt(256).
        (LoraInit::KaimingUniform, 0.0625 / 3f64.sqrt(), 0.0625),
        (LoraInit::Gaussian, 1.0 / 64.0, f64::INFINITY),
    ] {
        let method = MethodConfig::Lora(LoraConfig {
            init: rule,
            ..LoraConfig::new(64, 64.0, ["qkv"])
        });
        let adapter = method.init(&base, &config, 5, &Default::default()).unwrap();
        let PeftAdapter::Lora(lora) = adapter else {
            panic!()
        };
        let values: Vec<f64> = lora.maps[0].down.val().into_data().iter::<f64>().collect();
        let found = (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt();
        assert!(
            (found / deviation - 1.0).abs() < 0.02,
            "{rule:?}: {found} instead of {deviation}"
        );
        assert!(values.iter().all(|v| v.abs() <= bound), "{rule:?}");
        assert!(
            lora.maps[0]
                .up
                .val()
                .into_data()
                .iter::<f32>()
                .all(|v| v == 0.0)
        );
    }
}

#[test]
fn an_adapter_of_q_and_v_leaves_k_bit_for_bit() {
    let base = tiny_base::<B>();
    let adapter = perturbed(
        init(&MethodConfig::Lora(lora(&["qkv.q", "qkv.v"])), 1),
        2,
        0.5,
    );
    let site = LinearSite {
        block: 1,
        map: LinearMap::Qkv,
    };
    let x = Tensor::<B, 3>::from_floats(
        [[[0.3, -0.2, 0.9, 0.1, -1.0, 0.4, 0.2, 0.7]]],
        &Default::default(),
    );
    let plain = ().linear(site, base.linear(site), x.clone()).into_data();
    let adapted = adapter.linear(site, base.linear(site), x).into_data();
    let (plain, adapted): (Vec<f32>, Vec<f32>) = (plain.iter().collect(), adapted.iter().collect());
    assert_eq!(plain[8..16], adapted[8..16], "keys");
    assert!((0..8).all(|i| plain[i] != adapted[i]), "queries");
    assert!((16..24).all(|i| plain[i] != adapted[i]), "values");
}

#[test]
fn the_forward_pass_is_the_formula() {
    // y = x W + b + s x A B with numbers that can be computed by hand.
    let base = tiny_base::<B>();
    let mut adapter = init(&MethodConfig::Lora(LoraConfig::new(1, 3.0, ["fc2"])), 1);
    let site = LinearSite {
        block: 0,
        map: LinearMap::Fc2,
    };
    let PeftAdapter::Lora(inner) = &mut adapter else {
        panic!()
    };
    let device = Default::default();
    let map = inner
        .maps
        .iter_mut()
        .find(|map| map.plan.target == Target::whole(site))
        .unwrap();
    map.down = Param::from_tensor(Tensor::ones([12, 1], &device));
    map.up = Param::from_tensor(Tensor::ones([1, 8], &device) * 0.5);
    let x = Tensor::<B, 3>::ones([1, 2, 12], &device);
    let difference =
        adapter.linear(site, base.linear(site), x.clone()) - ().linear(site, base.linear(site), x);
    // 12 ones times 0.5 times the scale 3 / 1.
    assert!(
        difference
            .into_data()
            .iter::<f32>()
            .all(|v| (v - 18.0).abs() < 1e-4)
    );
}

#[test]
fn two_adapters_share_one_base() {
    let base = tiny_base::<B>();
    let first = perturbed(init(&MethodConfig::Lora(lora(&["qkv"])), 1), 2, 0.5);
    let second = perturbed(init(&MethodConfig::NormTuning, 1), 3, 0.5);
    let alone = base.forward(image(), &first).into_data();
    let other = base.forward(image(), &second).into_data();
    assert_ne!(alone, other);
    assert_eq!(base.forward(image(), &first).into_data(), alone);
}

#[test]
fn diverged_weights_are_not_merged() {
    let base = tiny_base::<B>();
    let mut adapter = init(&MethodConfig::Lora(lora(&["fc1"])), 1);
    let PeftAdapter::Lora(inner) = &mut adapter else {
        panic!()
    };
    inner.maps[0].up = inner.maps[0].up.clone().map(|up| up + f32::NAN);
    let error = adapter.merge(&base).unwrap_err();
    assert!(matches!(error, PeftError::NotFinite { .. }), "{error}");
    // Finite factors with an infinite product.
    inner_of(&mut adapter).maps[0].up =
        Param::from_tensor(Tensor::full([3, 12], 1e30, &Default::default()));
    inner_of(&mut adapter).maps[0].down =
        Param::from_tensor(Tensor::full([8, 3], 1e30, &Default::default()));
    let message = adapter.merge(&base).unwrap_err().to_string();
    assert!(message.contains("blocks.0.mlp.fc1.weight"), "{message}");
}

fn inner_of(adapter: &mut PeftAdapter<B>) -> &mut peft_lora::Lora<B> {
    match adapter {
        PeftAdapter::Lora(lora) => lora,
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_configuration_than_the_backbones_is_refused() {
    let base = tiny_base::<B>();
    for config in [
        VitConfig {
            depth: 3,
            ..tiny_config()
        },
        VitConfig {
            dim: 16,
            ..tiny_config()
        },
        VitConfig {
            mlp_dim: 16,
            ..tiny_config()
        },
        VitConfig {
            in_channels: 3,
            ..tiny_config()
        },
        VitConfig {
            final_norm: false,
            ..tiny_config()
        },
        VitConfig {
            qkv_bias: false,
            ..tiny_config()
        },
        VitConfig {
            heads: 3,
            ..tiny_config()
        },
    ] {
        let error = MethodConfig::NormTuning
            .init(&base, &config, 1, &Default::default())
            .unwrap_err();
        assert!(
            matches!(
                error,
                PeftError::OtherArchitecture { .. } | PeftError::Backbone(_)
            ),
            "{error}"
        );
    }
}

#[test]
fn merging_into_half_precision_rounds_once() {
    use burn::tensor::{DType, FloatDType};
    let mut base = tiny_base::<B>();
    let site = LinearSite {
        block: 0,
        map: LinearMap::Fc1,
    };
    let half = base.linear(site).weight.val().cast(FloatDType::F16);
    base.linear_mut(site).weight = Param::from_tensor(half.clone());
    let adapter = perturbed(init(&MethodConfig::Lora(lora(&["fc1"])), 1), 2, 0.3);
    let merged = adapter.merge(&base).unwrap();
    let found = merged.linear(site).weight.val();
    assert_eq!(found.dtype(), DType::F16);
    let PeftAdapter::Lora(inner) = &adapter else {
        panic!()
    };
    let [down, up] = inner.factors(site).unwrap();
    let expected = (half.cast(FloatDType::F32) + down.matmul(up)).cast(FloatDType::F16);
    assert_eq!(found.into_data(), expected.into_data());
}

#[test]
fn a_record_of_burn_restores_every_method() {
    for name in PRESETS {
        let method = MethodConfig::preset(name).unwrap();
        let trained = perturbed(init(&method, 1), 2, 0.3);
        let restored = init(&method, 9).load_record(trained.clone().into_record());
        assert_eq!(named_values(&restored), named_values(&trained), "{name}");
        let outputs = |adapter| tiny_base::<B>().forward(image(), adapter).into_data();
        assert_eq!(outputs(&restored), outputs(&trained), "{name}");
    }
}
