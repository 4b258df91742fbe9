//! What the bytes of a file must be.

use super::DownloadError;

/// What is known of a file's SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pin {
    /// All 64 hexadecimal digits.
    Whole(String),
    /// The first digits, as `torch.hub` puts them into file names (`-a0275954.pth`).
    Start(String),
}

impl Pin {
    /// The hash that a person gave.
    ///
    /// # Errors
    /// [`DownloadError::NotAHash`] for anything but 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, DownloadError> {
        let digits = text.trim().to_ascii_lowercase();
        if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self::Whole(digits));
        }
        Err(DownloadError::NotAHash { found: text.into() })
    }

    /// Whether a hash, lower-case hexadecimal, is the one.
    pub fn holds(&self, sha256: &str) -> bool {
        match self {
            Self::Whole(whole) => sha256 == whole,
            Self::Start(start) => sha256.starts_with(start.as_str()),
        }
    }
}

impl std::fmt::Display for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(whole) => f.write_str(whole),
            Self::Start(start) => write!(f, "{start}..."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_sixty_four_digits() {
        let whole = "AB".repeat(32);
        let pin = Pin::parse(&whole).unwrap();
        assert!(pin.holds(&"ab".repeat(32)) && !pin.holds(&"ac".repeat(32)));
        assert!(Pin::parse("ab").is_err() && Pin::parse(&"zz".repeat(32)).is_err());
        let start = Pin::Start("abab".into());
        assert!(start.holds(&"ab".repeat(32)) && !start.holds(&"ba".repeat(32)));
    }
}
