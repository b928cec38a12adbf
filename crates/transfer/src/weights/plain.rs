//! Names that cannot lead out of a folder.

/// Whether a text is names of letters, digits and `.-_`, none of them hidden, between single
/// slashes.
pub(crate) fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    text.split('/').all(|name| !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain))
}
