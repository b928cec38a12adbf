//! What a pickle is read into.

use crate::weights::reader::Float;

/// The number of an object of a [`Pickle`].
///
/// Objects name each other by number and lie in one list. So what is shared costs nothing, what
/// contains itself does no harm, and what is nested a million deep is read, and forgotten again,
/// without recursion.
pub(super) type Id = u32;

/// An object, as far as weights need to know it.
#[derive(Debug)]
pub(super) enum Object<'a> {
    /// None, a truth, a float, bytes, a set.
    Opaque,
    Int(i64),
    /// A number of more than 64 bits, as it stands there.
    Long(&'a [u8]),
    Text(&'a str),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    /// A dict, or anything else that has been made of a class: what was set in it, and what is to
    /// become its attributes.
    Instance {
        items: Vec<(Id, Id)>,
        state: Option<Id>,
    },
    Global(Global),
    /// The tuple that names a storage.
    Storage(Id),
    /// The arguments that a tensor is made of.
    Tensor(Id),
}

/// The functions and classes whose meaning matters. No code is run: all others make an
/// [`Object::Instance`] of whatever they are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Global {
    /// Makes a tensor of a storage, an offset, a shape and strides.
    Tensor,
    /// Makes its first argument a parameter.
    Parameter,
    /// Calls its first argument with its third.
    Typed,
    /// A dict that remembers the order.
    Dict,
    /// The class of a storage, by its elements.
    Storage(Element),
    Other,
}

/// What a storage holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Float(Float),
    /// Something that is no weight, of so many bytes.
    Other(u64),
}

impl Element {
    /// Bytes.
    pub(super) fn size(self) -> u64 {
        match self {
            Self::Float(float) => float.size() as u64,
            Self::Other(size) => size,
        }
    }
}

impl Global {
    pub(super) fn of(module: &str, name: &str) -> Self {
        match (module, name) {
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Self::Tensor,
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => Self::Parameter,
            ("torch._tensor", "_rebuild_from_type_v2") => Self::Typed,
            ("collections", "OrderedDict") => Self::Dict,
            ("torch" | "torch.cuda" | "torch.storage", name) => storage(name).map_or(Self::Other, Self::Storage),
            _ => Self::Other,
        }
    }
}

fn storage(name: &str) -> Option<Element> {
    Some(match name.strip_suffix("Storage")? {
        "Float" => Element::Float(Float::F32),
        "Double" => Element::Float(Float::F64),
        "Half" => Element::Float(Float::F16),
        "BFloat16" => Element::Float(Float::BF16),
        "ComplexDouble" => Element::Other(16),
        "Long" | "ComplexFloat" => Element::Other(8),
        "Int" | "QInt32" => Element::Other(4),
        "Short" => Element::Other(2),
        "Bool" | "Byte" | "Char" | "QInt8" | "QUInt8" | "QUInt4x2" | "QUInt2x4" | "Untyped" => Element::Other(1),
        _ => return None,
    })
}

/// A pickle that has been read: its objects, and which of them is the whole.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    pub(super) objects: Vec<Object<'a>>,
    pub(super) root: Id,
    /// How many bytes it had.
    pub(super) len: usize,
}

impl<'a> Pickle<'a> {
    pub(super) fn get(&self, id: Id) -> &Object<'a> {
        &self.objects[id as usize]
    }

    /// What was set in a dict or another instance.
    pub(super) fn items(&self, id: Id) -> &[(Id, Id)] {
        match self.get(id) {
            Object::Instance { items, .. } => items,
            _ => &[],
        }
    }

    /// The attributes of an instance, or what else it was given as its state.
    pub(super) fn state(&self, id: Id) -> Option<Id> {
        match self.get(id) {
            Object::Instance { state, .. } => *state,
            _ => None,
        }
    }

    /// The value of a name in a dict, the last where there are several.
    pub(super) fn item(&self, id: Id, name: &str) -> Option<Id> {
        let named = |&&(key, _): &&(Id, Id)| matches!(self.get(key), Object::Text(text) if *text == name);
        self.items(id).iter().rev().find(named).map(|&(_, value)| value)
    }

    pub(super) fn text(&self, id: Id) -> Option<&'a str> {
        match *self.get(id) {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number that is not negative.
    pub(super) fn count(&self, id: Id) -> Option<u64> {
        match *self.get(id) {
            Object::Int(value) => value.try_into().ok(),
            _ => None,
        }
    }

    pub(super) fn tuple(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Object::Tuple(parts) => Some(parts),
            _ => None,
        }
    }
}
