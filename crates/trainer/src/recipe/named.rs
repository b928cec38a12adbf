//! Settings that begin with a name.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{Error as ValueError, MapAccessDeserializer};
use serde::de::{DeserializeOwned, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::{Table, Value};

/// Reads `{ name = "...", ... }`, or the name alone for its defaults.
///
/// By way of a TOML value, whatever it is read from: the settings of every name are compiled for
/// one source alone. For each of the many ways that serde hands on what it has put aside, they
/// were half of this crate.
pub(super) fn named<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(Named(PhantomData))
}

/// Reads a list of what [`named`] reads.
pub(super) fn named_list<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Item<T>(T);
    impl<'de, T: DeserializeOwned> Deserialize<'de> for Item<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            named(deserializer).map(Self)
        }
    }
    Ok(Vec::deserialize(deserializer)?.into_iter().map(|Item(item)| item).collect())
}

/// The defaults of a name.
pub(super) fn by_name<T: DeserializeOwned>(name: &str) -> Result<T, ValueError> {
    of(Table::from_iter([("name".to_owned(), Value::String(name.to_owned()))]))
}

/// What a table with a name stands for.
pub(super) fn of<T: DeserializeOwned>(table: Table) -> Result<T, ValueError> {
    T::deserialize(table).map_err(|error| ValueError::custom(error.message()))
}

/// Makes it while the source is visited: what fails then is told with its place.
struct Named<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for Named<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name, or a table of a name and its settings")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
        by_name(name).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        of(Table::deserialize(MapAccessDeserializer::new(map))?).map_err(A::Error::custom)
    }
}
