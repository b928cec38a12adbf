//! What works on single elements, or on a row of them, at the speed of memory: `map` (a function of
//! one or two elements), `pointwise` (activation functions), `scale` (a factor, or a
//! summand, a channel), `maxout`, `dropout`, `softmax`, `losses` (means over
//! all elements), `concat`.

mod map;

pub(crate) mod concat;
pub(crate) mod dropout;
pub(crate) mod losses;
pub(crate) mod maxout;
pub(crate) mod pointwise;
pub(crate) mod scale;
pub(crate) mod softmax;

pub(crate) use map::{converted, map, map2};
