//! Which parameters weight decay applies to.

/// Whether weight decay should pull this parameter towards 0.
///
/// The weights of convolutions and linear layers (two dimensions or more) decay. Biases, and the
/// scales and shifts of norm layers (one dimension), do not: they are few, cannot overfit by their
/// size, and a norm undoes any shrinking of its scale only where the next layer grows for it.
///
/// `name` is the full name of the parameter: one whose last part is `bias` never decays, whatever
/// its shape.
///
/// # Examples
/// ```
/// use taper_regularize::decays;
/// assert!(decays("features.0.weight", &[64, 3, 3, 3]));
/// assert!(!decays("features.0.bias", &[64]));
/// assert!(!decays("head.norm1.weight", &[1024]));
/// ```
///
/// # Differs from PyTorch
/// Its optimizers decay every parameter they are given; the selection is left to the user.
///
/// # References
/// T. He, Z. Zhang, H. Zhang, Z. Zhang, J. Xie, M. Li, *Bag of Tricks for Image Classification with
/// Convolutional Neural Networks*, 2019.
pub fn decays(name: &str, shape: &[usize]) -> bool {
    shape.len() >= 2 && name.rsplit('.').next() != Some("bias")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_decay_biases_and_scales_do_not() {
        for (name, shape, wanted) in [
            ("head.fc1.weight", &[512, 1024][..], true),
            ("classifier.1.weight", &[10, 512, 1, 1], true),
            ("classifier.1.bias", &[10], false),
            ("head.norm1.weight", &[1024], false),
            ("bias", &[1, 64], false),
            ("bias.weight", &[3, 3], true),
            ("scale", &[], false),
        ] {
            assert_eq!(decays(name, shape), wanted, "{name} {shape:?}");
        }
    }
}
