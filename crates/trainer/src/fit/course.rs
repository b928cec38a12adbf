//! In which order gradients come, and in which parts they are sent.

use std::collections::HashMap;
use std::ops::Range;

use candle_core::backprop::GradStore;
use candle_core::{TensorId, Var};
use taper_tensor::Told;

use crate::error::Result;
use crate::ranks::{Ranks, broadcast};

/// Numbers of a part, about: 4 MB, which a link of 10 Gb/s sends in 4 ms.
const PART: usize = if cfg!(test) { 1 << 10 } else { 1 << 20 };

/// The order in which a backward pass comes to the gradients of variables, those of the last layer
/// first, by their numbers among all that are trained.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Course {
    /// The variables, and of how many terms the gradient of each is the sum.
    order: Vec<(usize, usize)>,
    /// Those that are sent together, as places in the order.
    parts: Vec<Range<usize>>,
}

impl Course {
    /// As `told` has come in a backward pass over `trained` that ended with `grads`. A gradient
    /// that something was added to at the end is not in it.
    pub(super) fn seen(told: impl IntoIterator<Item = Told>, grads: &GradStore, trained: &[Var]) -> Self {
        let numbers: HashMap<TensorId, usize> = trained.iter().enumerate().map(|(i, var)| (var.id(), i)).collect();
        let mut last: HashMap<usize, (usize, Told)> = HashMap::new();
        for (time, told) in told.into_iter().enumerate() {
            if let Some(&number) = numbers.get(&told.variable) {
                last.insert(number, (time, told));
            }
        }
        let whole = |number: &usize, told: &Told| {
            grads.get(&trained[*number]).is_some_and(|grad| grad.id() == told.gradient.id())
        };
        last.retain(|number, (_, told)| whole(number, told));
        let mut order: Vec<_> = last.into_iter().map(|(number, (time, told))| (time, (number, told.terms))).collect();
        order.sort_unstable();
        Self { order: order.into_iter().map(|(_, of)| of).collect(), parts: Vec::new() }
    }

    /// The one of the first process, for all, in parts of what is trained; none as long as it has
    /// none.
    pub(super) fn agreed(own: Option<Self>, trained: &[Var], ranks: &dyn Ranks) -> Result<Option<Self>> {
        let own = serde_json::to_vec(&own.map(|course| course.order).unwrap_or_default())?;
        let order: Vec<(usize, usize)> = serde_json::from_slice(&broadcast(ranks, own)?)?;
        let (mut parts, mut begin, mut length) = (Vec::new(), 0, 0);
        for (place, (number, _)) in order.iter().enumerate() {
            length += trained.get(*number).map_or(0, |var| var.elem_count());
            if length >= PART || place + 1 == order.len() {
                parts.push(begin..place + 1);
                (begin, length) = (place + 1, 0);
            }
        }
        Ok((!order.is_empty()).then_some(Self { order, parts }))
    }

    /// The variables of each part, with the terms of their gradients.
    pub(super) fn parts(&self) -> impl Iterator<Item = &[(usize, usize)]> {
        self.parts.iter().map(|part| &self.order[part.clone()])
    }

    /// Whether a variable is in it.
    pub(super) fn has(&self, number: usize) -> bool {
        self.order.iter().any(|(in_order, _)| *in_order == number)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor, Var};
    use taper_tensor::{backward_told, linear, relu};

    use super::*;
    use crate::ranks::Alone;

    #[test]
    fn the_last_layer_comes_first_and_what_candle_adds_to_stays_out() {
        let var = |value: f32| Var::new(&[[value, 1.0], [1.0, value]], &Device::Cpu).unwrap();
        let trained = [var(2.0), var(3.0), var(4.0)];
        let [first, second, both] = &trained;
        let x = Tensor::ones((1, 2), candle_core::DType::F32, &Device::Cpu).unwrap();
        let hidden = relu(&linear(&x, first, None).unwrap()).unwrap();
        // The second layer is read twice, and the third by an operation of candle's, too.
        let once = linear(&hidden, second, None).unwrap();
        let last = linear(&linear(&once, second, None).unwrap(), both, None).unwrap();
        let loss = (last.sum_all().unwrap() + both.sum_all().unwrap()).unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let grads = backward_told(&loss, tell).unwrap();
        let seen = Course::seen(told, &grads, &trained);
        assert_eq!(seen.order, [(1, 2), (0, 1)]);
        let agreed = Course::agreed(Some(seen), &trained, &Alone).unwrap().unwrap();
        assert_eq!(agreed.parts().collect::<Vec<_>>(), [&[(1, 2), (0, 1)]]);
        assert!(agreed.has(0) && !agreed.has(2));
        assert_eq!(Course::agreed(None, &trained, &Alone).unwrap(), None);
    }
}
