//! Bounded reading of a pickle stream: no claimed length is trusted, and the total is limited.

use std::io::{self, Read};

/// Reads bytes and refuses to read more than a limit.
pub(crate) struct Bounded<R> {
    inner: R,
    left: u64,
    /// Bytes read so far.
    pub(crate) position: u64,
}

impl<R: Read> Bounded<R> {
    pub(crate) fn new(inner: R, limit: u64) -> Self {
        Self {
            inner,
            left: limit,
            position: 0,
        }
    }

    /// One byte.
    pub(crate) fn byte(&mut self) -> io::Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut array = [0; N];
        self.take(N as u64)?;
        self.inner.read_exact(&mut array)?;
        Ok(array)
    }

    /// A string of claimed length; memory grows with what is really there.
    pub(crate) fn bytes(&mut self, len: u64) -> io::Result<Vec<u8>> {
        self.take(len)?;
        let mut bytes = Vec::new();
        (&mut self.inner).take(len).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == len {
            Ok(bytes)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// A line without its newline.
    pub(crate) fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => {
                    return String::from_utf8(line).map_err(|_| invalid("a name is not UTF-8"));
                }
                byte => line.push(byte),
            }
        }
    }

    /// UTF-8 text of claimed length.
    pub(crate) fn text(&mut self, len: u64) -> io::Result<String> {
        String::from_utf8(self.bytes(len)?).map_err(|_| invalid("a string is not UTF-8"))
    }

    fn take(&mut self, len: u64) -> io::Result<()> {
        self.left = self
            .left
            .checked_sub(len)
            .ok_or_else(|| invalid("it is longer than any header of a model"))?;
        self.position += len;
        Ok(())
    }
}

/// The error for contents that make no sense.
pub(crate) fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
