//! Every transform at three strengths, to look at.

use taper_augment::{
    Affine, AugMix, AugmentError, Border, ColorJitter, ColorJitterConfig, Cutout, Elastic, Fill, GaussianNoise,
    ImageOp, JpegArtifacts, Lighting, Principal, RandAugment, RandomAffine, RandomAffineConfig, RandomCrop,
    RandomErasing, RandomErasingConfig, RandomLens, RandomPerspective, RandomResizedCrop, RandomResizedCropConfig,
    Transform, TrivialAugment,
};

/// A name, and the transform of that name from weak to strong; three times the same where it has no
/// strength.
pub type Strengths = (&'static str, [Box<dyn Transform>; 3]);

const REFLECT: Border = Border::Reflect;

/// All transforms.
///
/// # Errors
/// Never, as long as the tests of this library pass.
pub fn strengths() -> Result<Vec<Strengths>, AugmentError> {
    Ok([geometry()?, pixels()?, whole()?].into_iter().flatten().collect())
}

/// What moves pixels.
fn geometry() -> Result<Vec<Strengths>, AugmentError> {
    let map = |name, maps: [Affine; 3]| fixed(name, maps.map(|map| ImageOp::Affine(map, REFLECT.into())));
    let usual = Affine::default;
    Ok(vec![
        random("random resized crop", [0.7, 0.35, 0.08], |low| {
            RandomResizedCrop::new(RandomResizedCropConfig { size: 150, scale: (low, 1.0), ..Default::default() })
        })?,
        random("random crop, padding", [10.0, 25.0, 50.0], |padding| RandomCrop::new(150, padding as u32, REFLECT))?,
        same("horizontal flip", ImageOp::HorizontalFlip),
        same("vertical flip", ImageOp::VerticalFlip),
        map("rotate", [10.0, 25.0, 60.0].map(|degrees| Affine { degrees, ..usual() })),
        map("zoom", [1.2, 1.6, 0.6].map(|zoom| Affine { scale: zoom, ..usual() })),
        map("translate", [10.0, 25.0, 50.0].map(|t| Affine { translate: (t, t / 2.0), ..usual() })),
        map("shear", [10.0, 20.0, 40.0].map(|k| Affine { shear: (k, 0.0), ..usual() })),
        map("stretch", [1.2, 1.6, 0.5].map(|stretch| Affine { stretch, ..usual() })),
        random("random affine", [0.3, 0.6, 1.0], |s| {
            RandomAffine::new(RandomAffineConfig {
                degrees: 45.0 * s,
                scale: (1.0 - 0.4 * s, 1.0 + 0.6 * s),
                translate: (0.3 * s, 0.3 * s),
                shear: (20.0 * s, 20.0 * s),
                stretch: (1.0 - 0.3 * s, 1.0 + 0.4 * s),
                sampling: REFLECT.into(),
            })
        })?,
        random("perspective", [0.2, 0.4, 0.7], |d| RandomPerspective::new(d, REFLECT))?,
        random("lens", [0.2, 0.5, -0.3], |k| RandomLens::new((k, k), (0.0, 0.0), REFLECT))?,
        random("elastic", [40.0, 100.0, 200.0], |alpha| Elastic::new(alpha, 5.0, REFLECT))?,
    ])
}

/// What changes their colors.
fn pixels() -> Result<Vec<Strengths>, AugmentError> {
    Ok(vec![
        fixed("brightness", [0.8, 1.3, 0.4].map(ImageOp::Brightness)),
        fixed("contrast", [0.7, 1.5, 0.3].map(ImageOp::Contrast)),
        fixed("saturation", [0.6, 1.6, 0.0].map(ImageOp::Saturation)),
        fixed("hue", [0.05, 0.15, 0.4].map(ImageOp::Hue)),
        random("color jitter", [0.2, 0.4, 0.8], |v| {
            ColorJitter::new(ColorJitterConfig { brightness: v, contrast: v, saturation: v, hue: v / 4.0 })
        })?,
        random("PCA lighting", [0.1, 0.5, 1.5], |sigma| Lighting::new(sigma, Principal::imagenet()))?,
        fixed("gamma", [0.7, 1.5, 2.5].map(ImageOp::Gamma)),
        fixed("sharpness", [0.0, 2.5, 6.0].map(ImageOp::Sharpness)),
        fixed("blur", [1.0, 2.5, 5.0].map(ImageOp::Blur)),
        fixed("posterize", [5, 3, 1].map(ImageOp::Posterize)),
        fixed("solarize", [200, 128, 50].map(ImageOp::Solarize)),
        same("autocontrast", ImageOp::Autocontrast),
        same("equalize", ImageOp::Equalize),
        same("invert", ImageOp::Invert),
        same("grayscale", ImageOp::Grayscale),
        random("noise", [8.0, 20.0, 50.0], GaussianNoise::new)?,
        random("JPEG artifacts", [40.0, 15.0, 4.0], |q| JpegArtifacts::new((q as u8, q as u8)))?,
    ])
}

/// What hides parts of a picture, and what chooses among the others.
fn whole() -> Result<Vec<Strengths>, AugmentError> {
    Ok(vec![
        random("random erasing", [0.05, 0.15, 0.33], |area| {
            RandomErasing::new(RandomErasingConfig {
                p: 1.0,
                scale: (area, area),
                fill: Fill::Noise,
                ..Default::default()
            })
        })?,
        random("cutout", [20.0, 45.0, 80.0], |side| Cutout::new(side as u32, Fill::default()))?,
        random("RandAugment", [0.2, 0.5, 1.0], |strength| RandAugment::new(2, strength, REFLECT))?,
        random("TrivialAugment", [0.0; 3], |_| Ok(TrivialAugment { border: REFLECT }))?,
        random("AugMix", [0.3, 0.6, 1.0], |strength| AugMix::new(strength, REFLECT))?,
    ])
}

/// The same at every strength.
fn same(name: &'static str, operation: ImageOp) -> Strengths {
    fixed(name, [operation; 3])
}

fn fixed(name: &'static str, operations: [ImageOp; 3]) -> Strengths {
    (name, operations.map(|operation| Box::new(operation) as Box<dyn Transform>))
}

fn random<T: Transform + 'static>(
    name: &'static str,
    strengths: [f64; 3],
    make: impl Fn(f64) -> Result<T, AugmentError>,
) -> Result<Strengths, AugmentError> {
    let [weak, middle, strong] = strengths.map(make);
    Ok((name, [Box::new(weak?), Box::new(middle?), Box::new(strong?)]))
}
