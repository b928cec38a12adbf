//! The instructions of a pickle.

use std::collections::HashMap;

use super::code::Code;
use super::error::PthError;
use super::object::{Global, Id, Object, Pickle};

/// The newest protocol.
const PROTOCOL: u8 = 5;

/// How often a function may be handed on to another ([`Global::Typed`]).
const MOST_TYPED: usize = 4;

/// Reads the pickle that `bytes` begin with: the instructions that `torch.save` writes in protocols 2 to 5. It is data:
/// nothing is imported or called. `left` is how many instructions may be followed, and afterwards how many are left for
/// the next pickle.
pub(super) fn read<'a>(bytes: &'a [u8], left: &mut usize) -> Result<Pickle<'a>, PthError> {
    let mut machine = Machine { code: Code::new(bytes), left: *left, ..Machine::default() };
    loop {
        machine.begins = machine.code.at();
        machine.charge(1)?;
        if let Some(root) = machine.step()? {
            *left = machine.left;
            return Ok(Pickle { objects: machine.objects, root, len: machine.code.at() });
        }
    }
}

#[derive(Default)]
struct Machine<'a> {
    code: Code<'a>,
    /// Where the present instruction begins.
    begins: usize,
    /// How many more instructions may be followed.
    left: usize,
    objects: Vec<Object<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl<'a> Machine<'a> {
    /// Follows one instruction; the last one tells which object is the whole.
    fn step(&mut self) -> Result<Option<Id>, PthError> {
        let [instruction] = self.code.array()?;
        match instruction {
            0x80 => {
                let [protocol] = self.code.array()?;
                if protocol > PROTOCOL {
                    return Err(self.invalid("a protocol of 5 or less"));
                }
            }
            // The length of a frame, which is for readers of streams.
            0x95 => {
                self.code.take(8)?;
            }
            b'.' => return Ok(Some(self.pop()?)),
            b'(' => self.marks.push(self.stack.len()),
            b'0' if self.marks.last() == Some(&self.stack.len()) => {
                self.marks.pop();
            }
            b'0' => {
                self.pop()?;
            }
            b'1' => drop(self.pop_mark()?),
            b'2' => self.stack.push(self.top()?),

            b'N' | 0x88 | 0x89 => self.push(Object::Opaque),
            b'K' => self.int(1)?,
            b'M' => self.int(2)?,
            b'J' => {
                let value = i32::from_le_bytes(self.code.array()?);
                self.push(Object::Int(value.into()));
            }
            0x8a => self.long(1)?,
            0x8b => self.long(4)?,
            b'G' => {
                self.code.take(8)?;
                self.push(Object::Opaque);
            }
            b'C' => self.bytes(1)?,
            b'B' => self.bytes(4)?,
            0x8e | 0x96 => self.bytes(8)?,
            // Text, and the bytes that text was in Python 2.
            0x8c | b'U' => self.text(1)?,
            b'X' | b'T' => self.text(4)?,
            0x8d => self.text(8)?,

            b')' => self.push(Object::Tuple(Vec::new())),
            0x85..=0x87 => {
                let parts = self.pop_many(usize::from(instruction - 0x84))?;
                self.push(Object::Tuple(parts));
            }
            b't' => {
                let parts = self.pop_mark()?;
                self.push(Object::Tuple(parts));
            }
            b']' => self.push(Object::List(Vec::new())),
            b'l' => {
                let parts = self.pop_mark()?;
                self.push(Object::List(parts));
            }
            b'a' => {
                let part = self.pop()?;
                self.append(&[part])?;
            }
            b'e' => {
                let parts = self.pop_mark()?;
                self.append(&parts)?;
            }
            b'}' => self.push_instance(Vec::new()),
            b'd' => {
                self.push_instance(Vec::new());
                let dict = self.pop()?;
                let parts = self.pop_mark()?;
                self.stack.push(dict);
                self.set(&parts)?;
            }
            b's' => {
                let parts = self.pop_many(2)?;
                self.set(&parts)?;
            }
            b'u' => {
                let parts = self.pop_mark()?;
                self.set(&parts)?;
            }
            0x8f => self.push(Object::Opaque),
            0x90 => drop(self.pop_mark()?),
            0x91 => {
                self.pop_mark()?;
                self.push(Object::Opaque);
            }

            b'q' => self.remember(1)?,
            b'r' => self.remember(4)?,
            0x94 => self.put(self.memo.len() as u64)?,
            b'h' => self.recall(1)?,
            b'j' => self.recall(4)?,

            b'c' => {
                let (module, name) = (self.code.line()?, self.code.line()?);
                self.push(Object::Global(Global::of(module, name)));
            }
            0x93 => {
                let parts = self.pop_many(2)?;
                let [Object::Text(module), Object::Text(name)] = [parts[0], parts[1]].map(|id| self.get(id)) else {
                    return Err(self.invalid("the names of a module and of something in it"));
                };
                let global = Global::of(module, name);
                self.push(Object::Global(global));
            }
            b'R' => {
                let parts = self.pop_many(2)?;
                self.call(parts[0], parts[1])?;
            }
            0x81 => {
                self.pop_many(2)?;
                self.push_instance(Vec::new());
            }
            0x92 => {
                self.pop_many(3)?;
                self.push_instance(Vec::new());
            }
            b'b' => {
                let given = self.pop()?;
                let id = self.top()?;
                if let Object::Instance { state, .. } = &mut self.objects[id as usize] {
                    *state = Some(given);
                }
            }
            b'Q' => {
                let id = self.pop()?;
                self.persistent(id)?;
            }
            code => return Err(PthError::Instruction { code, at: self.begins }),
        }
        Ok(None)
    }

    /// What a function makes of a tuple of arguments.
    fn call(&mut self, mut function: Id, mut arguments: Id) -> Result<(), PthError> {
        for _ in 0..MOST_TYPED {
            let (Object::Global(Global::Typed), Object::Tuple(parts)) = (self.get(function), self.get(arguments))
            else {
                break;
            };
            let &[inner, _, of, ..] = &parts[..] else { return Err(self.invalid("a function, a type and arguments")) };
            (function, arguments) = (inner, of);
        }
        let Object::Tuple(parts) = self.get(arguments) else { return Err(self.invalid("a tuple of arguments")) };
        let first = parts.first().copied();
        match (self.get(function), first) {
            (Object::Global(Global::Tensor), _) => self.push(Object::Tensor(arguments)),
            (Object::Global(Global::Parameter), Some(tensor)) => self.stack.push(tensor),
            (Object::Global(Global::Dict), Some(list)) => {
                let pairs = self.pairs(list)?;
                self.push_instance(pairs);
            }
            _ => self.push_instance(Vec::new()),
        }
        Ok(())
    }

    /// The items of a dict that is made of a list of pairs, as Python 2 writes one that is ordered.
    fn pairs(&mut self, list: Id) -> Result<Vec<(Id, Id)>, PthError> {
        let Object::List(pairs) = self.get(list) else { return Ok(Vec::new()) };
        let count = pairs.len();
        // The same list may serve for a thousand dicts.
        self.charge(count)?;
        let Object::List(pairs) = self.get(list) else { return Ok(Vec::new()) };
        let pair = |&id: &Id| match self.get(id) {
            Object::List(parts) | Object::Tuple(parts) => match parts[..] {
                [key, value] => Ok((key, value)),
                _ => Err(self.invalid("pairs of a key and a value")),
            },
            _ => Err(self.invalid("pairs of a key and a value")),
        };
        pairs.iter().map(pair).collect()
    }

    /// What the file keeps outside of the pickle: a storage, or in old files the class of a whole model with its source.
    fn persistent(&mut self, id: Id) -> Result<(), PthError> {
        let Object::Tuple(parts) = self.get(id) else { return Err(self.invalid("a tuple that names a storage")) };
        match (parts.first().map(|&kind| self.get(kind)), parts.get(1)) {
            (Some(Object::Text("storage")), _) => self.push(Object::Storage(id)),
            (Some(Object::Text("module")), Some(&class)) => self.stack.push(class),
            _ => return Err(self.invalid("the name of a storage")),
        }
        Ok(())
    }

    fn append(&mut self, parts: &[Id]) -> Result<(), PthError> {
        let id = self.top()?;
        match &mut self.objects[id as usize] {
            Object::List(list) => list.extend(parts),
            // A list of a class of its own, of which nothing is wanted.
            Object::Instance { .. } => {}
            _ => return Err(self.invalid("a list")),
        }
        Ok(())
    }

    fn set(&mut self, parts: &[Id]) -> Result<(), PthError> {
        let id = self.top()?;
        let (pairs, []) = parts.as_chunks::<2>() else { return Err(self.invalid("a value for every key")) };
        let Object::Instance { items, .. } = &mut self.objects[id as usize] else { return Err(self.invalid("a dict")) };
        items.extend(pairs.iter().map(|&[key, value]| (key, value)));
        Ok(())
    }

    fn remember(&mut self, width: usize) -> Result<(), PthError> {
        let place = self.code.number(width)?;
        self.put(place)
    }

    fn put(&mut self, place: u64) -> Result<(), PthError> {
        let id = self.top()?;
        self.memo.insert(place, id);
        Ok(())
    }

    fn recall(&mut self, width: usize) -> Result<(), PthError> {
        let place = self.code.number(width)?;
        let id = self.memo.get(&place).copied().ok_or_else(|| self.invalid("something that was remembered"))?;
        self.stack.push(id);
        Ok(())
    }

    fn get(&self, id: Id) -> &Object<'a> {
        &self.objects[id as usize]
    }

    fn push(&mut self, object: Object<'a>) {
        self.stack.push(self.objects.len() as Id);
        self.objects.push(object);
    }

    fn push_instance(&mut self, items: Vec<(Id, Id)>) {
        self.push(Object::Instance { items, state: None });
    }

    /// The highest object of the stack, above the last mark.
    fn top(&self) -> Result<Id, PthError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(&id) if self.stack.len() > floor => Ok(id),
            _ => Err(self.invalid("something on the stack")),
        }
    }

    fn pop(&mut self) -> Result<Id, PthError> {
        let id = self.top()?;
        self.stack.pop();
        Ok(id)
    }

    /// The `count` highest objects, the lowest of them first.
    fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, PthError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(height) if height >= floor => Ok(self.stack.split_off(height)),
            _ => Err(self.invalid("more on the stack")),
        }
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, PthError> {
        let height = self.marks.pop().ok_or_else(|| self.invalid("a mark"))?;
        Ok(self.stack.split_off(height))
    }

    fn int(&mut self, width: usize) -> Result<(), PthError> {
        let value = self.code.number(width)?;
        self.push(Object::Int(value as i64));
        Ok(())
    }

    /// An integer with its length before it.
    fn long(&mut self, width: usize) -> Result<(), PthError> {
        let bytes = self.code.sized(width)?;
        let mut value = [if bytes.last().is_some_and(|&high| high >= 0x80) { 0xff } else { 0 }; 8];
        match value.get_mut(..bytes.len()) {
            Some(low) => {
                low.copy_from_slice(bytes);
                self.push(Object::Int(i64::from_le_bytes(value)));
            }
            None => self.push(Object::Long(bytes)),
        }
        Ok(())
    }

    fn text(&mut self, width: usize) -> Result<(), PthError> {
        let bytes = self.code.sized(width)?;
        self.push(std::str::from_utf8(bytes).map_or(Object::Opaque, Object::Text));
        Ok(())
    }

    /// Bytes, of which nothing is wanted.
    fn bytes(&mut self, width: usize) -> Result<(), PthError> {
        self.code.sized(width)?;
        self.push(Object::Opaque);
        Ok(())
    }

    fn charge(&mut self, steps: usize) -> Result<(), PthError> {
        self.left = self.left.checked_sub(steps).ok_or(PthError::TooLong)?;
        Ok(())
    }

    fn invalid(&self, wanted: &'static str) -> PthError {
        PthError::Invalid { at: self.begins, wanted }
    }
}
