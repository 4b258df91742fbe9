//! `rs-peft export`: what other libraries load computes what the model computes. (That timm, transformers and peft load it was checked with those
//! libraries; here the same files are read back by this one.)

#[allow(dead_code)] // Images that only other tests need.
mod own_images;

use std::path::Path;

use burn::tensor::{Tensor, TensorData};
use burn_flex::Flex;
use own_images::{program, said, write_backbone, write_folder};
use peft_lora::PeftAdapter;
use rs_datasets::{Sample, catalog, stream};
use rs_peft::adapted::AdaptedModel;
use rs_peft::{peft_lora, vit_backbone};
use serde_json::Value;
use tempfile::{TempDir, tempdir};
use vit_backbone::{
    FeatureRequest, LoadOptions, Pooling, Seam, TensorFile, Vit, VitConfig, load_vit, pool,
};

/// A model trained for two epochs on three classes of chips.
fn adapted(more: &[&str]) -> TempDir {
    let folder = tempdir().unwrap();
    write_folder(&folder.path().join("chips"), 4);
    write_backbone(&folder.path().join("tiny.safetensors"));
    let first = [
        "adapt",
        "--data",
        "chips",
        "--backbone",
        "tiny.safetensors",
        "--size",
        "16",
        "--epochs",
        "2",
        "--out",
        "model",
    ];
    let output = program(&[&first[..], more].concat(), folder.path());
    assert!(output.status.success(), "{}", said(&output));
    folder
}

fn export(library: &str, folder: &Path) {
    let output = program(
        &["export", "model", "--for", library, "--output", library],
        folder,
    );
    assert!(output.status.success(), "{}", said(&output));
}

fn refused(library: &str, folder: &Path) -> String {
    let output = program(
        &["export", "model", "--for", library, "--output", "refused"],
        folder,
    );
    assert!(!output.status.success());
    assert!(!folder.join("refused").exists());
    said(&output)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn samples(folder: &Path) -> Vec<Sample> {
    let set = catalog::open("folder", &folder.join("chips")).unwrap();
    (0..set.len()).map(|at| set.load(at).unwrap()).collect()
}

/// A model of these sizes, as the files of the export have it.
fn config(folder: &Path, final_norm: bool) -> VitConfig {
    let model = AdaptedModel::<Flex>::load(&folder.join("model"), &Default::default()).unwrap();
    let file = folder.join("tiny.safetensors");
    let (_, report) =
        load_vit::<Flex>(&file, None, &LoadOptions::default(), &Default::default()).unwrap();
    VitConfig {
        in_channels: model.manifest().backbone.channels,
        final_norm,
        ..report.config
    }
}

/// A head of two plain arrays.
struct Head(Vec<f32>, Vec<f32>);

impl Head {
    fn read(path: &Path, name: &str) -> Self {
        let file = TensorFile::open(path).unwrap();
        Self(
            file.read(&format!("{name}.weight")).unwrap(),
            file.read(&format!("{name}.bias")).unwrap(),
        )
    }
}

/// The logits that somebody gets who knows `rs_peft_input.json` and the architecture alone.
fn logits<A: Seam<Flex>>(
    vit: &Vit<Flex>,
    adapter: &A,
    head: &Head,
    pooling: Pooling,
    folder: &Path,
) -> Vec<f32> {
    let model = AdaptedModel::<Flex>::load(&folder.join("model"), &Default::default()).unwrap();
    let manifest = model.manifest();
    let samples = samples(folder);
    let count = samples.len();
    // Every part makes some of the channels.
    let parts = &manifest.input.steps.parts;
    let pixels: Vec<f32> = samples
        .iter()
        .flat_map(|sample| parts.iter().map(move |part| (part, sample.clone())))
        .flat_map(|(part, sample)| {
            part.apply(sample, &mut stream(&["none"]))
                .unwrap()
                .image
                .data
        })
        .collect();
    let side = manifest.input.size;
    let shape = [count, pixels.len() / count / side / side, side, side];
    let images = Tensor::from_data(TensorData::new(pixels, shape), &Default::default());
    let request = FeatureRequest {
        blocks: manifest.readout.blocks.clone(),
        final_norm: manifest.readout.final_norm,
    };
    let tokens = vit.features(images, &request, adapter).remove(0);
    let features: Vec<f32> = pool(tokens, vit.prefix_tokens(adapter), pooling)
        .into_data()
        .iter()
        .collect();
    let (dim, classes) = (features.len() / count, head.1.len());
    let logit = |row: &[f32], class: usize| -> f32 {
        let products = row
            .iter()
            .zip(&head.0[class * dim..])
            .map(|(x, w)| f64::from(*x) * f64::from(*w));
        (products.sum::<f64>() + f64::from(head.1[class])) as f32
    };
    features
        .chunks_exact(dim)
        .flat_map(|row| {
            (0..classes)
                .map(|class| logit(row, class))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn equal_to_the_model(found: &[f32], folder: &Path) {
    let model = AdaptedModel::<Flex>::load(&folder.join("model"), &Default::default()).unwrap();
    let wanted = model.logits_of(&samples(folder)).unwrap().values;
    assert_eq!(found.len(), wanted.len());
    let largest = wanted.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    for (found, wanted) in found.iter().zip(&wanted) {
        assert!(
            (found - wanted).abs() <= 1e-5 * largest.max(1.0),
            "{found} {wanted}"
        );
    }
}

fn load(path: &Path, config: &VitConfig) -> Vit<Flex> {
    load_vit(
        path,
        Some(config),
        &LoadOptions::default(),
        &Default::default(),
    )
    .unwrap()
    .0
}

#[test]
fn timm_gets_the_merged_model_with_its_head() {
    // A widened patch embedding that was trained, too.
    for more in [
        &["--rank", "2"][..],
        &["--method", "bitfit", "--adapt-bands", "mean"],
    ] {
        let folder = adapted(more);
        let folder = folder.path();
        export("timm", folder);
        let written = json(&folder.join("timm/config.json"));
        let arguments = &written["model_args"];
        assert_eq!(
            (
                &arguments["embed_dim"],
                &arguments["depth"],
                &arguments["num_heads"]
            ),
            (&16.into(), &2.into(), &2.into())
        );
        assert_eq!(
            (&written["num_classes"], &written["global_pool"]),
            (&3.into(), &"avg".into())
        );
        assert_eq!(written["label_names"], serde_json::json!(["a", "b", "c"]));
        let final_norm = arguments["final_norm"].as_bool().unwrap();
        let weights = folder.join("timm/model.safetensors");
        let vit = load(&weights, &config(folder, final_norm));
        let found = logits(
            &vit,
            &(),
            &Head::read(&weights, "head"),
            Pooling::PatchMean,
            folder,
        );
        equal_to_the_model(&found, folder);
        // What the arguments promise is what the file has: timm loads strictly.
        let file = TensorFile::open(&weights).unwrap();
        assert_eq!(file.find("norm.weight").is_some(), final_norm);
        let hidden = file.find("blocks.0.mlp.fc1.weight").unwrap().shape[0];
        let ratio = arguments["mlp_ratio"].as_f64().unwrap();
        assert_eq!((16.0 * ratio) as usize, hidden);
    }
}

#[test]
fn transformers_gets_a_model_that_reads_the_class_token() {
    let folder = adapted(&[
        "--set",
        "backbone.pooling=class_token",
        "--set",
        "backbone.final_norm=true",
        "--rank",
        "2",
    ]);
    let folder = folder.path();
    export("transformers", folder);
    let written = json(&folder.join("transformers/config.json"));
    assert_eq!(
        (&written["hidden_size"], &written["intermediate_size"]),
        (&16.into(), &24.into())
    );
    assert_eq!(written["id2label"]["2"], "c");
    let weights = folder.join("transformers/model.safetensors");
    let vit = load(&weights, &config(folder, true));
    let found = logits(
        &vit,
        &(),
        &Head::read(&weights, "classifier"),
        Pooling::ClassToken,
        folder,
    );
    equal_to_the_model(&found, folder);
    export("timm", folder);
    assert_eq!(
        json(&folder.join("timm/config.json"))["global_pool"],
        "token"
    );
}

#[test]
fn peft_gets_an_adapter_and_the_base_beside_it() {
    for method in ["lora", "dora"] {
        let folder = adapted(&["--method", method, "--rank", "2"]);
        let folder = folder.path();
        export("peft", folder);
        let directory = folder.join("peft");
        let arguments = &json(&directory.join("base/config.json"))["model_args"];
        let config = config(folder, arguments["final_norm"].as_bool().unwrap());
        let base = load(&directory.join("base/model.safetensors"), &config);
        let options = peft_lora::LoadOptions::default();
        let loaded =
            PeftAdapter::load(&directory, &base, &config, &options, &Default::default()).unwrap();
        let head = loaded.head.unwrap();
        assert!(head.extra.is_empty());
        let head = Head(head.weight.data, head.bias.unwrap().data);
        let found = logits(&base, &loaded.adapter, &head, Pooling::PatchMean, folder);
        equal_to_the_model(&found, folder);
    }
}

#[test]
fn what_a_library_has_no_place_for_is_refused() {
    let folder = adapted(&["--method", "bitfit"]);
    let folder = folder.path();
    assert!(refused("peft", folder).contains("bitfit"));
    assert!(refused("transformers", folder).contains("class token"));
    std::fs::create_dir(folder.join("taken")).unwrap();
    std::fs::write(folder.join("taken/thesis.tex"), "years of work").unwrap();
    let output = program(
        &["export", "model", "--for", "timm", "--output", "taken"],
        folder,
    );
    assert!(!output.status.success() && said(&output).contains("taken"));
    let left: Vec<_> = folder.join("taken").read_dir().unwrap().collect();
    assert_eq!(left.len(), 1);

    let folder = adapted(&["--method", "houlsby"]);
    assert!(refused("timm", folder.path()).contains("houlsby"));
}
