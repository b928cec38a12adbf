//! How the operands of a product are cut: B in **panels** of two vectors of columns, k rows each,
//! so that it is read in one stream (a last panel of one vector is only that wide), A in blocks of
//! rows.

/// How many elements a packed B of `k` rows takes for `columns` columns.
pub(crate) fn packed_len(lanes: usize, columns: usize, k: usize) -> usize {
    columns.next_multiple_of(lanes) * k
}

/// The panels of `columns` columns: first column, and width in columns of the packed form.
#[inline(always)]
pub(crate) fn panels(lanes: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..columns).step_by(2 * lanes).map(move |from| (from, (columns - from).next_multiple_of(lanes).min(2 * lanes)))
}

/// Row blocks of nearly equal height, at most `most`: first row and height.
#[inline(always)]
pub(crate) fn blocks(rows: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = rows.div_ceil(most).max(1);
    let (height, taller) = (rows / count, rows % count);
    (0..count).map(move |i| (i * height + i.min(taller), height + usize::from(i < taller)))
}
