//! Where in a picture a network found what it says.

use candle_core::{DType, Tensor, Var};
use image::{ImageBuffer, Luma, RgbImage, imageops};
use taper_nn::Mode;
use taper_tensor::backward;
use taper_transfer::Classifier;

use crate::error::Result;
use crate::evaluate::error::EvaluateError;
use crate::objective::Objective;

/// Importance of each place, (height, width) rows of numbers from 0 up.
#[derive(Clone, Debug, PartialEq)]
pub struct Heat {
    /// Rows and columns.
    pub size: (usize, usize),
    /// Row by row.
    pub values: Vec<f32>,
}

/// Grad-CAM: which places of the last feature map speak for a class.
///
/// ```text
/// αc = mean over places of ∂ logit / ∂ map[.., c]         heat = max(Σc αc · map[.., c], 0)
/// ```
///
/// # Shapes
/// A prepared picture (1,H,W,3) to the size of the last map.
///
/// # Errors
/// When the picture does not fit the network, or there is no such class.
///
/// # References
/// R. Selvaraju et al., *Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
/// Localization*, 2017.
pub fn grad_cam(classifier: &Classifier, picture: &Tensor, class: usize) -> Result<Heat> {
    // What fully connected layers give has no places.
    let stages = classifier.backbone().stages().iter().rposition(|stage| stage.stride > 0).map_or(0, |last| last + 1);
    let map = (0..stages).try_fold(picture.clone(), |x, i| classifier.backbone().stage(i, &x, Mode::Eval))?;
    let map = Var::from_tensor(&map.detach())?;
    let logits = classifier.forward_from(stages, map.as_tensor(), Mode::Eval)?;
    let (_, classes) = logits.dims2()?;
    if class >= classes {
        return Err(EvaluateError::NoClass { class, classes }.into());
    }
    let grads = backward(&logits.narrow(1, class, 1)?.sum_all()?)?;
    let gradient = grads.get(&map).ok_or(EvaluateError::Independent)?;
    let weights = gradient.mean_keepdim((1, 2))?;
    let heat = map.as_detached_tensor().broadcast_mul(&weights)?.sum(3)?.relu()?.squeeze(0)?;
    let (height, width) = heat.dims2()?;
    Ok(Heat { size: (height, width), values: heat.to_dtype(DType::F32)?.flatten_all()?.to_vec1()? })
}

/// Occlusion: how far the probability of a class, or a number, falls when a square of the picture
/// is gray, the mean of the training pictures, which is 0.
///
/// # Shapes
/// A prepared picture (1,H,W,3) to one number for each of the squares of `side` pixels, `stride`
/// pixels apart.
///
/// # Errors
/// As [`grad_cam`]; when a square is larger than the picture.
///
/// # References
/// M. Zeiler, R. Fergus, *Visualizing and Understanding Convolutional Networks*, 2014.
pub fn occlusion(
    (classifier, objective): (&Classifier, &Objective),
    picture: &Tensor,
    class: usize,
    (side, stride): (usize, usize),
) -> Result<Heat> {
    let (_, height, width, channels) = picture.dims4()?;
    if side == 0 || stride == 0 || side > height.min(width) {
        return Err(EvaluateError::Squares { side, width, height }.into());
    }
    let [rows, columns] = [height, width].map(|length| (length - side) / stride + 1);
    let pixels = picture.flatten_all()?.to_vec1::<f32>()?;
    let probability = |pictures: Vec<f32>, count: usize| -> Result<Vec<f32>> {
        let batch = Tensor::from_vec(pictures, (count, height, width, channels), picture.device())?;
        let all = objective.answers(&classifier.forward(&batch, Mode::Eval)?)?;
        Ok(all.narrow(1, class, 1)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
    };
    let whole = probability(pixels.clone(), 1)?[0];
    let mut values = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        let mut covered = Vec::with_capacity(columns * pixels.len());
        for column in 0..columns {
            let mut one = pixels.clone();
            for y in row * stride..row * stride + side {
                let start = (y * width + column * stride) * channels;
                one[start..start + side * channels].fill(0.0);
            }
            covered.extend(one);
        }
        values.extend(probability(covered, columns)?.into_iter().map(|p| (whole - p).max(0.0)));
    }
    Ok(Heat { size: (rows, columns), values })
}

impl Heat {
    /// The picture with the heat over it: gray where there is none, through yellow to red where
    /// there is most.
    pub fn over(&self, picture: &RgbImage) -> RgbImage {
        let most = self.values.iter().copied().fold(0.0f32, f32::max).max(f32::MIN_POSITIVE);
        let (height, width) = self.size;
        let small = ImageBuffer::<Luma<f32>, _>::from_fn(width as u32, height as u32, |x, y| {
            Luma([self.values[y as usize * width + x as usize] / most])
        });
        let (w, h) = picture.dimensions();
        let heat = imageops::resize(&small, w, h, imageops::FilterType::CatmullRom);
        RgbImage::from_fn(w, h, |x, y| {
            let (strength, pixel) = (heat.get_pixel(x, y).0[0].clamp(0.0, 1.0), picture.get_pixel(x, y).0);
            let glow = [0.95, 0.85 * (1.0 - strength), 0.05];
            let gray = 0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1]) + 0.114 * f32::from(pixel[2]);
            let mix = (1.5 * strength).min(0.8);
            image::Rgb(glow.map(|part| ((1.0 - mix) * (0.35 * 255.0 + 0.65 * gray) + mix * 255.0 * part).round() as u8))
        })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use taper_nn::{Activation, Params};
    use taper_tensor::Rng;
    use taper_transfer::{Head, Stage, Staged};

    use super::*;

    /// A network that does nothing to a picture of three channels, under a linear head.
    fn linear() -> (Classifier, Params) {
        let params = Params::new(Rng::new(3), DType::F32, Device::Cpu);
        let stage = Stage { name: "picture", channels: 3, stride: 1, prefixes: &["none"] };
        let backbone = Staged::new("a picture", (3, 1), vec![(stage, vec![Box::new(Activation::Relu)])]);
        let head = Head::Linear.build(&params.root(), 3, 2).unwrap();
        (Classifier::new(Box::new(backbone), head), params)
    }

    fn picture(height: usize, width: usize) -> Tensor {
        let values = (0..height * width * 3).map(|i| ((i * 37 % 23) as f32) / 23.0).collect();
        Tensor::from_vec(values, (1, height, width, 3), &Device::Cpu).unwrap()
    }

    /// Under a mean and a linear layer α is the weight of the class over the number of places.
    #[test]
    fn under_a_linear_head_it_is_the_map_by_the_weights_of_the_class() -> Result<(), Box<dyn std::error::Error>> {
        let ((net, params), x) = (linear(), picture(4, 5));
        let heat = grad_cam(&net, &x, 1)?;
        assert_eq!(heat.size, (4, 5));
        let weights = params.tensors()["fc.weight"].to_vec2::<f32>()?;
        let pixels = x.flatten_all()?.to_vec1::<f32>()?;
        for (pixel, got) in pixels.chunks(3).zip(&heat.values) {
            let wanted = pixel.iter().zip(&weights[1]).map(|(x, w)| x * w / 20.0).sum::<f32>().max(0.0);
            assert!((got - wanted).abs() < 1e-6, "{got} {wanted}");
        }
        assert!(grad_cam(&net, &x, 2).is_err());
        Ok(())
    }

    #[test]
    fn what_is_hidden_counts_where_the_class_is() -> Result<(), Box<dyn std::error::Error>> {
        let (net, params) = linear();
        // Class 0 is red: only the upper left corner has any.
        let weight = Tensor::new(&[[50f32, 0.0, 0.0], [0.0, 0.0, 0.0]], &Device::Cpu)?;
        params.trainables().iter().find(|(name, _)| name == "fc.weight").unwrap().1.set(&weight)?;
        let mut pixels = vec![0f32; 6 * 6 * 3];
        pixels[0] = 1.0;
        let x = Tensor::from_vec(pixels, (1, 6, 6, 3), &Device::Cpu)?;
        let heat = occlusion((&net, &Objective::One), &x, 0, (2, 2))?;
        assert_eq!(heat.size, (3, 3));
        assert!(heat.values[0] > 0.1 && heat.values[1..].iter().all(|value| *value == 0.0), "{heat:?}");
        assert!(occlusion((&net, &Objective::One), &x, 0, (7, 1)).is_err());
        let drawn = heat.over(&RgbImage::from_pixel(12, 12, image::Rgb([100; 3])));
        assert!(drawn.get_pixel(0, 0).0[0] > 200 && drawn.get_pixel(11, 11).0[0] < 180);
        Ok(())
    }
}
