//! A setting of a recipe, declared once.
//!
//! [`fields!`] makes of one declaration the struct that a section of the recipe is read into, its
//! default, and a [`Field`] for each setting: its place in the file, its flag, its range, what help
//! says of it and under which heading. Help, README and the ranges that a recipe is checked by are
//! made of these.

use super::choice::Choice;
use super::range::Range;

/// A setting of a recipe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field {
    /// Where it stands in a recipe, such as `optimize.lr`.
    pub place: &'static str,
    /// Its flag as it is written: `--lr LR`. A word without dashes is an argument, and nothing none
    /// at all: then `--set` alone says it.
    pub usage: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// Which settings it stands among.
    pub heading: Heading,
    /// In which help it is.
    pub shown: Shown,
    /// What it is, as its documentation has it.
    pub documentation: &'static str,
}

/// What a setting takes, by a flag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Takes {
    /// A number.
    Number(Range),
    /// A learning rate, of which the recipe has the scale on `optimize.lr`: any positive number.
    LrScale,
    /// The name of a stage, none, or how many stages: so many at most.
    Stages(i64),
    /// A word.
    Text,
    /// The path of a file.
    Path,
    /// Nothing: the flag turns it on.
    Switch,
    /// One of a few names.
    Choice(&'static [Choice]),
    /// The name of something that has settings of its own in a recipe.
    Named(&'static [&'static str]),
    /// How gradients are clipped: a number, a name, or a table.
    Clip,
    /// Transforms of pictures: names with commas between them.
    Transforms,
}

/// What settings are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heading {
    /// The pictures.
    Data,
    /// The network and its head.
    Network,
    /// What is trained, and for how long.
    Plan,
    /// How weights change.
    Optimizer,
    /// How the learning rate changes.
    Schedule,
    /// What is done to pictures.
    Augmentation,
    /// What keeps the network from learning by heart.
    Regularization,
    /// What is left and what is told.
    Output,
}

/// In which help a flag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// In all.
    Short,
    /// In `--help` alone.
    Long,
}

impl Heading {
    /// All, in the order of help.
    pub const ALL: [Self; 8] = [
        Self::Data,
        Self::Network,
        Self::Plan,
        Self::Optimizer,
        Self::Schedule,
        Self::Augmentation,
        Self::Regularization,
        Self::Output,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "Data",
            Self::Network => "Network",
            Self::Plan => "Plan",
            Self::Optimizer => "Optimizer",
            Self::Schedule => "Schedule",
            Self::Augmentation => "Augmentation",
            Self::Regularization => "Regularization",
            Self::Output => "Output",
        }
    }
}

impl Field {
    /// The name of its flag, where it has one.
    pub fn flag(&self) -> Option<&'static str> {
        self.usage.strip_prefix("--").and_then(|usage| usage.split(' ').next())
    }

    /// What stands behind the flag in help.
    pub fn value(&self) -> &'static str {
        self.usage.split_once(' ').map_or("", |(_, value)| value)
    }

    /// What it is, in a sentence or more.
    pub fn help(&self) -> String {
        let words = self.documentation.split_whitespace().collect::<Vec<_>>().join(" ");
        words.trim_end_matches('.').to_owned()
    }

    /// The first part of [`help`](Self::help), which is enough for a line.
    pub fn summary(&self) -> String {
        let help = self.help();
        let ends = ["; ", ". "].iter().filter_map(|end| help.find(end));
        ends.min().map_or(help.clone(), |end| help[..end].to_owned())
    }

    /// Which numbers a recipe may have there.
    pub fn range(&self) -> Option<Range> {
        match self.takes {
            Takes::Number(range) => Some(range),
            Takes::LrScale => Some(Range::Positive),
            Takes::Stages(most) => Some(Range::Whole(0, most)),
            _ => None,
        }
    }
}

/// Declares a section of the recipe:
/// `name: type = default => [Heading, "--flag VALUE", Shown, Takes];` behind the documentation,
/// which is also the help. What has no row is a section itself, or nothing that is said.
macro_rules! fields {
    (
        $(#[doc = $about:literal])+
        $(#[derive($derive:ident)])?
        pub struct $type:ident in $section:literal {
            $(
                $(#[doc = $doc:literal])+
                $(#[serde($($serde:tt)+)])?
                $name:ident: $of:ty = $default:expr $(=> $row:tt)?;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
        $(#[derive($derive)])?
        #[serde(deny_unknown_fields, default)]
        pub struct $type {
            $(
                $(#[doc = $doc])+
                #[doc = concat!("\n\nDefault `", stringify!($default), "`.")]
                $(#[serde($($serde)+)])?
                pub $name: $of,
            )+
        }

        impl Default for $type {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl $type {
            /// Its settings: a row for each that is one.
            pub(super) const ROWS: &'static [Option<$crate::recipe::Field>] =
                &[$(fields!(@row $section, $name, [$($doc)+] $($row)?),)+];
        }
    };
    (@row $section:literal, $name:ident, [$($doc:literal)+]) => { None };
    (
        @row $section:literal, $name:ident, [$($doc:literal)+]
        [$heading:ident, $usage:literal, $shown:ident, $takes:expr]
    ) => {
        Some($crate::recipe::Field {
            place: concat!($section, stringify!($name)),
            usage: $usage,
            takes: $takes,
            heading: $crate::recipe::Heading::$heading,
            shown: $crate::recipe::Shown::$shown,
            documentation: concat!($($doc),+),
        })
    };
}

pub(crate) use fields;
