//! Networks as ONNX files.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor, bail};
use prost::Message;
use taper_nn::{Activation, Graph, GraphOp, Layer, Node, Params, Value};
use taper_tensor::{Conv, Pool};

use super::proto;
use crate::weights::int8::Int8;
use crate::{Classifier, TransferError};

/// The version of ONNX's operations that is written, and of its format: those of 2021.
const OPSET: i64 = 17;
const IR_VERSION: i64 = 8;

/// float32, and integers of 8 and of 64 bits.
const FLOAT: i32 = 1;
const INT8: i32 = 3;
pub(super) const INT64: i32 = 7;

/// What the weights of convolutions and fully connected layers are written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnnxWeights {
    /// float32.
    #[default]
    Float32,
    /// Integers of 8 bits with a scale for each output channel, a quarter of the size; the reader
    /// makes float32 of them (`DequantizeLinear`).
    Int8,
}

/// How a network is written.
#[derive(Clone, Copy, Debug)]
pub struct OnnxConfig<'a> {
    /// Side of the pictures, pixels.
    pub size: usize,
    /// What its weights are written as.
    pub weights: OnnxWeights,
    /// What is kept beside the network (`metadata_props`).
    pub about: &'a [(&'a str, &'a str)],
}

/// A classifier in testing as an ONNX file (version 17 of the operations), for any number of
/// squares of one size.
///
/// # Shapes
/// `pixels`, normalized (N,3,size,size), to `logits` (N,classes). The parameters have their names.
///
/// # Errors
/// When a part of the network cannot be written so, such as fractional max pooling, or pictures of
/// this size are too small for it.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device};
/// use taper_nn::Params;
/// use taper_tensor::Rng;
/// use taper_transfer::{Head, OnnxConfig, OnnxWeights, model, onnx};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let net = model("squeezenet1_1")?.classifier(&params, Head::default(), 10)?;
/// let about = [("classes", "ten kinds of things")];
/// let config = OnnxConfig { size: 96, weights: OnnxWeights::Int8, about: &about };
/// let file = onnx(&net, &params, config)?;
/// assert!((1_000_000..2_000_000).contains(&file.len()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// ONNX, *Operator Schemas*, version 17.
pub fn onnx(
    classifier: &Classifier,
    params: &Params,
    config: OnnxConfig<'_>,
) -> std::result::Result<Vec<u8>, TransferError> {
    Ok(file(classifier, params, config)?.encode_to_vec())
}

fn file(classifier: &Classifier, params: &Params, config: OnnxConfig<'_>) -> Result<proto::Model> {
    let OnnxConfig { size, weights, about } = config;
    let (mut graph, pixels) = Graph::new(params, [3, size, size]);
    let logits = classifier.graph(&mut graph, pixels)?;
    let tensors = params.tensors();
    let mut writer =
        Writer { graph: &graph, tensors: &tensors, last: logits, nodes: Vec::new(), initializers: Vec::new() };
    let used: Vec<&String> = graph.nodes().iter().flat_map(|node| &node.parameters).collect();
    for (name, tensor) in tensors.iter().filter(|(name, _)| used.contains(name)) {
        match weights {
            OnnxWeights::Int8 if Int8::is_for(name, tensor) => writer.integers(name, tensor)?,
            _ => writer.constant(name, tensor)?,
        }
    }
    for (i, node) in graph.nodes().iter().enumerate().skip(1) {
        writer.add(i, node)?;
    }
    let ends = [("pixels", pixels), ("logits", logits)].map(|(name, value)| described(name, graph.shape(value)));
    let [input, output] = ends.map(|end| vec![end]);
    let entry = |(key, value): &(&str, &str)| proto::Entry { key: (*key).to_owned(), value: (*value).to_owned() };
    Ok(proto::Model {
        ir_version: IR_VERSION,
        producer_name: "taper".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(proto::Graph {
            node: writer.nodes,
            name: "classifier".to_owned(),
            initializer: writer.initializers,
            input,
            output,
        }),
        opset_import: vec![proto::OperatorSet { domain: String::new(), version: OPSET }],
        metadata_props: about.iter().map(entry).collect(),
    })
}

/// A value of float32 by name: any number of pictures, each of `shape`.
fn described(name: &str, shape: &[usize]) -> proto::Value {
    let pictures = proto::Side { size: None, name: Some("N".to_owned()) };
    let sides = shape.iter().map(|&side| proto::Side { size: Some(side as i64), name: None });
    let shape = proto::Shape { dim: [pictures].into_iter().chain(sides).collect() };
    let tensor = proto::TensorKind { element: FLOAT, shape: Some(shape) };
    proto::Value { name: name.to_owned(), kind: Some(proto::Kind { tensor: Some(tensor) }) }
}

pub(super) struct Writer<'a> {
    pub(super) graph: &'a Graph,
    /// The parameters by name.
    tensors: &'a BTreeMap<String, Tensor>,
    last: Value,
    nodes: Vec<proto::Node>,
    initializers: Vec<proto::Tensor>,
}

impl Writer<'_> {
    /// What the outcome of operation `i` is called.
    fn name(&self, i: usize) -> String {
        match i {
            0 => "pixels".to_owned(),
            i if i == self.last.node() => "logits".to_owned(),
            i => format!("value{i}"),
        }
    }

    pub(super) fn constant(&mut self, name: &str, tensor: &Tensor) -> Result<()> {
        let values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        let bytes = values.into_iter().flat_map(f32::to_le_bytes).collect();
        self.known(name.to_owned(), FLOAT, tensor.dims(), bytes);
        Ok(())
    }

    pub(super) fn known(&mut self, name: String, data_type: i32, dims: &[usize], raw_data: Vec<u8>) {
        let dims = dims.iter().map(|&side| side as i64).collect();
        self.initializers.push(proto::Tensor { dims, data_type, name, raw_data });
    }

    /// A weight as integers, and the operation that makes float32 of them.
    fn integers(&mut self, name: &str, weight: &Tensor) -> Result<()> {
        let rounded = Int8::of(weight)?;
        let [integers, scales] = ["integers", "scale"].map(|part| format!("{name} {part}"));
        self.known(integers.clone(), INT8, weight.dims(), rounded.bytes());
        self.known(scales.clone(), FLOAT, &[rounded.scales.len()], rounded.scale_bytes());
        let axis = proto::Attribute { name: "axis".to_owned(), ..int(0) };
        self.node("DequantizeLinear", vec![integers, scales], name, vec![axis]);
        Ok(())
    }

    pub(super) fn node(&mut self, op_type: &str, input: Vec<String>, output: &str, attribute: Vec<proto::Attribute>) {
        let (output, name, op_type) = (vec![output.to_owned()], format!("{op_type} for {output}"), op_type.to_owned());
        self.nodes.push(proto::Node { input, output, name, op_type, attribute });
    }

    /// Writes operation `i`, as one of ONNX's or a few.
    fn add(&mut self, i: usize, node: &Node) -> Result<()> {
        let output = self.name(i);
        let before: Vec<&[usize]> = node.inputs.iter().map(|&input| self.graph.shape(input)).collect();
        let inputs = node.inputs.iter().map(|input| self.name(input.node()));
        let input: Vec<String> = inputs.chain(node.parameters.iter().cloned()).collect();
        let (op, attributes) = match node.operation {
            GraphOp::Input => return Ok(()),
            GraphOp::Conv(conv) => {
                let twice = |n| ints(&[n, n]);
                let attributes = [
                    ("strides", twice(conv.stride)),
                    ("pads", zeros(conv, before[0], self.tensors[&node.parameters[0]].dims())?),
                    ("dilations", twice(conv.dilation)),
                    ("group", int(conv.groups)),
                ];
                ("Conv", attributes.to_vec())
            }
            GraphOp::BatchNorm(eps) => ("BatchNormalization", vec![("epsilon", float(eps))]),
            GraphOp::Activation(Activation::Silu) => {
                let gate = format!("{output} gate");
                self.node("Sigmoid", input.clone(), &gate, Vec::new());
                self.node("Mul", [input, vec![gate]].concat(), &output, Vec::new());
                return Ok(());
            }
            GraphOp::Activation(Activation::Relu6) => return self.with_numbers("Clip", input, &[0.0, 6.0], &output),
            GraphOp::Activation(Activation::Gelu) => return self.gelu(input, &output),
            GraphOp::Activation(Activation::GeluTanh) => return self.gelu_tanh(input, &output),
            GraphOp::Activation(activation) => function(activation)?,
            GraphOp::MaxPool(pool) => ("MaxPool", windows(pool, before[0], &node.shape)),
            GraphOp::AveragePool(side) => ("AveragePool", tiles(side, side)),
            GraphOp::AdaptiveAverage(1, 1) => ("GlobalAveragePool", Vec::new()),
            GraphOp::AdaptiveAverage(rows, columns) => match before[0] {
                [_, h, w] if h % rows == 0 && w % columns == 0 => ("AveragePool", tiles(h / rows, w / columns)),
                [_, h, w] => return self.cells(input, [(*h, rows), (*w, columns)], &output),
                other => bail!("a grid of cells over {other:?}"),
            },
            GraphOp::GlobalMax => ("GlobalMaxPool", Vec::new()),
            GraphOp::Concat => ("Concat", vec![("axis", int(1))]),
            GraphOp::Add => ("Add", Vec::new()),
            GraphOp::Multiply => ("Mul", Vec::new()),
            GraphOp::Scale(factor) => return self.with_numbers("Mul", input, &[factor as f32], &output),
            GraphOp::Flatten => ("Flatten", vec![("axis", int(1))]),
            GraphOp::Linear if before[0].len() == 1 => ("Gemm", vec![("transB", int(1))]),
            rows => return self.rows(rows, input, (before.first().copied().unwrap_or_default(), &node.shape), &output),
        };
        let named =
            |(name, attribute): (&str, proto::Attribute)| proto::Attribute { name: name.to_owned(), ..attribute };
        self.node(op, input, &output, attributes.into_iter().map(named).collect());
        Ok(())
    }

    /// An operation that takes numbers behind its inputs.
    fn with_numbers(&mut self, op: &str, mut input: Vec<String>, numbers: &[f32], output: &str) -> Result<()> {
        for number in numbers {
            let name = format!("{output} {number}");
            self.constant(&name, &Tensor::new(*number, &Device::Cpu)?)?;
            input.push(name);
        }
        self.node(op, input, output, Vec::new());
        Ok(())
    }

    /// The means over a grid that does not divide the map: `rows · x · columnsᵀ`, each matrix the
    /// means along a side.
    fn cells(&mut self, input: Vec<String>, sides: [(usize, usize); 2], output: &str) -> Result<()> {
        let names = ["rows", "columns"].map(|side| format!("{output} {side}"));
        let [rows, columns] = sides.map(|(size, cells)| means(size, cells));
        self.constant(&names[0], &rows?)?;
        self.constant(&names[1], &columns?.t()?)?;
        let [rows, columns] = names;
        let half = format!("{output} half");
        self.node("MatMul", [vec![rows], input].concat(), &half, Vec::new());
        self.node("MatMul", vec![half, columns], output, Vec::new());
        Ok(())
    }
}

/// The matrix (cells,size) of means along a side: cell i covers `⌊i·size/cells⌋ ..
/// ⌈(i+1)·size/cells⌉`.
fn means(size: usize, cells: usize) -> Result<Tensor> {
    let row = |i: usize| {
        let covered = i * size / cells..((i + 1) * size).div_ceil(cells);
        let share = 1.0 / covered.len() as f32;
        (0..size).map(move |place| if covered.contains(&place) { share } else { 0.0 })
    };
    Tensor::from_vec((0..cells).flat_map(row).collect::<Vec<f32>>(), (cells, size), &Device::Cpu)
}

type Attributes = Vec<(&'static str, proto::Attribute)>;

fn function(activation: Activation) -> Result<(&'static str, Attributes)> {
    Ok(match activation {
        Activation::Relu => ("Relu", Vec::new()),
        Activation::Sigmoid => ("Sigmoid", Vec::new()),
        Activation::Tanh => ("Tanh", Vec::new()),
        Activation::HardSwish => ("HardSwish", Vec::new()),
        Activation::HardSigmoid => ("HardSigmoid", vec![("alpha", float(1.0 / 6.0)), ("beta", float(0.5))]),
        Activation::LeakyRelu(slope) => ("LeakyRelu", vec![("alpha", float(slope))]),
        Activation::Elu(a) => ("Elu", vec![("alpha", float(a))]),
        other => bail!("ONNX {OPSET} has no operation for {other:?}"),
    })
}

/// The zeros around a map (C,H,W) for a convolution with this weight, as numbers, which every
/// reader understands alike: `auto_pad` leaves more to them.
fn zeros(conv: Conv, map: &[usize], weight: &[usize]) -> Result<proto::Attribute> {
    match (map, weight) {
        (&[c, h, w], &[o, i, r, s]) => Ok(ints(&conv.zeros([1, h, w, c], [o, i, r, s])?)),
        other => bail!("a convolution of {other:?}"),
    }
}

/// The attributes of a max pool from a map to another. What ceil mode adds is written as padding,
/// which every reader understands alike.
fn windows(pool: Pool, from: &[usize], to: &[usize]) -> Attributes {
    let (rows, columns) = pool.kernel;
    let end = |size: usize, windows: usize, kernel: usize| {
        ((windows - 1) * pool.stride + kernel).saturating_sub(size + pool.padding)
    };
    let ends = [end(from[1], to[1], rows), end(from[2], to[2], columns)];
    vec![
        ("kernel_shape", ints(&[rows, columns])),
        ("strides", ints(&[pool.stride; 2])),
        ("pads", ints(&[pool.padding, pool.padding, ends[0], ends[1]])),
    ]
}

/// Windows of this height and width, one beside the other.
fn tiles(rows: usize, columns: usize) -> Attributes {
    vec![("kernel_shape", ints(&[rows, columns])), ("strides", ints(&[rows, columns]))]
}

pub(super) fn float(f: f64) -> proto::Attribute {
    proto::Attribute { f: f as f32, kind: 1, ..Default::default() }
}

pub(super) fn int(i: usize) -> proto::Attribute {
    proto::Attribute { i: i as i64, kind: 2, ..Default::default() }
}

pub(super) fn ints(values: &[usize]) -> proto::Attribute {
    proto::Attribute { ints: values.iter().map(|&i| i as i64).collect(), kind: 7, ..Default::default() }
}
