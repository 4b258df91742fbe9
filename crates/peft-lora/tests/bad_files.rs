//! Everything that can be wrong with an adapter directory: an error that names the file, and nothing half-written.

mod support;

use std::fs;
use std::path::Path;

use peft_lora::{BaseIdentity, Ia3Config, LoadOptions, MethodConfig, PeftAdapter, PeftError};
use serde_json::json;
use testkit::behaviour::{image, tiny_base, tiny_config};

use support::{B, edit, load, qv, saved};

/// Loads after a change of one file and returns the error's message, which must name that file.
fn after(name: &str, change: impl FnOnce(&Path)) -> String {
    let saved = saved(&qv());
    change(&saved.path.join(name));
    let message = load(&saved.path).unwrap_err().to_string();
    assert!(message.contains(name), "`{name}` is not named: {message}");
    message
}

#[test]
fn truncated_and_corrupt_files() {
    for name in ["adapter_config.json", "rs_peft.json"] {
        for bytes in [&b""[..], b"{", b"[]", b"\xff\xfe", br#"{"peft_type": 3}"#] {
            after(name, |path| fs::write(path, bytes).unwrap());
        }
        // Half the nesting that would exhaust the stack of a naive parser.
        after(name, |path| fs::write(path, "[".repeat(1 << 20)).unwrap());
    }
    for name in ["adapter_model.safetensors", "rs_peft.safetensors"] {
        after(name, |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
        });
        after(name, |path| {
            fs::write(path, b"not safetensors at all").unwrap()
        });
    }
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
        let message = after(name, |path| fs::remove_file(path).unwrap());
        assert!(message.contains("cannot open"), "{message}");
    }
    let huge = after("adapter_config.json", |path| {
        fs::File::create(path).unwrap().set_len(1 << 40).unwrap()
    });
    assert!(huge.contains("1099511627776 bytes"), "{huge}");
}

#[test]
fn keys_that_do_not_fit_are_listed() {
    let message = after("adapter_model.safetensors", |path| {
        let config = path.with_file_name("adapter_config.json");
        edit(&config, |json| {
            json["target_modules"] = json!(["attn.qkv", "attn.proj"])
        });
    });
    for name in [
        "blocks.0.attn.proj.lora_A.weight",
        "blocks.1.mlp.fc1.lora_B.weight",
    ] {
        assert!(message.contains(name), "{message}");
    }
    let message = after("adapter_model.safetensors", |path| {
        edit(&path.with_file_name("adapter_config.json"), |json| {
            json["target_modules"] = json!(["nothing"])
        });
    });
    assert!(message.contains("target_modules"), "{message}");
    let message = after("adapter_model.safetensors", |path| {
        edit(&path.with_file_name("adapter_config.json"), |json| {
            json["rank_pattern"] = json!({ "mlp.fc1": 5 });
        });
    });
    assert!(
        message.contains("blocks.0.mlp.fc1.lora_A.weight: [2, 8] instead of [5, 8]"),
        "{message}"
    );
}

#[test]
fn an_adapter_of_a_backbone_of_another_size_is_refused() {
    let wide = vit_backbone::VitConfig {
        dim: 16,
        ..tiny_config()
    };
    let deep = vit_backbone::VitConfig {
        depth: 3,
        ..tiny_config()
    };
    for method in [
        qv(),
        MethodConfig::NormTuning,
        MethodConfig::bitfit(),
        MethodConfig::Full,
    ] {
        let saved = saved(&method);
        for config in [&wide, &deep] {
            let base = vit_backbone::Vit::<B>::init(config, 1, &Default::default()).unwrap();
            let error = PeftAdapter::load(
                &saved.path,
                &base,
                config,
                &LoadOptions::default(),
                &Default::default(),
            )
            .unwrap_err();
            assert!(
                matches!(error, PeftError::Shapes { .. } | PeftError::Keys { .. }),
                "{error}"
            );
        }
    }
}

#[test]
fn what_changes_the_function_is_refused() {
    for (key, value) in [
        ("fan_in_fan_out", json!(true)),
        ("bias", json!("some")),
        ("modules_to_save", json!(["head", "norm"])),
        ("init_lora_weights", json!("pissa")),
        ("layer_replication", json!([[0, 2]])),
        ("target_modules", json!("(unclosed")),
        ("peft_type", json!("VERA")),
        ("peft_type", json!("RS_PEFT_NOVELTY")),
        ("peft_type", json!("LN_TUNING")),
        ("peft_type", json!("RS_PEFT_LORA")),
        ("peft_type", json!("RS_PEFT_SLR")),
    ] {
        let message = after("adapter_config.json", |path| {
            edit(path, |json| json[key] = value.clone())
        });
        assert!(!message.is_empty());
    }
    for (key, value) in [
        ("r", json!(0)),
        ("r", json!(1u64 << 40)),
        ("lora_alpha", json!(-1)),
        ("lora_dropout", json!(1.5)),
    ] {
        let saved = saved(&qv());
        edit(&saved.path.join("adapter_config.json"), |json| {
            json[key] = value.clone()
        });
        let error = load(&saved.path).unwrap_err();
        assert!(
            matches!(&error, PeftError::InvalidConfig { field, .. } if field == key),
            "{key}: {error}"
        );
    }
    // Tensors that the configuration calls for and the file lacks.
    for (key, value, missing) in [
        ("use_dora", json!(true), "lora_magnitude_vector"),
        (
            "bias",
            json!("lora_only"),
            "blocks.0.attn.qkv.base_layer.bias",
        ),
        ("bias", json!("all"), "blocks.0.norm1.bias"),
        ("peft_type", json!("IA3"), "blocks.0.attn.qkv.ia3_l"),
    ] {
        let message = after("adapter_model.safetensors", |path| {
            edit(&path.with_file_name("adapter_config.json"), |json| {
                json[key] = value.clone()
            })
        });
        assert!(message.contains(missing), "{message}");
    }
    let newer = after("rs_peft.json", |path| {
        edit(path, |json| json["format_version"] = json!(99))
    });
    assert!(newer.contains("newer"), "{newer}");
    after("rs_peft.json", |path| {
        edit(path, |json| json["unknown"] = json!(1))
    });
}

#[test]
fn diverged_weights_are_neither_saved_nor_loaded() {
    let saved = saved(&qv());
    let mut adapter = saved.adapter.clone();
    let PeftAdapter::Lora(lora) = &mut adapter else {
        panic!()
    };
    lora.maps[0].up = lora.maps[0].up.clone().map(|up| up * f32::INFINITY);
    let before = fs::read(saved.path.join("adapter_model.safetensors")).unwrap();
    let error = adapter
        .save(&saved.path, &qv(), None, &BaseIdentity::default())
        .unwrap_err();
    assert!(matches!(error, PeftError::NotFinite { .. }), "{error}");
    assert_eq!(
        fs::read(saved.path.join("adapter_model.safetensors")).unwrap(),
        before
    );

    let path = saved.path.join("adapter_model.safetensors");
    let mut bytes = before;
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    assert!(matches!(
        load(&saved.path).unwrap_err(),
        PeftError::NotFinite { .. }
    ));
}

#[test]
fn saving_the_wrong_method_or_to_the_wrong_place() {
    let saved = saved(&qv());
    let base = BaseIdentity::default();
    let error = saved
        .adapter
        .save(&saved.path, &MethodConfig::NormTuning, None, &base)
        .unwrap_err();
    assert!(matches!(error, PeftError::InvalidConfig { .. }), "{error}");
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("file"), "").unwrap();
    let error = saved
        .adapter
        .save(home.path(), &qv(), None, &base)
        .unwrap_err();
    assert!(
        matches!(error, PeftError::NotAnAdapterDirectory { .. }),
        "{error}"
    );
    let error = saved
        .adapter
        .save(&home.path().join("file/adapter"), &qv(), None, &base)
        .unwrap_err();
    assert!(matches!(error, PeftError::Io { .. }), "{error}");
    assert_eq!(
        fs::read_dir(home.path()).unwrap().count(),
        1,
        "nothing is left behind"
    );
}

#[test]
fn methods_of_our_own_need_their_record() {
    for name in ["slr-r16-all", "houlsby-64", "adaptformer-64", "vpt-deep"] {
        let saved = saved(&MethodConfig::preset(name).unwrap());
        fs::remove_file(saved.path.join("rs_peft.json")).unwrap();
        let message = load(&saved.path).unwrap_err().to_string();
        assert!(message.contains("rs_peft.json"), "{name}: {message}");
    }
    // PEFT's own types do without, whole maps at least.
    let whole = MethodConfig::Ia3(Ia3Config {
        targets: vec!["attn.qkv".into(), "mlp.fc2".into()],
        ..Ia3Config::default()
    });
    for method in [whole, MethodConfig::preset("dora-r8-qkv").unwrap()] {
        let saved = saved(&method);
        fs::remove_file(saved.path.join("rs_peft.json")).unwrap();
        assert_eq!(load(&saved.path).unwrap().method.name(), method.name());
    }
}

#[test]
fn records_and_tensors_that_disagree_are_noted_or_refused() {
    // One of the keys' scales is not one: the tensors are not those of values and hidden activations alone.
    let narrow = MethodConfig::Ia3(Ia3Config {
        targets: vec!["qkv.v".into(), "fc2".into()],
        ..Ia3Config::default()
    });
    let saved_ia3 = saved(&MethodConfig::Ia3(Ia3Config::default()));
    edit(&saved_ia3.path.join("rs_peft.json"), |json| {
        json["method"] = serde_json::to_value(&narrow).unwrap();
    });
    let loaded = load(&saved_ia3.path).unwrap();
    assert_eq!(loaded.report.notes.len(), 1, "{:?}", loaded.report.notes);
    let outputs = |adapter: &PeftAdapter<B>| tiny_base::<B>().forward(image(), adapter).into_data();
    assert_eq!(outputs(&loaded.adapter), outputs(&saved_ia3.adapter));
    // Prompts of another number.
    let saved = saved(&MethodConfig::preset("vpt-shallow").unwrap());
    edit(&saved.path.join("rs_peft.json"), |json| {
        json["method"]["prompts"] = json!(3)
    });
    let message = load(&saved.path).unwrap_err().to_string();
    assert!(
        message.contains("[1, 10, 8] instead of [1, 3, 8]"),
        "{message}"
    );
}
