//! `taper inspect`: what a network is before it is trained.

use std::fmt::Write as _;

use anyhow::Result;
use candle_core::{DType, Device};
use clap::Subcommand;
use serde_json::json;
use taper_nn::{Activation, Initialization, Params};
use taper_tensor::Rng;
use taper_transfer::BackboneConfig;

use super::chart_files::ChartFiles;
use crate::output::line;
use taper_report::inspect::{Settings, Signal, Spread, draw, draw_network, follow, follow_network, reset, verdict};

/// Look into a network: what first weights do to signal and gradient.
#[derive(Debug, clap::Args)]
pub struct InspectArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Init(InitArgs),
}

/// Send random inputs through layers with first weights, and gradients back: too small, too large,
/// or just right?
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper inspect init\n  taper inspect init --init normal=0.01 --activation tanh --png small.png\n  taper inspect init --init he_fan_in --activation leaky_relu=0.2 --layers 20 --csv signal.csv\n  taper inspect init --model vgg11 --init normal=0.1 --svg vgg11.svg\n\nInitializations: zeros, normal (0.01, or normal=DEVIATION), xavier_uniform, xavier_normal, he_fan_in, he_fan_out; the last\nfour by the gain of the activation.\nActivations: sigmoid, tanh, relu, leaky_relu (slope 0.01, or leaky_relu=SLOPE), elu (1, or elu=A), gelu, silu, relu6,\nhard_sigmoid, hard_swish, maxout (2 pieces, or maxout=K)."
)]
struct InitArgs {
    /// How the weights begin
    #[arg(long, default_value = "he_fan_in", value_name = "NAME")]
    init: Initialization,
    /// What follows each layer
    #[arg(long, default_value = "relu", value_name = "NAME")]
    activation: Activation,
    /// How many layers
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=30))]
    layers: u8,
    /// Units of each layer
    #[arg(long, default_value_t = 256, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=2048))]
    width: u16,
    /// The stages of this network in the place of equal layers, such as vgg11; with --init its
    /// weights begin so, before its own activations
    #[arg(long, value_name = "NAME", conflicts_with_all = ["activation", "layers", "width"])]
    model: Option<String>,
    /// Side of the random pictures that a network is sent
    #[arg(long, default_value_t = 64, value_name = "PIXELS", requires = "model", value_parser = clap::value_parser!(u16).range(16..=320))]
    side: u16,
    /// Seed of weights, inputs and gradients
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    files: ChartFiles,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// When a file cannot be written.
pub fn inspect(args: &InspectArgs) -> Result<i32> {
    let What::Init(args) = &args.what;
    args.files.check()?;
    let (layers, width) = (args.layers.into(), args.width.into());
    let settings = Settings { init: args.init, activation: args.activation, layers, width, seed: args.seed };
    let signals = match &args.model {
        None => follow(&settings)?,
        Some(name) => through(name, args)?,
    };
    let said = verdict(&settings, &signals);
    if args.files.wanted() {
        let svg = match &args.model {
            None => draw(&settings, &signals)?,
            Some(name) => draw_network(&format!("{name}, weights {:?}", args.init), &said, &signals)?,
        };
        args.files.write(&svg, &table(&signals))?;
    }
    if args.json {
        let layer =
            |signal: &Signal| json!({"activations": told(&signal.activations), "gradients": told(&signal.gradients)});
        let [svg, png, csv] = args.files.names();
        line(json!({
            "schema": 1, "command": "inspect init", "init": format!("{:?}", args.init),
            "activation": format!("{:?}", args.activation), "width": args.width, "model": args.model,
            "seed": args.seed, "verdict": said,
            "layers": signals.iter().map(layer).collect::<Vec<_>>(), "svg": svg, "png": png, "csv": csv,
        }))?;
        return Ok(0);
    }
    line("layer   outputs: mean, deviation, zeros     gradients: deviation, zeros")?;
    for (layer, Signal { activations: a, gradients: g }) in signals.iter().enumerate() {
        let (a_zeros, g_zeros) = (100.0 * a.zeros, 100.0 * g.zeros);
        line(format_args!(
            "{:>5}   {:>12.3e} {:>10.3e} {a_zeros:>6.1} %     {:>18.3e} {g_zeros:>6.1} %",
            layer + 1,
            a.mean,
            a.deviation,
            g.deviation
        ))?;
    }
    line(said)?;
    args.files.tell()?;
    Ok(0)
}

/// The signals of the stages of a network, without its fully connected layers.
fn through(name: &str, args: &InitArgs) -> Result<Vec<Signal>> {
    let rng = Rng::new(args.seed);
    let params = Params::new(rng.fork("init"), DType::F32, Device::Cpu);
    let backbone = taper_transfer::backbone(name, &params.root(), &BackboneConfig::default())?;
    reset(&params, args.init, &rng.fork("init"))?;
    let stages = backbone.stages().len();
    Ok(follow_network(stages, args.side.into(), &rng, |index, x, mode| backbone.stage(index, x, mode))?)
}

fn told(spread: &Spread) -> serde_json::Value {
    json!({"mean": spread.mean, "deviation": spread.deviation, "zeros": spread.zeros})
}

fn table(signals: &[Signal]) -> String {
    let mut csv = "layer,of,mean,deviation,zeros\n".to_owned();
    for (layer, signal) in signals.iter().enumerate() {
        for (of, spread) in [("activations", &signal.activations), ("gradients", &signal.gradients)] {
            // Writing into a string cannot fail.
            let _ = writeln!(csv, "{},{of},{:e},{:e},{}", layer + 1, spread.mean, spread.deviation, spread.zeros);
        }
    }
    csv
}
