//! Directories written and read here: heads, bases, and parts of the fused map.

mod support;

use std::fs;

use peft_lora::{BaseCheck, LoadOptions, LoraConfig, MethodConfig, PeftAdapter, PeftError};
use safetensors::SafeTensors;
use serde_json::{Value, json};
use testkit::behaviour::{image, named_values, tiny_base, tiny_config};
use testkit::{Tolerance, assert_close};

use support::{B, HASH, edit, head, load, qv, saved};

#[test]
fn head_and_base_travel_with_the_adapter() {
    for method in [
        qv(),
        MethodConfig::Frozen,
        MethodConfig::NormTuning,
        MethodConfig::bitfit(),
    ] {
        let saved = saved(&method);
        let loaded = load(&saved.path).unwrap();
        assert_eq!(loaded.head, Some(head()));
        assert_eq!(loaded.method, method);
        assert_eq!(loaded.report.base, BaseCheck::Unknown);
        let config: Value =
            serde_json::from_slice(&fs::read(saved.path.join("adapter_config.json")).unwrap())
                .unwrap();
        assert_eq!(config["modules_to_save"], json!(["head"]));
        assert_eq!(config["base_model_name_or_path"], json!("tiny"));
    }
}

#[test]
fn an_adapter_of_another_base_is_refused_unless_allowed() {
    let saved = saved(&qv());
    let load = |hash: &str, allow_other_base| {
        let options = LoadOptions {
            base_sha256: Some(hash.into()),
            allow_other_base,
        };
        PeftAdapter::load(
            &saved.path,
            &tiny_base::<B>(),
            &tiny_config(),
            &options,
            &Default::default(),
        )
    };
    let other = HASH.replace('0', "f");
    assert_eq!(load(HASH, false).unwrap().report.base, BaseCheck::Same);
    let message = load(&other, false).unwrap_err().to_string();
    assert!(
        message.contains(HASH) && message.contains(&other) && message.contains("rs_peft.json"),
        "{message}"
    );
    assert_eq!(load(&other, true).unwrap().report.base, BaseCheck::Other);
    assert!(matches!(
        load("abc", true).unwrap_err(),
        PeftError::InvalidConfig { .. }
    ));
}

#[test]
fn query_and_value_are_written_as_one_fused_adapter_of_the_same_function() {
    for rslora in [false, true] {
        let MethodConfig::Lora(lora) = qv() else {
            panic!()
        };
        let saved = saved(&MethodConfig::Lora(LoraConfig {
            rslora,
            dropout: 0.0,
            ..lora
        }));
        let config: Value =
            serde_json::from_slice(&fs::read(saved.path.join("adapter_config.json")).unwrap())
                .unwrap();
        let bytes = fs::read(saved.path.join("adapter_model.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let key = |name: &str| format!("base_model.model.blocks.1.attn.qkv.lora_{name}.weight");
        let b = file.tensor(&key("B")).unwrap();
        assert_eq!(
            file.tensor(&key("A")).unwrap().shape(),
            [4, 8],
            "the ranks are added"
        );
        assert_eq!(b.shape(), [24, 4]);
        let b: Vec<f32> = b
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect();
        for (row, values) in b.chunks_exact(4).enumerate() {
            let trained = [
                [true, true, false, false],
                [false; 4],
                [false, false, true, true],
            ][row / 8];
            assert_eq!(
                values.iter().map(|v| *v != 0.0).collect::<Vec<_>>(),
                trained,
                "row {row}"
            );
        }
        // Two maps per block have the rank 2, two of the fused map 4: the scale of both stays what it was.
        let (r, alpha) = (
            config["r"].as_f64().unwrap(),
            config["lora_alpha"].as_f64().unwrap(),
        );
        let fused = "blocks.1.attn.qkv";
        let rank = config["rank_pattern"]
            .get(fused)
            .map_or(r, |v| v.as_f64().unwrap());
        let alpha_there = config["alpha_pattern"]
            .get(fused)
            .map_or(alpha, |v| v.as_f64().unwrap());
        let scale = |alpha: f64, rank: f64| {
            if rslora {
                alpha / rank.sqrt()
            } else {
                alpha / rank
            }
        };
        assert_eq!(rank, 4.0);
        assert!((scale(alpha_there, rank) - scale(3.0, 2.0)).abs() < 1e-12);

        // Without our record it is a fused adapter; with it, the parts are told apart again.
        let base = tiny_base::<B>();
        let expected = base.forward(image(), &saved.adapter).into_data();
        let parts = load(&saved.path).unwrap();
        assert_eq!(named_values(&parts.adapter), named_values(&saved.adapter));
        fs::remove_file(saved.path.join("rs_peft.json")).unwrap();
        let fused = load(&saved.path).unwrap();
        let MethodConfig::Lora(described) = &fused.method else {
            panic!()
        };
        assert_eq!(described.targets, ["attn.qkv", "mlp.fc1"]);
        assert_close(
            &base.forward(image(), &fused.adapter).into_data(),
            &expected,
            Tolerance::F32,
            "fused",
        );
        assert!(fused.adapter.trainable_parameters() > parts.adapter.trainable_parameters());
    }
}

#[test]
fn a_fused_file_that_was_trained_further_is_read_as_fused() {
    let saved = saved(&qv());
    let path = saved.path.join("adapter_model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let (header, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let info = metadata
        .info("base_model.model.blocks.0.attn.qkv.lora_B.weight")
        .unwrap();
    // The key's first output: zero as long as only q and v are trained.
    let at = 8 + header + info.data_offsets.0 + 8 * 4 * 4;
    bytes[at..at + 4].copy_from_slice(&0.5f32.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let loaded = load(&saved.path).unwrap();
    assert_eq!(loaded.report.notes.len(), 1);
    let MethodConfig::Lora(lora) = loaded.method else {
        panic!()
    };
    assert_eq!(lora.targets, ["attn.qkv", "mlp.fc1"]);
}

#[test]
fn where_several_patterns_match_the_first_of_the_file_decides() {
    let saved = saved(&MethodConfig::Lora(LoraConfig::new(2, 4.0, ["fc1"])));
    fs::remove_file(saved.path.join("rs_peft.json")).unwrap();
    edit(&saved.path.join("adapter_config.json"), |json| {
        json["alpha_pattern"] = json!({ "1.mlp.fc1": 6, "fc1": 8, "blocks.0.mlp.fc1": 10 });
    });
    let PeftAdapter::Lora(lora) = load(&saved.path).unwrap().adapter else {
        panic!()
    };
    let alphas: Vec<f64> = lora.maps.iter().map(|map| map.plan.alpha).collect();
    assert_eq!(alphas, [8.0, 6.0]);
}
