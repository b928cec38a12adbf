//! Trains a network of one's own from scratch.
//!
//! ```console
//! $ cargo run --release --example own_network -- /usr/share/datasets/fashion-mnist
//! ```

use candle_core::{DType, Device, Tensor, Var};
use taper_nn::{Layer, MaxPool2d, Mode, ParamPath, Params};
use taper_tensor::{Conv, Rng, conv2d_relu};
use taper_trainer::build::framing::Framing;
use taper_trainer::build::pipeline::{Input, eval_loader, train_loader};
use taper_trainer::fit::fit;
use taper_trainer::recipe::Recipe;
use taper_transfer::{Classifier, Head, Stage, Staged};

/// A convolution 3x3 of stride 1 and a rectifier, in one pass.
struct Conv3x3 {
    weight: Var,
    bias: Var,
}

impl Conv3x3 {
    fn new(path: &ParamPath, inputs: usize, outputs: usize) -> taper_trainer::Result<Self> {
        let weight = path.trainable("weight", (outputs, inputs, 3, 3), candle_nn::init::DEFAULT_KAIMING_NORMAL)?;
        Ok(Self { weight, bias: path.trainable("bias", outputs, candle_nn::Init::Const(0.0))? })
    }
}

impl Layer for Conv3x3 {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> candle_core::Result<Tensor> {
        let geometry = Conv { padding: 1, ..Conv::default() };
        conv2d_relu(x, &mode.param(&self.weight), Some(&mode.param(&self.bias)), geometry)
    }
}

/// Trains by a recipe and returns the accuracy on the validation pictures.
pub fn run(recipe: &Recipe) -> taper_trainer::Result<f64> {
    let splits = taper_data::open(&recipe.data.path, &recipe.data.open_config(), &Rng::new(recipe.seed).fork("split"))?;
    let params = Params::new(Rng::new(recipe.seed).fork("init"), DType::F32, Device::Cpu);
    let mut stages: Vec<(Stage, Vec<Box<dyn Layer>>)> = Vec::new();
    for (name, prefixes, inputs, channels) in [("one", &["one"], 3, 16), ("two", &["two"], 16, 32)] {
        let convolution = Conv3x3::new(&params.root().at(name), inputs, channels)?;
        let stride = if name == "one" { 2 } else { 4 };
        stages.push((
            Stage { name, channels, stride, prefixes },
            vec![Box::new(convolution), Box::new(MaxPool2d::default())],
        ));
    }
    let backbone = Staged::new("my network", (3, 4), stages);
    let head = Head::Linear.build(&params.root(), 32, splits.train.classes().len())?;
    let mut classifier = Classifier::new(Box::new(backbone), head);
    let input = Input { size: recipe.data.image_size, framing: Framing::USUAL, mean: [0.5; 3], std: [0.25; 3] };
    let train = train_loader(splits.train, recipe, input, 2)?;
    let val = eval_loader(splits.val, recipe.data.batch_size, input, 2)?;
    Ok(fit(&mut classifier, &params, (&train, &val), recipe, &mut [])?.evaluation.accuracy())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut recipe = Recipe::from_scratch();
    recipe.data.path = std::env::args_os().nth(1).ok_or("name a data set")?.into();
    println!("accuracy {:.3}", run(&recipe)?);
    Ok(())
}
