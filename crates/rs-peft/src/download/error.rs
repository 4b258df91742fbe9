//! What can go wrong between a server and a file.

use std::path::PathBuf;

/// Why a file was not fetched or not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// No file of that name is listed.
    #[error(
        "no published file is called {name:?}; the nearest are {near}; `rs-peft get --list` names all"
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// Names like it.
        near: String,
    },
    /// Nothing says what the bytes must be.
    #[error(
        "{name}: its publisher names no hash, so nothing would tell a damaged file; give --sha256 HEX, or --unpinned to take what \
         comes and learn its hash"
    )]
    NoPin {
        /// The file's name in the list.
        name: String,
    },
    /// A hash that is none.
    #[error("{found:?} is no SHA-256; expected 64 hexadecimal digits")]
    NotAHash {
        /// What was given.
        found: String,
    },
    /// The bytes are others.
    #[error(
        "{}: SHA-256 {found}, expected {expected}; the file is damaged or another one, {remedy}",
        path.display()
    )]
    Hash {
        /// The file.
        path: PathBuf,
        /// The pin.
        expected: String,
        /// What its bytes give.
        found: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The server said no.
    #[error("{url}: the server answered {status}; {remedy}")]
    Refused {
        /// What was asked for.
        url: String,
        /// HTTP status.
        status: u16,
        /// What to do.
        remedy: &'static str,
    },
    /// Files are not given to programs there.
    #[error("{name}: {how}")]
    ByHand {
        /// The file's name in the list.
        name: String,
        /// Where and how a person gets it.
        how: &'static str,
    },
    /// No connection, or it broke.
    #[error("{url}: {message}; run the command again, it continues where it stopped")]
    Broken {
        /// What was asked for.
        url: String,
        /// What happened.
        message: String,
    },
    /// More bytes than any such file has.
    #[error("{url}: more than {limit} bytes; this is not the file that was published")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The bound, bytes.
        limit: u64,
    },
    /// The disk.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}
