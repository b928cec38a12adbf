//! Sizes at the ends of what an integer holds, and of 0: refused or right, and nothing panics.

use candle_core::{DType, Device, Tensor};
use candle_nn::Init;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use taper_nn::{Activation, Graph, GraphOp, Initialization, Params};
use taper_tensor::{Conv, Pool, Rng};

use crate::common::random;

/// Sizes at which arithmetic goes wrong.
const EDGES: [usize; 8] = [0, 1, 2, 3, 1 << 31, 1 << 62, 1 << 63, usize::MAX];

fn edge() -> impl Strategy<Value = usize> {
    // Small ones more often: of four extreme sizes nothing is ever possible.
    prop_oneof![2 => 0..4usize, 1 => select(&EDGES[..])]
}

/// Whether what becomes of a tensor does not depend on the memory of the machine.
fn certain(shape: [usize; 4]) -> bool {
    let bytes = shape.iter().fold(1u128, |all, &size| all.saturating_mul(size.max(1) as u128));
    bytes <= 0x10000 || bytes > 1 << 60
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_at_extreme_sizes(
        [n, h, w, c] in [0..3usize, 0..6, 0..6, 0..4], (a, b, k) in (edge(), edge(), edge()),
    ) {
        let x = random(&[n, h, w, c], &mut Rng::new(1));
        let _ = (Activation::Maxout(k).apply(&x), Activation::Maxout(k).composed(&x));
        prop_assert!(Activation::Maxout(k).gain().is_finite() || k == 0);
        let init = Initialization::HeFanOut.of(&[a, b, k, k], Activation::Relu);
        let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
        if certain([a, b, k, k]) {
            let _ = params.root().trainable("weight", &[a, b, k, k][..], init);
        }
        let (mut graph, picture) = Graph::new(&params, [a, h, w]);
        let kernel = params.root().trainable("kernel", (c, n, h, w), Init::Const(0.0)).unwrap();
        let conv = Conv { stride: a, padding: b, dilation: k, ..Conv::default() };
        let pool = Pool { kernel: (a, b), stride: k, padding: b, ceil_mode: true };
        for operation in [
            GraphOp::Conv(conv),
            GraphOp::MaxPool(pool),
            GraphOp::AveragePool(a),
            GraphOp::AdaptiveAverage(a, b),
            GraphOp::Flatten,
        ] {
            let parameters = if operation == GraphOp::Conv(conv) { vec![&kernel] } else { Vec::new() };
            let _ = graph.add(operation, &[picture], &parameters);
        }
        let both = graph.add(GraphOp::Concat, &[picture, picture], &[]);
        prop_assert!(both.is_ok() == a.checked_mul(2).is_some());
    }
}

/// A tensor that is one number many times over is not copied before it is counted.
#[test]
fn inputs_that_would_not_fit_memory_are_refused() {
    for dtype in [DType::F32, DType::F16] {
        let one = Tensor::zeros((1, 1, 1, 1), dtype, &Device::Cpu).unwrap();
        let x = one.broadcast_as((1 << 20, 1 << 10, 1 << 10, 1 << 10)).unwrap();
        for result in [Activation::Gelu.apply(&x), Activation::Gelu.composed(&x)] {
            let error = result.unwrap_err().to_string();
            assert!(error.starts_with("activation") && error.contains("which the system does not give"), "{error}");
        }
    }
}
