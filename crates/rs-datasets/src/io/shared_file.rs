//! One open file that many readers share, each with a position of its own.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes fetched at once: the directory of an archive is read in pieces of some ten bytes.
const BUFFER: usize = 8192;

/// A reader whose clones share the file handle, but neither position nor buffer.
#[derive(Debug)]
pub(super) struct SharedFile {
    file: Arc<Mutex<File>>,
    position: u64,
    buffer: Vec<u8>,
    buffer_at: u64,
}

impl SharedFile {
    pub(super) fn new(file: File) -> Self {
        Self {
            file: Arc::new(Mutex::new(file)),
            position: 0,
            buffer: Vec::new(),
            buffer_at: 0,
        }
    }

    /// The handle; a thread that panicked while holding it left nothing behind that matters, as every read seeks first.
    fn lock(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads at the position, past the buffer.
    fn fetch(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut file = self.lock();
        file.seek(SeekFrom::Start(self.position))?;
        file.read(into)
    }

    /// The buffered bytes from the position on.
    fn buffered(&self) -> &[u8] {
        let skip = self
            .position
            .checked_sub(self.buffer_at)
            .and_then(|skip| usize::try_from(skip).ok());
        skip.and_then(|skip| self.buffer.get(skip..))
            .unwrap_or_default()
    }
}

impl Clone for SharedFile {
    fn clone(&self) -> Self {
        Self {
            file: Arc::clone(&self.file),
            position: self.position,
            buffer: Vec::new(),
            buffer_at: 0,
        }
    }
}

impl Read for SharedFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.buffered().is_empty() {
            if into.len() >= BUFFER {
                let read = self.fetch(into)?;
                self.position += read as u64;
                return Ok(read);
            }
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.resize(BUFFER, 0);
            let read = self.fetch(&mut buffer)?;
            buffer.truncate(read);
            self.buffer = buffer;
            self.buffer_at = self.position;
        }
        let available = self.buffered();
        let read = available.len().min(into.len());
        into[..read].copy_from_slice(&available[..read]);
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for SharedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(offset) => self.lock().metadata()?.len().checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_of_any_size_from_any_place_give_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        let bytes: Vec<u8> = (0..40_000u32).map(|i| (i * 7 % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let shared = SharedFile::new(File::open(&path).unwrap());
        for (start, length) in [
            (0, 10),
            (5, 9000),
            (39_990, 10),
            (8190, 4),
            (100, 0),
            (20_000, 20_000),
            (3, 40),
        ] {
            let mut reader = shared.clone();
            reader.seek(SeekFrom::Start(start as u64)).unwrap();
            let mut into = vec![0; length];
            // In two parts, so that the second starts within the buffer.
            let (first, second) = into.split_at_mut(length / 3);
            reader.read_exact(first).unwrap();
            reader.read_exact(second).unwrap();
            assert_eq!(into, bytes[start..start + length]);
        }
        let mut reader = shared;
        assert_eq!(reader.seek(SeekFrom::End(-3)).unwrap(), 39_997);
        assert!(reader.seek(SeekFrom::Current(-50_000)).is_err());
    }
}
