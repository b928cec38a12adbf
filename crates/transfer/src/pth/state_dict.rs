//! The tensors of a pickle by name.

use std::collections::BTreeMap;

use super::PthError;
use super::object::{Element, Id, Object, Pickle};
use super::view::View;

/// The entries of a checkpoint that hold weights, whichever is there first. Averaged weights come before those of the last step, as
/// in timm, since they are the ones that its figures are measured with.
const ENTRIES: [&str; 5] = ["state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model"];

/// The most tensors of a state dict, layers of a model, and layers within each other. The networks here have 700 tensors at most.
const MOST_TENSORS: usize = 1 << 16;
const MOST_LAYERS: usize = 1 << 16;
const MOST_DEPTH: usize = 64;

/// The longest name, bytes.
const MOST_LETTERS: usize = 1 << 10;

/// The most entries of dicts that are looked at for it all.
const MOST_ENTRIES: usize = 1 << 22;

/// What a file holds.
#[derive(Default)]
pub(super) struct StateDict<'a> {
    /// The entry that it was found in.
    pub(super) entry: Option<&'a str>,
    /// The tensors by name, as the arguments they are made of.
    pub(super) tensors: BTreeMap<String, Id>,
    /// The names of what is no tensor.
    pub(super) others: Vec<String>,
}

/// Finds the state dict: the whole, one of its [`ENTRIES`], or the only other entry that is one. A model that was saved as a whole
/// stands for its own.
pub(super) fn find<'a>(pickle: &Pickle<'a>) -> Result<StateDict<'a>, PthError> {
    let mut search = Search { pickle, looked: 0, found: StateDict::default() };
    let id = match search.wrapped()? {
        Some((name, id)) => {
            search.found.entry = Some(name);
            id
        }
        None => pickle.root,
    };
    if search.is_model(id)? {
        search.take_model(id)?
    } else {
        search.take_dict(id)?
    }
    if search.found.tensors.is_empty() { Err(PthError::NoStateDict) } else { Ok(search.found) }
}

struct Search<'p, 'a> {
    pickle: &'p Pickle<'a>,
    /// Entries of dicts that were looked at. What is shared may be met a million times, each time with all that it holds.
    looked: usize,
    found: StateDict<'a>,
}

impl<'a> Search<'_, 'a> {
    /// The entry of the whole that holds the weights, where the whole does not.
    fn wrapped(&mut self) -> Result<Option<(&'a str, Id)>, PthError> {
        let (pickle, root) = (self.pickle, self.pickle.root);
        if self.is_model(root)? {
            return Ok(None);
        }
        for name in ENTRIES {
            if let Some(id) = pickle.item(root, name)
                && self.holds_tensors(id)?
            {
                return Ok(Some((name, id)));
            }
        }
        if pickle.items(root).iter().any(|&(_, value)| is_weight(pickle, value)) {
            return Ok(None);
        }
        let mut entries = Vec::new();
        for &(key, value) in pickle.items(root) {
            if let Some(name) = pickle.text(key)
                && self.holds_tensors(value)?
            {
                entries.push((name, value));
            }
        }
        match entries[..] {
            [] => Ok(None),
            [entry] => Ok(Some(entry)),
            _ => Err(PthError::Several { names: entries.iter().take(5).map(|(name, _)| (*name).to_owned()).collect() }),
        }
    }

    fn holds_tensors(&mut self, id: Id) -> Result<bool, PthError> {
        let items = self.pickle.items(id);
        self.look(items.len())?;
        let has_one = items.iter().any(|&(_, value)| matches!(self.pickle.get(value), Object::Tensor(_)));
        Ok(has_one || self.is_model(id)?)
    }

    /// Whether it is a `torch.nn.Module`.
    fn is_model(&mut self, id: Id) -> Result<bool, PthError> {
        let Some(state) = self.pickle.state(id) else { return Ok(false) };
        self.look(self.pickle.items(state).len())?;
        Ok(["_modules", "_parameters"].iter().all(|name| self.pickle.item(state, name).is_some()))
    }

    fn take_dict(&mut self, id: Id) -> Result<(), PthError> {
        let items = self.pickle.items(id);
        self.look(items.len())?;
        for &(key, value) in items {
            let Some(name) = self.pickle.text(key) else { continue };
            match *self.pickle.get(value) {
                Object::Tensor(arguments) => self.take("", name, arguments)?,
                _ => self.found.others.push(below("", name)?),
            }
            if self.found.others.len() > MOST_TENSORS {
                return Err(PthError::TooMany { what: "more entries" });
            }
        }
        Ok(())
    }

    /// Takes the parameters and buffers of a model, and of the layers in it.
    fn take_model(&mut self, model: Id) -> Result<(), PthError> {
        let pickle = self.pickle;
        let mut open = vec![(String::new(), model, 0)];
        let mut layers = 0;
        while let Some((prefix, layer, depth)) = open.pop() {
            layers += 1;
            if layers > MOST_LAYERS || depth > MOST_DEPTH {
                return Err(PthError::TooMany { what: "more layers" });
            }
            let Some(state) = pickle.state(layer) else { continue };
            self.look(pickle.items(state).len())?;
            let items = |kind| pickle.item(state, kind).map_or(&[][..], |dict| pickle.items(dict));
            for (key, value) in [items("_parameters"), items("_buffers")].concat() {
                self.look(1)?;
                // A bias that a layer goes without is None.
                if let (Some(name), Object::Tensor(arguments)) = (pickle.text(key), pickle.get(value)) {
                    self.take(&prefix, name, *arguments)?;
                }
            }
            for &(key, inner) in items("_modules") {
                self.look(1)?;
                if let Some(name) = pickle.text(key) {
                    open.push((below(&prefix, name)?, inner, depth + 1));
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, prefix: &str, name: &str, arguments: Id) -> Result<(), PthError> {
        self.found.tensors.insert(below(prefix, name)?, arguments);
        if self.found.tensors.len() > MOST_TENSORS { Err(PthError::TooMany { what: "more tensors" }) } else { Ok(()) }
    }

    fn look(&mut self, entries: usize) -> Result<(), PthError> {
        self.looked += entries;
        if self.looked > MOST_ENTRIES { Err(PthError::TooMany { what: "more entries" }) } else { Ok(()) }
    }
}

/// Whether it is a tensor such as networks have. What a checkpoint has beside its state dict, such as the best accuracy or the state of a
/// generator, has no sides or is of integers.
fn is_weight(pickle: &Pickle<'_>, value: Id) -> bool {
    let Object::Tensor(arguments) = *pickle.get(value) else { return false };
    let view = View::of(pickle, arguments);
    view.is_ok_and(|view| !view.shape.is_empty() && matches!(view.storage.element, Element::Float(_)))
}

/// A name below another.
fn below(prefix: &str, name: &str) -> Result<String, PthError> {
    if prefix.len() + name.len() >= MOST_LETTERS {
        return Err(PthError::TooMany { what: "longer names" });
    }
    Ok(if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") })
}
