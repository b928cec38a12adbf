use crate::rule::Step;

/// How a weight decays in an update.
#[derive(Clone, Copy)]
pub(crate) struct Decay {
    /// How many times *θ* joins the gradient.
    pub(crate) coupled: f64,
    /// What *θ* is multiplied by beside the formula.
    pub(crate) kept: f64,
}

impl Decay {
    /// *λθ* joins the gradient.
    pub(crate) fn coupled(step: Step) -> Self {
        Self { coupled: step.weight_decay, kept: 1.0 }
    }

    /// *θ* shrinks by 1 - *ηλ* beside the formula.
    pub(crate) fn decoupled(step: Step) -> Self {
        Self { coupled: 0.0, kept: 1.0 - step.lr * step.weight_decay }
    }
}
