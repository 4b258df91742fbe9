//! What single methods promise beyond the behavioural suite: refusals, learning rates, tokens, odd backbones.

use burn::module::Param;
use burn::tensor::Tensor;
use burn_flex::Flex;
use peft_lora::{
    AdaptFormerConfig, HoulsbyConfig, Ia3Config, LoraBias, LoraConfig, MethodConfig, PRESETS,
    PeftAdapter, PeftError, SlrConfig, SlrPatchInit, VptConfig,
};
use testkit::behaviour::{image, named_values, perturbed, tiny_base, tiny_config};
use testkit::{Tolerance, assert_close};
use vit_backbone::{LinearMap, LinearSite, Vit, VitConfig};

type B = Flex;

fn init(method: &MethodConfig, config: &VitConfig) -> Result<PeftAdapter<B>, PeftError> {
    let base = Vit::<B>::init(config, 1, &Default::default())?;
    method.init(&base, config, 3, &Default::default())
}

/// Building and counting both refuse, naming the field.
fn refused(field: &str, method: MethodConfig, config: &VitConfig) {
    for error in [
        init(&method, config).map(drop).unwrap_err(),
        method.count(config).map(drop).unwrap_err(),
    ] {
        assert!(
            matches!(&error, PeftError::InvalidConfig { field: found, .. } if found == field),
            "{field}: {error}"
        );
    }
}

fn slr() -> SlrConfig {
    SlrConfig {
        rank: 2,
        ..SlrConfig::default()
    }
}

#[test]
fn numbers_outside_their_range_are_refused() {
    let config = tiny_config();
    for rank in [0, usize::MAX] {
        refused(
            "rank",
            MethodConfig::Slr(SlrConfig { rank, ..slr() }),
            &config,
        );
    }
    for down_std in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let slr = SlrConfig { down_std, ..slr() };
        refused("down_std", MethodConfig::Slr(slr), &config);
    }
    for width in [0, usize::MAX] {
        let houlsby = HoulsbyConfig {
            width,
            ..HoulsbyConfig::default()
        };
        refused("width", MethodConfig::Houlsby(houlsby), &config);
        let adaptformer = AdaptFormerConfig {
            width,
            ..AdaptFormerConfig::default()
        };
        refused("width", MethodConfig::AdaptFormer(adaptformer), &config);
    }
    for scale in [0.0, f64::NAN, f64::NEG_INFINITY] {
        let adaptformer = AdaptFormerConfig {
            scale,
            ..AdaptFormerConfig::default()
        };
        refused("scale", MethodConfig::AdaptFormer(adaptformer), &config);
    }
    for prompts in [0, usize::MAX] {
        let vpt = VptConfig {
            prompts,
            ..VptConfig::default()
        };
        refused("prompts", MethodConfig::Vpt(vpt), &config);
    }
    for dropout in [-0.1, 1.0, f64::NAN] {
        let vpt = VptConfig {
            dropout,
            ..VptConfig::default()
        };
        refused("dropout", MethodConfig::Vpt(vpt), &config);
    }
}

#[test]
fn places_that_a_method_cannot_act_on_are_refused() {
    let config = tiny_config();
    let part = || vec!["qkv.q".to_owned()];
    let targets = |targets| MethodConfig::Slr(SlrConfig { targets, ..slr() });
    refused("targets", targets(vec![]), &config);
    refused("targets", targets(part()), &config);
    let dora = MethodConfig::Dora(LoraConfig::new(2, 2.0, part()));
    refused("targets", dora, &config);
    let ia3 = |targets, feedforward| {
        MethodConfig::Ia3(Ia3Config {
            targets,
            feedforward,
        })
    };
    refused("targets", ia3(vec![], vec![]), &config);
    refused("feedforward", ia3(part(), part()), &config);
    refused("feedforward", ia3(part(), vec!["fc1".into()]), &config);
    let unknown = init(&targets(vec!["qvk".into()]), &config).unwrap_err();
    assert!(matches!(unknown, PeftError::NoTarget { .. }), "{unknown}");
    // Two equal convolutions cannot take a patch of 14 pixels to one token.
    let config = VitConfig {
        image_size: 28,
        patch_size: 14,
        ..tiny_config()
    };
    let patches = SlrConfig {
        patch_embed: true,
        ..slr()
    };
    refused("patch_embed", MethodConfig::Slr(patches), &config);
    assert!(init(&MethodConfig::Slr(slr()), &config).is_ok());
}

#[test]
fn methods_that_are_not_linear_refuse_to_merge() {
    for name in ["houlsby-64", "adaptformer-64", "vpt-shallow", "vpt-deep"] {
        let adapter = init(&MethodConfig::preset(name).unwrap(), &tiny_config()).unwrap();
        let error = adapter.merge(&tiny_base()).unwrap_err();
        assert!(matches!(error, PeftError::NotMergeable { .. }), "{error}");
        assert!(error.to_string().contains(adapter.method_name()), "{error}");
    }
}

/// Whether a path fits a pattern in which only the first character may be a star, and the last two `.*`.
fn fits(pattern: &str, path: &str) -> bool {
    let middle = pattern.trim_start_matches('*');
    match middle.strip_suffix(".*") {
        Some(inside) => path.contains(&format!("{inside}.")),
        None => path.ends_with(middle),
    }
}

#[test]
fn rate_groups_hold_every_parameter_once() {
    let plus = |bias, dora| {
        let lora = LoraConfig {
            bias,
            b_rate_ratio: 16.0,
            ..LoraConfig::new(2, 2.0, ["qkv", "fc1"])
        };
        if dora {
            MethodConfig::Dora(lora)
        } else {
            MethodConfig::Lora(lora)
        }
    };
    let mut methods = vec![
        plus(LoraBias::None, false),
        plus(LoraBias::LoraOnly, false),
        plus(LoraBias::All, true),
    ];
    methods.extend(PRESETS.map(|name| MethodConfig::preset(name).unwrap()));
    for method in methods {
        let groups = method.rate_groups();
        let values = named_values(&init(&method, &tiny_config()).unwrap());
        for (path, _) in &values {
            let owners: Vec<_> = groups
                .iter()
                .filter(|group| group.patterns.iter().any(|pattern| fits(pattern, path)))
                .collect();
            assert_eq!(owners.len(), 1, "{}: {path}", method.label());
            let is_b = path.ends_with(".up") && method.label().contains("RA+");
            let factor = if is_b { 16.0 } else { 1.0 };
            assert_eq!(owners[0].factor, factor, "{}: {path}", method.label());
        }
        for pattern in groups.iter().flat_map(|group| &group.patterns) {
            assert!(
                values.is_empty() || values.iter().any(|(path, _)| fits(pattern, path)),
                "{}: {pattern}",
                method.label()
            );
        }
    }
}

#[test]
fn a_column_of_zeros_leaves_dora_finite() {
    let mut base = tiny_base::<B>();
    let site = LinearSite {
        block: 0,
        map: LinearMap::Fc1,
    };
    let weight = base.linear(site).weight.val();
    base.linear_mut(site).weight = Param::from_tensor(weight.zeros_like());
    let method = MethodConfig::Dora(LoraConfig::new(2, 2.0, ["fc1"]));
    let adapter = method
        .init(&base, &tiny_config(), 1, &Default::default())
        .unwrap();
    let plain = base.forward(image(), &()).into_data();
    assert_eq!(base.forward(image(), &adapter).into_data(), plain);
    let outputs = base.forward(image(), &perturbed(adapter, 2, 0.3));
    assert!(outputs.into_data().iter::<f32>().all(f32::is_finite));
}

#[test]
fn prompts_stand_behind_the_prefix_and_deep_ones_replace_each_other() {
    for class_token in [true, false] {
        let config = VitConfig {
            class_token,
            register_tokens: 0,
            ..tiny_config()
        };
        let base = perturbed(
            Vit::<B>::init(&config, 1, &Default::default()).unwrap(),
            2,
            0.2,
        );
        for deep in [false, true] {
            let vpt = VptConfig {
                prompts: 3,
                deep,
                ..VptConfig::default()
            };
            let adapter = MethodConfig::Vpt(vpt)
                .init(&base, &config, 1, &Default::default())
                .unwrap();
            let prefix = usize::from(class_token);
            assert_eq!(base.prefix_tokens(&adapter), prefix + 3);
            let PeftAdapter::Vpt(inner) = &adapter else {
                panic!()
            };
            let at = |tokens: &Tensor<B, 3>| {
                let prompts = tokens.clone().slice([1..2, prefix..prefix + 3, 0..8]);
                prompts.into_data()
            };
            let (tokens, mut pass) = base.embed(image(), &adapter);
            assert_eq!(tokens.dims(), [2, prefix + 3 + 4, 8]);
            assert_eq!(at(&tokens), inner.prompts[0].val().into_data());
            let plain = base.embed(image(), &()).0.into_data();
            // Without the prompts it is what the base makes of the image.
            let mut kept = vec![tokens.clone().slice([0..2, prefix + 3..prefix + 7, 0..8])];
            if class_token {
                kept.insert(0, tokens.clone().slice([0..2, 0..1, 0..8]));
            }
            assert_eq!(Tensor::cat(kept, 1).into_data(), plain);
            let tokens = base.run_blocks(tokens, &mut pass, 0..1, &adapter);
            assert_eq!(tokens.dims(), [2, prefix + 3 + 4, 8]);
            if deep {
                assert_eq!(at(&tokens), inner.prompts[1].val().into_data());
            } else {
                assert_ne!(at(&tokens), inner.prompts[0].val().into_data());
            }
        }
    }
}

#[test]
fn maps_without_a_bias_are_adapted_and_merged() {
    let config = VitConfig {
        qkv_bias: false,
        ..tiny_config()
    };
    let base = perturbed(
        Vit::<B>::init(&config, 1, &Default::default()).unwrap(),
        2,
        0.2,
    );
    let slr_everywhere = SlrConfig {
        patch_embed: true,
        patch_init: SlrPatchInit::Published,
        ..slr()
    };
    let lora = LoraConfig {
        bias: LoraBias::LoraOnly,
        ..LoraConfig::new(2, 2.0, ["all-linear"])
    };
    for method in [
        MethodConfig::Slr(slr_everywhere),
        MethodConfig::Ia3(Ia3Config::default()),
        MethodConfig::Lora(lora.clone()),
        MethodConfig::Dora(lora),
    ] {
        let adapter = method.init(&base, &config, 1, &Default::default()).unwrap();
        assert_eq!(
            adapter.trainable_parameters(),
            method.count(&config).unwrap().trainable
        );
        let adapter = perturbed(adapter, 2, 0.3);
        let merged = adapter.merge(&base).unwrap();
        assert_close(
            &merged.forward(image(), &()).into_data(),
            &base.forward(image(), &adapter).into_data(),
            Tolerance::F32,
            &format!("{}: merged", method.label()),
        );
    }
}
