//! The values that a pickle can denote here: data, and names of what was not run.

use crate::checkpoint::values::StoredType;

/// Number of a value in the arena.
pub(crate) type Id = usize;

/// A block of numbers that tensors are views of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Storage {
    pub(crate) key: String,
    pub(crate) dtype: StoredType,
    /// Number of numbers.
    pub(crate) len: usize,
}

/// A view of a storage; offset and strides in numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TensorView {
    pub(crate) storage: Storage,
    pub(crate) offset: usize,
    pub(crate) shape: Vec<usize>,
    pub(crate) strides: Vec<usize>,
}

/// A value of the pickle.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// `None`, booleans, floats, bytes, large integers: nothing that a state dictionary is addressed by.
    Plain,
    Int(i64),
    /// A large integer, little-endian two's complement.
    BigInt(Vec<u8>),
    Text(String),
    /// A tuple, list or set.
    Sequence(Vec<Id>),
    /// Keys and values in order.
    Dict(Vec<(Id, Id)>),
    /// A name, `module.attribute`.
    Global(String),
    Storage(Storage),
    Tensor(TensorView),
    /// The result of a call that was not made.
    Opaque(String),
}
