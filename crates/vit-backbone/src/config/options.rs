//! The choices of a configuration: positions, their interpolation, activation.

use serde::{Deserialize, Serialize};

/// How the model knows where a patch lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionKind {
    /// A trained table, one row per token (ViT, Dosovitskiy et al. 2021, section 3.1).
    Learned,
    /// The fixed two-dimensional sine-cosine table of MAE (He et al. 2022, appendix A.1); never trained.
    #[serde(rename = "sin_cos_2d")]
    SinCos2d,
    /// The fixed three-dimensional sine-cosine table of Prithvi: column, row and frame; never trained.
    #[serde(rename = "sin_cos_3d")]
    SinCos3d,
    /// Sine-cosine positions in units of ground distance (Scale-MAE, Reed et al. 2023, equation 2), computed for each
    /// image from the size of its pixels: [`Vit::at_resolution`](crate::Vit::at_resolution).
    SinCosGround,
    /// Sine-cosine positions at rates that scale with the size of a pixel, and eight numbers about time and place in the last
    /// channels (Clay 1.5): [`Vit::at_resolution`](crate::Vit::at_resolution), [`Vit::at_metadata`](crate::Vit::at_metadata).
    SinCosMetadata,
    /// Queries and keys of patches turned by angles of their places, nothing added to tokens (DINOv3, Siméoni et al. 2025).
    Rotary,
}

impl PositionKind {
    /// Whether a table of positions stands in a checkpoint.
    pub(crate) fn has_table(self) -> bool {
        matches!(self, Self::Learned | Self::SinCos2d | Self::SinCos3d)
    }
}

/// How a position table is carried over to a grid it was not made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// Antialiased bicubic (`a = -0.5`), timm's `resample_abs_pos_embed`.
    #[default]
    Antialiased,
    /// PyTorch's bicubic (`a = -0.75`) to the wanted size, MAE's `interpolate_pos_embed`.
    Bicubic,
    /// PyTorch's bicubic by the factor `(size + 0.1) / old size`, as DINO's `interpolate_pos_encoding` has it: sample
    /// points lie a little closer together than the grids say.
    BicubicOffset,
    /// PyTorch's bicubic with `align_corners`: the outermost patches of both grids have the same positions (Prithvi).
    BicubicCorners,
}

/// The non-linearity of the MLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x Φ(x)` with the exact error function, as timm and MAE use it (not the tanh approximation).
    #[default]
    Gelu,
    /// `x σ(1.702 x)`, the approximation that OpenAI's CLIP was trained with.
    QuickGelu,
    /// `SiLU(a) b` of the two halves of the hidden layer (SwiGLU, Shazeer 2020), packed in one map as in timm's `SwiGLUPacked`.
    #[serde(rename = "swiglu")]
    SwiGlu,
}
