//! The behavioural suite over the method in its forms, on every compiled backend.

mod support;

use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;
use deflect::{
    BlockChoice, Constraint, Deflect, DeflectConfig, MapConfig, NormMatch, Part, PrefixRows,
    ScoreScale, Statistic, StreamNorm, StreamUpdate,
};
use peft_lora::{BaseCheck, BaseIdentity, LoadOptions, LoraConfig};
use testkit::behaviour::{self, Subject};
use vit_backbone::{Vit, VitConfig};

/// A form of the method as the suite sees it.
struct Form {
    name: &'static str,
    starts_as_the_base: bool,
    config: DeflectConfig,
}

impl<B: AutodiffBackend> Subject<B> for Form {
    type Adapter = Deflect<B>;
    type Inner = <Deflect<B> as AutodiffModule<B>>::InnerModule;

    fn name(&self) -> String {
        format!("DEFLECT, {}", self.name)
    }

    fn init(&self, _base: &Vit<B>, config: &VitConfig) -> Deflect<B> {
        let adapter = support::adapter(&self.config, config, behaviour::image());
        let count = self.config.count(config).unwrap().trainable;
        assert_eq!(adapter.trainable_parameters(), count, "{}", self.name);
        adapter
    }

    fn starts_as_the_base(&self) -> bool {
        self.starts_as_the_base
    }

    fn is_random_in_training(&self) -> bool {
        false
    }

    fn merge(&self, _: &Self::Inner, _: &Vit<B::InnerBackend>) -> Option<Vit<B::InnerBackend>> {
        None // The displacement depends on the image: there are no weights to write it into.
    }

    fn save_and_load(&self, adapter: &Deflect<B>, _: &Vit<B>, config: &VitConfig) -> Deflect<B> {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("adapter.safetensors");
        adapter.save(&path, &BaseIdentity::default()).unwrap();
        let device = B::Device::default();
        let loaded = Deflect::load(&path, config, &LoadOptions::default(), &device).unwrap();
        assert_eq!(loaded.adapter.config(), &self.config);
        assert_eq!(loaded.base, BaseCheck::Unknown);
        loaded.adapter
    }
}

/// A form that differs from the defaults (small rank, both blocks) by `change`.
fn form(name: &'static str, starts_as_the_base: bool, change: fn(&mut DeflectConfig)) -> Form {
    let mut config = support::two_channels();
    config.attention.rank = 3;
    config.attention.blocks = BlockChoice::List(vec![0, 1]);
    change(&mut config);
    Form {
        name,
        starts_as_the_base,
        config,
    }
}

fn forms() -> Vec<Form> {
    vec![
        form("defaults", false, |_| {}),
        form("not injected", true, |c| c.embedding.inject = 0.0),
        form("not injected, mean norm", true, |c| {
            c.embedding.inject = 0.0;
            c.deflection.constraint = Constraint::Mean;
            c.attention.parts = vec![Part::K, Part::V];
        }),
        form("embedding alone", false, |c| {
            c.attention.enabled = false;
            c.embedding.prefix = PrefixRows::Learned;
        }),
        form("network, shared projections, stream updated", false, |c| {
            c.embedding.map = MapConfig::Mlp { hidden: 5 };
            c.embedding.norm_match = NormMatch::Mean;
            c.embedding.prefix = PrefixRows::Learned;
            c.attention.shared_down = true;
            c.attention.stream = StreamUpdate::Updated;
            c.attention.reinject = 0.5;
        }),
        form("fixed map, values alone, no norm", false, |c| {
            c.embedding.map = MapConfig::FrozenRandom {};
            c.embedding.norm_match = NormMatch::Off;
            c.attention.parts = vec![Part::V];
            c.deflection.constraint = Constraint::Off;
            c.pixels.statistics = vec![Statistic::Max, Statistic::Quantile(25.0)];
        }),
        form("two heads' scale, unit stream, LoRA", false, |c| {
            c.attention.scale = ScoreScale::TwoHeads;
            c.attention.stream_norm = StreamNorm::Unit;
            c.deflection.constraint = Constraint::Soft;
            c.rgb_lora = Some(LoraConfig::new(2, 3.0, ["qkv.v", "attn.proj", "fc1"]));
        }),
    ]
}

testkit::over_every!(
    forms:
    identity_at_initialisation,
    survives_a_round_trip,
    every_parameter_gets_a_gradient,
    gradients_agree_with_finite_differences,
    only_the_adapter_is_trained,
    disabling_restores_the_base,
    dropout_is_off_in_inference,
);
