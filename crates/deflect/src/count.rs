//! How many parameters the method trains, by arithmetic on the configuration: nothing is allocated.

use peft_lora::{MethodConfig, ParameterCount};
use vit_backbone::VitConfig;

use crate::config::{DeflectConfig, MapConfig, PrefixRows};
use crate::error::DeflectError;

impl DeflectConfig {
    /// Counts without building anything; the head is not counted.
    ///
    /// # Errors
    /// What [`DeflectConfig::validate`] and [`peft_lora::plan`] report.
    pub fn count(&self, vit: &VitConfig) -> Result<ParameterCount, DeflectError> {
        self.validate(vit)?;
        let numbers = self.pixel_set(vit)?.len();
        let affine = |inputs: usize, outputs: usize| inputs * outputs + outputs;
        let map = match self.embedding.map {
            MapConfig::Linear {} => affine(numbers, vit.dim),
            MapConfig::Mlp { hidden } => affine(numbers, hidden) + affine(hidden, vit.dim),
            MapConfig::FrozenRandom {} => 0,
        };
        let rows = usize::from(vit.class_token) + vit.register_tokens;
        let prefix = match self.embedding.prefix {
            PrefixRows::Zero => 0,
            PrefixRows::Learned => rows * vit.dim,
        };
        let parts = self.attention.parts.len();
        let downs = if self.attention.shared_down { 1 } else { parts };
        let block = (parts + downs) * vit.dim * self.attention.rank;
        let lora = match &self.rgb_lora {
            Some(lora) => MethodConfig::Lora(lora.clone()).count(vit)?.trainable,
            None => 0,
        };
        let trainable = map + prefix + self.blocks(vit)?.len() * block + lora;
        Ok(ParameterCount {
            trainable,
            base: vit.parameter_count(),
            added: trainable,
        })
    }
}

#[cfg(test)]
mod tests {
    use vit_backbone::PositionKind;

    use super::*;
    use crate::config::{BlockChoice, Part};
    use crate::spectrum::{SpectralBand, Spectrum};

    /// The 13 bands of Sentinel-2.
    fn sentinel_2() -> DeflectConfig {
        let centres = [
            443.0, 492.0, 560.0, 665.0, 704.0, 740.0, 783.0, 833.0, 865.0, 945.0, 1375.0, 1614.0,
            2202.0,
        ];
        let bands = centres.iter().enumerate();
        let bands = bands.map(|(c, nm)| SpectralBand::optical(&format!("{nm}"), 3 + c, *nm));
        DeflectConfig::new(Spectrum::new(bands.collect()))
    }

    fn small() -> VitConfig {
        VitConfig {
            image_size: 64,
            patch_size: 8,
            dim: 192,
            depth: 8,
            heads: 3,
            mlp_dim: 768,
            positions: PositionKind::SinCos2d,
            ..VitConfig::default()
        }
    }

    /// ViT-L/16 as Scale-MAE publishes it: fixed positions, no final norm.
    fn scale_mae() -> VitConfig {
        VitConfig {
            positions: PositionKind::SinCos2d,
            final_norm: false,
            ..VitConfig::large()
        }
    }

    #[test]
    fn the_small_study_comes_out() {
        let mut config = sentinel_2();
        let trained = |config: &DeflectConfig| config.count(&small()).unwrap().trainable;
        assert_eq!(config.pixel_set(&small()).unwrap().len(), 44);
        assert_eq!(trained(&config), 36_288);
        config.attention.rank = 4;
        assert_eq!(trained(&config), 22_464);
        config.attention.blocks = BlockChoice::List((0..8).collect());
        assert_eq!(trained(&config), 45_504);
        config.attention.rank = 8;
        config.attention.blocks = BlockChoice::List(vec![0]);
        assert_eq!(trained(&config), 17_856);
        config.attention.enabled = false;
        assert_eq!(trained(&config), 8_640);
        config.attention = sentinel_2().attention;
        config.embedding.map = MapConfig::FrozenRandom {};
        assert_eq!(trained(&config), 27_648);
    }

    #[test]
    fn the_defaults_train_a_fifth_of_a_percent_of_scale_mae() {
        let config = sentinel_2();
        let count = config.count(&scale_mae()).unwrap();
        assert_eq!(count.base, 303_097_856);
        // Nine blocks of 49,152, and T from 44 numbers to 1024.
        assert_eq!(count.trainable, 9 * 49_152 + 45 * 1024);
        assert_eq!(format!("{:.3}", count.percent_of_base()), "0.161");
        // The six bands of the Burn Scars images give fewer numbers, and still more than 0.15 %.
        let mut six = config.clone();
        six.spectrum.bands.retain(|band| {
            ["492", "560", "665", "865", "1614", "2202"].contains(&band.name.as_str())
        });
        let count = six.count(&scale_mae()).unwrap();
        assert!((0.15..0.25).contains(&count.percent_of_base()), "{count:?}");
        // Other settings that the published 0.2 % allows.
        for (rank, blocks, shared) in [
            (8, 12, false),
            (16, 6, false),
            (4, 24, false),
            (8, 18, true),
        ] {
            let mut config = config.clone();
            config.attention.rank = rank;
            config.attention.blocks = BlockChoice::List((0..blocks).collect());
            config.attention.shared_down = shared;
            let percent = config.count(&scale_mae()).unwrap().percent_of_base();
            assert!(
                (0.15..0.25).contains(&percent),
                "{rank} {blocks}: {percent}"
            );
        }
        // The three blocks of the small study are too few here.
        let mut three = config.clone();
        three.attention.blocks = BlockChoice::List(vec![0, 1, 2]);
        assert!(three.count(&scale_mae()).unwrap().percent_of_base() < 0.1);
    }

    #[test]
    fn options_are_counted() {
        let plain = sentinel_2().count(&small()).unwrap().trainable;
        let mut config = sentinel_2();
        config.embedding.map = MapConfig::Mlp { hidden: 16 };
        config.embedding.prefix = PrefixRows::Learned;
        config.attention.parts = vec![Part::V];
        config.rgb_lora = Some(peft_lora::LoraConfig::new(2, 2.0, ["attn.proj"]));
        let count = config.count(&small()).unwrap().trainable;
        let lora = 8 * 2 * (192 + 192);
        assert_eq!(count, 45 * 16 + 17 * 192 + 192 + 3 * 2 * 192 * 8 + lora);
        assert_ne!(count, plain);
    }
}
