//! Channels that are embedded group by group.

use serde::{Deserialize, Serialize};

/// Which image channels form a group, and how wide the embedding is that tells groups apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelGroups {
    /// Channels of each group, numbered from 0 in the order of the image.
    pub groups: Vec<Vec<usize>>,
    /// Width of the group's part of a position; the patch's place has the rest of the token's width, in front of it.
    pub dim: usize,
}
