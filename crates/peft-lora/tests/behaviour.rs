//! The behavioural suite over every method, on every compiled backend.

use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;
use peft_lora::{
    AdaptFormerConfig, BaseIdentity, BitFitConfig, BottleneckInit, HoulsbyConfig, Ia3Config,
    LoadOptions, LoraBias, LoraConfig, LoraInit, MethodConfig, PeftAdapter, PeftError, SlrConfig,
    SlrPatchInit, VptConfig,
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
        self.0.starts_as_base()
    }

    fn gradients_are_exact(&self) -> bool {
        // The length of a column counts as a constant; `the_formula_of_dora_is_differentiated_when_asked` covers the rest.
        !matches!(self.0, MethodConfig::Dora(_))
    }

    fn is_random_in_training(&self) -> bool {
        match &self.0 {
            MethodConfig::Lora(lora) | MethodConfig::Dora(lora) => lora.dropout > 0.0,
            MethodConfig::Vpt(vpt) => vpt.dropout > 0.0,
            _ => false,
        }
    }

    fn merge(
        &self,
        adapter: &Self::Inner,
        base: &Vit<B::InnerBackend>,
    ) -> Option<Vit<B::InnerBackend>> {
        let has_weights = !matches!(
            self.0,
            MethodConfig::Houlsby(_) | MethodConfig::AdaptFormer(_) | MethodConfig::Vpt(_)
        );
        let merged = match adapter.merge(base) {
            Err(PeftError::NotMergeable { method, .. }) if !has_weights => {
                assert_eq!(method, self.0.name());
                return None;
            }
            merged => merged.unwrap(),
        };
        assert!(has_weights, "{}: merged", self.0.label());
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
    let dora = LoraConfig {
        rslora: true,
        ..LoraConfig::new(2, 3.0, ["qkv", "blocks.1.mlp.fc2"])
    };
    let slr = SlrConfig {
        rank: 3,
        ..SlrConfig::default()
    };
    let bias = |bias| LoraConfig {
        bias,
        ..LoraConfig::new(2, 3.0, ["qkv.q", "fc1"])
    };
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
        MethodConfig::Lora(bias(LoraBias::LoraOnly)),
        MethodConfig::Lora(bias(LoraBias::All)),
        MethodConfig::Dora(LoraConfig {
            dropout: 0.4,
            ..dora.clone()
        }),
        MethodConfig::Dora(LoraConfig {
            bias: LoraBias::All,
            ..dora.clone()
        }),
        MethodConfig::Dora(dora),
        MethodConfig::Ia3(Ia3Config::default()),
        MethodConfig::Ia3(Ia3Config {
            targets: vec![
                "qkv".into(),
                "blocks.0.attn.proj".into(),
                "blocks.*.mlp.*".into(),
            ],
            feedforward: vec!["blocks.1.mlp.*".into()],
        }),
        MethodConfig::Slr(slr.clone()),
        MethodConfig::Slr(SlrConfig {
            targets: vec!["fc1".into()],
            bias: false,
            patch_embed: true,
            norms: true,
            ..slr.clone()
        }),
        MethodConfig::Slr(SlrConfig {
            patch_embed: true,
            patch_init: SlrPatchInit::Zero,
            down_std: 0.1,
            ..slr
        }),
        MethodConfig::Houlsby(HoulsbyConfig {
            width: 3,
            ..HoulsbyConfig::default()
        }),
        MethodConfig::Houlsby(HoulsbyConfig {
            width: 2,
            init: BottleneckInit::NearIdentity,
            norms: false,
            ..HoulsbyConfig::default()
        }),
        MethodConfig::AdaptFormer(AdaptFormerConfig {
            width: 3,
            ..AdaptFormerConfig::default()
        }),
        MethodConfig::AdaptFormer(AdaptFormerConfig {
            width: 2,
            learn_scale: true,
            ..AdaptFormerConfig::default()
        }),
        MethodConfig::Vpt(VptConfig {
            prompts: 2,
            ..VptConfig::default()
        }),
        MethodConfig::Vpt(VptConfig {
            prompts: 3,
            deep: true,
            ..VptConfig::default()
        }),
        MethodConfig::Vpt(VptConfig {
            prompts: 2,
            deep: true,
            dropout: 0.3,
        }),
    ]
    .map(Method)
    .into()
}

testkit::over_every!(
    methods:
    identity_at_initialisation,
    merged_equals_unmerged,
    survives_a_round_trip,
    every_parameter_gets_a_gradient,
    gradients_agree_with_finite_differences,
    only_the_adapter_is_trained,
    disabling_restores_the_base,
    dropout_is_off_in_inference,
);

/// DoRA with the gradient of its formula, through the lengths of the columns too.
mod whole_dora {
    use super::*;

    struct WholeDora(Method);

    impl<B: AutodiffBackend> Subject<B> for WholeDora {
        type Adapter = PeftAdapter<B>;
        type Inner = <PeftAdapter<B> as AutodiffModule<B>>::InnerModule;

        fn name(&self) -> String {
            "DoRA without detached lengths".into()
        }

        fn init(&self, base: &Vit<B>, config: &VitConfig) -> PeftAdapter<B> {
            let PeftAdapter::Dora(mut dora) = Subject::<B>::init(&self.0, base, config) else {
                panic!()
            };
            dora.detach_norm = false;
            PeftAdapter::Dora(dora)
        }

        fn starts_as_the_base(&self) -> bool {
            true
        }

        fn is_random_in_training(&self) -> bool {
            false
        }

        fn merge(
            &self,
            adapter: &Self::Inner,
            base: &Vit<B::InnerBackend>,
        ) -> Option<Vit<B::InnerBackend>> {
            Subject::<B>::merge(&self.0, adapter, base)
        }

        fn save_and_load(
            &self,
            adapter: &PeftAdapter<B>,
            base: &Vit<B>,
            config: &VitConfig,
        ) -> PeftAdapter<B> {
            self.0.save_and_load(adapter, base, config)
        }
    }

    fn the_formula_of_dora_is_differentiated_when_asked<B: AutodiffBackend>() {
        let dora = LoraConfig {
            bias: LoraBias::LoraOnly,
            ..LoraConfig::new(2, 3.0, ["all-linear"])
        };
        let subject = WholeDora(Method(MethodConfig::Dora(dora)));
        behaviour::gradients_agree_with_finite_differences::<B>(&subject);
    }

    testkit::backend_matrix!(the_formula_of_dora_is_differentiated_when_asked);
}
