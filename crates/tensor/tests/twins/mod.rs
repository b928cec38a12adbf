//! Holds an operation to its slow twin.

use candle_core::{DType, Device, Result, Tensor, Var};
use taper_tensor::Rng;

/// An operation.
pub(crate) type Op<'a> = &'a (dyn Fn(&[Tensor]) -> Result<Tensor> + Sync);

/// Normal numbers.
pub(crate) fn random(shape: &[usize], rng: &mut Rng) -> Tensor {
    let values: Vec<f64> = (0..shape.iter().product()).map(|_| rng.normal()).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Output and gradients of `f`, each as a list.
fn run(inputs: &[Tensor], dtype: DType, f: Op<'_>) -> Vec<Vec<f64>> {
    let vars: Vec<Var> = inputs.iter().map(|x| Var::from_tensor(&x.to_dtype(dtype).unwrap()).unwrap()).collect();
    let y = f(&vars.iter().map(|v| v.as_tensor().clone()).collect::<Vec<_>>()).unwrap();
    let weights = random(y.dims(), &mut Rng::new(9)).to_dtype(dtype).unwrap();
    let grads = (&y * weights).unwrap().sum_all().unwrap().backward().unwrap();
    let list = |t: &Tensor| t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
    std::iter::once(list(&y)).chain(vars.iter().map(|v| list(grads.get(v).unwrap()))).collect()
}

fn close(got: &[Vec<f64>], wanted: &[Vec<f64>], tolerance: f64, what: &str) {
    let longest = wanted.iter().map(Vec::len).max().unwrap_or(1);
    for (part, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        assert_eq!(got.len(), wanted.len(), "{what}");
        // A gradient by channel is a sum of random signs: its rounding is that of sums as large as
        // the root of their number, however much of it happens to cancel.
        let terms = (longest / wanted.len().max(1)) as f64;
        let scale = wanted.iter().fold(terms.sqrt(), |m, v| m.max(v.abs()));
        for (i, (g, w)) in got.iter().zip(wanted).enumerate() {
            assert!((g - w).abs() <= tolerance * scale, "{what}: part {part}, element {i} is {g}, not {w}");
        }
    }
}

/// All that is promised of an operation: the twin's values, float32 near float64, the same bits on
/// any threads.
pub(crate) fn hold(inputs: &[Tensor], what: &str, kernel: Op<'_>, twin: Op<'_>) {
    let wide = run(inputs, DType::F64, kernel);
    close(&wide, &run(inputs, DType::F64, twin), 1e-10, &format!("{what} and its twin"));
    // Inputs that float32 holds exactly, so that both take the same decisions.
    let exact: Vec<Tensor> =
        inputs.iter().map(|x| x.to_dtype(DType::F32).unwrap().to_dtype(DType::F64).unwrap()).collect();
    let narrow = run(&exact, DType::F32, kernel);
    close(&narrow, &run(&exact, DType::F64, kernel), 1e-5, &format!("{what} in float32"));
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let again = pool.install(|| run(&exact, DType::F32, kernel));
        assert_eq!(bits(&narrow), bits(&again), "{what} on {threads} threads");
    }
}

fn bits(values: &[Vec<f64>]) -> Vec<u64> {
    values.iter().flatten().map(|v| v.to_bits()).collect()
}
