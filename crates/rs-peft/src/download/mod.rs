//! Published files by name: fetched whole or not at all, continued after an interruption, and checked against a pinned SHA-256.
//!
//! [`PUBLISHED`] says where each file lies and what its hash must be; [`download`] brings one through a [`Transport`];
//! the feature `hub` has the transport over HTTPS. A file that was brought by hand is checked by [`check`].

mod error;
mod fetch;
#[cfg(feature = "hub")]
mod https;
mod pin;
mod published;
mod transport;

pub use error::DownloadError;
pub use fetch::{Fetched, Progress, check, download};
#[cfg(feature = "hub")]
pub use https::Https;
pub use pin::Pin;
pub use published::{PUBLISHED, Published, published};
pub use transport::{Answer, Transport};
