//! The bounds of a configuration, and of the images that go with it.

use super::{Activation, ChannelGroups, PositionKind, VitConfig};
use crate::spectral::check_wavelengths;
use crate::{BackboneError, METADATA};

/// Bounds on each dimension, far above any published model; they keep products of sizes away from overflow.
const LIMITS: [(&str, usize); 7] = [
    ("image_size", 1 << 16),
    ("patch_size", 1 << 12),
    ("in_channels", 1 << 12),
    ("dim", 1 << 16),
    ("depth", 1 << 12),
    ("heads", 1 << 12),
    ("mlp_dim", 1 << 20),
];

impl VitConfig {
    /// Checks every bound; call it on whatever a user wrote.
    ///
    /// # Errors
    /// [`BackboneError::Config`] with the field, what it holds and what it may hold.
    pub fn validate(&self) -> Result<(), BackboneError> {
        let sizes = [
            self.image_size,
            self.patch_size,
            self.in_channels,
            self.dim,
            self.depth,
            self.heads,
            self.mlp_dim,
        ];
        for ((field, limit), found) in LIMITS.into_iter().zip(sizes) {
            if found == 0 || found > limit {
                return Err(invalid(field, found, format!("a number from 1 to {limit}")));
            }
        }
        if !self.image_size.is_multiple_of(self.patch_size) {
            return Err(invalid(
                "image_size",
                self.image_size,
                format!("a multiple of patch_size = {}", self.patch_size),
            ));
        }
        if !self.dim.is_multiple_of(self.heads) {
            return Err(invalid(
                "heads",
                self.heads,
                format!("a divisor of dim = {}", self.dim),
            ));
        }
        if let Some(channels) = &self.channel_groups {
            self.validate_groups(channels)?;
        }
        self.validate_frames()?;
        self.validate_spectral()?;
        if self.positions != PositionKind::Learned && !self.position_dim().is_multiple_of(4) {
            return Err(invalid(
                "dim",
                self.dim,
                "a multiple of 4 for sin-cos positions".into(),
            ));
        }
        if self.positions == PositionKind::Rotary
            && (!(self.dim / self.heads).is_multiple_of(4) || self.channel_groups.is_some())
        {
            return Err(invalid(
                "positions",
                "rotary",
                "heads of a multiple of 4 channels, and no channel groups, for rotary positions"
                    .into(),
            ));
        }
        if self.activation == Activation::SwiGlu && !self.mlp_dim.is_multiple_of(2) {
            return Err(invalid(
                "mlp_dim",
                self.mlp_dim,
                "an even number for a gated activation".into(),
            ));
        }
        if self
            .projection
            .is_some_and(|outputs| outputs == 0 || outputs > 1 << 16)
        {
            return Err(invalid(
                "projection",
                format!("{:?}", self.projection),
                "a width from 1 to 65536, or none".into(),
            ));
        }
        if self.register_tokens > 1 << 12 {
            return Err(invalid(
                "register_tokens",
                self.register_tokens,
                "at most 4096".into(),
            ));
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0) {
            return Err(invalid(
                "layer_norm_eps",
                self.layer_norm_eps,
                "between 0 and 1".into(),
            ));
        }
        if !(0.0..1.0).contains(&self.drop_path) {
            return Err(invalid(
                "drop_path",
                self.drop_path,
                "at least 0 and below 1".into(),
            ));
        }
        if self.layer_scale.is_some_and(|v| !v.is_finite()) {
            return Err(invalid(
                "layer_scale",
                format!("{:?}", self.layer_scale),
                "a finite number".into(),
            ));
        }
        Ok(())
    }

    /// Frames divide the channels; three-dimensional positions and dates need them.
    fn validate_frames(&self) -> Result<(), BackboneError> {
        let frames = self.frame_count();
        if frames == 0 || frames > self.in_channels || !self.in_channels.is_multiple_of(frames) {
            return Err(invalid(
                "frames",
                frames,
                format!("a divisor of in_channels = {}", self.in_channels),
            ));
        }
        let three = self.positions == PositionKind::SinCos3d;
        if three != self.frames.is_some() || (self.coordinates && !three) {
            return Err(invalid(
                "positions",
                format!("{:?}", self.positions),
                "`sin_cos_3d` for a model with frames, and only for one".into(),
            ));
        }
        if three && (!self.dim.is_multiple_of(16) || self.channel_groups.is_some()) {
            return Err(invalid(
                "dim",
                self.dim,
                "a multiple of 16, and no channel groups, for positions in three dimensions".into(),
            ));
        }
        Ok(())
    }

    /// A generated embedding is of possible size and has a wavelength for each channel; padding is small.
    fn validate_spectral(&self) -> Result<(), BackboneError> {
        if self.patch_size <= 2 * self.patch_padding && self.patch_padding > 0 {
            return Err(invalid(
                "patch_padding",
                self.patch_padding,
                format!("less than half of patch_size = {}", self.patch_size),
            ));
        }
        if self.positions == PositionKind::SinCosMetadata && self.dim <= METADATA {
            return Err(invalid(
                "dim",
                self.dim,
                format!("more than {METADATA}, which metadata take"),
            ));
        }
        let Some(spectral) = &self.spectral_embed else {
            return Ok(());
        };
        let sizes = [
            spectral.width,
            spectral.tokens,
            spectral.hidden,
            spectral.heads,
        ];
        let whole = sizes.iter().all(|size| (1..=1 << 14).contains(size))
            && spectral.width.is_multiple_of(2)
            && spectral.width.is_multiple_of(spectral.heads);
        if !whole || self.channel_groups.is_some() || self.frames.is_some() {
            return Err(invalid(
                "spectral_embed",
                format!("{spectral:?}"),
                "sizes from 1 to 16384, an even width that heads divide, no channel groups and no frames"
                    .into(),
            ));
        }
        check_wavelengths(&spectral.wavelengths)?;
        if spectral.wavelengths.len() != self.in_channels {
            return Err(invalid(
                "in_channels",
                self.in_channels,
                format!("one for each of {} wavelengths", spectral.wavelengths.len()),
            ));
        }
        Ok(())
    }

    /// Groups name channels that exist, leave room for positions, and come with a class token that has a position.
    fn validate_groups(&self, channels: &ChannelGroups) -> Result<(), BackboneError> {
        let groups = &channels.groups;
        let wrong = |expected: &str| {
            Err(invalid(
                "channel_groups",
                format!("{channels:?}"),
                expected.into(),
            ))
        };
        if groups.is_empty() || groups.len() > self.in_channels || groups.iter().any(Vec::is_empty)
        {
            return wrong("at least one group, none empty, and not more than channels");
        }
        if groups.iter().any(|group| {
            group.len() > self.in_channels || group.iter().any(|c| *c >= self.in_channels)
        }) {
            return wrong("channels below in_channels");
        }
        if channels.dim == 0 || channels.dim >= self.dim || !channels.dim.is_multiple_of(2) {
            return wrong("an even dim below that of the token");
        }
        if !self.class_token || self.register_tokens > 0 || !self.pos_on_prefix {
            return wrong("a class token with a position and no registers beside it");
        }
        if !self.positions.has_table() {
            return wrong("positions `learned` or `sin_cos_2d`");
        }
        Ok(())
    }

    /// Checks that the model can take an image batch of this shape, `[batch, channels, height, width]`, and returns
    /// the patch grid `[rows, columns]`.
    ///
    /// # Errors
    /// [`BackboneError::Image`] on another number of channels, or sides that are not multiples of the patch.
    pub fn check_image(&self, shape: [usize; 4]) -> Result<[usize; 2], BackboneError> {
        let [_, channels, height, width] = shape;
        let p = self.patch_size;
        if channels != self.in_channels
            || height < p
            || width < p
            || height % p != 0
            || width % p != 0
        {
            return Err(BackboneError::Image {
                found: shape.to_vec(),
                expected: format!(
                    "{} channels and sides that are multiples of {p} pixels",
                    self.in_channels
                ),
            });
        }
        Ok([height / p, width / p])
    }
}

fn invalid(field: &'static str, found: impl ToString, expected: String) -> BackboneError {
    BackboneError::Config {
        field,
        found: found.to_string(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grouped(groups: &[&[usize]], dim: usize) -> VitConfig {
        VitConfig {
            channel_groups: Some(ChannelGroups {
                groups: groups.iter().map(|group| group.to_vec()).collect(),
                dim,
            }),
            ..VitConfig::default()
        }
    }

    #[test]
    fn invalid_values_are_named() {
        let base = VitConfig::default;
        let cases = [
            ("dim", VitConfig { dim: 0, ..base() }),
            ("heads", VitConfig { heads: 7, ..base() }),
            (
                "image_size",
                VitConfig {
                    image_size: 225,
                    ..base()
                },
            ),
            (
                "image_size",
                VitConfig {
                    image_size: usize::MAX,
                    ..base()
                },
            ),
            (
                "layer_norm_eps",
                VitConfig {
                    layer_norm_eps: f64::NAN,
                    ..base()
                },
            ),
            (
                "drop_path",
                VitConfig {
                    drop_path: 1.0,
                    ..base()
                },
            ),
            (
                "dim",
                VitConfig {
                    dim: 6,
                    heads: 2,
                    positions: PositionKind::SinCos2d,
                    ..base()
                },
            ),
            (
                "layer_scale",
                VitConfig {
                    layer_scale: Some(f64::INFINITY),
                    ..base()
                },
            ),
            (
                "mlp_dim",
                VitConfig {
                    activation: Activation::SwiGlu,
                    mlp_dim: 7,
                    ..base()
                },
            ),
            (
                "projection",
                VitConfig {
                    projection: Some(0),
                    ..base()
                },
            ),
            ("channel_groups", grouped(&[&[0, 1], &[3]], 256)),
            ("channel_groups", grouped(&[&[0, 1], &[]], 256)),
            ("channel_groups", grouped(&[], 256)),
            ("channel_groups", grouped(&[&[0], &[1, 2]], 768)),
            ("channel_groups", grouped(&[&[0], &[1, 2]], 3)),
            (
                "channel_groups",
                VitConfig {
                    register_tokens: 1,
                    ..grouped(&[&[0], &[1, 2]], 256)
                },
            ),
        ];
        for (expected, config) in cases {
            match config.validate() {
                Err(BackboneError::Config { field, .. }) => assert_eq!(field, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
        base().validate().unwrap();
        grouped(&[&[0], &[1, 2]], 256).validate().unwrap();
        VitConfig::large().validate().unwrap();
    }

    #[test]
    fn images_that_do_not_fit_are_errors() {
        let config = VitConfig::default();
        assert_eq!(config.check_image([2, 3, 32, 64]).unwrap(), [2, 4]);
        for shape in [[1, 4, 32, 32], [1, 3, 30, 32], [1, 3, 0, 32]] {
            assert!(config.check_image(shape).is_err(), "{shape:?}");
        }
    }
}
