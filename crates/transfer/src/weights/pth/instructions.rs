//! The instructions of a pickle.

use super::error::PthError;
use super::limits::PROTOCOL;
use super::machine::Machine;
use super::object::{Global, Id, Object, Pickle};

/// Reads the pickle that `bytes` begin with: the instructions that `torch.save` writes in protocols
/// 2 to 5. It is data: nothing is imported or called. `left` is how many instructions may be
/// followed, and afterwards how many are left for the next pickle.
pub(super) fn read<'a>(bytes: &'a [u8], left: &mut usize) -> Result<Pickle<'a>, PthError> {
    let mut machine = Machine::new(bytes, *left);
    loop {
        machine.begin()?;
        if let Some(root) = step(&mut machine)? {
            *left = machine.left;
            return Ok(Pickle { objects: machine.objects, root, len: machine.code.at() });
        }
    }
}

/// Follows one instruction; the last one tells which object is the whole.
fn step(machine: &mut Machine<'_>) -> Result<Option<Id>, PthError> {
    let [instruction] = machine.code.array()?;
    if instruction == b'.' {
        return machine.pop().map(Some);
    }
    let is_known = stack(machine, instruction)?
        || value(machine, instruction)?
        || collection(machine, instruction)?
        || set_or_frame(machine, instruction)?
        || memo(machine, instruction)?
        || object(machine, instruction)?;
    if is_known { Ok(None) } else { Err(PthError::Instruction { code: instruction, at: machine.begins }) }
}

/// Marks, and what takes from the stack or doubles its top. As the functions below, false for an
/// instruction of another kind.
fn stack(machine: &mut Machine<'_>, instruction: u8) -> Result<bool, PthError> {
    match instruction {
        b'(' => machine.marks.push(machine.stack.len()),
        b'0' if machine.marks.last() == Some(&machine.stack.len()) => {
            machine.marks.pop();
        }
        b'0' => {
            machine.pop()?;
        }
        b'1' => drop(machine.pop_mark()?),
        b'2' => machine.stack.push(machine.top()?),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Values without parts.
fn value(machine: &mut Machine<'_>, instruction: u8) -> Result<bool, PthError> {
    match instruction {
        b'N' | 0x88 | 0x89 => machine.push(Object::Opaque),
        b'K' => machine.int(1)?,
        b'M' => machine.int(2)?,
        b'J' => {
            let value = i32::from_le_bytes(machine.code.array()?);
            machine.push(Object::Int(value.into()));
        }
        0x8a => machine.long(1)?,
        0x8b => machine.long(4)?,
        b'G' => {
            machine.code.take(8)?;
            machine.push(Object::Opaque);
        }
        b'C' => machine.bytes(1)?,
        b'B' => machine.bytes(4)?,
        0x8e | 0x96 => machine.bytes(8)?,
        // Text, and the bytes that text was in Python 2.
        0x8c | b'U' => machine.text(1)?,
        b'X' | b'T' => machine.text(4)?,
        0x8d => machine.text(8)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Tuples, lists and dicts.
fn collection(machine: &mut Machine<'_>, instruction: u8) -> Result<bool, PthError> {
    match instruction {
        b')' => machine.push(Object::Tuple(Vec::new())),
        0x85..=0x87 => {
            let parts = machine.pop_many(usize::from(instruction - 0x84))?;
            machine.push(Object::Tuple(parts));
        }
        b't' => {
            let parts = machine.pop_mark()?;
            machine.push(Object::Tuple(parts));
        }
        b']' => machine.push(Object::List(Vec::new())),
        b'l' => {
            let parts = machine.pop_mark()?;
            machine.push(Object::List(parts));
        }
        b'a' => {
            let part = machine.pop()?;
            machine.append(&[part])?;
        }
        b'e' => {
            let parts = machine.pop_mark()?;
            machine.append(&parts)?;
        }
        b'}' => machine.push_instance(Vec::new()),
        b'd' => {
            machine.push_instance(Vec::new());
            let dict = machine.pop()?;
            let parts = machine.pop_mark()?;
            machine.stack.push(dict);
            machine.set(&parts)?;
        }
        b's' => {
            let parts = machine.pop_many(2)?;
            machine.set(&parts)?;
        }
        b'u' => {
            let parts = machine.pop_mark()?;
            machine.set(&parts)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Sets, of which nothing is wanted, and what is said of the pickle itself.
fn set_or_frame(machine: &mut Machine<'_>, instruction: u8) -> Result<bool, PthError> {
    match instruction {
        0x8f => machine.push(Object::Opaque),
        0x90 => drop(machine.pop_mark()?),
        0x91 => {
            machine.pop_mark()?;
            machine.push(Object::Opaque);
        }
        0x80 => {
            let [protocol] = machine.code.array()?;
            if protocol > PROTOCOL {
                return Err(machine.invalid("a protocol of 5 or less"));
            }
        }
        // The length of a frame, which is for readers of streams.
        0x95 => {
            machine.code.take(8)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// What is remembered, and recalled.
fn memo(machine: &mut Machine<'_>, instruction: u8) -> Result<bool, PthError> {
    match instruction {
        b'q' => machine.remember(1)?,
        b'r' => machine.remember(4)?,
        0x94 => machine.put(machine.memo.len() as u64)?,
        b'h' => machine.recall(1)?,
        b'j' => machine.recall(4)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Functions and classes, what is made of them, and storages.
fn object(machine: &mut Machine<'_>, instruction: u8) -> Result<bool, PthError> {
    match instruction {
        b'c' => {
            let (module, name) = (machine.code.line()?, machine.code.line()?);
            machine.push(Object::Global(Global::of(module, name)));
        }
        0x93 => {
            let parts = machine.pop_many(2)?;
            let [Object::Text(module), Object::Text(name)] = [parts[0], parts[1]].map(|id| machine.get(id)) else {
                return Err(machine.invalid("the names of a module and of something in it"));
            };
            let global = Global::of(module, name);
            machine.push(Object::Global(global));
        }
        b'R' => {
            let parts = machine.pop_many(2)?;
            machine.call(parts[0], parts[1])?;
        }
        0x81 => {
            machine.pop_many(2)?;
            machine.push_instance(Vec::new());
        }
        0x92 => {
            machine.pop_many(3)?;
            machine.push_instance(Vec::new());
        }
        b'b' => {
            let given = machine.pop()?;
            let id = machine.top()?;
            if let Object::Instance { state, .. } = &mut machine.objects[id as usize] {
                *state = Some(given);
            }
        }
        b'Q' => {
            let id = machine.pop()?;
            machine.persistent(id)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}
