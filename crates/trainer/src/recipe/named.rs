//! Settings that begin with a name.

use serde::de::value::Error as ValueError;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use toml::{Table, Value};

/// Reads `{ name = "...", ... }`, or the name alone for its defaults.
///
/// By way of a TOML value, whatever it is read from: the settings of every name are compiled for
/// one source alone. For each of the many ways that serde hands on what it has put aside, they
/// were half of this crate.
pub(super) fn named<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    of(Value::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Reads a list of what [`named`] reads.
pub(super) fn named_list<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    /// Read by itself, so that an error says where it stands.
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
    of(Value::String(name.to_owned()))
}

/// What a name, or a table with one, stands for.
pub(super) fn of<T: DeserializeOwned>(value: Value) -> Result<T, ValueError> {
    let table = match value {
        Value::Table(table) => table,
        Value::String(name) => Table::from_iter([("name".to_owned(), Value::String(name))]),
        other => {
            let (got, wanted) = (other.type_str(), "a name, or a table of a name and its settings");
            return Err(ValueError::custom(format_args!("invalid type: {got}, expected {wanted}")));
        }
    };
    T::deserialize(table).map_err(|error| ValueError::custom(error.message()))
}
