//! In which file a path ends.

use super::modules::Module;

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A module of the crate, by its number.
    Module(usize),
    /// What the module of this number defines under this name.
    Item(usize, String),
    /// Something of another crate, or nothing that this reading finds.
    Outside,
}

/// What of a name that is both is asked for: `split` may be a module and a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// More of the path follows.
    Module,
    /// The path ends with it.
    Item,
}

/// The names of a crate's modules.
#[derive(Debug)]
pub struct Names<'m> {
    modules: &'m [Module],
}

/// The names being looked up, that no import is followed in a circle.
type Followed = Vec<(usize, String, Kind)>;

impl<'m> Names<'m> {
    /// Those of these modules, the root first.
    #[must_use]
    pub fn new(modules: &'m [Module]) -> Self {
        Self { modules }
    }

    /// What a path names in a module, where it stands at this token.
    #[must_use]
    pub fn resolve(&self, module: usize, path: &[String], at: Option<usize>, kind: Kind) -> Target {
        self.follow(module, path, at, kind, &mut vec![])
    }

    fn follow(&self, module: usize, path: &[String], at: Option<usize>, kind: Kind, followed: &mut Followed) -> Target {
        let Some((first, rest)) = path.split_first() else {
            return Target::Outside;
        };
        let above = |module: usize| self.modules[module].parent.map_or(Target::Outside, Target::Module);
        let mut target = match first.as_str() {
            "crate" => Target::Module(0),
            "self" => Target::Module(module),
            "super" => above(module),
            name => {
                let kind = if rest.is_empty() { kind } else { Kind::Module };
                self.lookup(module, name, at, kind, followed).unwrap_or(Target::Outside)
            }
        };
        for (i, name) in rest.iter().enumerate() {
            let Target::Module(inside) = target else {
                break; // of a variant or a method only the type counts
            };
            target = match name.as_str() {
                "self" => continue,
                "super" => above(inside),
                name => {
                    let kind = if i + 1 == rest.len() { kind } else { Kind::Module };
                    // What is not found there was made by a macro.
                    let made = || Target::Item(inside, name.to_owned());
                    self.lookup(inside, name, None, kind, followed).unwrap_or_else(made)
                }
            };
        }
        target
    }

    /// What a name is in a module.
    fn lookup(
        &self,
        module: usize,
        name: &str,
        at: Option<usize>,
        kind: Kind,
        followed: &mut Followed,
    ) -> Option<Target> {
        let key = (module, name.to_owned(), kind);
        if followed.contains(&key) {
            return None;
        }
        followed.push(key);
        let child = self.modules[module].children.get(name).map(|&child| Target::Module(child));
        let item = self.modules[module].items.contains(name).then(|| Target::Item(module, name.to_owned()));
        let found = match kind {
            Kind::Module => child.or_else(|| self.imported(module, name, at, kind, followed)).or(item),
            Kind::Item => item.or_else(|| match self.imported(module, name, at, kind, followed) {
                Some(found @ Target::Item(..)) => Some(found),
                other => child.or(other),
            }),
        };
        let found = found.or_else(|| self.globbed(module, name, at, kind, followed));
        followed.pop();
        found
    }

    /// What a name is by the imports of a module that name it.
    fn imported(
        &self,
        module: usize,
        name: &str,
        at: Option<usize>,
        kind: Kind,
        followed: &mut Followed,
    ) -> Option<Target> {
        let imports = self.modules[module].imports.iter().filter(|i| i.name == name && i.holds(at));
        let found: Vec<_> =
            imports.map(|i| self.follow(module, &i.path, i.block.as_ref().map(|b| b.start), kind, followed)).collect();
        let rank = |target: &Target| match target {
            Target::Module(_) => usize::from(kind != Kind::Module),
            Target::Item(..) => usize::from(kind != Kind::Item),
            Target::Outside => 2,
        };
        found.into_iter().min_by_key(rank)
    }

    /// What a name is by the stars in a module.
    fn globbed(
        &self,
        module: usize,
        name: &str,
        at: Option<usize>,
        kind: Kind,
        followed: &mut Followed,
    ) -> Option<Target> {
        let mut globs = self.modules[module].imports.iter().filter(|i| i.is_glob() && i.holds(at));
        globs.find_map(|glob| match self.follow(module, &glob.path, None, Kind::Module, followed) {
            Target::Module(inside) => self.lookup(inside, name, None, kind, followed),
            _ => None,
        })
    }
}
