//! Directories of every other kind than those of `peft_goldens.rs`: DoRA, (IA)3 and trained biases as Python peft writes them,
//! and the methods that PEFT lacks as an independent PyTorch formulation of each writes them. The same logits, the same
//! gradients, the same files when written again.

mod peft_model;

use std::path::Path;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use peft_lora::{MethodConfig, PeftAdapter};
use peft_model::{base, head, load};
use safetensors::SafeTensors;
use testkit::{Golden, Tolerance, assert_close, golden_root};
use vit_backbone::{Pooling, pool};

/// Cases with the method that they hold.
const CASES: [(&str, &str); 11] = [
    ("dora", "dora"),
    ("lora_bias_all", "lora"),
    ("lora_bias_only", "lora"),
    ("ia3", "ia3"),
    ("slr", "slr"),
    ("slr_patches", "slr"),
    ("houlsby", "houlsby"),
    ("adaptformer", "adaptformer"),
    ("adaptformer_scale", "adaptformer"),
    ("vpt_shallow", "vpt"),
    ("vpt_deep", "vpt"),
];

/// The adapter with every parameter replaced by its gradient: saved, it gives the gradients under their published names.
fn gradients_of<B: AutodiffBackend>(
    adapter: PeftAdapter<B>,
    gradients: &B::Gradients,
) -> PeftAdapter<B> {
    struct Replace<'a, B: AutodiffBackend>(&'a B::Gradients);
    impl<B: AutodiffBackend> ModuleMapper<B> for Replace<'_, B> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
            let gradient = param
                .val()
                .grad(self.0)
                .expect("every parameter is reached");
            Param::from_tensor(Tensor::from_inner(gradient))
        }
    }
    adapter.map(&mut Replace::<B>(gradients))
}

/// The tensors of a file by key, but for the copies of the head's bias that PEFT's wrapper keeps, and for the head.
fn tensors(path: &Path) -> Vec<(String, TensorData)> {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors: Vec<_> = file
        .iter()
        .filter(|(key, _)| !key.contains(".head."))
        .map(|(key, view)| {
            let values = view.data().chunks_exact(4);
            let values: Vec<f32> = values
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect();
            (
                key.to_owned(),
                TensorData::new(values, view.shape().to_vec()),
            )
        })
        .collect();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    tensors
}

fn saved<B: Backend>(adapter: &PeftAdapter<B>, method: &MethodConfig) -> Vec<(String, TensorData)> {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("adapter");
    adapter
        .save(&directory, method, None, &Default::default())
        .unwrap();
    tensors(&directory.join("adapter_model.safetensors"))
}

fn same_logits_and_gradients<B: AutodiffBackend>() {
    let base = base::<B>();
    let device = B::Device::default();
    for (case, method) in CASES {
        let golden = Golden::open(&format!("peft-lora/{case}/expected.safetensors"));
        let loaded = load(case, &base);
        assert_eq!(loaded.method.name(), method, "{case}");
        let (weight, bias) = head::<B>(loaded.head.as_ref());
        let tokens = base.forward(golden.tensor("input", &device), &loaded.adapter);
        let features = pool(
            tokens,
            base.prefix_tokens(&loaded.adapter),
            Pooling::ClassToken,
        );
        let logits = features.matmul(weight.transpose()) + bias.unsqueeze();
        let found = logits.clone().into_data();
        let error = assert_close(&found, golden.data("logits"), Tolerance::F32, case);
        let gradients = (logits * golden.tensor("probe", &device)).sum().backward();
        let found = saved(&gradients_of(loaded.adapter, &gradients), &loaded.method);
        let mut worst = 0f64;
        for (key, gradient) in &found {
            let what = format!("{case}: gradient of {key}");
            let expected = golden.data(&format!("grad.{key}"));
            worst = worst.max(assert_close(gradient, expected, Tolerance::F32, &what));
        }
        println!("{case}: logits {error:.1e}, gradients {worst:.1e}");
        let expected = golden
            .names()
            .filter(|name| name.starts_with("grad.") && !name.contains(".head."))
            .count();
        assert_eq!(found.len(), expected, "{case}: every gradient is compared");
    }
}

testkit::backend_matrix!(same_logits_and_gradients);

#[test]
fn a_file_written_again_has_the_same_tensors() {
    let base = base::<burn_flex::Flex>();
    for (case, _) in CASES {
        let loaded = load(case, &base);
        assert!(loaded.report.notes.is_empty(), "{case}");
        let theirs = golden_root().join("peft-lora").join(case);
        assert_eq!(
            saved(&loaded.adapter, &loaded.method),
            tensors(&theirs.join("adapter_model.safetensors")),
            "{case}"
        );
    }
}

#[test]
fn configurations_of_peft_are_told_in_our_words() {
    let base = base::<burn_flex::Flex>();
    let method = |case| load(case, &base).method;
    let MethodConfig::Dora(dora) = method("dora") else {
        panic!()
    };
    assert_eq!((dora.rank, dora.alpha), (2, 3.0));
    assert_eq!(dora.rank_pattern.values().collect::<Vec<_>>(), [&3, &3]);
    let MethodConfig::Ia3(ia3) = method("ia3") else {
        panic!()
    };
    assert_eq!(ia3.targets, ["attn.qkv", "attn.proj", "mlp.fc2"]);
    assert_eq!(ia3.feedforward, ["mlp.fc2"]);
    for (case, bias) in [
        ("lora_bias_all", peft_lora::LoraBias::All),
        ("lora_bias_only", peft_lora::LoraBias::LoraOnly),
        ("lora_all", peft_lora::LoraBias::None),
    ] {
        let MethodConfig::Lora(lora) = method(case) else {
            panic!()
        };
        assert_eq!(lora.bias, bias, "{case}");
    }
}
