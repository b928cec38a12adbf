//! What the lecture says, and whether a run agrees.

use taper_report::draw::{Chart, DrawError, chart, short};

/// The slides from one number to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slides(pub u8, pub u8);

impl Slides {
    /// Whether a slide is one of them.
    pub fn has(self, slide: u8) -> bool {
        (self.0..=self.1).contains(&slide)
    }
}

/// One claim: a text of our own, pictures, numbers, and what they are compared with.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The slides that make it.
    pub slides: Slides,
    /// What is claimed, in a few words.
    pub title: &'static str,
    /// The claim, and what the pictures show.
    pub text: String,
    /// A command that shows the same.
    pub command: String,
    /// What was drawn.
    pub figures: Vec<Figure>,
    /// The numbers.
    pub tables: Vec<Table>,
    /// What is expected of the numbers.
    pub checks: Vec<Check>,
    /// Why there is nothing to expect, where there are no checks.
    pub nothing: &'static str,
}

impl Claim {
    /// A claim with nothing but its words.
    pub fn new(slides: Slides, title: &'static str, text: impl Into<String>) -> Self {
        let (text, command) = (text.into(), String::new());
        let nothing = "nothing was measured";
        Self { slides, title, text, command, figures: Vec::new(), tables: Vec::new(), checks: Vec::new(), nothing }
    }

    /// Without anything to expect, and why.
    pub fn without(self, nothing: &'static str) -> Self {
        Self { nothing, ..self }
    }

    /// With a command of a verb of its own.
    pub fn by(self, command: impl Into<String>) -> Self {
        Self { command: command.into(), ..self }
    }

    /// With a chart.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn with(mut self, drawn: &Chart) -> Result<Self, DrawError> {
        self.figures.push(Figure { picture: Picture::Svg(chart(drawn)?), caption: String::new(), wide: false });
        Ok(self)
    }

    /// With a drawing of its own.
    pub fn with_svg(mut self, svg: String) -> Self {
        self.figures.push(Figure { picture: Picture::Svg(svg), caption: String::new(), wide: false });
        self
    }

    /// With a drawing that is as wide as the page.
    pub fn with_wide(mut self, svg: String) -> Self {
        self.figures.push(Figure { picture: Picture::Svg(svg), caption: String::new(), wide: true });
        self
    }

    /// With pixels, encoded as PNG.
    pub fn with_pixels(mut self, png: Vec<u8>, caption: impl Into<String>) -> Self {
        self.figures.push(Figure { picture: Picture::Png(png), caption: caption.into(), wide: false });
        self
    }

    /// With a table.
    pub fn and(mut self, table: Table) -> Self {
        self.tables.push(table);
        self
    }

    /// With what is expected.
    pub fn expects(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// Whether every number is as expected.
    pub fn holds(&self) -> bool {
        self.checks.iter().all(Check::holds)
    }
}

/// A picture of a run.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What is seen.
    pub picture: Picture,
    /// What it is, where the picture does not say so itself.
    pub caption: String,
    /// Whether it is as wide as the page.
    pub wide: bool,
}

/// The data of a picture.
#[derive(Clone, Debug)]
pub enum Picture {
    /// Lines and letters.
    Svg(String),
    /// Pixels, as a PNG file.
    Png(Vec<u8>),
}

/// Numbers under names.
#[derive(Clone, Debug)]
pub struct Table {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, each with a cell a column.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn of<const N: usize>(columns: [&str; N]) -> Self {
        Self { columns: columns.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    /// Adds a row: what it is about, and its numbers in three digits.
    pub fn row(&mut self, name: impl Into<String>, numbers: impl IntoIterator<Item = f64>) {
        let numbers = numbers.into_iter().map(short);
        self.rows.push(std::iter::once(name.into()).chain(numbers).collect());
    }
}

/// A number that a run measured, and the range that the lecture promises.
#[derive(Clone, Debug)]
pub struct Check {
    /// What was measured.
    pub what: String,
    /// What came out.
    pub measured: f64,
    /// What should.
    pub expected: Expected,
    /// Why it may come out otherwise; shown only where it does.
    pub otherwise: &'static str,
}

/// The range of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Expected {
    /// So much or more.
    AtLeast(f64),
    /// So much or less.
    AtMost(f64),
    /// Between two numbers.
    Within(f64, f64),
}

impl Check {
    /// A number that should be so much or more.
    pub fn at_least(what: impl Into<String>, measured: f64, least: f64) -> Self {
        Self { what: what.into(), measured, expected: Expected::AtLeast(least), otherwise: "" }
    }

    /// A number that should be so much or less.
    pub fn at_most(what: impl Into<String>, measured: f64, most: f64) -> Self {
        Self { what: what.into(), measured, expected: Expected::AtMost(most), otherwise: "" }
    }

    /// A number that should lie between two others.
    pub fn within(what: impl Into<String>, measured: f64, low: f64, high: f64) -> Self {
        Self { what: what.into(), measured, expected: Expected::Within(low, high), otherwise: "" }
    }

    /// Why it may come out otherwise.
    pub fn or(self, why: &'static str) -> Self {
        Self { otherwise: why, ..self }
    }

    /// Whether it came out as expected; what is not a number never does.
    pub fn holds(&self) -> bool {
        match self.expected {
            Expected::AtLeast(least) => self.measured >= least,
            Expected::AtMost(most) => self.measured <= most,
            Expected::Within(low, high) => (low..=high).contains(&self.measured),
        }
    }

    /// The expectation in words.
    pub fn expectation(&self) -> String {
        match self.expected {
            Expected::AtLeast(least) => format!("at least {}", plain(least)),
            Expected::AtMost(most) => format!("at most {}", plain(most)),
            Expected::Within(low, high) => format!("{} to {}", plain(low), plain(high)),
        }
    }

    /// What came out, in three digits.
    pub fn outcome(&self) -> String {
        if self.measured.is_nan() { "not measured".to_owned() } else { short(self.measured) }
    }

    /// What came out otherwise, in one line: the number, the expectation, and why.
    pub fn deviation(&self) -> String {
        let why = if self.otherwise.is_empty() { String::new() } else { format!(": {}", self.otherwise) };
        format!("{} was {}, expected {}{why}", self.what, self.outcome(), self.expectation())
    }
}

/// A bound as it is written in the source.
fn plain(value: f64) -> String {
    if value == 0.0 || (1e-3..1e6).contains(&value.abs()) { format!("{value}") } else { format!("{value:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_follows_from_its_number_alone() {
        for (check, holds) in [
            (Check::at_least("a", 2.0, 2.0), true),
            (Check::at_least("a", 1.9, 2.0), false),
            (Check::at_most("a", 2.0, 2.0), true),
            (Check::at_most("a", f64::NAN, 2.0), false),
            (Check::within("a", 0.5, 0.0, 1.0), true),
            (Check::within("a", 1.5, 0.0, 1.0), false),
        ] {
            assert_eq!(check.holds(), holds, "{check:?}");
        }
        let said = Check::at_most("the error", 0.25, 1e-15).or("rounding").deviation();
        assert_eq!(said, "the error was 0.250, expected at most 1e-15: rounding");
        assert_eq!(Check::at_least("a", f64::NAN, 1.0).deviation(), "a was not measured, expected at least 1");
    }

    #[test]
    fn a_claim_holds_where_all_of_it_does() {
        let claim = Claim::new(Slides(14, 16), "t", "x").expects(Check::at_least("a", 1.0, 0.0));
        assert!(claim.holds() && claim.slides.has(16) && !claim.slides.has(17));
        assert!(!claim.expects(Check::at_least("b", -1.0, 0.0)).holds());
    }
}
