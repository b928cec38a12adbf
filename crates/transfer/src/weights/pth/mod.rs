//! PyTorch's own files. What is in them is data: no code runs, whatever it asks for, and nothing is
//! believed of the sizes it claims.
//!
//! In reading order: [`limits`] and [`error`]; a pickle from its bytes ([`code`]) by its
//! instructions ([`machine`], [`instructions`]) to a list of objects ([`object`]); the tensors in
//! that list ([`view`], [`state_dict`]); the two containers that pickles come in ([`archive`],
//! [`legacy`]); and [`mod@read`], which puts them together.

mod archive;
mod code;
mod error;
mod instructions;
mod legacy;
mod limits;
mod machine;
mod object;
mod place;
mod read;
mod state_dict;
mod view;

pub use error::PthError;
pub(crate) use read::{START, is_pth, read};
