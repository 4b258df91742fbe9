//! How much arithmetic the method adds to a forward pass, by arithmetic on the configuration: nothing is run.

use peft_lora::MethodConfig;
use vit_backbone::VitConfig;

use crate::config::{DeflectConfig, MapConfig, StreamUpdate};
use crate::error::DeflectError;

impl DeflectConfig {
    /// Multiply-adds of matrix products in the forward pass of one image `[height, width]` through backbone and adapter, as
    /// [`VitConfig::multiply_adds`] counts them. Spectral indices and statistics are element by element and not counted.
    ///
    /// With a deflection the pretrained attention of every adapted block is computed as well: the product and the output map; its
    /// queries, keys and values are those that the adapted one starts from, unless the RGB path has an update of its own.
    ///
    /// # Errors
    /// What [`DeflectConfig::count`] reports.
    pub fn multiply_adds(&self, vit: &VitConfig, image: [usize; 2]) -> Result<u64, DeflectError> {
        self.validate(vit)?;
        let patches = vit.patch_tokens(image) as u64;
        let tokens = vit.patch_tokens(image).saturating_add(vit.prefix_tokens());
        let numbers = self.pixel_set(vit)?.len();
        let map = match self.embedding.map {
            MapConfig::Linear {} | MapConfig::FrozenRandom {} => numbers * vit.dim,
            MapConfig::Mlp { hidden } => hidden * (numbers + vit.dim),
        };
        let parts = self.attention.parts.len();
        let downs = if self.attention.shared_down { 1 } else { parts };
        let low_rank = (parts + downs) * vit.dim * self.attention.rank;
        let queries_again = match &self.rgb_lora {
            Some(_) => 3 * vit.dim * vit.dim,
            None => 0,
        };
        let again = u64::from(self.deflection.needs_pretrained())
            + u64::from(self.attention.stream == StreamUpdate::Updated);
        // An attention product and an output map.
        let attention = vit
            .attention_multiply_adds(tokens)
            .saturating_add((tokens as u64).saturating_mul((vit.dim * vit.dim) as u64));
        let block = (tokens as u64)
            .saturating_mul((low_rank + queries_again) as u64)
            .saturating_add(again.saturating_mul(attention));
        let base = match &self.rgb_lora {
            Some(lora) => MethodConfig::Lora(lora.clone()).multiply_adds(vit, image)?,
            None => vit.multiply_adds(image, 0),
        };
        Ok(base
            .saturating_add(patches.saturating_mul(map as u64))
            .saturating_add(block.saturating_mul(self.blocks(vit)?.len() as u64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Constraint, Part};
    use crate::spectrum::{SpectralBand, Spectrum};

    fn vit() -> VitConfig {
        VitConfig {
            image_size: 8,
            patch_size: 4,
            dim: 6,
            depth: 8,
            heads: 2,
            mlp_dim: 10,
            ..VitConfig::default()
        }
    }

    fn added(change: impl FnOnce(&mut DeflectConfig)) -> u64 {
        let bands = [("b", 490.0), ("g", 560.0), ("r", 665.0), ("n", 833.0)];
        let bands = bands.iter().enumerate();
        let bands = bands.map(|(c, (name, nm))| SpectralBand::optical(name, 3 + c, *nm));
        let mut config = DeflectConfig::new(Spectrum::new(bands.collect()));
        config.attention.rank = 2;
        change(&mut config);
        let all = config.multiply_adds(&vit(), [8, 8]).unwrap();
        all - vit().multiply_adds([8, 8], 0)
    }

    #[test]
    fn every_term_counts() {
        let numbers = |config: &DeflectConfig| config.pixel_set(&vit()).unwrap().len() as u64;
        let mut map = 0;
        let upe = added(|config| {
            map = 4 * numbers(config) * 6;
            config.attention.enabled = false;
        });
        assert_eq!(upe, map);
        // Three of eight blocks, five tokens, three parts with a map down and a map up each.
        let low_rank = 3 * 5 * 6 * 6 * 2;
        let off = added(|config| config.deflection.constraint = Constraint::Off);
        assert_eq!(off, map + low_rank);
        // The pretrained attention again: two products over five tokens and the output map.
        let again = 3 * (2 * 25 * 6 + 5 * 36);
        assert_eq!(added(|_| ()), map + low_rank + again);
        let updated = added(|config| config.attention.stream = StreamUpdate::Updated);
        assert_eq!(updated, map + low_rank + 2 * again);
        let shared = added(|config| {
            config.attention.shared_down = true;
            config.attention.parts = vec![Part::K, Part::V];
        });
        assert_eq!(shared, map + 3 * 5 * 3 * 6 * 2 + again);
        let hidden = added(|config| {
            config.attention.enabled = false;
            config.embedding.map = MapConfig::Mlp { hidden: 7 };
        });
        assert_eq!(hidden, 4 * 7 * (map / 24 + 6));
    }
}
