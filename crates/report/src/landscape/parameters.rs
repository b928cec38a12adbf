//! Parameters that are typed behind a name.

use std::cell::RefCell;

use super::LandscapeError;

/// What is typed behind a name, as in `adam:beta1=0.8:correct=false`.
///
/// Whoever makes a thing of the name asks for each parameter with its usual value; what is wrong is
/// kept until [`finish`](Self::finish).
pub(super) struct Parameters<'a> {
    of: &'static str,
    given: Vec<(&'a str, &'a str)>,
    known: RefCell<Vec<&'static str>>,
    wrong: RefCell<Option<LandscapeError>>,
}

impl<'a> Parameters<'a> {
    /// Those typed behind `of`.
    pub(super) fn new(of: &'static str, given: Vec<(&'a str, &'a str)>) -> Self {
        Self { of, given, known: RefCell::new(Vec::new()), wrong: RefCell::new(None) }
    }

    /// A number.
    pub(super) fn number(&self, name: &'static str, usual: f64) -> f64 {
        self.parsed(name, usual, "a number")
    }

    /// A whole number.
    pub(super) fn whole(&self, name: &'static str, usual: u64) -> u64 {
        self.parsed(name, usual, "a whole number")
    }

    /// Yes or no.
    pub(super) fn flag(&self, name: &'static str, usual: bool) -> bool {
        self.parsed(name, usual, "true or false")
    }

    fn parsed<T: std::str::FromStr>(&self, name: &'static str, usual: T, wanted: &'static str) -> T {
        self.known.borrow_mut().push(name);
        let Some((_, text)) = self.given.iter().find(|(given, _)| *given == name) else { return usual };
        text.trim().parse().unwrap_or_else(|_| {
            let field = format!("{} of {}", name, self.of);
            *self.wrong.borrow_mut() = Some(LandscapeError::Field { field, wanted, got: (*text).to_owned() });
            usual
        })
    }

    /// Refuses what was wrong, given twice, or not asked for.
    pub(super) fn finish(self) -> Result<(), LandscapeError> {
        let known = self.known.into_inner();
        for (i, (name, value)) in self.given.iter().enumerate() {
            if !known.contains(name) {
                let known = if known.is_empty() { vec!["none"] } else { known };
                let name = format!("{}:{name}={value}", self.of);
                return Err(LandscapeError::Unknown { kind: "parameter", name, known });
            }
            if self.given[..i].iter().any(|(other, _)| other == name) {
                let field = format!("{name} of {}", self.of);
                return Err(LandscapeError::Field { field, wanted: "given once", got: (*value).to_owned() });
            }
        }
        self.wrong.into_inner().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(given: Vec<(&str, &str)>) -> Result<(f64, u64, bool), String> {
        let parameters = Parameters::new("adam", given);
        let got = (parameters.number("beta1", 0.9), parameters.whole("every", 3), parameters.flag("correct", true));
        parameters.finish().map_err(|error| error.to_string())?;
        Ok(got)
    }

    #[test]
    fn what_is_typed_takes_the_place_of_what_is_usual() {
        assert_eq!(asked(vec![]), Ok((0.9, 3, true)));
        assert_eq!(asked(vec![("correct", "false"), ("beta1", "0.5")]), Ok((0.5, 3, false)));
    }

    #[test]
    fn what_is_wrong_is_said_by_name() {
        let said = |given| asked(given).unwrap_err();
        assert_eq!(said(vec![("beta1", "much")]), "beta1 of adam must be a number, got much");
        assert_eq!(
            said(vec![("beta3", "1")]),
            "there is no parameter \"adam:beta3=1\"; there are beta1, every, correct"
        );
        assert_eq!(said(vec![("every", "1"), ("every", "2")]), "every of adam must be given once, got 2");
    }
}
