//! Patch embeddings by channel group (SatMAE, Cong et al. 2022, section 3.3).

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::build::Builder;
use crate::{
    BackboneError, ChannelGroups, InitRule, PositionKind, PositionTable, VitConfig, apply_linear,
    sin_cos_1d,
};

/// What a model with channel groups has beside the parts of every model: a patch embedding for each further group, and the
/// part of a position that says which group a token belongs to.
#[derive(Module, Debug)]
pub struct GroupEmbed<B: Backend> {
    /// `patch_embed.1.proj`, `patch_embed.2.proj`, ...; that of group 0 is [`TokenEmbed::proj`](crate::TokenEmbed::proj).
    pub others: Vec<Linear<B>>,
    /// `channel_embed`: `[1, groups, channel dim]`.
    pub channel_embed: PositionTable<B>,
    /// `channel_cls_embed`, the class token's: `[1, 1, channel dim]`.
    pub class_embed: PositionTable<B>,
    /// Channels of each group.
    #[module(skip)]
    pub groups: Vec<Vec<usize>>,
}

impl<B: Backend> GroupEmbed<B> {
    /// The projection of group 0, and everything else.
    pub(crate) fn build(
        config: &VitConfig,
        channels: &ChannelGroups,
        from: &mut Builder<'_, B>,
    ) -> Result<(Linear<B>, Self), BackboneError> {
        let (dim, p) = (config.dim, config.patch_size);
        let mut embeds = from.child("patch_embed");
        let mut projections = channels.groups.iter().enumerate().map(|(number, group)| {
            embeds
                .child(&number.to_string())
                .child("proj")
                .linear_shaped(&[dim, group.len(), p, p], config.patch_bias)
        });
        let first = projections.next().ok_or(BackboneError::Config {
            field: "channel_groups",
            found: "no group".into(),
            expected: "at least one group".into(),
        })??;
        let others = projections.collect::<Result<_, _>>()?;
        let count = channels.groups.len();
        let learned = config.positions == PositionKind::Learned;
        let mut table = |name: &str, rows: usize, fixed: Vec<f32>| {
            let shape = [1, rows, channels.dim];
            Ok::<_, BackboneError>(if learned {
                PositionTable::Learned(from.param(
                    name,
                    shape,
                    InitRule::TruncatedNormal { std: 0.02 },
                )?)
            } else {
                PositionTable::Fixed(from.floats(fixed, shape))
            })
        };
        Ok((
            first,
            Self {
                others,
                channel_embed: table("channel_embed", count, sin_cos_1d(channels.dim, count))?,
                class_embed: table("channel_cls_embed", 1, vec![0.0; channels.dim])?,
                groups: channels.groups.clone(),
            },
        ))
    }

    /// Embedded patches, all of group 0 first: `[batch, patches, channels * area]` to `[batch, groups * patches, dim]`.
    /// `channels` is that of the image.
    pub(crate) fn patches(
        &self,
        first: &Linear<B>,
        pixels: Tensor<B, 3>,
        channels: usize,
    ) -> Tensor<B, 3> {
        let area = pixels.dims()[2] / channels;
        let embedded = self
            .groups
            .iter()
            .zip(std::iter::once(first).chain(&self.others))
            .map(|(group, projection)| {
                let seen = group
                    .iter()
                    .map(|channel| pixels.clone().narrow(2, channel * area, area))
                    .collect();
                apply_linear(projection, Tensor::cat(seen, 2))
            })
            .collect();
        Tensor::cat(embedded, 1)
    }

    /// Puts the group's part behind the place's part of every position: `[1, prefix, place dim]` and
    /// `[1, patches, place dim]` to `[1, prefix, dim]` and `[1, groups * patches, dim]`.
    pub(crate) fn positions(
        &self,
        prefix: Option<Tensor<B, 3>>,
        patches: Tensor<B, 3>,
    ) -> (Option<Tensor<B, 3>>, Tensor<B, 3>) {
        let prefix = match (prefix, self.class_embed.table()) {
            (Some(prefix), Some(class)) => Some(Tensor::cat(vec![prefix, class], 2)),
            (prefix, _) => prefix,
        };
        let Some(channels) = self.channel_embed.table() else {
            return (prefix, patches);
        };
        let [_, count, width] = channels.dims();
        let places = patches.dims()[1];
        let rows = (0..count)
            .map(|group| {
                let channel = channels.clone().narrow(1, group, 1);
                Tensor::cat(vec![patches.clone(), channel.expand([1, places, width])], 2)
            })
            .collect();
        (prefix, Tensor::cat(rows, 1))
    }
}
