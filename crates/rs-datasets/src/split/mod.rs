//! Splits: named disjoint parts of a data set, drawn by a rule that any language can repeat, kept as files with a hash.
//!
//! # The rule (`sha256-v1`)
//! The key of a sample under a seed is the SHA-256 of the text `{seed}:{id}`. Within a class, samples are ordered by
//! (key, id), and a part takes a prefix of that order. So a split depends on the ids, the classes and the seed, and neither on
//! the order in which a data set lists its files nor on a random-number generator. How many samples of class c a part of fraction f
//! takes: [`shares`](fn@shares), the largest-remainder method.

mod file;
mod groups;
mod key;
mod long_tail;
mod narrow;
mod numpy;
mod parts;
mod shares;
mod stratified;
mod table;

pub use groups::stratified_groups;
pub use key::split_key;
pub use long_tail::{LongTail, long_tail_counts};
pub use numpy::{numpy_permutation, train_test_split};
pub use parts::Split;
pub use shares::shares;
pub use stratified::{repeated_stratified, stratified};
pub use table::LabelTable;
