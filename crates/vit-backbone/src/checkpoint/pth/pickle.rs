//! A pickle reader that builds plain data: numbers, text, containers, tensors described by their storage.
//!
//! Pickle is a program for a stack machine that may call any Python function. This reader calls none: a call becomes a
//! tensor when it is one of PyTorch's rebuild functions, a dictionary for `OrderedDict`, and otherwise an opaque object
//! that remembers its name. Values live in an arena and refer to each other by number, so cycles and depth cost nothing.

use std::collections::HashMap;
use std::io::{self, Read};

use super::ops;
use super::reader::{Bounded, invalid};
use super::value::{Id, Storage, TensorView, Value};

/// At most this many values; a state dictionary of a thousand tensors has about thirty thousand.
const VALUE_LIMIT: usize = 2_000_000;

/// Names and storage keys are at most this long, because they are copied; published ones have a few dozen characters.
const NAME_LIMIT: usize = 1024;

/// The arena, and the number of the value that the pickle denotes.
#[derive(Debug)]
pub(crate) struct Pickle {
    pub(crate) values: Vec<Value>,
    pub(crate) root: Id,
}

impl Pickle {
    /// Reads one pickle.
    pub(crate) fn read<R: Read>(reader: &mut Bounded<R>) -> io::Result<Self> {
        let mut machine = Machine::default();
        while machine.step(reader)? {}
        let root = machine.pop()?;
        Ok(Self {
            values: machine.values,
            root,
        })
    }

    /// The value of a text key of a dictionary.
    pub(crate) fn get(&self, dict: Id, key: &str) -> Option<Id> {
        let Value::Dict(items) = &self.values[dict] else {
            return None;
        };
        items
            .iter()
            .find(|(k, _)| matches!(&self.values[*k], Value::Text(text) if text == key))
            .map(|(_, v)| *v)
    }
}

/// The stack machine.
#[derive(Default)]
pub(crate) struct Machine {
    pub(crate) values: Vec<Value>,
    pub(crate) stack: Vec<Id>,
    pub(crate) marks: Vec<usize>,
    pub(crate) memo: HashMap<u64, Id>,
    /// Items copied from containers by calls, so that a small file cannot ask for a copy of a copy of a copy.
    copied: usize,
}

impl Machine {
    pub(crate) fn push(&mut self, value: Value) -> io::Result<()> {
        if self.values.len() >= VALUE_LIMIT {
            return Err(invalid("it holds millions of values"));
        }
        if let Value::Global(name) | Value::Opaque(name) = &value
            && name.len() > NAME_LIMIT
        {
            return Err(invalid("a name is thousands of characters long"));
        }
        self.values.push(value);
        self.stack.push(self.values.len() - 1);
        Ok(())
    }

    /// Pops above the last mark only.
    pub(crate) fn pop(&mut self) -> io::Result<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(invalid("its stack runs empty"));
        }
        self.stack
            .pop()
            .ok_or_else(|| invalid("its stack runs empty"))
    }

    pub(crate) fn top(&self) -> io::Result<Id> {
        self.stack
            .last()
            .copied()
            .ok_or_else(|| invalid("its stack is empty"))
    }

    /// What was pushed since the last mark.
    pub(crate) fn pop_mark(&mut self) -> io::Result<Vec<Id>> {
        let mark = self
            .marks
            .pop()
            .ok_or_else(|| invalid("a mark is missing"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    pub(crate) fn push_sequence(&mut self, count: usize) -> io::Result<()> {
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(Value::Sequence(items))
    }

    pub(crate) fn remember(&mut self, slot: u64) -> io::Result<()> {
        let top = self.top()?;
        self.memo.insert(slot, top);
        Ok(())
    }

    pub(crate) fn recall(&mut self, slot: u64) -> io::Result<()> {
        let id = *self
            .memo
            .get(&slot)
            .ok_or_else(|| invalid("it refers to a value that it has not stored"))?;
        self.stack.push(id);
        Ok(())
    }

    /// Appends to the sequence on top; anything else (an opaque list type) stays as it is.
    pub(crate) fn extend_sequence(&mut self, items: Vec<Id>) -> io::Result<()> {
        let top = self.top()?;
        if let Value::Sequence(list) = &mut self.values[top] {
            list.extend(items);
        }
        Ok(())
    }

    /// Adds key-value pairs to the dictionary on top; anything else stays as it is.
    pub(crate) fn extend_dict(&mut self, items: &[Id]) -> io::Result<()> {
        if !items.len().is_multiple_of(2) {
            return Err(invalid("a dictionary key has no value"));
        }
        let top = self.top()?;
        if let Value::Dict(dict) = &mut self.values[top] {
            dict.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
        }
        Ok(())
    }

    /// A call of `callable` with a tuple of arguments: see the head of this file.
    pub(crate) fn call(&mut self, callable: Id, arguments: Id) -> io::Result<()> {
        let Value::Global(name) = self.values[callable].clone() else {
            return self.push(Value::Opaque("an object that is called".into()));
        };
        let arguments = match &self.values[arguments] {
            // No call that is understood here looks at more than seven arguments.
            Value::Sequence(items) => items.iter().copied().take(8).collect(),
            _ => Vec::new(),
        };
        let value = match (name.as_str(), arguments.as_slice()) {
            (
                "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor",
                [storage, offset, shape, strides, ..],
            ) => self.tensor([*storage, *offset, *shape, *strides])?,
            (
                "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state",
                [data, ..],
            ) => self.copy(*data)?,
            ("collections.OrderedDict" | "builtins.dict" | "__builtin__.dict", []) => {
                Value::Dict(Vec::new())
            }
            ("collections.OrderedDict" | "builtins.dict" | "__builtin__.dict", [items, ..]) => {
                self.copy(*items)?;
                self.pairs(*items)
            }
            ("torch.Size", [items]) => self.copy(*items)?,
            _ => Value::Opaque(name),
        };
        self.push(value)
    }

    /// A copy of a value, counted.
    fn copy(&mut self, id: Id) -> io::Result<Value> {
        self.copied += match &self.values[id] {
            Value::Sequence(items) => items.len(),
            Value::Dict(items) => items.len(),
            Value::Text(text) => text.len(),
            Value::BigInt(bytes) => bytes.len(),
            _ => 1,
        };
        if self.copied > VALUE_LIMIT {
            return Err(invalid("it copies millions of values"));
        }
        Ok(self.values[id].clone())
    }

    /// A dictionary from a list of pairs.
    fn pairs(&self, items: Id) -> Value {
        let Value::Sequence(items) = &self.values[items] else {
            return Value::Dict(Vec::new());
        };
        let pair = |id: &Id| match &self.values[*id] {
            Value::Sequence(pair) if pair.len() == 2 => Some((pair[0], pair[1])),
            _ => None,
        };
        Value::Dict(items.iter().filter_map(pair).collect())
    }

    fn tensor(&self, [storage, offset, shape, strides]: [Id; 4]) -> io::Result<Value> {
        let Value::Storage(storage) = &self.values[storage] else {
            return Ok(Value::Opaque("a tensor without a plain storage".into()));
        };
        Ok(Value::Tensor(TensorView {
            storage: storage.clone(),
            offset: self.size(offset)?,
            shape: self.sizes(shape)?,
            strides: self.sizes(strides)?,
        }))
    }

    /// A persistent id, `("storage", type, key, location, count, ...)`.
    pub(crate) fn persistent(&mut self, id: Id) -> io::Result<()> {
        let Value::Sequence(parts) = &self.values[id] else {
            return self.push(Value::Opaque("a persistent object".into()));
        };
        let [_, kind, key, _, count, ..] = parts.as_slice() else {
            return Err(invalid("a storage is not described as PyTorch does it"));
        };
        let (Value::Global(kind), Value::Text(key)) = (&self.values[*kind], &self.values[*key])
        else {
            return Err(invalid("a storage is not described as PyTorch does it"));
        };
        if key.len() > NAME_LIMIT {
            return Err(invalid("a storage key is thousands of characters long"));
        }
        let value = match ops::storage_type(kind) {
            Some(dtype) => Value::Storage(Storage {
                key: key.clone(),
                dtype,
                len: self.size(*count)?,
            }),
            None => Value::Opaque(kind.clone()),
        };
        self.push(value)
    }

    fn size(&self, id: Id) -> io::Result<usize> {
        match self.values[id] {
            Value::Int(value) => usize::try_from(value).map_err(|_| invalid("a size is negative")),
            _ => Err(invalid("a size is not a number")),
        }
    }

    fn sizes(&self, id: Id) -> io::Result<Vec<usize>> {
        match &self.values[id] {
            Value::Sequence(items) if items.len() <= 16 => {
                items.iter().map(|item| self.size(*item)).collect()
            }
            _ => Err(invalid("a shape is not a short tuple")),
        }
    }
}
