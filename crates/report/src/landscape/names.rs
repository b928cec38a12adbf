//! Lists of names, as they are typed.

use super::LandscapeError;

/// The entries of a table that a list names, in the order of the list, each with what follows its
/// `=`; `all` stands for the whole table. `one_cycle` is `one-cycle`.
pub(super) fn listed<'a, T>(
    kind: &'static str,
    list: &'a str,
    table: &'static [T],
    name_of: fn(&T) -> &'static str,
) -> Result<Vec<(&'static T, Option<&'a str>)>, LandscapeError> {
    if list.trim() == "all" {
        return Ok(table.iter().map(|entry| (entry, None)).collect());
    }
    let mut found: Vec<(&'static T, Option<&'a str>)> = Vec::new();
    for item in list.split(',') {
        let (name, value) = item.split_once('=').map_or((item, None), |(name, value)| (name, Some(value)));
        let plain = name.trim().to_lowercase().replace('_', "-");
        let entry = table.iter().find(|entry| name_of(entry) == plain).ok_or_else(|| LandscapeError::Unknown {
            kind,
            name: name.trim().to_owned(),
            known: table.iter().map(name_of).chain(["all"]).collect(),
        })?;
        if found.iter().any(|(other, _)| name_of(other) == plain) {
            return Err(LandscapeError::Twice { name: name_of(entry) });
        }
        found.push((entry, value));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    static TABLE: [&str; 3] = ["adam", "one-cycle", "sgd"];

    fn names(list: &str) -> Result<Vec<(&'static str, Option<&str>)>, String> {
        let found = listed("rule", list, &TABLE, |name| name).map_err(|error| error.to_string())?;
        Ok(found.into_iter().map(|(name, value)| (*name, value)).collect())
    }

    #[test]
    fn a_list_keeps_its_order_and_its_values() {
        assert_eq!(names("sgd=0.1, One_Cycle").unwrap(), [("sgd", Some("0.1")), ("one-cycle", None)]);
        assert_eq!(names("all").unwrap(), TABLE.map(|name| (name, None)));
    }

    #[test]
    fn a_wrong_name_is_told_the_right_ones() {
        let said = names("sgd,adm").unwrap_err();
        assert_eq!(said, "there is no rule \"adm\"; there are adam, one-cycle, sgd, all");
        assert_eq!(names("sgd,adam,sgd=2").unwrap_err(), "sgd is listed twice: once is enough");
        assert!(names("").is_err());
    }
}
