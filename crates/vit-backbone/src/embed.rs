//! From an image to the token sequence of the first block: patches, prefix tokens, positions.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use crate::build::Builder;
use crate::{
    BackboneError, CoordinateEmbed, GroundPositions, GroupEmbed, InitRule, Interpolation,
    PositionKind, PositionTable, Rotary, RotaryPositions, VitConfig, apply_linear, sin_cos_2d,
    sin_cos_3d,
};

/// Patch embedding, class and register tokens, and positions (ViT, Dosovitskiy et al. 2021, equation 1).
#[derive(Module, Debug)]
pub struct TokenEmbed<B: Backend> {
    /// `patch_embed.proj`, a convolution whose stride is its size, held as the linear map it is: weight
    /// `[channels * patch * patch, dim]`, inputs in the order (channel, row, column) of the published `[dim, c, p, p]`.
    /// In a model with channel groups it is `patch_embed.0.proj`, that of the first group.
    pub proj: Linear<B>,
    /// The other groups of a model that embeds its channels group by group.
    pub groups: Option<GroupEmbed<B>>,
    /// `cls_token`: `[1, 1, dim]`.
    pub class_token: Option<Param<Tensor<B, 3>>>,
    /// `reg_token`: `[1, registers, dim]`.
    pub register_tokens: Option<Param<Tensor<B, 3>>>,
    /// `pos_embed`: `[1, prefix_rows + side * side, dim]`, narrower where channel groups have a part of it.
    pub positions: PositionTable<B>,
    /// Number of frames of an image in a model that embeds frame by frame.
    #[module(skip)]
    pub frames: Option<usize>,
    /// Embeddings of dates and places, if the model has them.
    pub coordinates: Option<CoordinateEmbed<B>>,
    /// Side of a patch in pixels.
    pub patch_size: usize,
    /// Number of image channels.
    pub in_channels: usize,
    /// Side of the grid that the position table describes.
    pub grid_side: usize,
    /// Whether prefix tokens have rows in the position table.
    pub pos_on_prefix: bool,
    /// How the position table is carried over to another grid.
    #[module(skip)]
    pub interpolation: Interpolation,
}

impl<B: Backend> TokenEmbed<B> {
    pub(crate) fn build(
        config: &VitConfig,
        from: &mut Builder<'_, B>,
    ) -> Result<Self, BackboneError> {
        let dim = config.dim;
        let tokens = InitRule::TruncatedNormal { std: 0.02 };
        let p = config.patch_size;
        let (proj, groups) = match &config.channel_groups {
            None => {
                let shape = config.patch_shape();
                let mut from = from.child("patch_embed");
                let proj = from
                    .child("proj")
                    .linear_shaped(&shape, config.patch_bias)?;
                (proj, None)
            }
            Some(channels) => {
                let (proj, groups) = GroupEmbed::build(config, channels, from)?;
                (proj, Some(groups))
            }
        };
        let class_token = if config.class_token {
            Some(from.param("cls_token", [1, 1, dim], tokens)?)
        } else {
            None
        };
        let registers = config.register_tokens;
        let register_tokens = if registers > 0 {
            Some(from.param("reg_token", [1, registers, dim], tokens)?)
        } else {
            None
        };
        let place = config.position_dim();
        let shape = [1, config.position_rows(), place];
        let positions = match config.positions {
            PositionKind::Learned => {
                PositionTable::Learned(from.param("pos_embed", shape, tokens)?)
            }
            PositionKind::SinCos2d => PositionTable::fixed_sin_cos(
                config.prefix_rows(),
                config.grid_side(),
                place,
                from.device(),
            ),
            PositionKind::SinCos3d => {
                let side = config.grid_side();
                let mut values = vec![0.0; config.prefix_rows() * dim];
                values.extend(sin_cos_3d(dim, [config.frame_count(), side, side]));
                let data = TensorData::new(values, shape);
                PositionTable::Fixed(Tensor::from_data(data, from.device()))
            }
            PositionKind::SinCosGround => PositionTable::Ground(GroundPositions {
                dim,
                resolutions: vec![1.0],
            }),
            PositionKind::Rotary => {
                let count = dim / config.heads / 4;
                let name = "rope_embed.periods";
                let periods = from.values(name, &[count], RotaryPositions::RULE)?;
                PositionTable::Rotary(RotaryPositions::new(periods)?)
            }
        };
        let coordinates = config
            .coordinates
            .then(|| CoordinateEmbed::build(from))
            .transpose()?;
        Ok(Self {
            proj,
            groups,
            class_token,
            register_tokens,
            positions,
            frames: config.frames,
            coordinates,
            patch_size: p,
            in_channels: config.in_channels,
            grid_side: config.grid_side(),
            pos_on_prefix: config.pos_on_prefix,
            interpolation: config.interpolation,
        })
    }

    /// Image to tokens.
    ///
    /// # Shapes
    /// - `image`: `[batch, channels, height, width]`
    /// - result: `[batch, prefix + patches, dim]`, the patches of each channel group or frame behind one another
    ///
    /// # Panics
    /// When the image does not fit; [`VitConfig::check_image`] gives the error beforehand. When the model was given a
    /// resolution per image for another number of images.
    pub fn forward(&self, image: Tensor<B, 4>) -> Tensor<B, 3> {
        let grid = self.grid(&image);
        self.assemble(self.patches(image), grid)
    }

    /// The patch grid `[rows, columns]` of an image.
    pub fn grid(&self, image: &Tensor<B, 4>) -> [usize; 2] {
        let [_, _, height, width] = image.dims();
        [height / self.patch_size, width / self.patch_size]
    }

    /// The rotation of queries and keys for an image, in a model with rotary positions.
    pub fn rotary(&self, image: &Tensor<B, 4>) -> Option<Rotary<B>> {
        match &self.positions {
            PositionTable::Rotary(positions) => {
                Some(positions.on_grid(self.grid(image), &image.device()))
            }
            _ => None,
        }
    }

    /// Cuts an image into patches: `[batch, channels, height, width]` to `[batch, patches, channels * patch * patch]`,
    /// a patch in the order (channel, row, column). Frames are cut one after the other: `[batch, frames * patches, ...]` with
    /// the channels of one frame in a patch.
    ///
    /// # Panics
    /// When the image does not fit; [`VitConfig::check_image`] gives the error beforehand.
    pub fn pixels(&self, image: Tensor<B, 4>) -> Tensor<B, 3> {
        let [batch, channels, height, width] = image.dims();
        let p = self.patch_size;
        assert!(
            channels == self.in_channels && height % p == 0 && width % p == 0,
            "an image of shape {:?} does not fit a model with {} channels and patches of {p} pixels",
            [batch, channels, height, width],
            self.in_channels,
        );
        let (rows, columns) = (height / p, width / p);
        let frames = self.frames.unwrap_or(1);
        let channels = channels / frames;
        image
            .reshape([batch * frames, channels, rows, p, columns, p])
            .permute([0, 2, 4, 1, 3, 5])
            .reshape([batch, frames * rows * columns, channels * p * p])
    }

    /// Embedded patches without positions, `[batch, patches, dim]`; with channel groups as many for each group.
    pub fn patches(&self, image: Tensor<B, 4>) -> Tensor<B, 3> {
        let pixels = self.pixels(image);
        match &self.groups {
            None => apply_linear(&self.proj, pixels),
            Some(groups) => groups.patches(&self.proj, pixels, self.in_channels),
        }
    }

    /// Adds positions to embedded patches and puts the prefix tokens in front.
    ///
    /// # Shapes
    /// - `patches`: `[batch, rows * columns, dim]`, as many for each channel group or frame
    /// - `grid`: `[rows, columns]`
    /// - result: `[batch, prefix + patches, dim]`
    pub fn assemble(&self, patches: Tensor<B, 3>, grid: [usize; 2]) -> Tensor<B, 3> {
        let [batch, _, dim] = patches.dims();
        let (prefix_rows, patch_rows) = self.position_rows(grid);
        let patches = patches + patch_rows;
        let patches = match &self.coordinates {
            Some(coordinates) => coordinates.add_to(patches, self.frames.unwrap_or(1)),
            None => patches,
        };
        match self.prefix_sequence(prefix_rows) {
            Some(prefix) => {
                let count = prefix.dims()[1];
                Tensor::cat(vec![prefix.expand([batch, count, dim]), patches], 1)
            }
            None => patches,
        }
    }

    /// Positions for a patch grid: those of the prefix tokens `[n, prefix, dim]`, if they have any, and those of the
    /// patches `[n, rows * columns, dim]`, as many for each channel group. `n` is 1, or the number of images where each
    /// was given a resolution of its own.
    pub fn position_rows(&self, grid: [usize; 2]) -> (Option<Tensor<B, 3>>, Tensor<B, 3>) {
        let prefix = if self.pos_on_prefix { self.prefix() } else { 0 };
        let (prefix, patches) = self.positions.rows(
            prefix,
            [self.grid_side; 2],
            grid,
            self.interpolation,
            &self.proj.weight.device(),
        );
        match &self.groups {
            None => (prefix, patches),
            Some(groups) => groups.positions(prefix, patches),
        }
    }

    /// Class and register tokens with their positions, `[n, prefix, dim]`; `None` when there are none.
    pub fn prefix_sequence(&self, rows: Option<Tensor<B, 3>>) -> Option<Tensor<B, 3>> {
        let tokens: Vec<_> = [&self.class_token, &self.register_tokens]
            .into_iter()
            .flatten()
            .map(|token| token.val())
            .collect();
        if tokens.is_empty() {
            return None;
        }
        let tokens = Tensor::cat(tokens, 1);
        Some(match rows {
            Some(rows) => tokens + rows,
            None => tokens,
        })
    }

    /// The patch embeddings under their names in a checkpoint: one, or one per channel group.
    pub fn projections(&self) -> Vec<(String, &Linear<B>)> {
        match &self.groups {
            None => vec![("patch_embed.proj".to_owned(), &self.proj)],
            Some(groups) => std::iter::once(&self.proj)
                .chain(&groups.others)
                .enumerate()
                .map(|(group, proj)| (format!("patch_embed.{group}.proj"), proj))
                .collect(),
        }
    }

    /// The position tables under their names in a checkpoint: that of the places, and with channel groups theirs and the
    /// class token's.
    pub fn tables(&self) -> Vec<(&'static str, &PositionTable<B>)> {
        let mut tables = vec![("pos_embed", &self.positions)];
        if let Some(groups) = &self.groups {
            tables.push(("channel_embed", &groups.channel_embed));
            tables.push(("channel_cls_embed", &groups.class_embed));
        }
        tables
    }

    /// Number of prefix tokens: class token and registers.
    pub fn prefix(&self) -> usize {
        let registers = self
            .register_tokens
            .as_ref()
            .map_or(0, |token| token.dims()[1]);
        usize::from(self.class_token.is_some()) + registers
    }
}

impl<B: Backend> PositionTable<B> {
    /// The constant table of MAE: zero rows for `prefix` tokens, then [`sin_cos_2d`] of a square grid.
    pub(crate) fn fixed_sin_cos(
        prefix: usize,
        side: usize,
        dim: usize,
        device: &B::Device,
    ) -> Self {
        let mut values = vec![0.0; prefix * dim];
        values.extend(sin_cos_2d(dim, [side, side]));
        Self::Fixed(Tensor::from_data(
            TensorData::new(values, [1, prefix + side * side, dim]),
            device,
        ))
    }
}
