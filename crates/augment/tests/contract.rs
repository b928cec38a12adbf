//! What holds of every transform: one row each in [`table`].
#![allow(clippy::unwrap_used)] // helpers of tests

use std::fs;
use std::path::Path;

use taper_augment::{
    AugMix, AugmentError, Border, CenterCrop, ColorJitter, ColorJitterConfig, Compose, Cutout, Elastic, Fill,
    GaussianNoise, HorizontalFlip, ImageOp, Interpolation, JpegArtifacts, Lighting, MAX_ASPECT, MAX_SIZE, Maybe, OneOf,
    Principal, RandAugment, RandomAffine, RandomAffineConfig, RandomCrop, RandomErasing, RandomErasingConfig,
    RandomLens, RandomPerspective, RandomResizedCrop, RandomResizedCropConfig, RandomScaleCrop, Resize, ResizeTo,
    RgbImage, Rng, Sampling, TenCrop, Transform, TrivialAugment, Varied,
};

/// Width and height.
type Size = (u32, u32);

/// A transform and what it promises.
struct Row {
    /// The name of the type, and after a comma what is special here.
    name: &'static str,
    transform: Box<dyn Transform>,
    /// The size of the result for a picture of a given one.
    size: fn(Size) -> Size,
    /// Whether other keys give other pictures.
    random: bool,
    /// The same transform with the settings that change nothing of a picture of a given size;
    /// `None` where it has none.
    identity: Option<fn(Size) -> Box<dyn Transform>>,
}

impl Row {
    fn new(name: &'static str, transform: impl Transform + 'static, size: fn(Size) -> Size) -> Self {
        Self { name, transform: Box::new(transform), size, random: true, identity: None }
    }

    /// Every key gives the same picture.
    fn fixed(self) -> Self {
        Self { random: false, ..self }
    }

    /// With these settings, which may depend on the size of the picture, nothing changes.
    fn identity(self, build: fn(Size) -> Box<dyn Transform>) -> Self {
        Self { identity: Some(build), ..self }
    }
}

fn same(size: Size) -> Size {
    size
}

fn square_20(_: Size) -> Size {
    (20, 20)
}

fn short_side_16((width, height): Size) -> Size {
    let short = width.min(height);
    let scaled = |side: u32| match short {
        0 => 16,
        _ => 16 * side.min(short * MAX_ASPECT) / short,
    };
    (scaled(width), scaled(height))
}

/// All transforms.
fn table() -> Vec<Row> {
    [geometry(), pixels(), policies()].into_iter().flatten().collect()
}

fn flip() -> HorizontalFlip {
    HorizontalFlip::new(0.5).unwrap()
}

fn cut() -> RandomResizedCrop {
    RandomResizedCrop::new(RandomResizedCropConfig { size: 20, ..Default::default() }).unwrap()
}

fn jitter() -> ColorJitter {
    ColorJitter::new(ColorJitterConfig { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }).unwrap()
}

fn map(sampling: Sampling) -> RandomAffine {
    let config = RandomAffineConfig {
        degrees: 30.0,
        scale: (0.7, 1.4),
        translate: (0.2, 0.1),
        shear: (20.0, 5.0),
        stretch: (0.8, 1.3),
        sampling,
    };
    RandomAffine::new(config).unwrap()
}

fn geometry() -> Vec<Row> {
    let reflect = Border::Reflect;
    let bicubic = Sampling { interpolation: Interpolation::Bicubic, border: reflect };
    let resize = |interpolation| Resize::new(16, interpolation).unwrap();
    let (linear, cubic) = (Interpolation::Bilinear, Interpolation::Bicubic);
    vec![
        Row::new("HorizontalFlip", flip(), same).identity(|_| Box::new(HorizontalFlip::new(0.0).unwrap())),
        Row::new("CenterCrop", CenterCrop::new(20).unwrap(), square_20).fixed(),
        Row::new("TenCrop", TenCrop::new(20, 2).unwrap(), square_20).fixed(),
        Row::new("TenCrop, mirrored", TenCrop::new(20, 8).unwrap(), square_20).fixed(),
        Row::new("RandomCrop", RandomCrop::new(20, 4, reflect).unwrap(), square_20),
        Row::new("RandomCrop, whole", RandomCrop::new(20, 0, reflect).unwrap(), square_20),
        Row::new("RandomScaleCrop", RandomScaleCrop::new(20, (22, 30), linear).unwrap(), square_20),
        Row::new("RandomResizedCrop", cut(), square_20),
        Row::new("Resize", resize(linear), short_side_16)
            .fixed()
            .identity(|(width, height)| Box::new(Resize::new(width.min(height), Interpolation::Bilinear).unwrap())),
        Row::new("Resize, bicubic", resize(cubic), short_side_16).fixed(),
        Row::new("ResizeTo", ResizeTo::new(11, 5, linear).unwrap(), |_| (11, 5))
            .fixed()
            .identity(|(width, height)| Box::new(ResizeTo::new(width, height, Interpolation::Bicubic).unwrap())),
        Row::new("RandomAffine, fill", map(Border::Fill([9, 99, 199]).into()), same)
            .identity(|_| Box::new(RandomAffine::new(RandomAffineConfig::default()).unwrap())),
        Row::new("RandomAffine, reflect", map(reflect.into()), same),
        Row::new("RandomAffine, bicubic", map(bicubic), same),
        Row::new("RandomPerspective", RandomPerspective::new(0.5, reflect).unwrap(), same)
            .identity(|_| Box::new(RandomPerspective::new(0.0, Border::default()).unwrap())),
        Row::new("RandomLens", RandomLens::new((-0.3, 0.3), (0.0, 0.1), Border::default()).unwrap(), same)
            .identity(|_| Box::new(RandomLens::new((0.0, 0.0), (0.0, 0.0), Border::default()).unwrap())),
        Row::new("Elastic", Elastic::new(30.0, 3.0, reflect).unwrap(), same)
            .identity(|_| Box::new(Elastic::new(0.0, 3.0, Border::default()).unwrap())),
    ]
}

fn pixels() -> Vec<Row> {
    let erasing = |fill| RandomErasing::new(RandomErasingConfig { fill, ..Default::default() }).unwrap();
    vec![
        Row::new("ColorJitter", jitter(), same)
            .identity(|_| Box::new(ColorJitter::new(ColorJitterConfig::default()).unwrap())),
        Row::new("Lighting", Lighting::new(0.1, Principal::imagenet()).unwrap(), same)
            .identity(|_| Box::new(Lighting::new(0.0, Principal::imagenet()).unwrap())),
        Row::new("GaussianNoise", GaussianNoise::new(8.0).unwrap(), same)
            .identity(|_| Box::new(GaussianNoise::new(0.0).unwrap())),
        Row::new("JpegArtifacts", JpegArtifacts::new((10, 80)).unwrap(), same),
        Row::new("RandomErasing", erasing(Fill::default()), same)
            .identity(|_| Box::new(RandomErasing::new(RandomErasingConfig { p: 0.0, ..Default::default() }).unwrap())),
        Row::new("RandomErasing, noise", erasing(Fill::Noise), same),
        Row::new("Cutout", Cutout::new(5, Fill::Color([9, 99, 199])).unwrap(), same),
    ]
}

fn policies() -> Vec<Row> {
    let train =
        Compose(vec![Box::new(cut()), Box::new(flip()), Box::new(map(Border::Reflect.into())), Box::new(jitter())]);
    let resize = Resize::new(16, Interpolation::Bilinear).unwrap();
    let test = Compose(vec![Box::new(resize), Box::new(CenterCrop::new(20).unwrap())]);
    vec![
        Row::new("ImageOp", ImageOp::Equalize, same).fixed().identity(|_| Box::new(ImageOp::Identity)),
        Row::new("ImageOp, sharpness", ImageOp::Sharpness(1.7), same)
            .fixed()
            .identity(|_| Box::new(ImageOp::Sharpness(1.0))),
        Row::new("ImageOp, blur", ImageOp::Blur(1.0), same).fixed().identity(|_| Box::new(ImageOp::Blur(0.0))),
        Row::new("Varied", Varied::new("gamma", (0.5, 2.0), ImageOp::Gamma).unwrap(), same)
            .identity(|_| Box::new(Varied::new("gamma", (1.0, 1.0), ImageOp::Gamma).unwrap())),
        Row::new("Maybe", Maybe::new(0.5, ImageOp::Hue(0.3)).unwrap(), same)
            .identity(|_| Box::new(Maybe::new(0.0, ImageOp::Invert).unwrap())),
        Row::new("OneOf", OneOf::new(vec![Box::new(flip()), Box::new(ImageOp::VerticalFlip)]).unwrap(), same),
        Row::new("RandAugment", RandAugment::new(2, 0.3, Border::Reflect).unwrap(), same)
            .identity(|_| Box::new(RandAugment::new(0, 1.0, Border::default()).unwrap())),
        Row::new("TrivialAugment", TrivialAugment::default(), same),
        Row::new("AugMix", AugMix::new(0.3, Border::Reflect).unwrap(), same),
        Row::new("Compose, train", train, square_20).identity(|_| Box::new(Compose(Vec::new()))),
        Row::new("Compose, test", test, square_20).fixed(),
    ]
}

/// The types of this crate that are transforms, by its source.
fn implementors(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(implementors(&path));
        } else {
            let text = fs::read_to_string(path).unwrap();
            let lines = text.lines().filter_map(|line| line.strip_prefix("impl Transform for "));
            found.extend(lines.map(|rest| rest.trim_end_matches(" {").to_owned()));
        }
    }
    found
}

#[test]
fn every_transform_has_a_row() {
    let rows: Vec<_> = table().iter().map(|row| row.name.split(',').next().unwrap()).collect();
    let found = implementors(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(found.len() > 20, "{found:?}");
    for name in found {
        assert!(rows.contains(&&*name), "{name} has no row in the table of tests/contract.rs");
    }
}

fn noise(width: u32, height: u32) -> RgbImage {
    let mut image = RgbImage::new(width, height);
    let mut rng = Rng::new(11);
    image.iter_mut().for_each(|value| *value = rng.below(256) as u8);
    image
}

#[test]
fn every_transform_keeps_its_promise_for_every_size() {
    let sizes =
        [(1, 1), (1, 7), (7, 1), (2, 2), (8000, 13), (13, 8000), (65_535, 1), (224, 224), (0, 0), (0, 5), (5, 0)];
    for (width, height) in sizes {
        let picture = noise(width, height);
        for Row { name, transform, size, .. } in table() {
            for key in 0..4 {
                let result = transform.apply(picture.clone(), &mut Rng::new(0).at(key));
                assert_eq!(result.dimensions(), size((width, height)), "{name} of {width} x {height}");
            }
        }
    }
}

#[test]
fn every_transform_is_a_pure_function_of_picture_and_key() {
    let picture = noise(48, 40);
    for Row { name, transform, random, .. } in table() {
        let at = |key| transform.apply(picture.clone(), &mut Rng::new(1).fork("augment").at(key));
        let alone: Vec<_> = (0..16).map(at).collect();
        // Other threads, backwards.
        let threads: Vec<_> = std::thread::scope(|scope| {
            let handles: Vec<_> = (0..16).rev().map(|key| scope.spawn(move || at(key))).collect();
            handles.into_iter().rev().map(|handle| handle.join().unwrap()).collect()
        });
        assert!(alone == threads, "{name}");
        assert_eq!(alone.iter().any(|other| *other != alone[0]), random, "{name}");
    }
}

#[test]
fn without_strength_every_transform_is_the_identity() {
    for (width, height) in [(1, 1), (1, 7), (24, 24), (33, 20)] {
        let picture = noise(width, height);
        for Row { name, identity, .. } in table() {
            let Some(transform) = identity.map(|build| build((width, height))) else { continue };
            for key in 0..8 {
                let result = transform.apply(picture.clone(), &mut Rng::new(0).at(key));
                assert!(result == picture, "{name} of {width} x {height}");
            }
        }
    }
}

#[test]
fn a_cut_of_the_whole_square_is_the_picture() {
    let square = RandomResizedCropConfig { size: 24, scale: (1.0, 1.0), ratio: (1.0, 1.0), ..Default::default() };
    let cuts: [Box<dyn Transform>; 4] = [
        Box::new(CenterCrop::new(24).unwrap()),
        Box::new(TenCrop::new(24, 3).unwrap()),
        Box::new(RandomCrop::new(24, 0, Border::default()).unwrap()),
        Box::new(RandomResizedCrop::new(square).unwrap()),
    ];
    for cut in cuts {
        for key in 0..8 {
            assert!(cut.apply(noise(24, 24), &mut Rng::new(0).at(key)) == noise(24, 24), "{cut:?}");
        }
    }
}

/// The field a refusal names.
fn field<T>(built: Result<T, AugmentError>) -> &'static str {
    match built.err() {
        Some(AugmentError::Number { field, .. } | AugmentError::Range { field, .. }) => field,
        Some(AugmentError::Length { field, .. }) => field,
        _ => "nothing",
    }
}

#[test]
fn a_refusal_names_the_field() {
    for p in [-0.1, 1.1, f64::NAN] {
        assert_eq!(field(HorizontalFlip::new(p)), "p");
    }
    for size in [0, MAX_SIZE + 1] {
        assert_eq!(field(CenterCrop::new(size)), "size");
        assert_eq!(field(TenCrop::new(size, 0)), "size");
        assert_eq!(field(Resize::new(size, Interpolation::Bilinear)), "short_side");
        assert_eq!(field(ResizeTo::new(size, 5, Interpolation::Bilinear)), "width");
        assert_eq!(field(ResizeTo::new(5, size, Interpolation::Bilinear)), "height");
        let config = RandomResizedCropConfig { size, ..Default::default() };
        assert_eq!(field(RandomResizedCrop::new(config)), "size");
    }
    assert_eq!(field(TenCrop::new(20, 10)), "index");
    let border = Border::default;
    for v in [-0.1, f64::NAN, f64::INFINITY] {
        assert_eq!(field(Maybe::new(v, ImageOp::Invert)), "p");
        assert_eq!(field(RandAugment::new(2, v, border())), "strength");
        assert_eq!(field(AugMix::new(v, border())), "strength");
        assert_eq!(field(Lighting::new(v, Principal::imagenet())), "sigma");
        assert_eq!(field(GaussianNoise::new(v)), "sigma");
        assert_eq!(field(RandomPerspective::new(v, border())), "distortion");
        assert_eq!(field(Elastic::new(v, 3.0, border())), "alpha");
        assert_eq!(field(Elastic::new(3.0, v, border())), "sigma");
        let hue = ColorJitterConfig { hue: v, ..Default::default() };
        assert_eq!(field(ColorJitter::new(hue)), "hue");
    }
    assert_eq!(field(RandAugment::new(101, 0.5, border())), "operations");
    assert_eq!(field(OneOf::new(Vec::new())), "transforms");
    assert_eq!(field(JpegArtifacts::new((80, 10))), "quality");
    assert_eq!(field(RandomLens::new((-2.0, 0.0), (0.0, 0.0), border())), "k1");
    assert_eq!(field(RandomLens::new((0.0, 0.0), (0.3, 0.2), border())), "k2");
    assert_eq!(field(RandomCrop::new(0, 4, border())), "size");
    assert_eq!(field(RandomScaleCrop::new(24, (20, 30), Interpolation::Bilinear)), "short_side");
    let cut = RandomResizedCropConfig::default;
    for scale in [(0.0, 1.0), (0.5, 0.4), (0.5, 1.5), (f64::NAN, 1.0)] {
        assert_eq!(field(RandomResizedCrop::new(RandomResizedCropConfig { scale, ..cut() })), "scale");
    }
    for ratio in [(0.0, 1.0), (2.0, 1.0), (1.0, f64::INFINITY)] {
        assert_eq!(field(RandomResizedCrop::new(RandomResizedCropConfig { ratio, ..cut() })), "ratio");
    }
    for v in [-0.1, f64::NAN, f64::INFINITY] {
        let none = ColorJitterConfig::default;
        assert_eq!(field(ColorJitter::new(ColorJitterConfig { brightness: v, ..none() })), "brightness");
        assert_eq!(field(ColorJitter::new(ColorJitterConfig { contrast: v, ..none() })), "contrast");
        assert_eq!(field(ColorJitter::new(ColorJitterConfig { saturation: v, ..none() })), "saturation");
        let none = RandomAffineConfig::default;
        assert_eq!(field(RandomAffine::new(RandomAffineConfig { degrees: v, ..none() })), "degrees");
        assert_eq!(field(RandomAffine::new(RandomAffineConfig { scale: (v, 1.0), ..none() })), "scale");
        assert_eq!(field(RandomAffine::new(RandomAffineConfig { translate: (0.0, v), ..none() })), "translate");
        assert_eq!(field(RandomAffine::new(RandomAffineConfig { shear: (v, 0.0), ..none() })), "shear");
        assert_eq!(field(RandomAffine::new(RandomAffineConfig { stretch: (v, 1.0), ..none() })), "stretch");
    }
}
