//! Several adapters on one base: every row of a mixed batch is what its adapter gives alone.

use burn::module::{AutodiffModule, Module, ModuleVisitor, Param};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use peft_lora::{
    BitFitConfig, HoulsbyConfig, LoraConfig, MethodConfig, NamedAdapters, PeftAdapter, PeftError,
    VptConfig,
};
use testkit::behaviour::{named_values, perturbed, tiny_base, tiny_config};
use testkit::{FlexBackend, Tolerance, assert_close};
use vit_backbone::{Seam, Vit};

fn adapter<B: Backend>(base: &Vit<B>, method: &MethodConfig, seed: u64) -> PeftAdapter<B> {
    let device = B::Device::default();
    let adapter = method.init(base, &tiny_config(), seed, &device).unwrap();
    perturbed(adapter, seed, 0.3)
}

/// One adapter of every kind of place: linear maps, biases and norms, bottlenecks with a state of their own, copies of the base.
fn several<B: Backend>(base: &Vit<B>) -> NamedAdapters<PeftAdapter<B>> {
    let methods = [
        (
            "crops",
            MethodConfig::Lora(LoraConfig::new(3, 6.0, ["all-linear"])),
        ),
        ("ships", MethodConfig::BitFit(BitFitConfig::default())),
        ("roofs", MethodConfig::Houlsby(HoulsbyConfig::default())),
        ("snow", MethodConfig::Full),
    ];
    let mut adapters = NamedAdapters::new();
    for (seed, (name, method)) in methods.iter().enumerate() {
        assert!(
            adapters
                .insert(name, adapter(base, method, seed as u64))
                .is_none()
        );
    }
    adapters
}

fn images<B: Backend>(count: usize) -> Tensor<B, 4> {
    let config = tiny_config();
    let shape = [
        count,
        config.in_channels,
        config.image_size,
        config.image_size,
    ];
    let values: Vec<f32> = (0..shape.iter().product::<usize>())
        .map(|at| (at as f32 * 0.37).sin() + 0.1 * (at as f32 * 0.011).cos())
        .collect();
    Tensor::from_data(TensorData::new(values, shape), &B::Device::default())
}

fn rows_are_what_their_adapters_give_alone<B: AutodiffBackend>() {
    let base = tiny_base::<B>().valid();
    let adapters = several(&base);
    let mixed = [
        Some("crops"),
        None,
        Some("ships"),
        Some("crops"),
        Some("snow"),
        None,
        Some("roofs"),
    ];
    let sorted = [
        Some("snow"),
        Some("snow"),
        None,
        Some("roofs"),
        Some("roofs"),
        Some("crops"),
        Some("crops"),
    ];
    let one = [Some("ships"); 7];
    let image = images::<B::InnerBackend>(7);
    for names in [mixed, sorted, one] {
        let chosen = adapters.choose(&names, &Default::default()).unwrap();
        let together = base.forward(image.clone(), &chosen);
        for (row, name) in names.iter().enumerate() {
            let alone = image.clone().narrow(0, row, 1);
            let alone = match name {
                Some(name) => base.forward(alone, adapters.get(name).unwrap()),
                None => base.forward(alone, &()),
            };
            let what = format!("row {row} of {names:?}");
            let found = together.clone().narrow(0, row, 1).into_data();
            assert_close(&found, &alone.into_data(), Tolerance::F32, &what);
        }
    }
}

fn gradients_stay_with_the_adapter_of_their_row<B: AutodiffBackend>() {
    let base = tiny_base::<B>().no_grad();
    let device = B::Device::default();
    let lora = MethodConfig::Lora(LoraConfig::new(2, 4.0, ["qkv", "fc1"]));
    let mut adapters = NamedAdapters::new();
    for (seed, name) in ["a", "b", "c"].iter().enumerate() {
        adapters.insert(name, adapter(&base, &lora, seed as u64));
    }
    // Row 1 has the adapter `b`, and only row 1 is in the loss.
    let chosen = adapters
        .choose(&[Some("a"), Some("b"), Some("a")], &device)
        .unwrap();
    let backward = |tokens: Tensor<B, 3>| tokens.powi_scalar(2).sum().backward();
    let together = backward(base.forward(images::<B>(3), &chosen).narrow(0, 1, 1));
    let image = images::<B>(3).narrow(0, 1, 1);
    let alone = backward(base.forward(image, adapters.get("b").unwrap()));
    let together = gradients(adapters.get("b").unwrap(), &together);
    let alone = gradients(adapters.get("b").unwrap(), &alone);
    assert_eq!(together.len(), 8, "two maps of two factors in two blocks");
    for (found, expected) in together.iter().zip(&alone) {
        assert_close(found, expected, Tolerance::F32, "the adapter of the row");
    }
    // The rows of `a` are not in the loss, and `c` was not chosen.
    for (name, expected) in [("a", 8), ("c", 0)] {
        let tokens = base.forward(images::<B>(3), &chosen);
        let all = backward(tokens.narrow(0, 1, 1));
        let found = gradients(adapters.get(name).unwrap(), &all);
        assert!(found.len() <= expected, "{name}");
        assert!(
            found
                .iter()
                .flat_map(|data| data.iter::<f32>())
                .all(|v| v == 0.0),
            "{name}"
        );
    }
}

/// The gradients that there are, in the order of the parameters.
fn gradients<B: AutodiffBackend>(adapter: &PeftAdapter<B>, all: &B::Gradients) -> Vec<TensorData> {
    struct Take<'a, B: AutodiffBackend>(&'a B::Gradients, Vec<TensorData>);
    impl<B: AutodiffBackend> ModuleVisitor<B> for Take<'_, B> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            let gradient = param.val().grad(self.0);
            self.1.extend(gradient.map(|gradient| gradient.into_data()));
        }
    }
    let mut take = Take::<B>(all, Vec::new());
    adapter.visit(&mut take);
    take.1
}

#[test]
fn names_and_shapes_that_do_not_fit_are_refused() {
    let base = tiny_base::<FlexBackend>().valid();
    let device = Default::default();
    let mut adapters = several(&base);
    assert_eq!(
        adapters.names().collect::<Vec<_>>(),
        ["crops", "ships", "roofs", "snow"]
    );
    match adapters
        .choose(&[Some("crops"), Some("shps")], &device)
        .err()
    {
        Some(PeftError::UnknownAdapter { name, nearest }) => {
            assert_eq!((name.as_str(), nearest[0].as_str()), ("shps", "ships"));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        adapters.choose(&[], &device).err(),
        Some(PeftError::InvalidConfig { .. })
    ));
    let prompts = VptConfig {
        prompts: 2,
        ..VptConfig::default()
    };
    adapters.insert("prompts", adapter(&base, &MethodConfig::Vpt(prompts), 9));
    let both = [Some("crops"), Some("prompts")];
    match adapters.choose(&both, &device).err() {
        Some(error @ PeftError::TokenCounts { .. }) => {
            assert!(error.to_string().contains("`prompts` 2"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    // Alone in a batch it is welcome, and the pass knows how many tokens it adds.
    let alone = adapters.choose(&[Some("prompts"); 2], &device).unwrap();
    assert_eq!(alone.extra_tokens(), 2);
    let plain = base.forward(images(2), &()).dims();
    let longer = base.forward(images(2), &alone).dims();
    assert_eq!(longer, [plain[0], plain[1] + 2, plain[2]]);
    let taken = adapters.remove("ships").unwrap();
    assert!(adapters.remove("ships").is_none());
    let again = adapters.insert("crops", taken).unwrap();
    assert!(!named_values(&again).is_empty());
}

testkit::backend_matrix!(
    rows_are_what_their_adapters_give_alone,
    gradients_stay_with_the_adapter_of_their_row,
);
