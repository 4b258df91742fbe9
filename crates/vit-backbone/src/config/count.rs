//! How many scalars a model has, by arithmetic: nothing is allocated.

use super::{PositionKind, VitConfig};

impl VitConfig {
    /// Number of trainable scalars. Fixed sin-cos tables do not count.
    ///
    /// ViT-B/16 without a classification head has 85,798,656, ViT-L/16 303,301,632, as timm counts them.
    pub fn parameter_count(&self) -> usize {
        let d = self.dim;
        let biased = |count: usize, bias: bool| count + if bias { d } else { 0 };
        let area = self.patch_size * self.patch_size;
        let patch = match (&self.channel_groups, &self.spectral_embed) {
            (_, Some(spectral)) => spectral.parameter_count(self.patch_size, d),
            (None, None) => biased(self.patch_channels() * area * d, self.patch_bias),
            (Some(channels), None) => channels
                .groups
                .iter()
                .map(|group| biased(group.len() * area * d, self.patch_bias))
                .sum(),
        };
        let qkv = 3 * biased(d * d, self.qkv_bias);
        let proj = biased(d * d, self.proj_bias);
        let mlp = (d + 1) * self.mlp_dim + (self.mlp_inner() + 1) * d;
        let scales = if self.layer_scale.is_some() { 2 * d } else { 0 };
        let block = 4 * d + qkv + proj + mlp + scales;
        let tokens = self.prefix_tokens() * d;
        let positions = match self.positions {
            PositionKind::Learned => self.table_count(),
            PositionKind::SinCos2d
            | PositionKind::SinCos3d
            | PositionKind::SinCosGround
            | PositionKind::SinCosMetadata
            | PositionKind::Rotary => 0,
        };
        let norms = usize::from(self.pre_norm) + usize::from(self.final_norm);
        let projection = self.projection.map_or(0, |outputs| outputs * d);
        let coordinates = if self.coordinates { 2 } else { 0 };
        patch + tokens + positions + coordinates + self.depth * block + norms * 2 * d + projection
    }

    /// Number of scalars that a published checkpoint holds for the model: [`VitConfig::parameter_count`], and the fixed
    /// sin-cos tables or the periods of rotary positions, which the published code stores beside the weights.
    pub fn stored_count(&self) -> usize {
        let fixed = match self.positions {
            PositionKind::SinCos2d | PositionKind::SinCos3d => self.table_count(),
            PositionKind::Rotary => self.dim / self.heads.max(1) / 4,
            PositionKind::Learned | PositionKind::SinCosGround | PositionKind::SinCosMetadata => 0,
        };
        self.parameter_count() + fixed
    }

    /// Scalars of the position table and of the embedding of channel groups.
    fn table_count(&self) -> usize {
        let channels = match &self.channel_groups {
            Some(channels) => (1 + channels.groups.len()) * channels.dim,
            None => 0,
        };
        self.position_rows() * self.position_dim() + channels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_models_have_their_published_parameter_counts() {
        assert_eq!(VitConfig::default().parameter_count(), 85_798_656);
        assert_eq!(VitConfig::large().parameter_count(), 303_301_632);
        let fixed = VitConfig {
            positions: PositionKind::SinCos2d,
            ..VitConfig::large()
        };
        assert_eq!(fixed.stored_count(), 303_301_632);
        assert_eq!(fixed.parameter_count(), 303_301_632 - 197 * 1024);
    }
}
