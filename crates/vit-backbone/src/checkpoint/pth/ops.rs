//! The opcodes of pickle, protocols 0 to 5, as far as data needs them (Python's `pickletools` lists them all).

use std::io::{self, Read};

use super::pickle::Machine;
use super::reader::{Bounded, invalid};
use super::value::Value;
use crate::checkpoint::values::StoredType;

impl Machine {
    /// Runs one opcode; false at the end of the pickle.
    pub(crate) fn step<R: Read>(&mut self, r: &mut Bounded<R>) -> io::Result<bool> {
        let op = r.byte()?;
        match op {
            // Frame and protocol.
            0x80 => drop(r.byte()?),
            0x95 => drop(r.array::<8>()?),
            b'.' => return Ok(false),
            // Stack.
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            // Memo.
            b'p' => {
                let slot = self.slot(r)?;
                self.remember(slot)?;
            }
            b'q' => {
                let slot = r.byte()?;
                self.remember(slot.into())?;
            }
            b'r' => {
                let slot = u32::from_le_bytes(r.array()?);
                self.remember(slot.into())?;
            }
            0x94 => self.remember(self.memo.len() as u64)?,
            b'g' => {
                let slot = self.slot(r)?;
                self.recall(slot)?;
            }
            b'h' => {
                let slot = r.byte()?;
                self.recall(slot.into())?;
            }
            b'j' => {
                let slot = u32::from_le_bytes(r.array()?);
                self.recall(slot.into())?;
            }
            // Names, calls, persistent objects.
            b'c' => {
                let name = format!("{}.{}", r.line()?, r.line()?);
                self.push(Value::Global(name))?;
            }
            0x93 => {
                let (attribute, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(attribute)) =
                    (&self.values[module], &self.values[attribute])
                else {
                    return Err(invalid("a name is not text"));
                };
                self.push(Value::Global(format!("{module}.{attribute}")))?;
            }
            b'R' | 0x81 => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                self.call(callable, arguments)?;
            }
            0x92 => {
                let (_, arguments, callable) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(callable, arguments)?;
            }
            // The state of an object: an opaque one stays opaque, and an OrderedDict's attributes are no entries.
            b'b' => drop(self.pop()?),
            b'i' => {
                let name = format!("{}.{}", r.line()?, r.line()?);
                self.pop_mark()?;
                self.push(Value::Opaque(name))?;
            }
            b'o' => {
                self.pop_mark()?;
                self.push(Value::Opaque("an object".into()))?;
            }
            b'Q' => {
                let id = self.pop()?;
                self.persistent(id)?;
            }
            b'P' => {
                r.line()?;
                self.push(Value::Opaque("a persistent object".into()))?;
            }
            // Containers.
            b')' | b']' | 0x8f => self.push(Value::Sequence(Vec::new()))?,
            0x85..=0x87 => self.push_sequence(usize::from(op - 0x84))?,
            b't' | b'l' | 0x91 => {
                let items = self.pop_mark()?;
                self.push(Value::Sequence(items))?;
            }
            b'a' => {
                let item = self.pop()?;
                self.extend_sequence(vec![item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_mark()?;
                self.extend_sequence(items)?;
            }
            b'}' => self.push(Value::Dict(Vec::new()))?,
            b'd' => {
                let items = self.pop_mark()?;
                self.push(Value::Dict(Vec::new()))?;
                self.extend_dict(&items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.extend_dict(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.extend_dict(&items)?;
            }
            _ => self.scalar(op, r)?,
        }
        Ok(true)
    }

    /// Opcodes that push one scalar.
    fn scalar<R: Read>(&mut self, op: u8, r: &mut Bounded<R>) -> io::Result<()> {
        let value = match op {
            b'N' | 0x88 | 0x89 => Value::Plain,
            b'K' => Value::Int(r.byte()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(r.array()?).into()),
            b'J' => Value::Int(i32::from_le_bytes(r.array()?).into()),
            b'I' | b'L' => match r.line()?.trim_end_matches('L').parse() {
                Ok(value) => Value::Int(value),
                Err(_) => Value::Plain,
            },
            0x8a => {
                let len = r.byte()?;
                long(r.bytes(len.into())?)
            }
            0x8b => {
                let len = u32::from_le_bytes(r.array()?);
                long(r.bytes(len.into())?)
            }
            b'G' => {
                r.array::<8>()?;
                Value::Plain
            }
            b'F' => {
                r.line()?;
                Value::Plain
            }
            b'S' => Value::Text(r.line()?.trim_matches(['\'', '"']).to_owned()),
            b'V' => Value::Text(r.line()?),
            0x8c => {
                let len = r.byte()?;
                Value::Text(r.text(len.into())?)
            }
            b'X' => {
                let len = u32::from_le_bytes(r.array()?);
                Value::Text(r.text(len.into())?)
            }
            0x8d => {
                let len = u64::from_le_bytes(r.array()?);
                Value::Text(r.text(len)?)
            }
            // Python 2 strings: text when they are UTF-8.
            b'U' | b'T' => {
                let len = if op == b'U' {
                    r.byte()?.into()
                } else {
                    u32::from_le_bytes(r.array()?).into()
                };
                String::from_utf8(r.bytes(len)?).map_or(Value::Plain, Value::Text)
            }
            b'C' => {
                let len = r.byte()?;
                r.bytes(len.into())?;
                Value::Plain
            }
            b'B' => {
                let len = u32::from_le_bytes(r.array()?);
                r.bytes(len.into())?;
                Value::Plain
            }
            0x8e | 0x96 => {
                let len = u64::from_le_bytes(r.array()?);
                r.bytes(len)?;
                Value::Plain
            }
            other => {
                return Err(invalid(&format!(
                    "opcode {other:#04x} at byte {}",
                    r.position
                )));
            }
        };
        self.push(value)
    }

    fn slot<R: Read>(&self, r: &mut Bounded<R>) -> io::Result<u64> {
        r.line()?
            .parse()
            .map_err(|_| invalid("a memo slot is not a number"))
    }
}

/// An integer of any length, little-endian two's complement.
fn long(bytes: Vec<u8>) -> Value {
    if bytes.len() > 8 {
        return Value::BigInt(bytes);
    }
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut array = [if negative { 0xff } else { 0 }; 8];
    array[..bytes.len()].copy_from_slice(&bytes);
    Value::Int(i64::from_le_bytes(array))
}

/// The number type of a storage class; `None` for what is no plain storage.
pub(crate) fn storage_type(class: &str) -> Option<StoredType> {
    let other = |bytes, name| StoredType::Other { bytes, name };
    let name = class.strip_prefix("torch.")?;
    Some(match name.strip_prefix("cuda.").unwrap_or(name) {
        "FloatStorage" => StoredType::F32,
        "HalfStorage" => StoredType::F16,
        "BFloat16Storage" => StoredType::BF16,
        "DoubleStorage" => StoredType::F64,
        "LongStorage" => other(8, "I64"),
        "IntStorage" => other(4, "I32"),
        "ShortStorage" => other(2, "I16"),
        "CharStorage" => other(1, "I8"),
        "ByteStorage" => other(1, "U8"),
        "BoolStorage" => other(1, "BOOL"),
        _ => return None,
    })
}
