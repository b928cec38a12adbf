//! What works on single elements, or on a row of them, at the speed of memory: `map` (a function of
//! one or two elements), `maxout`, `dropout`, `softmax`, `concat`.

mod map;

pub(crate) mod concat;
pub(crate) mod dropout;
pub(crate) mod maxout;
pub(crate) mod softmax;

pub(crate) use map::{map, map2};
