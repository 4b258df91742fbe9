//! Learning rates by part of an adapter: LoRA+ (Hayou et al., LoRA+: Efficient Low Rank Adaptation of Large Models, ICML 2024)
//! lets `B` learn faster than `A`.

use crate::config::MethodConfig;
use crate::lora_config::LoraBias;

/// Parameters of an adapter that learn at one rate.
#[derive(Debug, Clone, PartialEq)]
pub struct RateGroup {
    /// A short name, unique among the groups of a method.
    pub name: &'static str,
    /// Patterns of parameter paths below the adapter; `*` stands for any run of characters, dots included. Each of them
    /// matches at least one parameter.
    pub patterns: Vec<&'static str>,
    /// The group's learning rate as a multiple of the adapter's.
    pub factor: f64,
}

impl MethodConfig {
    /// The groups into which the adapter's parameters fall, each parameter in exactly one; a single group of everything for
    /// methods whose parts learn alike.
    pub fn rate_groups(&self) -> Vec<RateGroup> {
        let (lora, magnitudes) = match self {
            Self::Lora(lora) => (lora, false),
            Self::Dora(lora) => (lora, true),
            _ => return vec![everything()],
        };
        if lora.b_rate_ratio == 1.0 {
            return vec![everything()];
        }
        let mut rest = vec!["*.down"];
        if lora.bias != LoraBias::None {
            rest.push("*.bias");
        }
        if magnitudes {
            rest.push("*.magnitudes.*");
        }
        vec![
            RateGroup {
                name: "adapter",
                patterns: rest,
                factor: 1.0,
            },
            RateGroup {
                name: "adapter-b",
                patterns: vec!["*.up"],
                factor: lora.b_rate_ratio,
            },
        ]
    }
}

fn everything() -> RateGroup {
    RateGroup {
        name: "adapter",
        patterns: vec!["*"],
        factor: 1.0,
    }
}
