//! Whether a file that an exporter wrote says what the committed one does, up to the rounding of another processor.

use serde_json::Value;

/// Difference, relative to the largest number of a tensor or file, below which it is rounding: PyTorch chooses its kernels by the processor, and gradients of
/// single precision then differ by up to 3e-6. Half of what the tests allow.
const ROUNDING: f64 = 5e-6;

/// The largest difference of two files, if that is rounding or nothing but order; `None` where they differ otherwise or are of a kind that is not compared.
pub(super) fn rounding(name: &str, committed: &[u8], written: &[u8]) -> Option<f64> {
    let error = match name.rsplit('.').next() {
        Some("safetensors") => tensors(committed, written)?,
        Some("json") => {
            let committed: Value = serde_json::from_slice(committed).ok()?;
            let written: Value = serde_json::from_slice(written).ok()?;
            values(&committed, &written)?
        }
        _ => return None,
    };
    (error <= ROUNDING).then_some(error)
}

/// The largest relative difference of the tensors of two files of the same names, types, shapes and metadata.
fn tensors(committed: &[u8], written: &[u8]) -> Option<f64> {
    let (header, old) = parts(committed)?;
    let (other, new) = parts(written)?;
    if header != other || old.len() != new.len() {
        return None;
    }
    let mut largest = 0.0_f64;
    for entry in header.as_object()?.values() {
        // The metadata is no tensor.
        let Some(offsets) = entry.get("data_offsets") else {
            continue;
        };
        let at = |end: usize| usize::try_from(offsets.get(end)?.as_u64()?).ok();
        let range = at(0)?..at(1)?;
        let (old, new) = (old.get(range.clone())?, new.get(range)?);
        let width = match entry.get("dtype")?.as_str()? {
            "F32" => 4,
            "F64" => 8,
            _ if old == new => continue,
            _ => return None,
        };
        let mut walked = Walked::default();
        for (old, new) in old.chunks_exact(width).zip(new.chunks_exact(width)) {
            walked.number(float(old)?, float(new)?)?;
        }
        largest = largest.max(walked.relative());
    }
    Some(largest)
}

/// The largest difference of two texts of JSON; that of a list of numbers is relative to the largest of them.
fn values(old: &Value, new: &Value) -> Option<f64> {
    let numbers = |list: &[Value]| list.iter().all(Value::is_number);
    match (old, new) {
        (Value::Object(old), Value::Object(new)) if old.len() == new.len() => old
            .iter()
            .map(|(key, value)| values(value, new.get(key)?))
            .try_fold(0.0, |worst: f64, error| Some(worst.max(error?))),
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            if numbers(old) && numbers(new) {
                let mut walked = Walked::default();
                for (old, new) in old.iter().zip(new) {
                    walked.number(old.as_f64()?, new.as_f64()?)?;
                }
                return Some(walked.relative());
            }
            let mut pairs = old.iter().zip(new).map(|(old, new)| values(old, new));
            pairs.try_fold(0.0, |worst: f64, error| Some(worst.max(error?)))
        }
        (Value::Number(old), Value::Number(new)) => {
            let mut walked = Walked::default();
            walked.number(old.as_f64()?, new.as_f64()?)?;
            Some(walked.relative())
        }
        _ => (old == new).then_some(0.0),
    }
}

/// Header and values of a safetensors file.
fn parts(bytes: &[u8]) -> Option<(Value, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let header = serde_json::from_slice(rest.get(..length)?).ok()?;
    Some((header, &rest[length..]))
}

/// A number of four or eight bytes.
fn float(bytes: &[u8]) -> Option<f64> {
    match bytes.len() {
        4 => Some(f64::from(f32::from_le_bytes(bytes.try_into().ok()?))),
        _ => Some(f64::from_le_bytes(bytes.try_into().ok()?)),
    }
}

/// What has been seen of two lists of numbers.
#[derive(Default)]
struct Walked {
    difference: f64,
    largest: f64,
}

impl Walked {
    fn number(&mut self, old: f64, new: f64) -> Option<()> {
        if old.is_finite() && new.is_finite() {
            self.difference = self.difference.max((old - new).abs());
            self.largest = self.largest.max(old.abs());
            return Some(());
        }
        // Infinities and what is no number must be the same ones.
        (old.to_bits() == new.to_bits() || old.is_nan() && new.is_nan()).then_some(())
    }

    fn relative(&self) -> f64 {
        match self.difference {
            0.0 => 0.0,
            difference => difference / self.largest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, values: &[f32]) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        bytes
    }

    const ONE: &str = r#"{"__metadata__":{"a":"1","b":"2"},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    const OTHER_ORDER: &str = r#"{"__metadata__":{"b":"2","a":"1"},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    const OTHER_TEXT: &str = r#"{"__metadata__":{"a":"1","b":"3"},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;

    #[test]
    fn the_order_of_a_header_and_rounding_are_no_difference() {
        let (old, name) = (file(ONE, &[1.0, 100.0]), "a.safetensors");
        let against = |header, values: &[f32]| rounding(name, &old, &file(header, values));
        assert_eq!(against(OTHER_ORDER, &[1.0, 100.0]), Some(0.0));
        let error = against(ONE, &[1.0001, 100.0]).unwrap();
        assert!((error - 1e-6).abs() < 1e-7, "{error}");
        assert_eq!(against(ONE, &[1.01, 100.0]), None);
        assert_eq!(against(ONE, &[f32::NAN, 100.0]), None);
        assert_eq!(against(OTHER_TEXT, &[1.0, 100.0]), None);
        assert_eq!(rounding(name, &old, &old[..20]), None);
        assert_eq!(rounding("a.pth", &old, &old), None);
    }

    #[test]
    fn numbers_of_json_are_compared_and_texts_are_equal_or_not() {
        let old = br#"{"rows": [1.0, 2.0], "name": "a", "k": 3}"#;
        let against = |new: &str| rounding("a.json", old, new.as_bytes());
        assert_eq!(against(r#"{"name":"a","k":3,"rows":[1.0,2.0]}"#), Some(0.0));
        let error = against(r#"{"rows": [1.0, 2.000002], "name": "a", "k": 3}"#).unwrap();
        assert!(error > 1e-7 && error < 2e-6, "{error}");
        for new in [
            r#"{"rows": [1.0, 2.1], "name": "a", "k": 3}"#,
            r#"{"rows": [1.0], "name": "a", "k": 3}"#,
            r#"{"rows": [1.0, 2.0], "name": "b", "k": 3}"#,
            r#"{"rows": [1.0, 2.0], "name": "a", "k": 4}"#,
            r#"{"rows": [1.0, 2.0], "name": "a"}"#,
            "nothing",
        ] {
            assert_eq!(against(new), None, "{new}");
        }
    }
}
