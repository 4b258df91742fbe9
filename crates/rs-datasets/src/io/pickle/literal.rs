//! Bytes as Python writes them in source text.

/// The bytes that a Python literal such as `b'\x80a'` stands for; `None` when it is none.
pub fn bytes_literal(text: &str) -> Option<Vec<u8>> {
    let rest = text.trim().strip_prefix('b')?;
    let quote = rest.chars().next().filter(|q| ['\'', '"'].contains(q))?;
    let inner = rest.strip_prefix(quote)?.strip_suffix(quote)?;
    let mut bytes = Vec::with_capacity(inner.len() / 2);
    let mut characters = inner.bytes();
    while let Some(byte) = characters.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match characters.next()? {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            same @ (b'\\' | b'\'' | b'"') => same,
            b'x' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(characters.next()?)?, digit(characters.next()?)?);
                (16 * high + low) as u8
            }
            _ => return None,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_read_as_python_writes_them() {
        assert_eq!(
            bytes_literal(r"b'\x80\x04a\n\\\''").unwrap(),
            b"\x80\x04a\n\\'"
        );
        assert_eq!(bytes_literal("b\"it's\"").unwrap(), b"it's");
        for wrong in ["'a'", "b'a", r"b'\x8'", r"b'\q'", "b", ""] {
            assert_eq!(bytes_literal(wrong), None, "{wrong}");
        }
    }
}
