//! Sums over the elements of a row, for jobs: floats are not reordered by the compiler, so a sum
//! becomes vectors only where it is written as such.

use super::element::Element;
use super::lanes::Lanes;

// SAFETY of all: called inside a job, whose instructions the processor has; only elements of the
// rows are read.

/// `Σ x`.
#[inline(always)]
pub(crate) unsafe fn sum<V: Lanes>(x: &[V::Real]) -> V::Real {
    unsafe {
        let zero = V::splat(V::Real::ZERO);
        let (mut even, mut odd, at) = (zero, zero, x.as_ptr());
        let mut i = 0;
        while i + 2 * V::N <= x.len() {
            even = even.add(V::load(at.add(i)));
            odd = odd.add(V::load(at.add(i + V::N)));
            i += 2 * V::N;
        }
        while i < x.len() {
            even = even.add(V::load_up_to(at.add(i), x.len() - i));
            i += V::N;
        }
        total(even.add(odd))
    }
}

/// `Σ x · y` of two rows of one length.
#[inline(always)]
pub(crate) unsafe fn dot<V: Lanes>(x: &[V::Real], y: &[V::Real]) -> V::Real {
    unsafe {
        let zero = V::splat(V::Real::ZERO);
        let (mut even, mut odd, x_at, y_at) = (zero, zero, x.as_ptr(), y.as_ptr());
        let len = x.len().min(y.len());
        let mut i = 0;
        while i + 2 * V::N <= len {
            even = V::load(x_at.add(i)).mul_add(V::load(y_at.add(i)), even);
            odd = V::load(x_at.add(i + V::N)).mul_add(V::load(y_at.add(i + V::N)), odd);
            i += 2 * V::N;
        }
        while i < len {
            even = V::load_up_to(x_at.add(i), len - i).mul_add(V::load_up_to(y_at.add(i), len - i), even);
            i += V::N;
        }
        total(even.add(odd))
    }
}

/// `Σ (x - mean)²`.
#[inline(always)]
pub(crate) unsafe fn squares<V: Lanes>(x: &[V::Real], mean: V::Real) -> V::Real {
    unsafe {
        let zero = V::splat(V::Real::ZERO);
        let (mut even, mut odd, center, at) = (zero, zero, V::splat(mean), x.as_ptr());
        let mut i = 0;
        while i + 2 * V::N <= x.len() {
            let (a, b) = (V::load(at.add(i)).sub(center), V::load(at.add(i + V::N)).sub(center));
            even = a.mul_add(a, even);
            odd = b.mul_add(b, odd);
            i += 2 * V::N;
        }
        while i + V::N <= x.len() {
            let a = V::load(at.add(i)).sub(center);
            even = a.mul_add(a, even);
            i += V::N;
        }
        let mut sum = total(even.add(odd));
        for &x in &x[i..] {
            sum += (x - mean) * (x - mean);
        }
        sum
    }
}

/// The largest element that is a number; negative infinity where there is none.
#[inline(always)]
pub(crate) unsafe fn largest<V: Lanes>(x: &[V::Real]) -> V::Real {
    unsafe {
        let low = V::Real::NEG_INFINITY;
        let (mut most, at) = (V::splat(low), x.as_ptr());
        let mut i = 0;
        while i + V::N <= x.len() {
            // `b` where one of them is NaN.
            most = V::load(at.add(i)).max(most);
            i += V::N;
        }
        let mut all = [low; 16];
        most.store(all.as_mut_ptr());
        let larger = |a: V::Real, &b: &V::Real| if b > a { b } else { a };
        x[i..].iter().fold(all[..V::N].iter().fold(low, larger), larger)
    }
}

/// The sum of a vector's elements, in their order.
#[inline(always)]
unsafe fn total<V: Lanes>(values: V) -> V::Real {
    unsafe {
        let mut all = [V::Real::ZERO; 16];
        values.store(all.as_mut_ptr());
        all[..V::N].iter().fold(V::Real::ZERO, |sum, &value| sum + value)
    }
}
