//! What evaluation must leave alone.

use candle_core::{DType, Device, Result, Tensor, Var};
use taper_nn::{BatchNorm, BatchNormConfig, Layer, Mode, Params};
use taper_tensor::Rng;

fn bits(var: &Var) -> Vec<u32> {
    let values = var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    values.into_iter().map(f32::to_bits).collect()
}

#[test]
fn evaluation_leaves_running_statistics_bit_unchanged_and_records_no_weights() -> Result<()> {
    let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
    let norm = BatchNorm::new(&params.root().at("norm"), 4, BatchNormConfig::default()).unwrap();
    let pixels: Vec<f32> = (0..96).map(|i| (i as f32 * 0.7).sin() + 0.3).collect();
    let x = Var::from_tensor(&Tensor::from_vec(pixels, (2, 3, 4, 4), &Device::Cpu)?)?;

    norm.forward(&x, Mode::Train(&Rng::new(1)))?;
    let before: Vec<_> = params.buffers().iter().map(|(_, var)| bits(var)).collect();
    assert_ne!(before[0], [0f32.to_bits(); 4]); // training did record

    let mut grads = None;
    for _ in 0..3 {
        let y = norm.forward(&x, Mode::Eval)?;
        grads = Some(y.sum_all()?.backward()?);
    }
    let after: Vec<_> = params.buffers().iter().map(|(_, var)| bits(var)).collect();
    assert_eq!(before, after);
    let grads = grads.unwrap();
    assert!(grads.get(&x).is_some());
    assert!(params.trainables().iter().all(|(_, var)| grads.get(var).is_none()));
    Ok(())
}
