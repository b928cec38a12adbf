//! The tensors of a pickle by name.

use std::collections::{BTreeMap, HashSet};

use super::error::PthError;
use super::object::{Element, Id, Object, Pickle};
use super::view::View;
use crate::names::shown;

/// The entries of a checkpoint that hold weights, whichever is there first. Averaged weights come
/// before those of the last step, as in timm, since they are the ones that its figures are measured
/// with. A teacher comes last: it may be the average of its student, or another network.
const ENTRIES: [&str; 9] = [
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "ema",
    "params_ema",
    "state_dict",
    "model_state_dict",
    "model",
    "teacher",
];

/// The most entries within each other that lead to the weights.
const MOST_WRAPS: usize = 4;

/// The most tensors of a state dict, layers of a model, and layers within each other. The networks
/// here have 700 tensors at most.
const MOST_TENSORS: usize = 1 << 16;
const MOST_LAYERS: usize = 1 << 16;
const MOST_DEPTH: usize = 64;

/// The longest name, bytes.
const MOST_LETTERS: usize = 1 << 10;

/// The most entries of dicts that are looked at for it all.
const MOST_ENTRIES: usize = 1 << 22;

/// What a file holds.
#[derive(Default)]
pub(super) struct StateDict {
    /// The entry that it was found in, or the path of entries, as messages show it.
    pub(super) entry: Option<String>,
    /// The tensors by name, as the arguments they are made of.
    pub(super) tensors: BTreeMap<String, Id>,
    /// The names of what is no tensor.
    pub(super) others: Vec<String>,
}

/// Finds the state dict: the whole, one of its [`ENTRIES`], or the only other entry that is one;
/// there again, as `state_dict.model`. A model that was saved as a whole stands for its own.
pub(super) fn find(pickle: &Pickle<'_>) -> Result<StateDict, PthError> {
    let mut search = Search { pickle, looked: 0, found: StateDict::default() };
    let (mut id, mut path) = (pickle.root, Vec::new());
    while path.len() < MOST_WRAPS
        && let Some((name, inner)) = search.wrapped(id, MOST_WRAPS - path.len() - 1)?
    {
        path.push(shown(name));
        id = inner;
    }
    search.found.entry = (!path.is_empty()).then(|| path.join("."));
    if search.is_model(id)? {
        search.take_model(id)?
    } else {
        search.take_dict(id)?
    }
    if search.found.tensors.is_empty() { Err(PthError::NoStateDict) } else { Ok(search.found) }
}

struct Search<'p, 'a> {
    pickle: &'p Pickle<'a>,
    /// Entries of dicts that were looked at. What is shared may be met a million times, each time
    /// with all that it holds.
    looked: usize,
    found: StateDict,
}

impl<'a> Search<'_, 'a> {
    /// The entry of a dict that holds the weights, itself or within `depth` further entries, where
    /// the dict does not.
    fn wrapped(&mut self, id: Id, depth: usize) -> Result<Option<(&'a str, Id)>, PthError> {
        if self.is_model(id)? {
            return Ok(None);
        }
        for name in ENTRIES {
            if let Some(inner) = self.pickle.item(id, name)
                && self.holds_weights(inner, depth)?
            {
                return Ok(Some((name, inner)));
            }
        }
        if self.pickle.items(id).iter().any(|&(_, value)| is_weight(self.pickle, value)) {
            return Ok(None);
        }
        // The state of an optimizer may have weights by name too, but deeper.
        for depth in 0..=depth {
            match self.holding(id, depth)?[..] {
                [] => {}
                [entry] => return Ok(Some(entry)),
                ref all => {
                    return Err(PthError::Several { names: all.iter().take(5).map(|(name, _)| shown(name)).collect() });
                }
            }
        }
        Ok(None)
    }

    /// The entries of a dict that hold weights, the first name of each.
    fn holding(&mut self, id: Id, depth: usize) -> Result<Vec<(&'a str, Id)>, PthError> {
        let (pickle, mut seen, mut entries) = (self.pickle, HashSet::new(), Vec::new());
        for &(key, value) in pickle.items(id) {
            if let Some(name) = pickle.text(key)
                && seen.insert(value)
                && self.holds_weights(value, depth)?
            {
                entries.push((name, value));
            }
        }
        Ok(entries)
    }

    /// Whether it is a state dict or a model, or has one within `depth` entries.
    fn holds_weights(&mut self, id: Id, depth: usize) -> Result<bool, PthError> {
        let pickle = self.pickle;
        let items = pickle.items(id);
        self.look(items.len())?;
        if items.iter().any(|&(_, value)| is_weight(pickle, value)) || self.is_model(id)? {
            return Ok(true);
        }
        if depth > 0 {
            for &(key, value) in items {
                if pickle.text(key).is_some() && self.holds_weights(value, depth - 1)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
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
            let Some(state) = pickle.state(layer) else { continue };
            self.look(pickle.items(state).len())?;
            let items = |kind| pickle.item(state, kind).map_or(&[][..], |dict| pickle.items(dict));
            for &(key, value) in items("_parameters").iter().chain(items("_buffers")) {
                self.look(1)?;
                // A bias that a layer goes without is None.
                if let (Some(name), Object::Tensor(arguments)) = (pickle.text(key), pickle.get(value)) {
                    self.take(&prefix, name, *arguments)?;
                }
            }
            for &(key, inner) in items("_modules") {
                self.look(1)?;
                // Those that wait for their turn hold a name each.
                if layers + open.len() >= MOST_LAYERS || depth >= MOST_DEPTH {
                    return Err(PthError::TooMany { what: "more layers" });
                }
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

/// Whether it is a tensor such as networks have. What a checkpoint has beside its state dict, such
/// as the best accuracy or the state of a generator, has no sides or is of integers.
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
