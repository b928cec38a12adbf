//! Operations on rows of features, as ONNX has them: (N,rows,C).

use candle_core::{Device, Result, Tensor, bail};
use taper_nn::GraphOp;

use super::export::{INT64, Writer, float, int, ints};
use super::proto;

impl Writer<'_> {
    /// Writes an operation on rows, or from maps to rows and back; `from` and `to` are the shapes
    /// of its first input and of its outcome.
    pub(super) fn rows(
        &mut self,
        operation: GraphOp,
        input: Vec<String>,
        (from, to): (&[usize], &[usize]),
        output: &str,
    ) -> Result<()> {
        match (operation, from) {
            (GraphOp::Rows, [c, _, _]) => {
                let flat = self.reshape(input, &[0, *c as i64, -1], &format!("{output} flat"))?;
                self.turn(flat, &[0, 2, 1], output);
            }
            (GraphOp::Map(h, w), [_, c]) => {
                let turned = format!("{output} turned");
                self.turn(input, &[0, 2, 1], &turned);
                self.reshape(vec![turned], &[0, *c as i64, h as i64, w as i64], output)?;
            }
            (GraphOp::PadRows(more), _) => {
                let pads = format!("{output} pads");
                self.integers_of(&pads, &[0, more as i64, 0, 0, 0, 0]);
                self.node("Pad", [input, vec![pads]].concat(), output, Vec::new());
            }
            (GraphOp::Row(number), _) => self.slice(input, 1, (number as i64, number as i64 + 1), output),
            (GraphOp::LayerNorm(eps), _) => {
                self.node("LayerNormalization", input, output, named([("epsilon", float(eps))]));
            }
            (GraphOp::Factors, _) => self.node("Mul", input, output, Vec::new()),
            (GraphOp::Linear, [_, _]) => self.product(input, (from, to), output)?,
            (GraphOp::SelfAttention { heads, scale }, _) => self.attention(input, (heads, scale), to, output)?,
            (GraphOp::Attention { heads, scale }, _) => self.pool(input, (heads, scale), to, output)?,
            (GraphOp::Constant(number), _) => match self.graph.constant(number) {
                Some(rows) => self.constant(output, &rows.unsqueeze(0)?)?,
                None => bail!("there is no constant {number}"),
            },
            (other, from) => bail!("{other:?} of {from:?} cannot be written"),
        }
        Ok(())
    }

    /// `x · (1 + erf(x / √2)) / 2`: version 17 has no operation for it.
    pub(super) fn gelu(&mut self, input: Vec<String>, output: &str) -> Result<()> {
        let [inner, erf, one_more, twice] = ["inner", "erf", "sum", "twice"].map(|part| format!("{output} {part}"));
        let scalars = [("root", std::f32::consts::FRAC_1_SQRT_2), ("one", 1.0), ("half", 0.5)];
        let [root, one, half] = scalars.map(|(name, value)| (format!("{output} {name}"), value));
        for (name, value) in [&root, &one, &half] {
            self.constant(name, &Tensor::new(*value, &Device::Cpu)?)?;
        }
        self.node("Mul", [input.clone(), vec![root.0]].concat(), &inner, Vec::new());
        self.node("Erf", vec![inner], &erf, Vec::new());
        self.node("Add", vec![erf, one.0], &one_more, Vec::new());
        self.node("Mul", [input, vec![one_more]].concat(), &twice, Vec::new());
        self.node("Mul", vec![twice, half.0], output, Vec::new());
        Ok(())
    }

    /// `x · (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2`.
    pub(super) fn gelu_tanh(&mut self, input: Vec<String>, output: &str) -> Result<()> {
        let [square, cube, small, sum, inner, bent, one_more, twice] =
            ["square", "cube", "small", "inner sum", "inner", "bent", "sum", "twice"].map(|p| format!("{output} {p}"));
        let root = (std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2) as f32;
        let scalars = [("factor", 0.044715), ("root", root), ("one", 1.0), ("half", 0.5)];
        let [factor, root, one, half] = scalars.map(|(name, value)| (format!("{output} {name}"), value));
        for (name, value) in [&factor, &root, &one, &half] {
            self.constant(name, &Tensor::new(*value, &Device::Cpu)?)?;
        }
        let x = || input.clone();
        self.node("Mul", [x(), x()].concat(), &square, Vec::new());
        self.node("Mul", [x(), vec![square]].concat(), &cube, Vec::new());
        self.node("Mul", vec![cube, factor.0], &small, Vec::new());
        self.node("Add", [x(), vec![small]].concat(), &sum, Vec::new());
        self.node("Mul", vec![sum, root.0], &inner, Vec::new());
        self.node("Tanh", vec![inner], &bent, Vec::new());
        self.node("Add", vec![bent, one.0], &one_more, Vec::new());
        self.node("Mul", [x(), vec![one_more]].concat(), &twice, Vec::new());
        self.node("Mul", vec![twice, half.0], output, Vec::new());
        Ok(())
    }

    /// Each row times the transpose of a weight, and a bias.
    fn product(&mut self, input: Vec<String>, (from, to): (&[usize], &[usize]), output: &str) -> Result<()> {
        let [x, weight, bias @ ..] = &input[..] else { bail!("a product wants a weight") };
        let shape = [to[1] as i64, from[1] as i64];
        let matrix = self.reshape(vec![weight.clone()], &shape, &format!("{output} matrix"))?;
        let turned = format!("{output} turned");
        self.turn(matrix, &[1, 0], &turned);
        let product = if bias.is_empty() { output.to_owned() } else { format!("{output} product") };
        self.node("MatMul", vec![x.clone(), turned], &product, Vec::new());
        if let [bias] = bias {
            self.node("Add", vec![product, bias.clone()], output, Vec::new());
        }
        Ok(())
    }

    fn attention(
        &mut self,
        input: Vec<String>,
        (heads, scale): (usize, f64),
        to: &[usize],
        output: &str,
    ) -> Result<()> {
        let (tokens, c) = (to[0] as i64, to[1] as i64);
        let heads = heads as i64;
        let part = |name: &str| format!("{output} {name}");
        let split = self.reshape(input, &[0, tokens, 3, heads, c / heads], &part("split"))?;
        // (3,N,heads,tokens,C/heads)
        self.turn(split, &[2, 0, 3, 1, 4], &part("heads"));
        for (i, name) in ["q", "k", "v"].into_iter().enumerate() {
            self.gather(i, name, output);
        }
        self.weighted(scale, to, output)
    }

    /// Queries that look at other rows, of which keys and values lie side by side. A batch of one
    /// serves all pictures.
    fn pool(&mut self, input: Vec<String>, (heads, scale): (usize, f64), to: &[usize], output: &str) -> Result<()> {
        let [queries, both] = &input[..] else { bail!("attention wants queries, and keys with values") };
        let (c, part) = (to[1] as i64, |name: &str| format!("{output} {name}"));
        let heads = heads as i64;
        let q = self.reshape(vec![queries.clone()], &[0, 0, heads, c / heads], &part("q split"))?;
        self.turn(q, &[0, 2, 1, 3], &part("q"));
        let split = self.reshape(vec![both.clone()], &[0, 0, 2, heads, c / heads], &part("split"))?;
        // (2,N,heads,tokens,C/heads)
        self.turn(split, &[2, 0, 3, 1, 4], &part("heads"));
        for (i, name) in ["k", "v"].into_iter().enumerate() {
            self.gather(i, name, output);
        }
        self.weighted(scale, to, output)
    }

    /// Element `i` of the first axis of what is split by heads.
    fn gather(&mut self, i: usize, name: &str, output: &str) {
        let [heads, number, name] = ["heads", &format!("{name} number"), name].map(|part| format!("{output} {part}"));
        self.known(number.clone(), INT64, &[], (i as i64).to_le_bytes().to_vec());
        self.node("Gather", vec![heads, number], &name, named([("axis", int(0))]));
    }

    /// The values weighted, from queries, keys and values by head.
    fn weighted(&mut self, scale: f64, to: &[usize], output: &str) -> Result<()> {
        let (tokens, c) = (to[0] as i64, to[1] as i64);
        let part = |name: &str| format!("{output} {name}");
        self.turn(vec![part("k")], &[0, 1, 3, 2], &part("kt"));
        self.node("MatMul", vec![part("q"), part("kt")], &part("products"), Vec::new());
        self.constant(&part("scale"), &Tensor::new(scale as f32, &Device::Cpu)?)?;
        self.node("Mul", vec![part("products"), part("scale")], &part("scaled"), Vec::new());
        self.node("Softmax", vec![part("scaled")], &part("weights"), named([("axis", int(3))]));
        self.node("MatMul", vec![part("weights"), part("v")], &part("sums"), Vec::new());
        self.turn(vec![part("sums")], &[0, 2, 1, 3], &part("rows"));
        self.reshape(vec![part("rows")], &[0, tokens, c], output)?;
        Ok(())
    }

    /// A shape in which 0 stands for the size that there is, and -1 for the rest.
    fn reshape(&mut self, input: Vec<String>, shape: &[i64], output: &str) -> Result<Vec<String>> {
        let name = format!("{output} shape");
        self.integers_of(&name, shape);
        self.node("Reshape", [input, vec![name]].concat(), output, Vec::new());
        Ok(vec![output.to_owned()])
    }

    fn turn(&mut self, input: Vec<String>, axes: &[usize], output: &str) {
        self.node("Transpose", input, output, named([("perm", ints(axes))]));
    }

    fn slice(&mut self, input: Vec<String>, axis: i64, (from, to): (i64, i64), output: &str) {
        let ends =
            [("from", from), ("to", to), ("axis", axis)].map(|(name, value)| (format!("{output} {name}"), value));
        for (name, value) in &ends {
            self.integers_of(name, &[*value]);
        }
        self.node("Slice", [input, ends.map(|(name, _)| name).to_vec()].concat(), output, Vec::new());
    }

    /// Whole numbers of 64 bits.
    fn integers_of(&mut self, name: &str, values: &[i64]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.known(name.to_owned(), INT64, &[values.len()], bytes);
    }
}

fn named<const N: usize>(attributes: [(&str, proto::Attribute); N]) -> Vec<proto::Attribute> {
    attributes.into_iter().map(|(name, attribute)| proto::Attribute { name: name.to_owned(), ..attribute }).collect()
}
