//! Directories written here, read by Python peft on a timm model: the same logits. Needs an interpreter with torch, timm and
//! peft, named by `RS_PEFT_PYTHON`; what PEFT expects of a file is also tested without it, in `peft_goldens.rs`.

mod peft_model;

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use burn::tensor::{Tensor, TensorData};
use burn_flex::Flex;
use peft_lora::{
    BaseIdentity, HostArray, Ia3Config, LoraBias, LoraConfig, LoraInit, MethodConfig, SavedHead,
};
use peft_model::{base, config};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use testkit::behaviour::perturbed;
use testkit::{Golden, golden_root};
use vit_backbone::{InitRule, Pooling, SeededInit, Vit, pool};

type B = Flex;

/// What PEFT has too, in every form that is written differently.
fn methods() -> Vec<(&'static str, MethodConfig)> {
    let mut mixed = LoraConfig::new(
        2,
        3.0,
        ["qkv.q", "blocks.0.attn.qkv.v", "fc2", "blocks.1.attn.proj"],
    );
    mixed.rank_pattern.insert("fc2".into(), 5);
    mixed.alpha_pattern.insert("blocks.0.mlp.fc2".into(), 1.25);
    let qv = LoraConfig::new(2, 3.0, ["qkv.q", "qkv.v"]);
    vec![
        (
            "all",
            MethodConfig::Lora(LoraConfig::new(4, 8.0, ["all-linear"])),
        ),
        ("qv", MethodConfig::Lora(qv.clone())),
        (
            "qv_rslora",
            MethodConfig::Lora(LoraConfig { rslora: true, ..qv }),
        ),
        (
            "mixed",
            MethodConfig::Lora(LoraConfig {
                dropout: 0.2,
                init: LoraInit::Gaussian,
                ..mixed
            }),
        ),
        ("norms", MethodConfig::NormTuning),
        (
            "dora",
            MethodConfig::Dora(LoraConfig {
                rslora: true,
                ..LoraConfig::new(3, 5.0, ["qkv", "blocks.1.mlp.fc2"])
            }),
        ),
        (
            "biases_of_adapted_maps",
            MethodConfig::Lora(LoraConfig {
                bias: LoraBias::LoraOnly,
                ..LoraConfig::new(2, 3.0, ["qkv.q", "fc1"])
            }),
        ),
        (
            "all_biases",
            MethodConfig::Lora(LoraConfig {
                bias: LoraBias::All,
                ..LoraConfig::new(2, 3.0, ["qkv", "fc2"])
            }),
        ),
        ("ia3", MethodConfig::Ia3(Ia3Config::default())),
        (
            "ia3_mixed",
            MethodConfig::Ia3(Ia3Config {
                targets: vec!["blocks.0.attn.*".into(), "blocks.*.mlp.*".into()],
                feedforward: vec!["blocks.1.mlp.fc1".into()],
            }),
        ),
    ]
}

/// Saves a moved adapter with a head, and the logits that both give here.
fn write_case(directory: &Path, base: &Vit<B>, method: &MethodConfig) {
    let device = Default::default();
    let adapter = perturbed(method.init(base, &config(), 1, &device).unwrap(), 2, 0.3);
    let draw = |name: &str, shape: &[usize]| {
        let values = SeededInit::new(3).draw(
            name,
            shape.iter().product(),
            InitRule::Uniform { bound: 0.5 },
        );
        HostArray::new(shape, values).unwrap()
    };
    let head = SavedHead::new(draw("weight", &[5, 16]), Some(draw("bias", &[5]))).unwrap();
    adapter
        .save(
            &directory.join("adapter"),
            method,
            Some(&head),
            &BaseIdentity::default(),
        )
        .unwrap();

    let input = Golden::open("peft-lora/lora_all/expected.safetensors")
        .data("input")
        .clone();
    let tokens = base.forward(Tensor::<B, 4>::from_data(input.clone(), &device), &adapter);
    let features = pool(tokens, base.prefix_tokens(&()), Pooling::ClassToken);
    let weight = Tensor::<B, 2>::from_data(TensorData::new(head.weight.data, [5, 16]), &device);
    let bias = Tensor::<B, 1>::from_data(TensorData::new(head.bias.unwrap().data, [5]), &device);
    let logits = (features.matmul(weight.transpose()) + bias.unsqueeze()).into_data();
    let tensors: HashMap<&str, (Vec<usize>, Vec<u8>)> = [("input", input), ("logits", logits)]
        .map(|(name, data)| {
            let bytes = data.iter::<f32>().flat_map(|v| v.to_le_bytes()).collect();
            (name, (data.shape.to_vec(), bytes))
        })
        .into();
    let views = tensors.iter().map(|(name, (shape, bytes))| {
        (
            *name,
            TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap(),
        )
    });
    std::fs::write(
        directory.join("expected.safetensors"),
        safetensors::serialize(views, None).unwrap(),
    )
    .unwrap();
}

#[test]
#[cfg_attr(not(has_rs_peft_python), ignore = "needs RS_PEFT_PYTHON")]
fn python_peft_gives_the_same_logits() {
    let base = base::<B>();
    let home = tempfile::tempdir().unwrap();
    for (name, method) in methods() {
        let directory = home.path().join(name);
        std::fs::create_dir(&directory).unwrap();
        write_case(&directory, &base, &method);
    }
    let python = std::env::var_os("RS_PEFT_PYTHON").expect("it was set when the test was built");
    let script = golden_root().join("peft-lora/check_ours.py");
    let output = Command::new(python)
        .arg(script)
        .arg(home.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(
        text.lines()
            .filter(|line| line.contains("max |difference|"))
            .count(),
        methods().len(),
        "{text}"
    );
    println!("{text}");
}
