//! Loading in parallel: decode, transform, batch; bounded memory; an order that only the seed decides.

mod cached;
mod config;
mod iter;
mod order;
mod work;

pub use cached::Cached;
pub use config::{Loader, LoaderConfig};
pub use iter::Batches;
pub use order::Order;
