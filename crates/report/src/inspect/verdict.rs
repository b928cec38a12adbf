//! Too small, too large, just right.

use taper_nn::Activation;

use super::{Settings, Signal};

/// By how much a signal may change over all layers.
const FACTOR: f64 = 10.0;

/// Whether the weights suit the network, in a sentence that begins with `too small`, `too large` or
/// `just right`.
pub fn verdict(settings: &Settings, signals: &[Signal]) -> String {
    let [Some(first), Some(last)] = [signals.first(), signals.last()] else {
        return "just right: there are no layers".to_owned();
    };
    let layers = signals.len();
    if last.activations.zeros == 1.0 {
        return format!("too small: nothing is left at layer {layers}, all outputs are 0");
    }
    let up = last.activations.deviation / first.activations.deviation;
    let down = first.gradients.deviation / last.gradients.deviation;
    if !(up.is_finite() && down.is_finite()) {
        return format!("too large: the signal overflows before layer {layers}");
    }
    let saturated = saturated(settings.activation, signals);
    if saturated > 0.5 {
        let gradient = if down > 1.0 {
            format!("the gradient grows {} to layer 1", times(down))
        } else {
            format!("{} of the gradient arrives at layer 1", part(down))
        };
        return format!("too large: {:.0} % of the outputs are saturated, and {gradient}", 100.0 * saturated);
    }
    match (up, down) {
        (up, _) if up < 1.0 / FACTOR => format!("too small: {} of the signal arrives at layer {layers}", part(up)),
        (up, _) if up > FACTOR => format!("too large: the signal grows {} to layer {layers}", times(up)),
        (_, down) if down < 1.0 / FACTOR => {
            format!("too small: the signal keeps its size, but {} of the gradient arrives at layer 1", part(down))
        }
        (_, down) if down > FACTOR => {
            format!("too large: the signal keeps its size, but the gradient grows {} to layer 1", times(down))
        }
        (up, down) => format!("just right: {} of the signal and {} of the gradient arrive", part(up), part(down)),
    }
}

/// The share of outputs within a hundredth of an end of the activation's range; 0 for one without
/// two ends.
fn saturated(activation: Activation, signals: &[Signal]) -> f64 {
    let (low, high) = match activation {
        Activation::Sigmoid => (0.0, 1.0),
        Activation::Tanh => (-1.0, 1.0),
        _ => return 0.0,
    };
    let near = 0.01 * (high - low);
    let values = || signals.iter().flat_map(|signal| &signal.activations.values);
    let count = values().filter(|&&value| value < low + near || value > high - near).count();
    count as f64 / values().count().max(1) as f64
}

fn part(share: f64) -> String {
    if share >= 0.01 { format!("{:.0} %", 100.0 * share) } else { format!("{share:.0e}") }
}

fn times(factor: f64) -> String {
    if factor < 1e4 { format!("{factor:.0} times") } else { format!("{factor:.0e} times") }
}

#[cfg(test)]
mod tests {
    use taper_nn::Initialization;

    use super::super::follow;
    use super::*;

    #[test]
    fn the_lecture_agrees() {
        use Activation::{LeakyRelu, Maxout, Relu, Sigmoid, Tanh};
        use Initialization::{HeFanIn, HeFanOut, Normal, XavierNormal, XavierUniform, Zeros};
        for (init, activation, wanted) in [
            (Zeros, Relu, "too small: nothing is left"),
            (Normal(0.01), Tanh, "too small"),
            (Normal(0.01), Relu, "too small"),
            (Normal(1.0), Tanh, "too large: 88 % of the outputs are saturated"),
            (Normal(1.0), Sigmoid, "too large"),
            (Normal(1.0), Relu, "too large: the signal grows"),
            (Normal(1e300), Relu, "too large: the signal overflows"),
            (XavierNormal, Tanh, "just right"),
            (XavierUniform, Tanh, "just right"),
            // Half of the signal is lost in every rectifier, which He et al. make up for.
            (Normal((1.0f64 / 256.0).sqrt()), Relu, "too small"),
            (HeFanIn, Relu, "just right"),
            (HeFanOut, Relu, "just right"),
            (HeFanIn, LeakyRelu(0.2), "just right"),
            (HeFanIn, Maxout(2), "just right"),
            // Its outputs are all positive, and a gradient is at most a quarter of what it was.
            (XavierNormal, Sigmoid, "too small"),
        ] {
            let settings = Settings { init, activation, ..Settings::default() };
            let said = verdict(&settings, &follow(&settings).unwrap());
            assert!(said.starts_with(wanted), "{init:?} {activation:?}: {said}");
        }
    }
}
