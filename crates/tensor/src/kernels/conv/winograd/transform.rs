//! The transforms of Winograd's F(4x4, 3x3) and of its weight gradient, F(3x3, 4x4), on vectors of
//! channels.
//!
//! With the interpolation points 0, 1, -1, 2, -2, ∞ (Lavin and Gray 2015):
//! `y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A`, where d is a 6x6 patch, g the 3x3 kernel, y 4x4 outputs; and
//! by transposition `dg = Gᵀ [(A dy Aᵀ) ⊙ (Bᵀ d B)] G`. Each function here is one matrix times one
//! column; a transform applies it to the columns and then to the rows.

use crate::kernels::simd::Lanes;

/// A number that is exact in every float.
macro_rules! number {
    ($V:ident, $x:expr) => {
        $V::splat(<$V::Real as $crate::kernels::simd::Element>::of($x))
    };
}

/// Bᵀ d, 6 from 6.
#[inline(always)]
pub(super) unsafe fn input<V: Lanes>(d: [V; 6]) -> [V; 6] {
    // SAFETY: called inside a job, as all functions here.
    unsafe {
        let (two, four, five) = (number!(V, 2.0), number!(V, 4.0), number!(V, 5.0));
        let even = four.neg_mul_add(d[2], d[4]);
        let odd = four.neg_mul_add(d[1], d[3]);
        let (high, step) = (d[4].sub(d[2]), d[3].sub(d[1]));
        [
            four.mul_add(d[0], five.neg_mul_add(d[2], d[4])),
            even.add(odd),
            even.sub(odd),
            two.mul_add(step, high),
            two.neg_mul_add(step, high),
            four.mul_add(d[1], five.neg_mul_add(d[3], d[5])),
        ]
    }
}

/// Aᵀ m, 4 from 6.
#[inline(always)]
pub(super) unsafe fn output<V: Lanes>(m: [V; 6]) -> [V; 4] {
    // SAFETY: as above.
    unsafe {
        let (sum1, difference1) = (m[1].add(m[2]), m[1].sub(m[2]));
        let (sum2, difference2) = (m[3].add(m[4]), m[3].sub(m[4]));
        [
            m[0].add(sum1.add(sum2)),
            number!(V, 2.0).mul_add(difference2, difference1),
            number!(V, 4.0).mul_add(sum2, sum1),
            number!(V, 8.0).mul_add(difference2, difference1).add(m[5]),
        ]
    }
}

/// A dy, 6 from 4.
#[inline(always)]
pub(super) unsafe fn output_gradient<V: Lanes>(dy: [V; 4]) -> [V; 6] {
    // SAFETY: as above.
    unsafe {
        let (two, four) = (number!(V, 2.0), number!(V, 4.0));
        let (even, odd) = (dy[0].add(dy[2]), dy[1].add(dy[3]));
        let (even2, odd2) = (four.mul_add(dy[2], dy[0]), four.mul_add(dy[3], dy[1]));
        [dy[0], even.add(odd), even.sub(odd), two.mul_add(odd2, even2), two.neg_mul_add(odd2, even2), dy[3]]
    }
}

/// G g, 6 from 3.
#[inline(always)]
pub(super) unsafe fn weight<V: Lanes>(g: [V; 3]) -> [V; 6] {
    // SAFETY: as above.
    unsafe {
        let (sixth, twelfth, half) = (number!(V, 1.0 / 6.0), number!(V, 1.0 / 12.0), number!(V, 1.0 / 24.0));
        let (outer, middle) = (sixth.mul(g[0].add(g[2])), sixth.mul(g[1]));
        let (outer2, middle2) = (half.mul_add(g[0], sixth.mul(g[2])), twelfth.mul(g[1]));
        let zero = number!(V, 0.0);
        [
            number!(V, 0.25).mul(g[0]),
            zero.sub(outer.add(middle)),
            middle.sub(outer),
            outer2.add(middle2),
            outer2.sub(middle2),
            g[2],
        ]
    }
}

/// Gᵀ u, 3 from 6.
#[inline(always)]
pub(super) unsafe fn weight_gradient<V: Lanes>(u: [V; 6]) -> [V; 3] {
    // SAFETY: as above.
    unsafe {
        let (sixth, twelfth, half) = (number!(V, 1.0 / 6.0), number!(V, 1.0 / 12.0), number!(V, 1.0 / 24.0));
        let (sum1, difference1) = (u[1].add(u[2]), u[2].sub(u[1]));
        let (sum2, difference2) = (u[3].add(u[4]), u[3].sub(u[4]));
        [
            half.mul_add(sum2, sixth.neg_mul_add(sum1, number!(V, 0.25).mul(u[0]))),
            twelfth.mul_add(difference2, sixth.mul(difference1)),
            sixth.mul(sum2.sub(sum1)).add(u[5]),
        ]
    }
}

/// Applies `f` to the columns of an N x N patch and then to the rows of the result: M x M.
macro_rules! both_ways {
    ($f:path, $patch:expr, $n:literal, $m:literal) => {{
        let patch = $patch;
        let mut half = [[patch[0][0]; $n]; $m];
        for j in 0..$n {
            let mut column = [patch[0][0]; $n];
            for i in 0..$n {
                column[i] = patch[i][j];
            }
            let column = $f(column);
            for i in 0..$m {
                half[i][j] = column[i];
            }
        }
        // No closures: they would not be compiled for the instruction set of the job.
        let mut whole = [[patch[0][0]; $m]; $m];
        for i in 0..$m {
            whole[i] = $f(half[i]);
        }
        whole
    }};
}
pub(super) use both_ways;
