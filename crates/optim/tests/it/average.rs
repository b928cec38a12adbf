//! Averages along a run: the numbers by hand, the exchange, the state by name.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};
use taper_optim::{Average, Averaging, OptimError};

use crate::given::{bits, var};

const SMOOTH: Averaging = Averaging::Exponential { decay: 0.75, warm_up: false };

/// What every kind promises. A new one adds its row.
const KINDS: [Averaging; 4] = [
    Averaging::PolyakRuppert,
    SMOOTH,
    Averaging::Exponential { decay: 0.9, warm_up: true },
    Averaging::Snapshots { start: 2, every: 3 },
];

fn average(averaging: Averaging, params: &[(&str, &Var)]) -> Average {
    let own = |(name, var): &(&str, &Var)| ((*name).to_owned(), (*var).clone());
    Average::new(params.iter().map(own).collect(), averaging).unwrap()
}

fn set(var: &Var, values: &[f32]) {
    var.set(&Tensor::new(values, &Device::Cpu).unwrap()).unwrap();
}

/// The average after each of the values 8, 4, 0, 4, 24.
fn averages(averaging: Averaging) -> Vec<f32> {
    let theta = var(&[100.0]);
    let mut average = average(averaging, &[("theta", &theta)]);
    let mut after = |value| {
        set(&theta, &[value]);
        average.update().unwrap();
        average.state().unwrap()["average/theta"].to_vec1::<f32>().unwrap()[0]
    };
    [8.0, 4.0, 0.0, 4.0, 24.0].map(&mut after).to_vec()
}

#[test]
fn the_mean_counts_every_update_alike() {
    assert_eq!(averages(Averaging::PolyakRuppert), [8.0, 6.0, 4.0, 4.0, 8.0]);
}

#[test]
fn the_exponential_average_begins_with_a_copy_and_forgets() {
    // 8; 8 - 4/4; 7 - 7/4; 5.25 - 1.25/4; 4.9375 + 19.0625/4
    assert_eq!(averages(SMOOTH), [8.0, 7.0, 5.25, 4.9375, 9.703125]);
}

#[test]
fn the_warm_up_lets_a_young_average_follow() {
    let got = averages(Averaging::Exponential { decay: 0.25, warm_up: true });
    // Decay 2/11, then 3/12 = 0.25, and 0.25 from there on.
    let second = 4.0 + 4.0 * 2.0 / 11.0;
    let wanted = [8.0, second, second / 4.0, 3.0 + second / 16.0, 18.0 + (3.0 + second / 16.0) / 4.0];
    for (got, wanted) in got.iter().zip(wanted) {
        assert!((got - wanted).abs() < 1e-5, "{got} is not {wanted}");
    }
}

#[test]
fn snapshots_are_the_mean_of_what_entered() {
    let theta = var(&[100.0]);
    let mut average = average(Averaging::Snapshots { start: 2, every: 2 }, &[("theta", &theta)]);
    let mut entered = vec![];
    for value in [1.0, 10.0, 3.0, 20.0, 5.0, 60.0, 7.0] {
        set(&theta, &[value]);
        average.update().unwrap();
        entered.push(average.entered());
    }
    assert_eq!(entered, [0, 1, 1, 2, 2, 3, 3]);
    average.swap().unwrap();
    assert!((theta.to_vec1::<f32>().unwrap()[0] - 30.0).abs() < 1e-5);
}

#[test]
fn a_value_too_close_to_a_float32_average_is_lost_as_documented() {
    // 2⁻²³ away with weight 2⁻²: 2⁻²⁵ from 1 rounds back to 1; in float64 it does not.
    let near = 1.0 + 2f64.powi(-23);
    for (dtype, moves) in [(DType::F32, false), (DType::F64, true)] {
        let tensor = |value: f64| Tensor::new(&[value], &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
        let theta = Var::from_tensor(&tensor(1.0)).unwrap();
        let mut average = average(SMOOTH, &[("theta", &theta)]);
        average.update().unwrap();
        theta.set(&tensor(near)).unwrap();
        average.update().unwrap();
        let state = average.state().unwrap()["average/theta"].to_dtype(DType::F64).unwrap();
        assert_eq!(state.to_vec1::<f64>().unwrap()[0] > 1.0, moves, "{dtype:?}");
    }
}

#[test]
fn swapping_twice_puts_every_bit_back() {
    let odd = [f32::MIN_POSITIVE / 2.0, -0.0, f32::MAX, 1.0 / 3.0];
    let (a, b) = (var(&odd), var(&[2.0]));
    let mut average = average(Averaging::PolyakRuppert, &[("b", &b), ("a", &a)]);
    average.update().unwrap();
    set(&a, &[1.0, 2.0, 3.0, 4.0]);
    let before = [bits(&a), bits(&b)];
    let ids = [a.id(), b.id()];

    average.swap().unwrap();
    assert!(average.is_swapped());
    assert_eq!(bits(&a), odd.map(f32::to_bits));
    assert_eq!(bits(&average.state().unwrap()["average/a"]), odd.map(f32::to_bits));
    assert_eq!(average.update().unwrap_err().to_string(), "the average is in the model: swap it back before an update");

    average.swap().unwrap();
    assert!(!average.is_swapped());
    assert_eq!([bits(&a), bits(&b)], before);
    assert_eq!([a.id(), b.id()], ids);
    assert_eq!(bits(&average.state().unwrap()["average/a"]), odd.map(f32::to_bits));
}

#[test]
fn nothing_is_evaluated_before_a_value_has_entered() {
    let theta = var(&[1.0]);
    let mut average = average(Averaging::Snapshots { start: 2, every: 1 }, &[("theta", &theta)]);
    average.update().unwrap();
    assert!(matches!(average.swap().unwrap_err(), OptimError::NothingAveraged));
    assert_eq!(theta.to_vec1::<f32>().unwrap(), [1.0]);
    average.update().unwrap();
    average.swap().unwrap();
}

#[test]
fn every_kind_goes_on_from_a_saved_state_to_the_bit() {
    let walk = |theta: &Var, average: &mut Average, steps: std::ops::Range<u32>| {
        for step in steps {
            set(theta, &[(step as f32).sin(), (step as f32).cos() / 3.0]);
            average.update().unwrap();
        }
    };
    for kind in KINDS {
        let [straight, first, second] = [(); 3].map(|()| var(&[0.0, 0.0]));
        let mut through = average(kind, &[("theta", &straight)]);
        walk(&straight, &mut through, 0..12);

        let mut before = average(kind, &[("theta", &first)]);
        walk(&first, &mut before, 0..7);
        let saved = before.state().unwrap();
        walk(&first, &mut before, 7..9); // the copy must not follow
        let mut after = average(kind, &[("theta", &second)]);
        after.load_state(&saved).unwrap();
        walk(&second, &mut after, 7..12);

        let (a, b) = (through.state().unwrap(), after.state().unwrap());
        assert_eq!(bits(&a["average/theta"]), bits(&b["average/theta"]), "{kind:?}");
        assert_eq!(through.entered(), after.entered(), "{kind:?}");
        assert_eq!(b["average_updates"].to_scalar::<i64>().unwrap(), 12, "{kind:?}");
    }
}

/// Refuses the changed state and keeps the average as it was.
fn refused(change: impl Fn(&mut BTreeMap<String, Tensor>)) -> OptimError {
    let (body, head) = (var(&[1.0, 2.0]), var(&[3.0]));
    let mut average = average(Averaging::PolyakRuppert, &[("head", &head), ("body", &body)]);
    average.update().unwrap();
    let mut state = average.state().unwrap();
    state.insert("average/body".into(), Tensor::new(&[7f32, 7.0], &Device::Cpu).unwrap());
    change(&mut state);
    let error = average.load_state(&state).unwrap_err();
    assert_eq!(average.state().unwrap()["average/body"].to_vec1::<f32>().unwrap(), [1.0, 2.0]);
    assert_eq!(average.entered(), 1);
    error
}

#[test]
fn a_state_that_does_not_fit_is_refused_by_name_before_anything_changes() {
    let error = refused(|state| {
        state.remove("average/head");
        state.remove("average_updates");
    });
    assert_eq!(error.to_string(), "the state lacks average/head, average_updates");
    let error = refused(|state| {
        state.insert("average/tail".into(), state["average/head"].clone());
    });
    assert!(matches!(error, OptimError::UnexpectedState { keys } if keys == ["average/tail".to_owned()]));
    let error = refused(|state| {
        state.insert("average/head".into(), state["average/body"].clone());
    });
    assert_eq!(error.to_string(), "average/head needs the shape [1] of F32, got [2] of F32");
    let error = refused(|state| {
        state.insert("average_updates".into(), Tensor::new(-1i64, &Device::Cpu).unwrap());
    });
    assert_eq!(error.to_string(), "average_updates must be 0 or more, got -1");
}

#[test]
fn parameters_and_settings_are_checked() {
    let theta = var(&[1.0]);
    let new = |params: &[&str], averaging| {
        let params = params.iter().map(|name| ((*name).to_owned(), theta.clone())).collect();
        Average::new(params, averaging).err().unwrap().to_string()
    };
    assert_eq!(new(&[], Averaging::PolyakRuppert), "there is no parameter to train");
    assert_eq!(new(&["a", "b"], Averaging::PolyakRuppert), "parameters a and b are the same variable");
    let never = Averaging::Snapshots { start: 1, every: 0 };
    assert_eq!(new(&["a"], never), "every must be at least 1, got 0");

    let mut average = average(Averaging::PolyakRuppert, &[("theta", &theta)]);
    average.update().unwrap();
    let state = average.state().unwrap();
    average.swap().unwrap();
    let said = average.load_state(&state).unwrap_err().to_string();
    assert_eq!(said, "the average is in the model: swap it back before loading a state");
}
