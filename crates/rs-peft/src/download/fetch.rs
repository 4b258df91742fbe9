//! One file: beside its place until it is whole and its hash is right, then renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{DownloadError, Pin, Transport};
use crate::hex::hex;

/// No published file is larger, bytes: the largest model of the zoo has 6.7 G parameters.
const LARGEST: u64 = 32 << 30;

/// Bytes read at once.
const BLOCK: usize = 1 << 20;

/// How far a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes on disk.
    pub done: u64,
    /// Bytes of the file, where the server says so.
    pub of: Option<u64>,
}

/// A file that is where it was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// Whether it was there before.
    pub already: bool,
}

/// Brings a file to `target`, unless it is there already with the right hash.
///
/// What has come so far lies in `TARGET.part` and is continued by the next call.
///
/// # Errors
/// [`DownloadError::Hash`] when the bytes are not those of the pin: a file that was fetched is removed, one that was there before is
/// left as it is. [`DownloadError::Broken`] when the connection ends early; those of the transport; [`DownloadError::Io`].
pub fn download(
    transport: &dyn Transport,
    url: &str,
    pin: Option<&Pin>,
    target: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Fetched, DownloadError> {
    if target.exists() {
        let (sha256, bytes) = check(target, pin)?;
        return Ok(Fetched {
            sha256,
            bytes,
            already: true,
        });
    }
    let part = part_of(target);
    let (hasher, bytes) = receive(transport, url, &part, progress)?;
    let sha256 = hex(&hasher.finalize());
    if let Some(pin) = pin.filter(|pin| !pin.holds(&sha256)) {
        fs::remove_file(&part).map_err(io("remove", &part))?;
        return Err(DownloadError::Hash {
            path: target.into(),
            expected: pin.to_string(),
            found: sha256,
            remedy: "and was not kept; run the command again",
        });
    }
    fs::rename(&part, target).map_err(io("rename", &part))?;
    Ok(Fetched {
        sha256,
        bytes,
        already: false,
    })
}

/// SHA-256 and size of a file, if they are what they must be.
///
/// # Errors
/// [`DownloadError::Hash`], [`DownloadError::Io`].
pub fn check(path: &Path, pin: Option<&Pin>) -> Result<(String, u64), DownloadError> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path).map_err(io("read", path))?;
    let bytes = add(&mut hasher, &mut file).map_err(io("read", path))?;
    let found = hex(&hasher.finalize());
    match pin.filter(|pin| !pin.holds(&found)) {
        None => Ok((found, bytes)),
        Some(pin) => Err(DownloadError::Hash {
            path: path.into(),
            expected: pin.to_string(),
            found,
            remedy: "move it away and fetch it anew",
        }),
    }
}

/// Appends to the part file until the server has sent all; the hash of everything, and the size.
fn receive(
    transport: &dyn Transport,
    url: &str,
    part: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Sha256, u64), DownloadError> {
    let here = fs::metadata(part).map_or(0, |found| found.len());
    let mut answer = transport.open(url, here)?;
    let mut hasher = Sha256::new();
    // A server that cannot continue sends everything again; one that continues elsewhere is not understood.
    let mut done = if answer.start == here && here > 0 {
        let mut file = File::open(part).map_err(io("read", part))?;
        add(&mut hasher, &mut file).map_err(io("read", part))?
    } else {
        0
    };
    if answer.start != done {
        return Err(DownloadError::Broken {
            url: url.into(),
            message: format!("asked for byte {here}, got byte {}", answer.start),
        });
    }
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(done == 0)
        .append(done > 0)
        .open(part)
        .map_err(io("write", part))?;
    let mut block = vec![0; BLOCK];
    loop {
        progress(Progress {
            done,
            of: answer.total,
        });
        let count = match answer.body.read(&mut block) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(DownloadError::Broken {
                    url: url.into(),
                    message: format!("the connection broke after {done} bytes ({error})"),
                });
            }
        };
        done += count as u64;
        if done > LARGEST.min(answer.total.unwrap_or(LARGEST)) {
            fs::remove_file(part).map_err(io("remove", part))?;
            return Err(DownloadError::TooLarge {
                url: url.into(),
                limit: answer.total.unwrap_or(LARGEST),
            });
        }
        file.write_all(&block[..count]).map_err(io("write", part))?;
        hasher.update(&block[..count]);
    }
    if let Some(total) = answer.total.filter(|&total| done < total) {
        return Err(DownloadError::Broken {
            url: url.into(),
            message: format!("the connection ended after {done} of {total} bytes"),
        });
    }
    file.sync_all().map_err(io("write", part))?;
    Ok((hasher, done))
}

/// Adds all that a reader has to a hash.
fn add(hasher: &mut Sha256, reader: &mut dyn Read) -> std::io::Result<u64> {
    let mut block = vec![0; BLOCK];
    let mut bytes = 0;
    loop {
        match reader.read(&mut block) {
            Ok(0) => return Ok(bytes),
            Ok(count) => {
                hasher.update(&block[..count]);
                bytes += count as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn part_of(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    target.with_file_name(name)
}

fn io(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> DownloadError {
    move |source| DownloadError::Io {
        action,
        path: path.into(),
        source,
    }
}
