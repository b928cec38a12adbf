//! Regions of maps: torchvision's numbers, a slow twin, finite differences, and the number of
//! threads.

use candle_core::{DType, Device, Result, Tensor, Var};
use serde_json::Value;
use taper_detect::boxes::BBox;
use taper_detect::ops::{Roi, RoiAlign, RoiPool, roi_align, roi_pool};
use taper_tensor::{Rng, check_gradients};

use crate::golden_file::{assert_close, golden, numbers, places};

fn flat(x: &Tensor) -> Vec<f64> {
    x.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

fn rois(value: &Value) -> Vec<Roi> {
    let numbers = numbers(value);
    let roi = |&[picture, x1, y1, x2, y2]: &[f64; 5]| {
        let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(|edge| edge as f32);
        Roi { picture: picture as usize, bbox: BBox::new(x1, y1, x2, y2) }
    };
    numbers.as_chunks().0.iter().map(roi).collect()
}

/// An operation of a golden case.
fn operation(case: &Value, scale: f64) -> impl Fn(&Tensor, &[Roi]) -> Result<Tensor> {
    let (sides, kind) = (places(&case["output"]), case["kind"].as_str().unwrap().to_owned());
    let (output, aligned) = ((sides[0], sides[1]), case["aligned"].as_bool().unwrap());
    let sampling_ratio = case["ratio"].as_u64().unwrap() as usize;
    move |x, rois| match &*kind {
        "align" => roi_align(x, rois, RoiAlign { output, scale, sampling_ratio, aligned }),
        _ => roi_pool(x, rois, RoiPool { output, scale }),
    }
}

#[test]
fn values_and_gradients_are_torchvisions() -> Result<()> {
    let golden = &golden("torchvision_ops.json")["maps"];
    let (shape, scale) = (places(&golden["shape"]), golden["scale"].as_f64().unwrap());
    let rois = rois(&golden["rois"]);
    for dtype in [DType::F64, DType::F32] {
        let x = Tensor::new(numbers(&golden["map"]), &Device::Cpu)?.reshape(shape.clone())?.to_dtype(dtype)?;
        for case in golden["cases"].as_array().unwrap() {
            let x = Var::from_tensor(&x)?;
            let y = operation(case, scale)(&x, &rois)?;
            assert_close(&flat(&y), &numbers(&case["y"]), 1e-5, &format!("y of {}", case["kind"]));
            let weight = Tensor::new(numbers(&case["weight"]), &Device::Cpu)?.to_dtype(dtype)?.reshape(y.shape())?;
            let grads = (y * weight)?.sum_all()?.backward()?;
            let dx = flat(grads.get(&x).unwrap());
            assert_close(&dx, &numbers(&case["gradient"]), 2e-5, &format!("gradient of {}", case["kind"]));
        }
    }
    Ok(())
}

/// A map of normal numbers and regions of all sizes, some of them beyond its edges.
fn drawn(seed: u64, (n, h, w, c): (usize, usize, usize, usize), regions: usize) -> (Tensor, Vec<Roi>) {
    let mut rng = Rng::new(seed);
    let values: Vec<f64> = (0..n * h * w * c).map(|_| rng.normal()).collect();
    let mut roi = || {
        let (x, y) = (rng.uniform(-2.0, w as f64), rng.uniform(-2.0, h as f64));
        let (r, d) = (rng.uniform(0.0, w as f64), rng.uniform(0.0, h as f64));
        Roi { picture: rng.below(n), bbox: BBox::of_size(x as f32, y as f32, r as f32, d as f32) }
    };
    let rois = (0..regions).map(|_| roi()).collect();
    (Tensor::from_vec(values, (n, h, w, c), &Device::Cpu).unwrap(), rois)
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let (x, rois) = drawn(1, (2, 5, 4, 2), 4);
    for aligned in [false, true] {
        for sampling_ratio in [0, 1, 3] {
            let config = RoiAlign { output: (2, 3), sampling_ratio, aligned, ..RoiAlign::default() };
            check_gradients(std::slice::from_ref(&x), 1e-6, |x| roi_align(&x[0], &rois, config)).unwrap();
        }
    }
    let config = RoiPool { output: (2, 2), ..RoiPool::default() };
    check_gradients(std::slice::from_ref(&x), 1e-6, |x| roi_pool(&x[0], &rois, config)).unwrap();
}

/// The value of a channel between pixels, as the paper's figure has it.
fn between(x: &[Vec<Vec<f64>>], (v, u): (f64, f64), channel: usize) -> f64 {
    let (h, w) = (x.len() as f64, x[0].len() as f64);
    if v < -1.0 || v > h || u < -1.0 || u > w {
        return 0.0;
    }
    let (v, u) = (v.clamp(0.0, h - 1.0), u.clamp(0.0, w - 1.0));
    let mut sum = 0.0;
    for (a, row) in x.iter().enumerate() {
        for (b, pixel) in row.iter().enumerate() {
            sum += (1.0 - (v - a as f64).abs()).max(0.0) * (1.0 - (u - b as f64).abs()).max(0.0) * pixel[channel];
        }
    }
    sum
}

#[test]
fn a_region_is_what_its_formula_says() -> Result<()> {
    let (x, rois) = drawn(2, (2, 7, 6, 3), 12);
    let config = RoiAlign { output: (3, 2), sampling_ratio: 2, aligned: true, ..RoiAlign::default() };
    let y = flat(&roi_align(&x, &rois, config)?);
    let mut wanted = vec![];
    for Roi { picture, bbox } in &rois {
        let map = x.get(*picture)?.to_vec3::<f64>()?;
        let [x1, y1, x2, y2] = bbox.edges().map(|edge| f64::from(edge) - 0.5);
        for bin in 0..6 {
            let at = |start: f64, end: f64, bins: usize, bin: usize, point: usize| {
                start + (end - start) / bins as f64 * (bin as f64 + (point as f64 + 0.5) / 2.0)
            };
            for channel in 0..3 {
                let point = |p: usize| (at(y1, y2, 3, bin / 2, p / 2), at(x1, x2, 2, bin % 2, p % 2));
                wanted.push((0..4).map(|p| between(&map, point(p), channel)).sum::<f64>() / 4.0);
            }
        }
    }
    assert_close(&y, &wanted, 1e-12, "RoIAlign");
    Ok(())
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (x, rois) = drawn(3, (3, 20, 17, 5), 60);
    let x = x.to_dtype(DType::F32).unwrap();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let x = Var::from_tensor(&x).unwrap();
            let (align, pool) = (RoiAlign::default(), RoiPool { output: (3, 3), ..RoiPool::default() });
            let y = roi_align(&x, &rois, align).unwrap().sqr().unwrap().sum_all().unwrap();
            let z = roi_pool(&x, &rois, pool).unwrap().sqr().unwrap().sum_all().unwrap();
            let grads = (&y + &z).unwrap().backward().unwrap();
            let bits = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits);
            bits(&y).chain(bits(&z)).chain(bits(grads.get(&x).unwrap())).collect::<Vec<_>>()
        })
    };
    assert_eq!(run(1), run(4));
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let (x, rois) = drawn(4, (1, 4, 4, 1), 1);
    let said = |result: Result<Tensor>| result.unwrap_err().to_string();
    let other = [Roi { picture: 1, ..rois[0] }];
    assert!(said(roi_align(&x, &other, RoiAlign::default())).contains("picture 1"));
    let nowhere = [Roi { picture: 0, bbox: BBox::new(0.0, f32::NAN, 1.0, 1.0) }];
    assert!(said(roi_pool(&x, &nowhere, RoiPool::default())).contains("finite"));
    assert!(said(roi_align(&x, &rois, RoiAlign { scale: 0.0, ..RoiAlign::default() })).contains("scale"));
    let half = x.to_dtype(DType::BF16).unwrap();
    assert!(said(roi_align(&half, &rois, RoiAlign::default())).contains("float32"));
    assert_eq!(roi_align(&x, &[], RoiAlign::default()).unwrap().dims(), [0, 7, 7, 1]);
}
