//! Checking a configuration against a backbone.

use vit_backbone::VitConfig;

use super::{BlockChoice, DeflectConfig, MapConfig};
use crate::error::{DeflectError, invalid};
use crate::pixel_set::PixelSet;

impl DeflectConfig {
    /// Checks every number against the backbone.
    ///
    /// # Errors
    /// [`DeflectError::InvalidConfig`] naming the field, and what [`PixelSet::new`] reports.
    pub fn validate(&self, vit: &VitConfig) -> Result<(), DeflectError> {
        vit.validate()?;
        if vit.group_count() > 1 {
            return Err(invalid(
                "vit",
                format!("{} token sets", vit.group_count()),
                "a backbone with one token for each patch: no channel groups, one frame",
            ));
        }
        PixelSet::new(&self.spectrum, &self.pixels, vit.patch_size)?;
        if let MapConfig::Mlp { hidden } = self.embedding.map
            && !(1..=65_536).contains(&hidden)
        {
            return Err(invalid("embedding.map.hidden", hidden, "1 to 65536"));
        }
        let factors = [
            ("embedding.inject", self.embedding.inject),
            ("attention.reinject", self.attention.reinject),
        ];
        for (field, value) in factors {
            if !(0.0..=1000.0).contains(&value) {
                return Err(invalid(field, value, "0 to 1000"));
            }
        }
        if !self.attention.enabled {
            if self.embedding.inject == 0.0 {
                return Err(invalid(
                    "embedding.inject",
                    0,
                    "above 0 while `attention.enabled` is false: nothing would read the spectral stream",
                ));
            }
            return self.validate_lora();
        }
        if !(1..=vit.dim).contains(&self.attention.rank) {
            return Err(invalid(
                "attention.rank",
                self.attention.rank,
                format!("1 to {}, the width of a token", vit.dim),
            ));
        }
        let parts = &self.attention.parts;
        if parts.is_empty() || parts.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(invalid(
                "attention.parts",
                format!("{parts:?}"),
                "at least one of q, k and v, in this order, each once",
            ));
        }
        self.blocks(vit)?;
        self.validate_lora()
    }

    fn validate_lora(&self) -> Result<(), DeflectError> {
        match &self.rgb_lora {
            Some(lora) => Ok(lora.validate()?),
            None => Ok(()),
        }
    }

    /// The adapted blocks, ascending; none when the attention is off.
    ///
    /// # Errors
    /// [`DeflectError::InvalidConfig`] when a block does not exist or occurs twice, or the share is out of range.
    pub fn blocks(&self, vit: &VitConfig) -> Result<Vec<usize>, DeflectError> {
        if !self.attention.enabled {
            return Ok(Vec::new());
        }
        match &self.attention.blocks {
            BlockChoice::Early(share) if *share > 0.0 && *share <= 1.0 => {
                let count = (share * vit.depth as f64).round() as usize;
                Ok((0..count.clamp(1, vit.depth)).collect())
            }
            BlockChoice::Early(share) => Err(invalid(
                "attention.blocks.early",
                share,
                "above 0 and at most 1",
            )),
            BlockChoice::List(blocks) => {
                let mut sorted = blocks.clone();
                sorted.sort_unstable();
                let twice = sorted.windows(2).any(|pair| pair[0] == pair[1]);
                if sorted.is_empty() || twice || sorted.last() >= Some(&vit.depth) {
                    return Err(invalid(
                        "attention.blocks.list",
                        format!("{blocks:?}"),
                        format!(
                            "blocks from 0 to {}, each once, at least one",
                            vit.depth - 1
                        ),
                    ));
                }
                Ok(sorted)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Constraint, IndexChoice, Part, Statistic};
    use crate::spectrum::{SpectralBand, Spectrum};

    fn config() -> DeflectConfig {
        let bands = [("b", 490.0), ("g", 560.0), ("r", 665.0), ("n", 833.0)];
        DeflectConfig::new(Spectrum::new(
            bands
                .iter()
                .enumerate()
                .map(|(channel, (name, nm))| SpectralBand::optical(name, channel, *nm))
                .collect(),
        ))
    }

    #[test]
    fn several_tokens_for_one_patch_are_refused() {
        let vit = VitConfig {
            in_channels: 6,
            frames: Some(2),
            positions: vit_backbone::PositionKind::SinCos3d,
            ..VitConfig::default()
        };
        vit.validate().unwrap();
        let text = config().validate(&vit).unwrap_err().to_string();
        assert!(text.contains("one token for each patch"), "{text}");
    }

    #[test]
    fn the_default_adapts_three_eighths_of_the_blocks() {
        let at = |depth| {
            let vit = VitConfig {
                depth,
                ..VitConfig::default()
            };
            config().blocks(&vit).unwrap().len()
        };
        assert_eq!([at(1), at(8), at(12), at(24)], [1, 3, 5, 9]);
    }

    #[test]
    fn a_configuration_survives_a_file() {
        let mut config = config();
        config.pixels.statistics = vec![Statistic::Mean, Statistic::Quantile(2.5)];
        config.pixels.indices = IndexChoice::Named(vec!["NDVI".into()]);
        config.embedding.map = MapConfig::Mlp { hidden: 16 };
        config.attention.blocks = BlockChoice::List(vec![1, 3]);
        config.deflection.constraint = Constraint::Soft;
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(
            serde_json::from_str::<DeflectConfig>(&json).unwrap(),
            config
        );
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<DeflectConfig>(&text).unwrap(), config);
        assert!(text.contains("\"q2.5\""), "{text}");
    }

    #[test]
    fn unknown_keys_and_names_are_errors() {
        let start = "spectrum = { bands = [{ name = 'n', channel = 0, wavelength_nm = 833.0 }] }\n";
        toml::from_str::<DeflectConfig>(start).unwrap();
        for rest in [
            "pixel = {}",
            "pixels = { statistics = ['median'] }",
            "pixels = { statistics = ['q101'] }",
            "embedding = { map = { kind = 'linear', hidden = 3 } }",
            "attention = { blocks = { first = 3 } }",
            "deflection = { constraint = 'hard' }",
        ] {
            let text = format!("{start}{rest}");
            assert!(toml::from_str::<DeflectConfig>(&text).is_err(), "{rest}");
        }
    }

    #[test]
    fn numbers_out_of_range_name_the_field() {
        let vit = VitConfig::default();
        config().validate(&vit).unwrap();
        let change = |change: &dyn Fn(&mut DeflectConfig)| {
            let mut config = config();
            change(&mut config);
            config.validate(&vit).unwrap_err().to_string()
        };
        let cases: [(&str, String); 9] = [
            ("attention.rank", change(&|c| c.attention.rank = 0)),
            ("attention.rank", change(&|c| c.attention.rank = 769)),
            (
                "attention.parts",
                change(&|c| c.attention.parts = vec![Part::V, Part::Q]),
            ),
            (
                "early",
                change(&|c| c.attention.blocks = BlockChoice::Early(f64::NAN)),
            ),
            (
                "list",
                change(&|c| c.attention.blocks = BlockChoice::List(vec![12])),
            ),
            ("inject", change(&|c| c.embedding.inject = f64::NAN)),
            (
                "hidden",
                change(&|c| c.embedding.map = MapConfig::Mlp { hidden: 0 }),
            ),
            ("sample", change(&|c| c.pixels.sample = 0.0)),
            (
                "nothing would read",
                change(&|c| {
                    c.attention.enabled = false;
                    c.embedding.inject = 0.0;
                }),
            ),
        ];
        for (words, message) in cases {
            assert!(message.contains(words), "{words}: {message}");
        }
    }
}
