//! Settings that are one of a few names.

/// A name that a setting may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The name, in recipes and behind flags.
    pub name: &'static str,
    /// What it stands for.
    pub help: &'static str,
}

/// Declares an enum whose variants have names in recipes: from the one declaration come the names
/// that serde reads and writes, what help says of each, and the default.
macro_rules! choices {
    (
        $(#[doc = $about:literal])+
        pub enum $type:ident, default $default:ident {
            $($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
        pub enum $type {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant,)+
        }

        #[allow(clippy::derivable_impls)]
        impl Default for $type {
            fn default() -> Self {
                Self::$default
            }
        }

        impl $type {
            /// All names, in the order of the variants.
            pub const CHOICES: &'static [$crate::recipe::Choice] =
                &[$($crate::recipe::Choice { name: $name, help: concat!($($doc),+) }),+];

            /// The name in recipes.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The variant of a name.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use choices;
