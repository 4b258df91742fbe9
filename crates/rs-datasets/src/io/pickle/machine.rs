//! The machine that a pickle is a program for: a stack, a memo, and values that refer to each other.

use std::path::Path;

use super::Pickled;
use crate::DataError;

/// More values than any pickle of a sample holds.
const MAX_VALUES: usize = 1 << 20;
/// Deeper than any of them.
const MAX_DEPTH: usize = 64;

/// Runs a pickle without calling anything.
pub(super) fn read(bytes: &[u8], path: &Path) -> Result<Pickled, DataError> {
    let mut machine = Machine {
        bytes,
        at: 0,
        nodes: Vec::new(),
        stack: Vec::new(),
        memo: Vec::new(),
        path,
    };
    let root = machine.run()?;
    let mut left = MAX_VALUES;
    machine.value(root, MAX_DEPTH, &mut left)
}

/// A value under construction; containers refer to others by their place, as Python's do.
#[derive(Clone, Debug)]
enum Node {
    Plain(Pickled),
    List(Vec<usize>),
    Dict(Vec<(usize, usize)>),
    Global(String),
    Call(usize, usize),
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    /// Places of values; `None` is a mark.
    stack: Vec<Option<usize>>,
    memo: Vec<(usize, usize)>,
    path: &'a Path,
}

impl Machine<'_> {
    fn corrupt(&self, detail: &str) -> DataError {
        DataError::Corrupt {
            path: self.path.into(),
            format: "pickle",
            detail: format!("{detail} (byte {})", self.at),
        }
    }

    fn take(&mut self, count: usize) -> Result<&[u8], DataError> {
        let end = self.at.checked_add(count);
        let Some(found) = end.and_then(|end| self.bytes.get(self.at..end)) else {
            return Err(self.corrupt("it ends early"));
        };
        self.at += count;
        Ok(found)
    }

    /// A little-endian whole number of `count` bytes, at most 8.
    fn unsigned(&mut self, count: usize) -> Result<u64, DataError> {
        let bytes = self.take(count)?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |all, &byte| all << 8 | u64::from(byte)))
    }

    fn length(&mut self, count: usize) -> Result<usize, DataError> {
        let length = self.unsigned(count)?;
        Ok(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn text(&mut self, length: usize) -> Result<String, DataError> {
        let bytes = self.take(length)?.to_vec();
        String::from_utf8(bytes).map_err(|_| self.corrupt("a text is not UTF-8"))
    }

    fn line(&mut self) -> Result<String, DataError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
            return Err(self.corrupt("a name has no end"));
        };
        let name = self.text(end)?;
        self.at += 1;
        Ok(name)
    }

    fn push(&mut self, node: Node) -> Result<(), DataError> {
        if self.nodes.len() >= MAX_VALUES {
            return Err(self.corrupt("more values than a sample needs"));
        }
        self.stack.push(Some(self.nodes.len()));
        self.nodes.push(node);
        Ok(())
    }

    fn plain(&mut self, value: Pickled) -> Result<(), DataError> {
        self.push(Node::Plain(value))
    }

    fn pop(&mut self) -> Result<usize, DataError> {
        match self.stack.pop() {
            Some(Some(place)) => Ok(place),
            _ => Err(self.corrupt("a value is missing")),
        }
    }

    fn top(&self) -> Result<usize, DataError> {
        match self.stack.last() {
            Some(Some(place)) => Ok(*place),
            _ => Err(self.corrupt("a value is missing")),
        }
    }

    /// Everything above the last mark, which is taken off, too.
    fn marked(&mut self) -> Result<Vec<usize>, DataError> {
        let Some(mark) = self.stack.iter().rposition(Option::is_none) else {
            return Err(self.corrupt("a mark is missing"));
        };
        let above = self.stack.split_off(mark);
        Ok(above.into_iter().flatten().collect())
    }

    fn list(&mut self, count: usize) -> Result<(), DataError> {
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(Node::List(items))
    }

    fn remember(&mut self, key: usize) -> Result<(), DataError> {
        let place = self.top()?;
        self.memo.push((key, place));
        Ok(())
    }

    fn recall(&mut self, key: usize) -> Result<(), DataError> {
        // Keys are mostly counted up, so the wanted one is at its own place.
        let found = self.memo.get(key).filter(|(k, _)| *k == key);
        let found = found.or_else(|| self.memo.iter().rev().find(|(k, _)| *k == key));
        let Some(&(_, place)) = found else {
            return Err(self.corrupt("it refers to a value that is not there"));
        };
        self.stack.push(Some(place));
        Ok(())
    }

    fn extend(&mut self, items: Vec<usize>) -> Result<(), DataError> {
        let place = self.top()?;
        match &mut self.nodes[place] {
            Node::List(list) => list.extend(items),
            _ => return Err(self.corrupt("something is appended to what is no list")),
        }
        Ok(())
    }

    fn set(&mut self, items: Vec<usize>) -> Result<(), DataError> {
        let place = self.top()?;
        match &mut self.nodes[place] {
            Node::Dict(dict) => dict.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1]))),
            // A class of its own may behave like a dictionary; its entries are not needed.
            Node::Call(..) => {}
            _ => return Err(self.corrupt("an entry is set in what is no dictionary")),
        }
        Ok(())
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), DataError> {
        self.push(Node::Global(format!("{module}.{name}")))
    }

    /// The place of the value of the whole pickle.
    fn run(&mut self) -> Result<usize, DataError> {
        loop {
            let opcode = self.take(1)?[0];
            match opcode {
                // PROTO, FRAME
                0x80 => drop(self.take(1)?),
                0x95 => drop(self.take(8)?),
                b'.' => return self.pop(),
                b'(' => self.stack.push(None),
                b'0' => drop(self.pop()?),
                b'1' => drop(self.marked()?),
                b'N' => self.plain(Pickled::None)?,
                0x88 => self.plain(Pickled::Bool(true))?,
                0x89 => self.plain(Pickled::Bool(false))?,
                b'K' => {
                    let value = self.unsigned(1)?;
                    self.plain(Pickled::Int(value as i64))?;
                }
                b'M' => {
                    let value = self.unsigned(2)?;
                    self.plain(Pickled::Int(value as i64))?;
                }
                b'J' => {
                    let value = self.unsigned(4)? as u32 as i32;
                    self.plain(Pickled::Int(i64::from(value)))?;
                }
                // LONG1: as many bytes as it says, the last one with the sign.
                0x8a => {
                    let length = self.length(1)?;
                    if length > 8 {
                        return Err(self.unsupported("a whole number of more than 64 bits"));
                    }
                    let value = self.unsigned(length)?;
                    let unused = 64 - 8 * length as u32;
                    let value = if unused == 64 {
                        0
                    } else {
                        (value << unused) as i64 >> unused
                    };
                    self.plain(Pickled::Int(value))?;
                }
                b'G' => {
                    // The one number with its most significant byte first.
                    let value = f64::from_bits(self.unsigned(8)?.swap_bytes());
                    self.plain(Pickled::Float(value))?;
                }
                // SHORT_BINUNICODE, BINUNICODE, BINUNICODE8
                0x8c | b'X' | 0x8d => {
                    let length = self.length(width(opcode, 0x8c, b'X'))?;
                    let text = self.text(length)?;
                    self.plain(Pickled::Text(text))?;
                }
                // SHORT_BINBYTES, BINBYTES, BINBYTES8
                b'C' | b'B' | 0x8e => {
                    let length = self.length(width(opcode, b'C', b'B'))?;
                    let bytes = self.take(length)?.to_vec();
                    self.plain(Pickled::Bytes(bytes))?;
                }
                b'}' => self.push(Node::Dict(Vec::new()))?,
                b']' | b')' | 0x8f => self.push(Node::List(Vec::new()))?,
                b't' | 0x91 => {
                    let items = self.marked()?;
                    self.push(Node::List(items))?;
                }
                0x85..=0x87 => self.list(usize::from(opcode - 0x84))?,
                b'a' => {
                    let item = self.pop()?;
                    self.extend(vec![item])?;
                }
                // APPENDS, ADDITEMS
                b'e' | 0x90 => {
                    let items = self.marked()?;
                    self.extend(items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set(vec![key, value])?;
                }
                b'u' => {
                    let items = self.marked()?;
                    self.set(items)?;
                }
                // MEMOIZE, BINPUT, LONG_BINPUT, BINGET, LONG_BINGET
                0x94 => self.remember(self.memo.len())?,
                b'q' | b'r' => {
                    let key = self.length(if opcode == b'q' { 1 } else { 4 })?;
                    self.remember(key)?;
                }
                b'h' | b'j' => {
                    let key = self.length(if opcode == b'h' { 1 } else { 4 })?;
                    self.recall(key)?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.global(&module, &name)?;
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let text = |machine: &Self, place: usize| match &machine.nodes[place] {
                        Node::Plain(Pickled::Text(text)) => Ok(text.clone()),
                        _ => Err(machine.corrupt("a class has no name")),
                    };
                    let (module, name) = (text(self, module)?, text(self, name)?);
                    self.global(&module, &name)?;
                }
                // REDUCE and NEWOBJ would call; here they only note what.
                b'R' | 0x81 => {
                    let (arguments, callee) = (self.pop()?, self.pop()?);
                    self.push(Node::Call(callee, arguments))?;
                }
                // BUILD would set the state of the object below, which is not needed.
                b'b' => drop(self.pop()?),
                _ => {
                    let what = format!("opcode {opcode:#04x} of a pickle");
                    return Err(self.unsupported(&what));
                }
            }
        }
    }

    fn unsupported(&self, what: &str) -> DataError {
        DataError::Unsupported {
            path: self.path.into(),
            detail: what.into(),
            remedy: "write plain values (numbers, text, lists, dictionaries) with protocol 4",
        }
    }

    /// A value with everything in it; `left` bounds how often shared values are copied, `depth` how deep they lie.
    fn value(&self, place: usize, depth: usize, left: &mut usize) -> Result<Pickled, DataError> {
        if depth == 0 || *left == 0 {
            return Err(self.corrupt("values within values without end"));
        }
        *left -= 1;
        let mut all = |items: &[usize]| -> Result<Vec<Pickled>, DataError> {
            items
                .iter()
                .map(|&item| self.value(item, depth - 1, left))
                .collect()
        };
        Ok(match &self.nodes[place] {
            Node::Plain(value) => value.clone(),
            Node::List(items) => Pickled::List(all(items)?),
            Node::Dict(entries) => {
                let keys: Vec<usize> = entries.iter().map(|entry| entry.0).collect();
                let values: Vec<usize> = entries.iter().map(|entry| entry.1).collect();
                let keys = all(&keys)?;
                Pickled::Dict(keys.into_iter().zip(all(&values)?).collect())
            }
            Node::Global(class) => Pickled::Object {
                class: class.clone(),
                arguments: Vec::new(),
            },
            Node::Call(callee, arguments) => {
                let class = match &self.nodes[*callee] {
                    Node::Global(class) => class.clone(),
                    _ => return Err(self.corrupt("something is called that is no class")),
                };
                let arguments = match self.value(*arguments, depth - 1, left)? {
                    Pickled::List(arguments) => arguments,
                    other => vec![other],
                };
                Pickled::Object { class, arguments }
            }
        })
    }
}

/// Bytes of a length: one for the short opcode, four for the plain one, else eight.
fn width(opcode: u8, short: u8, plain: u8) -> usize {
    match opcode {
        o if o == short => 1,
        o if o == plain => 4,
        _ => 8,
    }
}
