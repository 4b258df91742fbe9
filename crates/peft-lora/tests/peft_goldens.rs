//! Directories written by Python peft on a timm model, read here: the same logits and the same gradients.

mod peft_model;

use burn::module::Param;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use peft_lora::{BaseCheck, MethodConfig, PeftAdapter, SavedHead};
use peft_model::{base, config, head, load};
use testkit::{Golden, Tolerance, assert_close, golden_root};
use vit_backbone::{Pooling, pool};

/// The head, trainable.
fn trained_head<B: Backend>(
    saved: Option<&SavedHead>,
) -> (Param<Tensor<B, 2>>, Param<Tensor<B, 1>>) {
    let (weight, bias) = head(saved);
    (Param::from_tensor(weight), Param::from_tensor(bias))
}

fn same_logits_and_gradients<B: AutodiffBackend>() {
    let base = base::<B>();
    for case in [
        "lora_all",
        "lora_qkv_rslora",
        "lora_patterns",
        "lora_no_head",
        "ln_tuning",
    ] {
        let golden = Golden::open(&format!("peft-lora/{case}/expected.safetensors"));
        let mut loaded = load(case, &base);
        assert_eq!(loaded.report.base, BaseCheck::Unknown, "{case}");
        assert_eq!(loaded.head.is_some(), case != "lora_no_head", "{case}");
        if let PeftAdapter::Lora(lora) = &mut loaded.adapter {
            // Read from the configuration, and off for the comparison with a model in evaluation.
            assert_eq!(
                lora.dropout.prob,
                if case == "lora_patterns" { 0.3 } else { 0.0 }
            );
            lora.dropout.prob = 0.0;
        }
        let (weight, bias) = trained_head::<B>(loaded.head.as_ref());
        let device = B::Device::default();
        let tokens = base.forward(golden.tensor("input", &device), &loaded.adapter);
        let features = pool(tokens, base.prefix_tokens(&()), Pooling::ClassToken);
        let logits = features.matmul(weight.val().transpose()) + bias.val().unsqueeze();
        assert_close(
            &logits.clone().into_data(),
            golden.data("logits"),
            Tolerance::F32,
            case,
        );

        let gradients = (logits * golden.tensor("probe", &device)).sum().backward();
        let close = |key: String, found: TensorData| {
            let key = format!("grad.base_model.model.{key}");
            assert_close(
                &found,
                golden.data(&key),
                Tolerance::F32,
                &format!("{case}: {key}"),
            );
        };
        let mut compared = 0;
        if loaded.head.is_some() {
            close(
                "head.weight".into(),
                weight.val().grad(&gradients).unwrap().into_data(),
            );
            close(
                "head.bias".into(),
                bias.val().grad(&gradients).unwrap().into_data(),
            );
            compared += 2;
        }
        match &loaded.adapter {
            PeftAdapter::Lora(lora) => {
                for map in &lora.maps {
                    for (name, param) in [("A", &map.down), ("B", &map.up)] {
                        let gradient = param.val().grad(&gradients).unwrap().transpose();
                        close(
                            format!("{}.lora_{name}.weight", map.plan.target),
                            gradient.into_data(),
                        );
                        compared += 1;
                    }
                }
            }
            PeftAdapter::NormTuning(tuning) => {
                for (site, norm) in tuning.sites.iter().zip(&tuning.norms) {
                    for (name, param) in [
                        ("weight", &norm.gamma),
                        ("bias", norm.beta.as_ref().unwrap()),
                    ] {
                        let gradient = param.val().grad(&gradients).unwrap();
                        close(
                            format!("{site}.ln_tuning_layers.{name}"),
                            gradient.into_data(),
                        );
                        compared += 1;
                    }
                }
            }
            other => panic!("{case}: {other:?}"),
        }
        let expected = golden
            .names()
            .filter(|name| name.starts_with("grad."))
            .count();
        assert_eq!(
            compared, expected,
            "{case}: every gradient of the golden is compared"
        );
    }
}

testkit::backend_matrix!(same_logits_and_gradients);

#[test]
fn the_configuration_is_told_in_our_words() {
    let base = base::<burn_flex::Flex>();
    let method = |case| load(case, &base).method;
    let MethodConfig::Lora(all) = method("lora_all") else {
        panic!()
    };
    assert_eq!((all.rank, all.alpha, all.rslora), (4, 8.0, false));
    assert_eq!(all.targets, ["attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"]);
    let MethodConfig::Lora(rslora) = method("lora_qkv_rslora") else {
        panic!()
    };
    assert_eq!((rslora.rank, rslora.alpha, rslora.rslora), (3, 6.0, true));
    let MethodConfig::Lora(patterns) = method("lora_patterns") else {
        panic!()
    };
    assert_eq!(patterns.targets, ["attn.qkv", "mlp.fc2"]);
    // What it says is what it is: built anew from these words, the adapter has the same places, ranks and scales.
    let PeftAdapter::Lora(lora) = load("lora_patterns", &base).adapter else {
        panic!()
    };
    let plans: Vec<_> = lora.maps.iter().map(|map| map.plan).collect();
    assert_eq!(peft_lora::plan(&patterns, &config()).unwrap(), plans);
    assert_eq!(
        plans.iter().map(|plan| plan.rank).collect::<Vec<_>>(),
        [4, 1, 2, 1]
    );
    assert_eq!(
        plans.iter().map(|plan| plan.alpha).collect::<Vec<_>>(),
        [3.0, 3.0, 5.0, 3.0]
    );
    assert_eq!(method("ln_tuning"), MethodConfig::NormTuning);
}

#[test]
fn a_file_of_peft_written_again_has_the_same_tensors() {
    let base = base::<burn_flex::Flex>();
    for case in [
        "lora_all",
        "lora_qkv_rslora",
        "lora_patterns",
        "lora_no_head",
        "ln_tuning",
    ] {
        let loaded = load(case, &base);
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join(case);
        loaded
            .adapter
            .save(
                &directory,
                &loaded.method,
                loaded.head.as_ref(),
                &Default::default(),
            )
            .unwrap();
        let read = |path: std::path::PathBuf| {
            let bytes = std::fs::read(path).unwrap();
            let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
            assert_eq!(header.metadata().as_ref().unwrap()["format"], "pt");
            let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            let mut tensors: Vec<_> = file
                .iter()
                .map(|(key, v)| {
                    (
                        key.to_owned(),
                        v.dtype(),
                        v.shape().to_vec(),
                        v.data().to_vec(),
                    )
                })
                .collect();
            tensors.sort_by(|a, b| a.0.cmp(&b.0));
            tensors
        };
        let theirs = golden_root()
            .join("peft-lora")
            .join(case)
            .join("adapter_model.safetensors");
        assert_eq!(
            read(directory.join("adapter_model.safetensors")),
            read(theirs),
            "{case}"
        );
    }
}
