//! What a caller may ask of a load.

use burn::tensor::FloatDType;

/// Where the number of attention heads comes from when a configuration has to be inferred: shapes do not tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Heads {
    /// The file must say it: its metadata, the periods of rotary positions, or the `config.json` of its directory.
    #[default]
    FromMetadata,
    /// The caller says it.
    Given(usize),
    /// The caller guesses that a head has this many channels (64 in every ViT of the original paper).
    ChannelsPerHead(usize),
}

/// Options of [`load_vit`](crate::load_vit). The default is strict: every tensor of the model must be there, nothing unknown may be.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Initialise what the file does not have at random, from [`LoadOptions::seed`]. Shapes must agree all the same.
    pub allow_missing: bool,
    /// Accept tensors of unknown purpose beside those of the model. Heads and pretraining decoders are always accepted.
    pub allow_unknown: bool,
    /// The dictionary to take in a PyTorch file that holds several, such as `student`.
    pub nested: Option<String>,
    /// What to cut off the front of keys; found out when `None`.
    pub prefix: Option<String>,
    /// Heads of an inferred configuration.
    pub heads: Heads,
    /// Epsilon of the LayerNorms of an inferred configuration; 1e-6 when `None`.
    pub layer_norm_eps: Option<f64>,
    /// Type of the model's numbers, whatever the file's: half precision and bfloat16 take half the memory. `None` is the backend's own,
    /// f32 on flex and ndarray. Features then carry its rounding (eleven or eight significant bits at every step); sums inside norms and softmax are
    /// taken in single precision. Adapters hold the backend's own type, so models to be adapted are loaded in that.
    pub dtype: Option<FloatDType>,
    /// Do not hash the file. Hashing takes longer than reading where the file is in memory already, and one thread for all of it;
    /// without it [`LoadReport::sha256`](crate::LoadReport::sha256) is empty, and [`sha256_file`](crate::sha256_file) makes up for it
    /// whenever it is needed.
    pub skip_hash: bool,
    /// Seed of whatever is missing, with [`LoadOptions::allow_missing`].
    pub seed: u64,
}
