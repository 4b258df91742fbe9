//! Where bytes come from.

use std::io::Read;

use super::DownloadError;

/// What a server sends.
pub struct Answer {
    /// The position in the file at which the bytes begin; 0 where the server does not continue.
    pub start: u64,
    /// The size of the whole file, where the server says it.
    pub total: Option<u64>,
    /// The bytes.
    pub body: Box<dyn Read>,
}

/// A way to a server.
pub trait Transport {
    /// Asks for a file from position `from` on.
    ///
    /// # Errors
    /// [`DownloadError::Refused`] and [`DownloadError::Broken`].
    fn open(&self, url: &str, from: u64) -> Result<Answer, DownloadError>;
}
