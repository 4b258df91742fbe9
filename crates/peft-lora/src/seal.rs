//! Checksums inside files, so that a flipped bit is an error and not another number.
//!
//! A file that holds its own SHA-256 holds 64 zeros in its place while it is computed. What else a file of this project says about itself
//! is refused when it is not known, so that a damaged name of the checksum is found too.

use vit_backbone::sha256_bytes;

/// Length of a SHA-256 in hexadecimal.
const LENGTH: usize = 64;

/// Where headers end at the latest; nothing behind is searched.
const HEADER: usize = 64 << 20;

/// The entry of a JSON object that holds the checksum.
const ENTRY: &str = "checksum";

/// What a file says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// It has no checksum, as files of earlier versions have none.
    Absent,
    /// Its bytes are those that were written.
    Whole,
    /// They are not.
    Broken,
}

/// What stands for the checksum until [`close`] puts it in.
pub fn blank() -> String {
    "0".repeat(LENGTH)
}

/// Puts the checksum into the entry `key` of a file whose header is JSON; the entry holds [`blank`]. Without such an entry nothing happens.
pub fn close(bytes: &mut [u8], key: &str) {
    if let Some(place) = value_of(bytes, key) {
        let hash = sha256_bytes(bytes);
        bytes[place..place + LENGTH].copy_from_slice(hash.as_bytes());
    }
}

/// Whether a file is what [`close`] made of it.
pub fn check(bytes: &[u8], key: &str) -> Seal {
    let Some(place) = value_of(bytes, key) else {
        return Seal::Absent;
    };
    let mut blanked = bytes.to_vec();
    blanked[place..place + LENGTH].fill(b'0');
    match sha256_bytes(&blanked).as_bytes() == &bytes[place..place + LENGTH] {
        true => Seal::Whole,
        false => Seal::Broken,
    }
}

/// A JSON object with its checksum as first entry.
pub fn close_json(object: &[u8]) -> Vec<u8> {
    let Some(inside) = object.strip_prefix(b"{") else {
        return object.to_vec();
    };
    let mut bytes = format!("{{\n  \"{ENTRY}\": \"{}\",", blank()).into_bytes();
    bytes.extend_from_slice(inside);
    close(&mut bytes, ENTRY);
    bytes
}

/// What [`close_json`] was given, with blanks in place of the checksum, and whether it is whole.
pub fn open_json(mut bytes: Vec<u8>) -> (Vec<u8>, Seal) {
    let start = format!("{{\n  \"{ENTRY}\": \"");
    if !bytes.starts_with(start.as_bytes()) {
        return (bytes, Seal::Absent);
    }
    let seal = check(&bytes, ENTRY);
    // Through the closing quote and the comma.
    let end = start.len() + LENGTH + 2;
    if bytes.len() < end || &bytes[end - 2..end] != b"\"," {
        return (bytes, Seal::Broken);
    }
    bytes[1..end].fill(b' ');
    (bytes, seal)
}

/// Where the value of the first entry `key` begins, if it is as long as a checksum.
fn value_of(bytes: &[u8], key: &str) -> Option<usize> {
    let quoted = format!("\"{key}\"");
    let header = &bytes[..bytes.len().min(HEADER)];
    let name = header
        .windows(quoted.len())
        .position(|window| window == quoted.as_bytes())?;
    let mut place = name + quoted.len();
    for expected in [b':', b'"'] {
        while header.get(place).is_some_and(u8::is_ascii_whitespace) {
            place += 1;
        }
        if header.get(place) != Some(&expected) {
            return None;
        }
        place += 1;
    }
    (header.get(place + LENGTH) == Some(&b'"')).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_a_sealed_object_is_found() {
        let object = b"{\n  \"rank\": 8,\n  \"note\": \"\"\n}\n";
        let sealed = close_json(object);
        let (opened, seal) = open_json(sealed.clone());
        assert_eq!(seal, Seal::Whole);
        let read: serde_json::Value = serde_json::from_slice(&opened).unwrap();
        assert_eq!(
            read,
            serde_json::from_slice::<serde_json::Value>(object).unwrap()
        );
        for bit in 0..8 * sealed.len() {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let (opened, seal) = open_json(flipped);
            // Where the entry itself is not recognised any more, the object has an entry that nobody knows.
            let known =
                serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&opened)
                    .is_ok_and(|object| {
                        object
                            .keys()
                            .all(|key| ["rank", "note"].contains(&key.as_str()))
                    });
            assert!(seal == Seal::Broken || !known, "bit {bit}");
        }
    }

    #[test]
    fn objects_without_a_checksum_are_as_they_are() {
        assert_eq!(
            open_json(b"{\"a\": 1}".to_vec()),
            (b"{\"a\": 1}".to_vec(), Seal::Absent)
        );
        assert_eq!(check(b"no json", "key"), Seal::Absent);
        assert_eq!(check(b"{\"key\": \"short\"}", "key"), Seal::Absent);
        assert_eq!(open_json(b"{\n  \"checksum\": \"".to_vec()).1, Seal::Broken);
    }
}
