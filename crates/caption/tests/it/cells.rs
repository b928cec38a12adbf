//! Recurrent cells: PyTorch's numbers, the composed twins, finite differences, and the number of
//! threads.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor, Var};
use serde_json::Value;
use taper_caption::model::{Cell, Recurrent, Sequence};
use taper_caption::ops::{composed, gru, lstm};
use taper_nn::{Mode, Params};
use taper_tensor::{Rng, backward, check_gradients};

use crate::golden_file::{assert_close, golden, numbers, tensor};

fn flat(x: &Tensor) -> Vec<f64> {
    x.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

/// Steps, rows, inputs and hidden numbers of a golden case.
fn sizes(case: &Value) -> [usize; 4] {
    serde_json::from_value(case["sizes"].clone()).unwrap()
}

/// A layer with the parameters of a golden case.
fn layer(case: &Value, dtype: DType) -> (Recurrent, Params) {
    let [_, _, inputs, hidden] = sizes(case);
    let (cell, gates) = if case["kind"] == "lstm" { (Cell::Lstm, 4) } else { (Cell::Gru, 3) };
    let params = Params::new(Rng::new(0), dtype, Device::Cpu);
    let layer = Recurrent::new(&params.root(), cell, inputs, hidden).unwrap();
    let shape = |name: &str| match name {
        "weight_ih_l0" => vec![gates * hidden, inputs],
        "weight_hh_l0" => vec![gates * hidden, hidden],
        _ => vec![gates * hidden],
    };
    let all = case["parameters"].as_object().unwrap();
    let all: BTreeMap<String, Tensor> =
        all.iter().map(|(name, values)| (name.clone(), tensor(values, &shape(name)))).collect();
    let report = params.load(&all).unwrap();
    assert!(report.missing.is_empty() && report.unexpected.is_empty() && report.reshaped.is_empty(), "{report:?}");
    (layer, params)
}

#[test]
fn values_and_gradients_are_pytorchs() -> Result<()> {
    for case in golden("pytorch_cells.json")["cases"].as_array().unwrap() {
        let ([steps, rows, inputs, hidden], kind) = (sizes(case), &case["kind"]);
        let states = numbers(&case["state"]).len() / rows;
        for (dtype, tolerance) in [(DType::F64, 1e-8), (DType::F32, 3e-6)] {
            let (layer, params) = layer(case, dtype);
            let x = Var::from_tensor(&tensor(&case["x"], &[steps, rows, inputs]).to_dtype(dtype)?)?;
            let state = Var::from_tensor(&tensor(&case["state"], &[rows, states]).to_dtype(dtype)?)?;
            let noise = Rng::new(0);
            let Sequence { hidden: y, state: last } = layer.forward(&x, &state, Mode::Train(&noise))?;
            assert_close(&flat(&y), &numbers(&case["y"]), tolerance, &format!("y of {kind}"));
            assert_close(&flat(&last), &numbers(&case["last"]), tolerance, &format!("state of {kind}"));
            let weigh = |name: &str, shape: &[usize]| tensor(&case[name], shape).to_dtype(dtype);
            let y = (y * weigh("weigh_y", &[steps, rows, hidden])?)?.sum_all()?;
            let grads = backward(&(y + (last * weigh("weigh_last", &[rows, states])?)?.sum_all()?)?)?;
            let mut wanted = vec![(x, &case["dx"], "x".to_owned()), (state, &case["dstate"], "state".to_owned())];
            wanted.extend(params.trainables().into_iter().map(|(name, var)| (var, &case["gradients"][&name], name)));
            for (var, values, name) in wanted {
                let got = flat(grads.get(&var).unwrap());
                assert_close(&got, &numbers(values), tolerance, &format!("gradient of {name}, {kind}"));
            }
        }
    }
    Ok(())
}

/// Normal numbers.
fn drawn(seed: u64, shape: &[usize]) -> Tensor {
    let mut rng = Rng::new(seed);
    let values: Vec<f64> = (0..shape.iter().product()).map(|_| 0.8 * rng.normal()).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// x, weight, bias and state of a cell with so many gates and parts of a state.
fn arguments(seed: u64, [steps, rows, hidden]: [usize; 3], (gates, states): (usize, usize)) -> [Tensor; 4] {
    [
        drawn(seed, &[steps, rows, gates * hidden]),
        drawn(seed + 1, &[gates * hidden, hidden]),
        drawn(seed + 2, &[gates * hidden]),
        drawn(seed + 3, &[rows, states * hidden]),
    ]
}

const SIZES: [[usize; 3]; 4] = [[1, 1, 1], [4, 1, 3], [3, 5, 2], [6, 3, 7]];

#[test]
fn a_cell_is_what_its_composed_twin_is() -> Result<()> {
    for (seed, size) in SIZES.into_iter().enumerate() {
        let seed = 10 * seed as u64;
        let gradients = |f: &dyn Fn(&[Var]) -> Result<Tensor>, arguments: &[Tensor]| -> Result<Vec<Vec<f64>>> {
            let vars = arguments.iter().map(Var::from_tensor).collect::<Result<Vec<_>>>()?;
            let y = f(&vars)?;
            let grads = backward(&(&y * drawn(99, y.dims()))?.sum_all()?)?;
            let of = |var: &Var| grads.get(var).map_or_else(Vec::new, flat);
            Ok([flat(&y)].into_iter().chain(vars.iter().map(of)).collect())
        };
        let [x, w, v, s] = arguments(seed, size, (3, 1));
        let own = gradients(&|a| gru(&a[0], &a[1], &a[2], &a[3]), &[x.clone(), w.clone(), v.clone(), s.clone()])?;
        let twin = gradients(&|a| composed::gru(&a[0], &a[1], &a[2], &a[3]), &[x, w, v, s])?;
        own.iter().zip(&twin).for_each(|(own, twin)| assert_close(own, twin, 1e-12, "GRU"));
        let [x, w, _, s] = arguments(seed, size, (4, 2));
        let own = gradients(&|a| lstm(&a[0], &a[1], &a[2]), &[x.clone(), w.clone(), s.clone()])?;
        let twin = gradients(&|a| composed::lstm(&a[0], &a[1], &a[2]), &[x, w, s])?;
        own.iter().zip(&twin).for_each(|(own, twin)| assert_close(own, twin, 1e-12, "LSTM"));
    }
    Ok(())
}

#[test]
fn gradients_are_those_of_finite_differences() {
    for size in SIZES {
        let all = arguments(5, size, (3, 1));
        check_gradients(&all, 1e-6, |a| gru(&a[0], &a[1], &a[2], &a[3])).unwrap();
        let [x, w, _, s] = arguments(7, size, (4, 2));
        check_gradients(&[x, w, s], 1e-6, |a| lstm(&a[0], &a[1], &a[2])).unwrap();
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let [x, w, v, s] = arguments(3, [9, 33, 40], (3, 1));
    let [lx, lw, _, ls] = arguments(4, [9, 33, 40], (4, 2));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let vars = [&x, &w, &v, &s, &lx, &lw, &ls];
            let vars = vars.map(|x| Var::from_tensor(&x.to_dtype(DType::F32).unwrap()).unwrap());
            let [x, w, v, s, lx, lw, ls] = &vars;
            let y = gru(x, w, v, s).unwrap().sqr().unwrap().sum_all().unwrap();
            let z = lstm(lx, lw, ls).unwrap().sqr().unwrap().sum_all().unwrap();
            let grads = backward(&(y + z).unwrap()).unwrap();
            let bits = |var: &Var| grads.get(var).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            vars.iter().flat_map(bits).map(f32::to_bits).collect::<Vec<_>>()
        })
    };
    assert_eq!(run(1), run(4));
}

#[test]
fn a_sequence_in_two_parts_is_the_whole() -> Result<()> {
    for (cell, name) in [(Cell::Lstm, "lstm"), (Cell::Gru, "gru")] {
        let params = Params::new(Rng::new(1).fork(name), DType::F64, Device::Cpu);
        let layer = Recurrent::new(&params.root(), cell, 3, 4)?;
        let x = drawn(2, &[5, 2, 3]);
        let whole = layer.forward(&x, &layer.begin(&x)?, Mode::Eval)?;
        let first = layer.forward(&x.narrow(0, 0, 2)?, &layer.begin(&x)?, Mode::Eval)?;
        let second = layer.forward(&x.narrow(0, 2, 3)?, &first.state, Mode::Eval)?;
        assert_close(&flat(&whole.state), &flat(&second.state), 1e-14, name);
        assert_close(&flat(&whole.hidden.narrow(0, 2, 3)?), &flat(&second.hidden), 1e-14, name);
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let [x, w, v, s] = arguments(1, [2, 3, 4], (3, 1));
    let said = |result: Result<Tensor>| result.unwrap_err().to_string();
    let text = said(gru(&x, &w.t().unwrap(), &v, &s));
    assert!(text.contains("the weight must be [12, 4]") && text.contains("[4, 12]"), "{text}");
    assert!(said(gru(&x, &w, &v.narrow(0, 0, 3).unwrap(), &s)).contains("the bias"));
    assert!(said(lstm(&x, &w, &s)).contains("the weight must be [12, 3]"));
    assert!(said(gru(&x, &w, &v, &s.narrow(0, 0, 2).unwrap())).contains("the state must be [3, 4]"));
    assert!(said(gru(&x.get(0).unwrap(), &w, &v, &s)).contains("steps, rows"));
    assert!(said(gru(&x.to_dtype(DType::F32).unwrap(), &w, &v, &s)).contains("float32"));
}
