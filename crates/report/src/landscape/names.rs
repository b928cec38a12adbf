//! Lists of names, as they are typed.

use super::LandscapeError;

/// An entry of a table that a list names.
pub(super) struct Listed<'a, T: 'static> {
    pub(super) entry: &'static T,
    /// What follows the `=` of the name.
    pub(super) value: Option<&'a str>,
    /// What follows its `:`, name and value.
    pub(super) parameters: Vec<(&'a str, &'a str)>,
    /// The name with its parameters.
    pub(super) label: String,
}

/// The entries of a table that a list names, in the order of the list: `name=value:parameter=value`
/// and so on; `all` stands for the whole table. `one_cycle` is `one-cycle`.
pub(super) fn listed<'a, T>(
    kind: &'static str,
    list: &'a str,
    table: &'static [T],
    name_of: fn(&T) -> &'static str,
) -> Result<Vec<Listed<'a, T>>, LandscapeError> {
    if list.trim() == "all" {
        let plain =
            |entry: &'static T| Listed { entry, value: None, parameters: Vec::new(), label: name_of(entry).to_owned() };
        return Ok(table.iter().map(plain).collect());
    }
    let mut found: Vec<Listed<'a, T>> = Vec::new();
    for item in list.split(',') {
        let mut parts = item.split(':');
        let head = parts.next().unwrap_or_default();
        let (name, value) = head.split_once('=').map_or((head, None), |(name, value)| (name, Some(value)));
        let plain = name.trim().to_lowercase().replace('_', "-");
        let entry = table.iter().find(|entry| name_of(entry) == plain).ok_or_else(|| LandscapeError::Unknown {
            kind,
            name: name.trim().to_owned(),
            known: table.iter().map(name_of).chain(["all"]).collect(),
        })?;
        let (mut parameters, mut label) = (Vec::new(), name_of(entry).to_owned());
        for part in parts {
            let Some((name, value)) = part.split_once('=') else {
                let field = format!("{part:?} behind {plain}");
                return Err(LandscapeError::Field {
                    field,
                    wanted: "a parameter, as in momentum:rho=0.99",
                    got: item.to_owned(),
                });
            };
            label.push_str(&format!(" {}={}", name.trim(), value.trim()));
            parameters.push((name.trim(), value.trim()));
        }
        if found.iter().any(|other| other.label == label) {
            return Err(LandscapeError::Twice { name: label });
        }
        found.push(Listed { entry, value, parameters, label });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    static TABLE: [&str; 3] = ["adam", "one-cycle", "sgd"];

    fn names(list: &str) -> Result<Vec<(&'static str, Option<&str>)>, String> {
        let found = listed("rule", list, &TABLE, |name| name).map_err(|error| error.to_string())?;
        Ok(found.into_iter().map(|listed| (*listed.entry, listed.value)).collect())
    }

    #[test]
    fn a_list_keeps_its_order_and_its_values() {
        assert_eq!(names("sgd=0.1, One_Cycle").unwrap(), [("sgd", Some("0.1")), ("one-cycle", None)]);
        assert_eq!(names("all").unwrap(), TABLE.map(|name| (name, None)));
    }

    #[test]
    fn one_name_may_come_with_several_parameters() {
        let found = listed("rule", "adam=0.1:beta1=0.5:eps=1,adam", &TABLE, |name| name).unwrap_or_default();
        let told: Vec<_> = found.iter().map(|one| (one.label.as_str(), one.value, one.parameters.len())).collect();
        assert_eq!(told, [("adam beta1=0.5 eps=1", Some("0.1"), 2), ("adam", None, 0)]);
        assert!(names("adam:beta1").unwrap_err().contains("as in momentum:rho=0.99"));
    }

    #[test]
    fn a_wrong_name_is_told_the_right_ones() {
        let said = names("sgd,adm").unwrap_err();
        assert_eq!(said, "there is no rule \"adm\"; there are adam, one-cycle, sgd, all");
        assert_eq!(names("sgd,adam,sgd=2").unwrap_err(), "sgd is listed twice: once is enough");
        assert!(names("").is_err());
    }
}
