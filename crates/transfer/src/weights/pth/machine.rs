//! The machine that a pickle is written for: a stack, a memo, and the objects that it makes.

use std::collections::HashMap;

use super::code::Code;
use super::error::PthError;
use super::object::{Global, Id, Object};

/// How often a function may be handed on to another ([`Global::Typed`]).
const MOST_TYPED: usize = 4;

#[derive(Default)]
pub(super) struct Machine<'a> {
    pub(super) code: Code<'a>,
    /// Where the present instruction begins.
    pub(super) begins: usize,
    /// How many more instructions may be followed.
    pub(super) left: usize,
    pub(super) objects: Vec<Object<'a>>,
    pub(super) stack: Vec<Id>,
    /// Heights of the stack.
    pub(super) marks: Vec<usize>,
    pub(super) memo: HashMap<u64, Id>,
}

impl<'a> Machine<'a> {
    /// One that follows `left` instructions of these bytes at most.
    pub(super) fn new(bytes: &'a [u8], left: usize) -> Self {
        Self { code: Code::new(bytes), left, ..Self::default() }
    }

    /// The next instruction begins here.
    pub(super) fn begin(&mut self) -> Result<(), PthError> {
        self.begins = self.code.at();
        self.charge(1)
    }

    /// What a function makes of a tuple of arguments.
    pub(super) fn call(&mut self, mut function: Id, mut arguments: Id) -> Result<(), PthError> {
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

    /// What the file keeps outside of the pickle: a storage, or in old files the class of a whole
    /// model with its source.
    pub(super) fn persistent(&mut self, id: Id) -> Result<(), PthError> {
        let Object::Tuple(parts) = self.get(id) else { return Err(self.invalid("a tuple that names a storage")) };
        match (parts.first().map(|&kind| self.get(kind)), parts.get(1)) {
            (Some(Object::Text("storage")), _) => self.push(Object::Storage(id)),
            (Some(Object::Text("module")), Some(&class)) => self.stack.push(class),
            _ => return Err(self.invalid("the name of a storage")),
        }
        Ok(())
    }

    pub(super) fn append(&mut self, parts: &[Id]) -> Result<(), PthError> {
        let id = self.top()?;
        match &mut self.objects[id as usize] {
            Object::List(list) => list.extend(parts),
            // A list of a class of its own, of which nothing is wanted.
            Object::Instance { .. } => {}
            _ => return Err(self.invalid("a list")),
        }
        Ok(())
    }

    pub(super) fn set(&mut self, parts: &[Id]) -> Result<(), PthError> {
        let id = self.top()?;
        let (pairs, []) = parts.as_chunks::<2>() else { return Err(self.invalid("a value for every key")) };
        let Object::Instance { items, .. } = &mut self.objects[id as usize] else { return Err(self.invalid("a dict")) };
        items.extend(pairs.iter().map(|&[key, value]| (key, value)));
        Ok(())
    }

    pub(super) fn remember(&mut self, width: usize) -> Result<(), PthError> {
        let place = self.code.number(width)?;
        self.put(place)
    }

    pub(super) fn put(&mut self, place: u64) -> Result<(), PthError> {
        let id = self.top()?;
        self.memo.insert(place, id);
        Ok(())
    }

    pub(super) fn recall(&mut self, width: usize) -> Result<(), PthError> {
        let place = self.code.number(width)?;
        let id = self.memo.get(&place).copied().ok_or_else(|| self.invalid("something that was remembered"))?;
        self.stack.push(id);
        Ok(())
    }

    pub(super) fn get(&self, id: Id) -> &Object<'a> {
        &self.objects[id as usize]
    }

    pub(super) fn push(&mut self, object: Object<'a>) {
        self.stack.push(self.objects.len() as Id);
        self.objects.push(object);
    }

    pub(super) fn push_instance(&mut self, items: Vec<(Id, Id)>) {
        self.push(Object::Instance { items, state: None });
    }

    /// The highest object of the stack, above the last mark.
    pub(super) fn top(&self) -> Result<Id, PthError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(&id) if self.stack.len() > floor => Ok(id),
            _ => Err(self.invalid("something on the stack")),
        }
    }

    pub(super) fn pop(&mut self) -> Result<Id, PthError> {
        let id = self.top()?;
        self.stack.pop();
        Ok(id)
    }

    /// The `count` highest objects, the lowest of them first.
    pub(super) fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, PthError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(height) if height >= floor => Ok(self.stack.split_off(height)),
            _ => Err(self.invalid("more on the stack")),
        }
    }

    pub(super) fn pop_mark(&mut self) -> Result<Vec<Id>, PthError> {
        let height = self.marks.pop().ok_or_else(|| self.invalid("a mark"))?;
        Ok(self.stack.split_off(height))
    }

    pub(super) fn int(&mut self, width: usize) -> Result<(), PthError> {
        let value = self.code.number(width)?;
        self.push(Object::Int(value as i64));
        Ok(())
    }

    /// An integer with its length before it.
    pub(super) fn long(&mut self, width: usize) -> Result<(), PthError> {
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

    pub(super) fn text(&mut self, width: usize) -> Result<(), PthError> {
        let bytes = self.code.sized(width)?;
        self.push(std::str::from_utf8(bytes).map_or(Object::Opaque, Object::Text));
        Ok(())
    }

    /// Bytes, of which nothing is wanted.
    pub(super) fn bytes(&mut self, width: usize) -> Result<(), PthError> {
        self.code.sized(width)?;
        self.push(Object::Opaque);
        Ok(())
    }

    fn charge(&mut self, steps: usize) -> Result<(), PthError> {
        self.left = self.left.checked_sub(steps).ok_or(PthError::TooLong)?;
        Ok(())
    }

    pub(super) fn invalid(&self, wanted: &'static str) -> PthError {
        PthError::Invalid { at: self.begins, wanted }
    }
}
