//! The functions of two variables that optimizers are sent down.

use super::LandscapeError;
use super::error::require;
use crate::draw::{Point, Window};

/// A loss of two variables, each with one difficulty of its own. The least value of each is 0, so
/// that what is left of a loss can be drawn on a logarithmic scale.
///
/// | name | formula | minimum | difficulty |
/// |---|---|---|---|
/// | `quadratic` | (*x*² + *κy*²)/2 | (0, 0) | the ravine: *κ* times steeper across than along |
/// | `rosenbrock` | (1 - *x*)² + 100(*y* - *x*²)² | (1, 1) | a ravine that bends |
/// | `beale` | (3/2 - *x* + *xy*)² + (9/4 - *x* + *xy*²)² + (21/8 - *x* + *xy*³)² | (3, 1/2) | steep walls, a flat floor |
/// | `saddle` | *x*² + (*y*²/2 - 1)² | (0, ±√2) | a saddle point at (0, 0), where the gradient vanishes |
/// | `bump` | 5*x*⁴/4 + *x*³/2 - 5*x*²/2 - 3*x*/2 + 9/4 + *y*² | (1, 0) | a local minimum at (-1, 0), a bump behind it |
///
/// # References
/// - H. H. Rosenbrock, *An automatic method for finding the greatest or least value of a function*,
///   1960.
/// - E. M. L. Beale, *On an iterative method for finding a local minimum of a function of more than
///   one variable*, 1958.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
    /// A bowl with two curvatures, 1 along *x* and *κ* along *y*.
    Quadratic {
        /// *κ*: the condition number of the Hessian, 1 or more.
        condition: f64,
    },
    /// A ravine along the parabola *y* = *x*².
    Rosenbrock,
    /// A flat floor between walls that rise with the sixth power.
    Beale,
    /// Two minima and a saddle point between them; the start is almost on the ridge that leads
    /// there.
    Saddle,
    /// Two minima; the way to the lower one leads through the higher one and over a bump.
    Bump,
}

impl Function {
    /// The names that [`Function::named`] knows.
    pub const NAMES: [&str; 5] = ["quadratic", "rosenbrock", "beale", "saddle", "bump"];

    /// The function of that name; `condition` is *κ* of the quadratic one.
    ///
    /// # Errors
    /// [`LandscapeError::Unknown`] for another name, [`LandscapeError::Field`] for a condition
    /// number below 1 or above a million.
    pub fn named(name: &str, condition: f64) -> Result<Self, LandscapeError> {
        require((1.0..=1e6).contains(&condition), "--condition", "from 1 to 1e6", condition)?;
        match name {
            "quadratic" => Ok(Self::Quadratic { condition }),
            "rosenbrock" => Ok(Self::Rosenbrock),
            "beale" => Ok(Self::Beale),
            "saddle" => Ok(Self::Saddle),
            "bump" => Ok(Self::Bump),
            _ => Err(LandscapeError::Unknown { kind: "function", name: name.to_owned(), known: Self::NAMES.to_vec() }),
        }
    }

    /// The name.
    pub fn name(&self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// The place in [`Function::NAMES`].
    pub(super) fn index(&self) -> usize {
        match self {
            Self::Quadratic { .. } => 0,
            Self::Rosenbrock => 1,
            Self::Beale => 2,
            Self::Saddle => 3,
            Self::Bump => 4,
        }
    }

    /// The formula, as it stands in the picture.
    pub fn formula(&self) -> String {
        match self {
            Self::Quadratic { condition } => format!("(x² + {condition}y²)/2"),
            Self::Rosenbrock => "(1 - x)² + 100(y - x²)²".to_owned(),
            Self::Beale => "(3/2 - x + xy)² + (9/4 - x + xy²)² + (21/8 - x + xy³)²".to_owned(),
            Self::Saddle => "x² + (y²/2 - 1)²".to_owned(),
            Self::Bump => "5x⁴/4 + x³/2 - 5x²/2 - 3x/2 + 9/4 + y²".to_owned(),
        }
    }

    /// The loss.
    pub fn value(&self, [x, y]: Point) -> f64 {
        match self {
            Self::Quadratic { condition } => 0.5 * (x * x + condition * y * y),
            Self::Rosenbrock => (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2),
            Self::Beale => beale_terms([x, y]).iter().map(|term| term * term).sum(),
            Self::Saddle => x * x + (0.5 * y * y - 1.0).powi(2),
            Self::Bump => (((1.25 * x + 0.5) * x - 2.5) * x - 1.5) * x + 2.25 + y * y,
        }
    }

    /// The gradient, by the formula.
    pub fn gradient(&self, [x, y]: Point) -> Point {
        match self {
            Self::Quadratic { condition } => [x, condition * y],
            Self::Rosenbrock => {
                let above = y - x * x;
                [-2.0 * (1.0 - x) - 400.0 * x * above, 200.0 * above]
            }
            Self::Beale => {
                let [a, b, c] = beale_terms([x, y]);
                let along_x = a * (y - 1.0) + b * (y * y - 1.0) + c * (y.powi(3) - 1.0);
                let along_y = x * (a + 2.0 * b * y + 3.0 * c * y * y);
                [2.0 * along_x, 2.0 * along_y]
            }
            Self::Saddle => [2.0 * x, 2.0 * y * (0.5 * y * y - 1.0)],
            // The stationary points are where a factor is 0.
            Self::Bump => [5.0 * (x + 1.0) * (x + 0.3) * (x - 1.0), 2.0 * y],
        }
    }

    /// Where every path begins.
    pub fn start(&self) -> Point {
        match self {
            Self::Quadratic { .. } => [-2.0, 0.6],
            Self::Rosenbrock => [-1.2, 1.0],
            Self::Beale => [1.0, 1.5],
            // On the ridge itself the gradient has no part along y, and nobody would leave it.
            Self::Saddle => [-1.5, 1e-3],
            Self::Bump => [-1.75, 0.9],
        }
    }

    /// Where the loss is 0.
    pub fn minima(&self) -> &'static [Point] {
        match self {
            Self::Quadratic { .. } => &[[0.0, 0.0]],
            Self::Rosenbrock => &[[1.0, 1.0]],
            Self::Beale => &[[3.0, 0.5]],
            Self::Saddle => &[[0.0, std::f64::consts::SQRT_2], [0.0, -std::f64::consts::SQRT_2]],
            Self::Bump => &[[1.0, 0.0]],
        }
    }

    /// The saddle point between two valleys, if there are two. The contour line through it parts
    /// them.
    pub fn pass(&self) -> Option<Point> {
        match self {
            Self::Saddle => Some([0.0, 0.0]),
            Self::Bump => Some([-0.3, 0.0]),
            Self::Quadratic { .. } | Self::Rosenbrock | Self::Beale => None,
        }
    }

    /// The part of the plane to draw.
    pub fn window(&self) -> Window {
        let (low, high) = match self {
            Self::Quadratic { .. } => ([-2.4, -0.9], [0.9, 0.9]),
            Self::Rosenbrock => ([-1.8, -0.6], [1.6, 1.9]),
            Self::Beale => ([-0.4, -1.2], [4.4, 1.9]),
            Self::Saddle => ([-1.9, -0.7], [1.9, 1.9]),
            Self::Bump => ([-2.1, -1.2], [1.7, 1.2]),
        };
        Window { low, high }
    }
}

/// What Beale's function sums the squares of.
fn beale_terms([x, y]: Point) -> [f64; 3] {
    [1.5 - x + x * y, 2.25 - x + x * y * y, 2.625 - x + x * y.powi(3)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> [Function; 5] {
        Function::NAMES.map(|name| Function::named(name, 50.0).unwrap())
    }

    #[test]
    fn gradients_are_those_of_the_values() {
        for function in all() {
            for [x, y] in [function.start(), [0.3, -0.7], [-1.1, 0.4], [2.5, 1.3]] {
                let h = 1e-5;
                let differences = [
                    (function.value([x + h, y]) - function.value([x - h, y])) / (2.0 * h),
                    (function.value([x, y + h]) - function.value([x, y - h])) / (2.0 * h),
                ];
                for (exact, difference) in function.gradient([x, y]).into_iter().zip(differences) {
                    let apart = (exact - difference).abs();
                    assert!(apart <= 1e-6 * exact.abs().max(1.0), "{function:?}: {exact} and {difference}");
                }
            }
        }
    }

    #[test]
    fn minima_and_passes_are_stationary_and_nothing_in_the_window_is_lower() {
        for function in all() {
            let window = function.window();
            for &minimum in function.minima() {
                assert!(function.value(minimum) < 1e-15, "{function:?}");
            }
            for &place in function.minima().iter().chain(&function.pass()) {
                assert!(function.gradient(place).iter().all(|g| g.abs() < 1e-12), "{function:?} at {place:?}");
            }
            for k in 0..10_000 {
                let share = [f64::from(k % 100) / 99.0, f64::from(k / 100) / 99.0];
                let place = [0, 1].map(|i| window.low[i] + share[i] * (window.high[i] - window.low[i]));
                assert!(function.value(place) >= 0.0, "{function:?} at {place:?}");
            }
        }
    }

    #[test]
    fn start_and_a_minimum_are_in_the_window() {
        for function in all() {
            let Window { low, high } = function.window();
            let holds = |place: Point| (0..2).all(|i| low[i] < place[i] && place[i] < high[i]);
            assert!(holds(function.start()) && function.minima().iter().any(|&m| holds(m)), "{function:?}");
        }
    }

    #[test]
    fn the_bump_parts_a_local_minimum_from_the_lower_one() {
        let along = |x: f64| Function::Bump.value([x, 0.0]);
        assert!((along(-1.0) - 2.0).abs() < 1e-12 && along(-0.3) > 2.4);
        assert!([-1.1, -0.9].into_iter().all(|x| along(x) > along(-1.0)));
        assert!([-0.4, -0.2].into_iter().all(|x| along(x) < along(-0.3)));
    }

    #[test]
    fn wrong_names_and_conditions_are_refused() {
        let said = |name, condition| Function::named(name, condition).unwrap_err().to_string();
        assert_eq!(
            said("bowl", 50.0),
            "there is no function \"bowl\"; there are quadratic, rosenbrock, beale, saddle, bump"
        );
        for condition in [0.5, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(said("quadratic", condition), format!("--condition must be from 1 to 1e6, got {condition}"));
        }
    }
}
