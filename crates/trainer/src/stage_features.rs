//! What the stages of a network make of pictures.

use std::sync::Arc;

use anyhow::{Result, bail};
use candle_core::{DType, Tensor};
use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;
use taper_data::{Dataset, Loader};
use taper_nn::{Mode, Params};
use taper_tensor::global_avg_pool;
use taper_transfer::Classifier;

use crate::draw::{DrawError, Letters, Panel, TEXT, Window, picture};
use crate::memory;
use crate::metrics::interval;
use crate::pipeline::{BATCH, Input, eval_loader};

/// The mean of each channel over the map of each stage, of all pictures of a data set.
pub struct StageFeatures {
    /// (N,C) of each stage, float64.
    pub stages: Vec<Tensor>,
    /// The class of each picture.
    pub labels: Vec<usize>,
}

impl StageFeatures {
    /// Computes those of the first `stages` stages in one pass, the pictures prepared as in testing.
    ///
    /// # Errors
    /// When a picture cannot be read or is too small for the network, or there is no memory for a batch.
    pub fn of(
        network: (&Classifier, &Params),
        stages: usize,
        pictures: &Arc<dyn Dataset>,
        input: Input,
        threads: usize,
    ) -> Result<Self> {
        let loader = eval_loader(Arc::clone(pictures), BATCH, input, threads)?;
        let mut batches = vec![Vec::new(); stages];
        let mut labels = Vec::new();
        each_batch(network, &loader, stages, |maps, indices| {
            for (batches, map) in batches.iter_mut().zip(maps) {
                batches.push(global_avg_pool(map)?.to_dtype(DType::F64)?);
            }
            labels.extend(indices.iter().map(|&index| pictures.label(index)));
            Ok(())
        })?;
        let stages = batches.iter().map(|batches| Tensor::cat(batches, 0)).collect::<candle_core::Result<_>>()?;
        Ok(Self { stages, labels })
    }
}

/// Shows the maps of the first `stages` stages for each batch, and which pictures these are. A map with a NaN or an infinite number ends it.
pub(crate) fn each_batch(
    (classifier, params): (&Classifier, &Params),
    loader: &Loader,
    stages: usize,
    mut see: impl FnMut(&[Tensor], &[usize]) -> Result<()>,
) -> Result<()> {
    let batch = (loader.config().size.0, memory::batch(loader));
    memory::enough_to_look((classifier, params), batch, stages)?;
    for loaded in loader.epoch(0) {
        let loaded = loaded?;
        let mut maps: Vec<Tensor> = Vec::with_capacity(stages);
        for i in 0..stages {
            let map = classifier.backbone().stage(i, maps.last().unwrap_or(&loaded.batch.images), Mode::Eval)?;
            let means = global_avg_pool(&map)?.to_dtype(DType::F32)?.to_vec2::<f32>()?;
            if let Some(row) = means.iter().position(|row| row.iter().any(|mean| !mean.is_finite())) {
                let (name, stage) =
                    (loader.dataset().name(loaded.indices[row]), classifier.backbone().stages()[i].name);
                bail!(
                    "{name}: the map of {stage} is not finite: the weights are damaged, or the numbers become too large"
                );
            }
            maps.push(map);
        }
        see(&maps, &loaded.indices)?;
    }
    Ok(())
}

const BAR: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// Places in the picture, pixels.
const LEFT: f64 = 110.0;
const TOP: f64 = 44.0;
const WIDTH: f64 = 420.0;
const ROW: f64 = 30.0;

/// An SVG with a bar for the accuracy of each stage, and a line for the 95 % interval that so many pictures give.
///
/// # Errors
/// When the library fails.
pub fn draw(title: &str, stages: &[(&str, f64)], pictures: usize) -> Result<String, DrawError> {
    let rows = stages.len() as f64;
    picture([LEFT + WIDTH + 70.0, TOP + rows * ROW + 40.0], |canvas| {
        canvas.text(title, [14.0, 26.0], Letters::TITLE)?;
        let window = Window { low: [0.0, 0.0], high: [1.0, rows] };
        let panel = Panel { window, corner: [LEFT, TOP], size: [WIDTH, rows * ROW] };
        for (i, (name, accuracy)) in stages.iter().enumerate() {
            let middle = rows - i as f64 - 0.5;
            let corners = [[0.0, -0.3], [*accuracy, -0.3], [*accuracy, 0.3], [0.0, 0.3]];
            canvas.fill(&corners.map(|[x, y]| panel.at([x, middle + y])), BAR)?;
            let ends = interval(*accuracy, pictures);
            canvas.stroke(&ends.map(|end| panel.at([end, middle])), TEXT, 1.5)?;
            let at = |x| panel.at([x, middle]);
            canvas.text(
                name,
                [LEFT - 8.0, at(0.0)[1]],
                Letters { side: HPos::Right, colour: TEXT, ..Letters::SMALL },
            )?;
            let percent = format!("{:.1} %", 100.0 * accuracy);
            canvas.text(&percent, [at(ends[1])[0] + 6.0, at(0.0)[1]], Letters::SMALL)?;
        }
        let percent = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| (share, format!("{} %", 100.0 * share)));
        panel.axes(canvas, [&percent, &[]], false)
    })
}
