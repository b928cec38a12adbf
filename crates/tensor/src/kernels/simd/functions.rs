//! The exponential function and what is made of it, in plain code that the compiler makes into
//! vectors: no table, no branch, no call. Their errors relative to the function in float64 are
//! bounded by the test below: 2e-7 for the exponential, 4e-7 for the sigmoid, 6e-7 for Φ (from -8
//! to -1, where the rounding of x² is multiplied by it, 1e-5).

/// eˣ for x in [-87, 88]; beyond them as at these ends. NaN stays NaN.
///
/// x = n·ln 2 + r with |r| ≤ ln 2 / 2, and e^r by the polynomial of degree 7 that Cephes has (S.
/// Moshier, *Methods and Programs for Mathematical Functions*, 1989).
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    /// Added to a float32 below 2²², it leaves the nearest integer in the last bits.
    const ROUND: f32 = 12_582_912.0; // 1.5·2²³
    let x = if x > 88.0 { 88.0 } else { x };
    let x = if x < -87.0 { -87.0 } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    // ln 2 in two parts, of which n times the first is exact.
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let power = p * r * r + r + 1.0;
    power * f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23))
}

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The density of the normal distribution, e^(-x²/2) / √(2π).
#[inline(always)]
pub(super) fn bell(x: f32) -> f32 {
    exp(-0.5 * x * x) * 0.398_942_3
}

/// Φ(x), the probability that a standard normal number is below x. With z = |x|/√2 and
/// t = 1/(1 + z/2), `erfc(z) · e^(z²) / t` is nearly a polynomial in t: this one, of the least
/// largest relative error for z up to 11, is off by 4.4e-8. The exponential is that of [`bell`].
#[inline(always)]
pub(super) fn normal(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * z);
    let p = -0.059_316_147;
    let p = p * t + 0.285_781_77;
    let p = p * t - 0.489_700_14;
    let p = p * t + 0.280_928_67;
    let p = p * t - 0.028_597_241;
    let p = p * t + 0.203_520_9;
    let p = p * t + 0.242_893_11;
    let p = p * t + 0.282_404_2;
    let p = p * t + 0.282_084_76;
    let tail = 0.5 * t * p * exp(-0.5 * x * x);
    if x > 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest error relative to the value, over a range.
    fn worst(from: f32, to: f32, fast: impl Fn(f32) -> f32, right: impl Fn(f64) -> f64) -> f64 {
        let steps = 200_000;
        let at = |i: u32| from + (to - from) * (i as f32 / steps as f32);
        let error = |x: f32| (f64::from(fast(x)) - right(x.into())).abs() / right(x.into()).abs().max(1e-37);
        (0..=steps).map(|i| error(at(i))).fold(0.0, f64::max)
    }

    #[test]
    fn functions_are_those_of_float64_rounded() {
        let phi = |x: f64| 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
        let density = |x: f64| (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
        for (name, error, limit) in [
            ("exp", worst(-86.9, 87.9, exp, f64::exp), 2e-7),
            ("sigmoid", worst(-80.0, 80.0, sigmoid, |x| 1.0 / (1.0 + (-x).exp())), 4e-7),
            ("normal near 0", worst(-1.0, 8.0, normal, phi), 6e-7),
            ("normal's tail", worst(-8.0, -1.0, normal, phi), 1e-5),
            ("bell", worst(-12.0, 12.0, bell, density), 1e-5),
        ] {
            assert!(error < limit, "{name}: {error:e}");
        }
        assert!(exp(f32::NAN).is_nan() && sigmoid(f32::NAN).is_nan() && normal(f32::NAN).is_nan());
        assert_eq!((sigmoid(f32::INFINITY), normal(f32::INFINITY), normal(f32::NEG_INFINITY)), (1.0, 1.0, 0.0));
        assert!(sigmoid(f32::NEG_INFINITY) < 1e-37 && bell(f32::INFINITY) < 1e-37);
    }
}
