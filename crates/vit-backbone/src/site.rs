//! The places of a vision transformer, under the names that its checkpoints use.

use std::fmt;
use std::str::FromStr;

use crate::BackboneError;

/// Which linear map of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LinearMap {
    /// `attn.qkv`, `dim -> 3 dim`: queries, keys and values fused, in this order.
    Qkv,
    /// `attn.proj`, `dim -> dim`.
    Proj,
    /// `mlp.fc1`, `dim -> mlp_dim`.
    Fc1,
    /// `mlp.fc2`, `mlp_dim -> dim`.
    Fc2,
}

impl LinearMap {
    /// The four maps in the order of the forward pass.
    pub const ALL: [Self; 4] = [Self::Qkv, Self::Proj, Self::Fc1, Self::Fc2];

    /// Its name inside a block, such as `attn.qkv`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Qkv => "attn.qkv",
            Self::Proj => "attn.proj",
            Self::Fc1 => "mlp.fc1",
            Self::Fc2 => "mlp.fc2",
        }
    }
}

/// One linear map of one block, written `blocks.3.attn.qkv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinearSite {
    /// Number of the block, from 0.
    pub block: usize,
    /// The map inside the block.
    pub map: LinearMap,
}

/// One LayerNorm, written `norm_pre`, `blocks.3.norm1`, `blocks.3.norm2` or `norm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NormSite {
    /// Between the embedding and the first block.
    Pre,
    /// Before the attention of a block.
    Norm1(usize),
    /// Before the MLP of a block.
    Norm2(usize),
    /// After the last block.
    Final,
}

/// One LayerScale, written `blocks.3.ls1` or `blocks.3.ls2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LayerScaleSite {
    /// Behind the attention of a block.
    Ls1(usize),
    /// Behind the MLP of a block.
    Ls2(usize),
}

impl fmt::Display for LinearMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for LinearSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "blocks.{}.{}", self.block, self.map)
    }
}

impl fmt::Display for NormSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Norm1(block) => write!(f, "blocks.{block}.norm1"),
            Self::Norm2(block) => write!(f, "blocks.{block}.norm2"),
            Self::Pre => f.write_str("norm_pre"),
            Self::Final => f.write_str("norm"),
        }
    }
}

impl fmt::Display for LayerScaleSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ls1(block) => write!(f, "blocks.{block}.ls1"),
            Self::Ls2(block) => write!(f, "blocks.{block}.ls2"),
        }
    }
}

/// Splits `blocks.3.rest` into 3 and `rest`.
fn in_block(name: &str) -> Option<(usize, &str)> {
    let (number, rest) = name.strip_prefix("blocks.")?.split_once('.')?;
    // `usize::from_str` accepts a leading plus sign, which no checkpoint writes.
    if number.starts_with('+') {
        return None;
    }
    Some((number.parse().ok()?, rest))
}

fn unknown(kind: &'static str, found: &str, expected: &str) -> BackboneError {
    BackboneError::Site {
        kind,
        found: found.to_owned(),
        expected: expected.to_owned(),
    }
}

impl FromStr for LinearSite {
    type Err = BackboneError;

    fn from_str(name: &str) -> Result<Self, BackboneError> {
        in_block(name)
            .and_then(|(block, rest)| {
                let map = LinearMap::ALL.into_iter().find(|map| map.name() == rest)?;
                Some(Self { block, map })
            })
            .ok_or_else(|| {
                unknown(
                    "linear map",
                    name,
                    "`blocks.N.` followed by attn.qkv, attn.proj, mlp.fc1 or mlp.fc2",
                )
            })
    }
}

impl FromStr for NormSite {
    type Err = BackboneError;

    fn from_str(name: &str) -> Result<Self, BackboneError> {
        match (name, in_block(name)) {
            ("norm_pre", _) => Ok(Self::Pre),
            ("norm", _) => Ok(Self::Final),
            (_, Some((block, "norm1"))) => Ok(Self::Norm1(block)),
            (_, Some((block, "norm2"))) => Ok(Self::Norm2(block)),
            _ => Err(unknown(
                "norm",
                name,
                "`norm_pre`, `norm`, `blocks.N.norm1` or `blocks.N.norm2`",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for map in LinearMap::ALL {
            let site = LinearSite { block: 11, map };
            assert_eq!(site.to_string().parse::<LinearSite>().unwrap(), site);
        }
        for site in [
            NormSite::Pre,
            NormSite::Norm1(0),
            NormSite::Norm2(23),
            NormSite::Final,
        ] {
            assert_eq!(site.to_string().parse::<NormSite>().unwrap(), site);
        }
    }

    #[test]
    fn other_names_are_errors() {
        for name in [
            "",
            "blocks",
            "blocks.x.attn.qkv",
            "blocks.+1.attn.qkv",
            "blocks.1.attn",
            "attn.qkv",
        ] {
            assert!(name.parse::<LinearSite>().is_err(), "{name}");
        }
        for name in ["norm1", "blocks.1.norm3", "blocks.norm1"] {
            assert!(name.parse::<NormSite>().is_err(), "{name}");
        }
    }
}
