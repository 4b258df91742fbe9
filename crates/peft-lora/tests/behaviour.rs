//! The behavioural suite over every method, on every compiled backend.

use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;
use peft_lora::{
    BaseIdentity, BitFitConfig, LoadOptions, LoraConfig, LoraInit, MethodConfig, PeftAdapter,
};
use testkit::behaviour::{self, Subject};
use vit_backbone::{Vit, VitConfig};

/// A method as the suite sees it.
struct Method(MethodConfig);

impl<B: AutodiffBackend> Subject<B> for Method {
    type Adapter = PeftAdapter<B>;
    type Inner = <PeftAdapter<B> as AutodiffModule<B>>::InnerModule;

    fn name(&self) -> String {
        self.0.label()
    }

    fn init(&self, base: &Vit<B>, config: &VitConfig) -> PeftAdapter<B> {
        self.0
            .init(base, config, 42, &B::Device::default())
            .unwrap()
    }

    fn starts_as_the_base(&self) -> bool {
        self.0 != MethodConfig::Scratch
    }

    fn is_random_in_training(&self) -> bool {
        matches!(&self.0, MethodConfig::Lora(lora) if lora.dropout > 0.0)
    }

    fn merge(
        &self,
        adapter: &Self::Inner,
        base: &Vit<B::InnerBackend>,
    ) -> Option<Vit<B::InnerBackend>> {
        let merged = adapter.merge(base).unwrap();
        let difference = adapter.merge_difference(base, &merged, behaviour::image());
        assert!(difference < 1e-5, "{}: {difference}", self.0.label());
        Some(merged)
    }

    fn save_and_load(
        &self,
        adapter: &PeftAdapter<B>,
        base: &Vit<B>,
        config: &VitConfig,
    ) -> PeftAdapter<B> {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("adapter");
        adapter
            .save(&directory, &self.0, None, &BaseIdentity::default())
            .unwrap();
        let device = B::Device::default();
        let loaded =
            PeftAdapter::load(&directory, base, config, &LoadOptions::default(), &device).unwrap();
        assert_eq!(loaded.method, self.0);
        assert!(loaded.report.notes.is_empty(), "{:?}", loaded.report.notes);
        loaded.adapter
    }
}

/// Every method, LoRA in each of its forms.
fn methods() -> Vec<Method> {
    let all = LoraConfig::new(3, 6.0, ["all-linear"]);
    let rslora = LoraConfig {
        rslora: true,
        init: LoraInit::Gaussian,
        ..LoraConfig::new(2, 3.0, ["qkv", "blocks.1.mlp.*"])
    };
    let mut unequal = LoraConfig::new(2, 3.0, ["qkv.q", "qkv.v", "blocks.0.attn.qkv.k", "fc2"]);
    unequal.rank_pattern.insert("blocks.1.attn.qkv.v".into(), 4);
    unequal.alpha_pattern.insert("fc2".into(), 1.5);
    [
        MethodConfig::Frozen,
        MethodConfig::Full,
        MethodConfig::Scratch,
        MethodConfig::NormTuning,
        MethodConfig::bitfit(),
        MethodConfig::BitFit(BitFitConfig {
            norms: false,
            patch_embed: false,
        }),
        MethodConfig::Lora(LoraConfig {
            dropout: 0.4,
            ..all.clone()
        }),
        MethodConfig::Lora(all),
        MethodConfig::Lora(rslora),
        MethodConfig::Lora(LoraConfig {
            rslora: true,
            ..LoraConfig::new(2, 2.0, ["qkv.q", "qkv.v"])
        }),
        MethodConfig::Lora(unequal),
    ]
    .map(Method)
    .into()
}

/// Makes a generic test of one promise over every method.
macro_rules! over_every_method {
    ($($check:ident),+ $(,)?) => {
        $(fn $check<B: AutodiffBackend>() {
            for method in methods() {
                behaviour::$check::<B>(&method);
            }
        })+
        testkit::backend_matrix!($($check),+);
    };
}

over_every_method!(
    identity_at_initialisation,
    merged_equals_unmerged,
    survives_a_round_trip,
    every_parameter_gets_a_gradient,
    gradients_agree_with_finite_differences,
    only_the_adapter_is_trained,
    disabling_restores_the_base,
    dropout_is_off_in_inference,
);
