//! The places of a U-Net under the names of diffusers.

use std::fmt;
use std::str::FromStr;

use crate::{DiffusionError, Projection};

/// One block of the U-Net, written `down_blocks.0`, `mid_block` or `up_blocks.3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// A block of the down path, numbered from the finest.
    Down(usize),
    /// The middle.
    Mid,
    /// A block of the up path, numbered from the coarsest.
    Up(usize),
}

/// Which linear map of a transformer block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnetMap {
    /// `proj_in`, from channels to tokens.
    ProjIn,
    /// `attn1`, the attention among pixels.
    Own(Projection),
    /// `attn2`, the attention on the context.
    Cross(Projection),
    /// `ff.net.0.proj`, values and gates.
    FfIn,
    /// `ff.net.2`.
    FfOut,
    /// `proj_out`, from tokens to channels.
    ProjOut,
}

impl UnetMap {
    /// All of them in the order of the forward pass.
    pub const ALL: [Self; 12] = [
        Self::ProjIn,
        Self::Own(Projection::Query),
        Self::Own(Projection::Key),
        Self::Own(Projection::Value),
        Self::Own(Projection::Out),
        Self::Cross(Projection::Query),
        Self::Cross(Projection::Key),
        Self::Cross(Projection::Value),
        Self::Cross(Projection::Out),
        Self::FfIn,
        Self::FfOut,
        Self::ProjOut,
    ];

    /// Its name inside `attentions.N`.
    pub fn name(self) -> &'static str {
        use Projection::{Key, Out, Query, Value};
        match self {
            Self::ProjIn => "proj_in",
            Self::Own(Query) => "transformer_blocks.0.attn1.to_q",
            Self::Own(Key) => "transformer_blocks.0.attn1.to_k",
            Self::Own(Value) => "transformer_blocks.0.attn1.to_v",
            Self::Own(Out) => "transformer_blocks.0.attn1.to_out.0",
            Self::Cross(Query) => "transformer_blocks.0.attn2.to_q",
            Self::Cross(Key) => "transformer_blocks.0.attn2.to_k",
            Self::Cross(Value) => "transformer_blocks.0.attn2.to_v",
            Self::Cross(Out) => "transformer_blocks.0.attn2.to_out.0",
            Self::FfIn => "transformer_blocks.0.ff.net.0.proj",
            Self::FfOut => "transformer_blocks.0.ff.net.2",
            Self::ProjOut => "proj_out",
        }
    }
}

/// One linear map, written as diffusers names it: `down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_q`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnetSite {
    /// The block.
    pub stage: Stage,
    /// The transformer in the block, from 0.
    pub attention: usize,
    /// The map.
    pub map: UnetMap,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down(block) => write!(f, "down_blocks.{block}"),
            Self::Mid => f.write_str("mid_block"),
            Self::Up(block) => write!(f, "up_blocks.{block}"),
        }
    }
}

impl FromStr for Stage {
    type Err = DiffusionError;

    fn from_str(name: &str) -> Result<Self, DiffusionError> {
        let block = |rest: &str| number(rest);
        let stage = match name.split_once('.') {
            None if name == "mid_block" => Some(Self::Mid),
            Some(("down_blocks", rest)) => block(rest).map(Self::Down),
            Some(("up_blocks", rest)) => block(rest).map(Self::Up),
            _ => None,
        };
        stage.ok_or_else(|| {
            DiffusionError::argument(
                "a block's name",
                format!("`{name}`"),
                "`down_blocks.N`, `mid_block` or `up_blocks.N`",
            )
        })
    }
}

impl fmt::Display for UnetSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stage,
            attention,
            map,
        } = self;
        write!(f, "{stage}.attentions.{attention}.{}", map.name())
    }
}

impl FromStr for UnetSite {
    type Err = DiffusionError;

    fn from_str(name: &str) -> Result<Self, DiffusionError> {
        let parse = || {
            let (stage, rest) = name.split_once(".attentions.")?;
            let (attention, map) = rest.split_once('.')?;
            Some(Self {
                stage: stage.parse().ok()?,
                attention: number(attention)?,
                map: UnetMap::ALL.into_iter().find(|known| known.name() == map)?,
            })
        };
        parse().ok_or_else(|| DiffusionError::Site {
            found: name.to_owned(),
            remedy: "names look like `mid_block.attentions.0.transformer_blocks.0.attn1.to_q`"
                .into(),
        })
    }
}

/// Digits only: `usize::from_str` accepts a leading plus sign, which no file writes.
fn number(text: &str) -> Option<usize> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for stage in [Stage::Down(2), Stage::Mid, Stage::Up(11)] {
            assert_eq!(stage.to_string().parse::<Stage>().unwrap(), stage);
            for map in UnetMap::ALL {
                let site = UnetSite {
                    stage,
                    attention: 1,
                    map,
                };
                assert_eq!(site.to_string().parse::<UnetSite>().unwrap(), site);
            }
        }
    }

    #[test]
    fn other_names_are_errors() {
        for name in [
            "",
            "mid_block.resnets.0.conv1",
            "down_blocks.+1.attentions.0.proj_in",
            "down_blocks.0.attentions.0.transformer_blocks.1.attn1.to_q",
            "mid_block.0.attentions.0.proj_in",
        ] {
            assert!(name.parse::<UnetSite>().is_err(), "{name}");
        }
        assert!("up_blocks".parse::<Stage>().is_err());
    }
}
