//! Blocks of 8 x 8 values, and the cosines that they are made of.
//!
//! ```text
//! X_k = c_k / 2 Σ_n x_n cos((2 n + 1) k π / 16),   c_0 = 1 / √2, else 1
//! ```
//!
//! along both sides of a block: orthonormal, so that the way back is the transpose.

/// Blocks that are transformed together: each lies in a lane of its own.
pub(super) const BLOCKS: usize = 32;

/// One value of each block.
pub(super) type Lane = [f32; BLOCKS];

/// Blocks: value (row, column) at 8 row + column.
pub(super) type Blocks = [Lane; 64];

/// cos(k π / 16) / 2.
const COSINES: [f32; 8] =
    [0.5, 0.490_392_64, 0.461_939_77, 0.415_734_8, 0.353_553_4, 0.277_785_12, 0.191_341_71, 0.097_545_16];

/// What the odd frequencies 1, 3, 5, 7 take of differences.
const ODD: [[f32; 4]; 4] = {
    let [_, a, _, b, _, c, _, d] = COSINES;
    [[a, b, c, d], [b, -d, -a, -c], [c, -a, d, b], [d, -c, b, -a]]
};

/// Values to frequencies, in place.
#[inline(always)]
pub(super) fn to_frequencies(blocks: &mut Blocks) {
    for line in 0..8 {
        along(blocks, 8 * line, 1, forward);
    }
    for line in 0..8 {
        along(blocks, line, 8, forward);
    }
}

/// Frequencies to values, in place.
#[inline(always)]
pub(super) fn to_values(blocks: &mut Blocks) {
    for line in 0..8 {
        along(blocks, line, 8, back);
    }
    for line in 0..8 {
        along(blocks, 8 * line, 1, back);
    }
}

/// One line of each block: eight values, `step` from one to the next.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "a block is a lane of all eight lines")]
fn along(blocks: &mut Blocks, first: usize, step: usize, transform: impl Fn([f32; 8]) -> [f32; 8]) {
    let mut line: [Lane; 8] = std::array::from_fn(|i| blocks[first + i * step]);
    for lane in 0..BLOCKS {
        let to = transform(std::array::from_fn(|i| line[i][lane]));
        (0..8).for_each(|i| line[i][lane] = to[i]);
    }
    (0..8).for_each(|i| blocks[first + i * step] = line[i]);
}

#[inline(always)]
fn forward([a, b, c, d, e, f, g, h]: [f32; 8]) -> [f32; 8] {
    let (sums, differences) = ([a + h, b + g, c + f, d + e], [a - h, b - g, c - f, d - e]);
    let (outer, inner) = (sums[0] + sums[3], sums[1] + sums[2]);
    let (far, near) = (sums[0] - sums[3], sums[1] - sums[2]);
    let odd = ODD.map(|row| dot(row, differences));
    let (half, wide, narrow) = (COSINES[4], COSINES[2], COSINES[6]);
    let even = [half * (outer + inner), wide * far + narrow * near, half * (outer - inner), narrow * far - wide * near];
    [even[0], odd[0], even[1], odd[1], even[2], odd[2], even[3], odd[3]]
}

#[inline(always)]
fn back([a, b, c, d, e, f, g, h]: [f32; 8]) -> [f32; 8] {
    let (half, wide, narrow) = (COSINES[4], COSINES[2], COSINES[6]);
    let (outer, inner) = (half * (a + e), half * (a - e));
    let (far, near) = (wide * c + narrow * g, narrow * c - wide * g);
    let even = [outer + far, inner + near, inner - near, outer - far];
    // The matrix is symmetric.
    let odd = ODD.map(|row| dot(row, [b, d, f, h]));
    let (first, second) = ([0, 1, 2, 3].map(|i| even[i] + odd[i]), [3, 2, 1, 0].map(|i| even[i] - odd[i]));
    [first[0], first[1], first[2], first[3], second[0], second[1], second[2], second[3]]
}

#[inline(always)]
fn dot(a: [f32; 4], b: [f32; 4]) -> f32 {
    (a[0] * b[0] + a[1] * b[1]) + (a[2] * b[2] + a[3] * b[3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use taper_tensor::Rng;

    #[test]
    fn frequencies_are_those_of_the_formula_and_go_back() {
        let mut rng = Rng::new(4);
        let values: Blocks = [[(); BLOCKS]; 64].map(|lane| lane.map(|()| rng.uniform(-128.0, 127.0) as f32));
        let mut blocks = values;
        to_frequencies(&mut blocks);
        let cosine = |n: usize, k: usize| {
            let scale = if k == 0 { 0.5f64.sqrt() } else { 1.0 };
            scale / 2.0 * ((2 * n + 1) as f64 * k as f64 * std::f64::consts::PI / 16.0).cos()
        };
        for (k, lane) in blocks.iter().enumerate() {
            for (block, frequency) in lane.iter().enumerate() {
                let terms = values
                    .iter()
                    .enumerate()
                    .map(|(n, value)| f64::from(value[block]) * cosine(n / 8, k / 8) * cosine(n % 8, k % 8));
                let wanted: f64 = terms.sum();
                assert!((f64::from(*frequency) - wanted).abs() < 1e-3, "{k}: {frequency} is not {wanted}");
            }
        }
        to_values(&mut blocks);
        for (back, value) in blocks.as_flattened().iter().zip(values.as_flattened()) {
            assert!((back - value).abs() < 1e-3);
        }
    }
}
