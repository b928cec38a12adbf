//! What holds of every transform: one row each in [`table`].
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

use taper_augment::{
    AugMix, AugmentError, Border, CenterCrop, ColorJitter, ColorJitterConfig, Compose, Cutout, Elastic, Fill,
    GaussianNoise, HorizontalFlip, ImageOp, Interpolation, JpegArtifacts, Lighting, MAX_ASPECT, MAX_SIZE, Maybe, OneOf,
    Principal, RandAugment, RandomAffine, RandomAffineConfig, RandomCrop, RandomErasing, RandomErasingConfig,
    RandomLens, RandomPerspective, RandomResizedCrop, RandomResizedCropConfig, RandomScaleCrop, Resize, ResizeTo,
    RgbImage, Rng, Sampling, TenCrop, Transform, TrivialAugment, Varied,
};

/// Width and height.
type Size = (u32, u32);

/// A transform, and the size it promises for a picture of a given one.
struct Row {
    name: &'static str,
    transform: Box<dyn Transform>,
    promises: fn(Size) -> Size,
    random: bool,
}

fn row(name: &'static str, transform: impl Transform + 'static, promises: fn(Size) -> Size, random: bool) -> Row {
    let transform = Box::new(transform);
    Row { name, transform, promises, random }
}

fn same(size: Size) -> Size {
    size
}

fn short_side_16((width, height): Size) -> Size {
    let short = width.min(height);
    let scaled = |side: u32| match short {
        0 => 16,
        _ => 16 * side.min(short * MAX_ASPECT) / short,
    };
    (scaled(width), scaled(height))
}

fn table() -> Vec<Row> {
    let crop = || RandomResizedCrop::new(RandomResizedCropConfig { size: 20, ..Default::default() }).unwrap();
    let jitter =
        || ColorJitter::new(ColorJitterConfig { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }).unwrap();
    let map = |sampling: Sampling| {
        let config = RandomAffineConfig {
            degrees: 30.0,
            scale: (0.7, 1.4),
            translate: (0.2, 0.1),
            shear: (20.0, 5.0),
            stretch: (0.8, 1.3),
            sampling,
        };
        RandomAffine::new(config).unwrap()
    };
    let flip = || HorizontalFlip::new(0.5).unwrap();
    let erasing = |fill| RandomErasing::new(RandomErasingConfig { fill, ..Default::default() }).unwrap();
    let resize = || Resize::new(16, Interpolation::Bilinear).unwrap();
    let center = || CenterCrop::new(20).unwrap();
    let train =
        Compose(vec![Box::new(crop()), Box::new(flip()), Box::new(map(Border::Reflect.into())), Box::new(jitter())]);
    let test = Compose(vec![Box::new(resize()), Box::new(center())]);
    vec![
        row("RandomResizedCrop", crop(), |_| (20, 20), true),
        row("HorizontalFlip", flip(), same, true),
        row("RandomAffine, fill", map(Border::Fill([9, 99, 199]).into()), same, true),
        row("RandomAffine, reflect", map(Border::Reflect.into()), same, true),
        row(
            "RandomAffine, bicubic",
            map(Sampling { interpolation: Interpolation::Bicubic, border: Border::Reflect }),
            same,
            true,
        ),
        row("Varied", Varied::new("gamma", (0.5, 2.0), ImageOp::Gamma).unwrap(), same, true),
        row("ColorJitter", jitter(), same, true),
        row("RandomErasing", erasing(Fill::default()), same, true),
        row("RandomErasing, noise", erasing(Fill::Noise), same, true),
        row("Cutout", Cutout::new(5, Fill::Color([9, 99, 199])).unwrap(), same, true),
        row("ImageOp", ImageOp::Equalize, same, false),
        row("ImageOp, sharpness", ImageOp::Sharpness(1.7), same, false),
        row("ImageOp, blur", ImageOp::Blur(1.0), same, false),
        row("Maybe", Maybe::new(0.5, ImageOp::Hue(0.3)).unwrap(), same, true),
        row("OneOf", OneOf::new(vec![Box::new(flip()), Box::new(ImageOp::VerticalFlip)]).unwrap(), same, true),
        row("RandAugment", RandAugment::new(2, 0.3, Border::Reflect).unwrap(), same, true),
        row("TrivialAugment", TrivialAugment::default(), same, true),
        row("AugMix", AugMix::new(0.3, Border::Reflect).unwrap(), same, true),
        row("Lighting", Lighting::new(0.1, Principal::imagenet()).unwrap(), same, true),
        row("GaussianNoise", GaussianNoise::new(8.0).unwrap(), same, true),
        row("JpegArtifacts", JpegArtifacts::new((10, 80)).unwrap(), same, true),
        row("RandomCrop", RandomCrop::new(20, 4, Border::Reflect).unwrap(), |_| (20, 20), true),
        row("RandomCrop, whole", RandomCrop::new(20, 0, Border::Reflect).unwrap(), |_| (20, 20), true),
        row(
            "RandomScaleCrop",
            RandomScaleCrop::new(20, (22, 30), Interpolation::Bilinear).unwrap(),
            |_| (20, 20),
            true,
        ),
        row("RandomPerspective", RandomPerspective::new(0.5, Border::Reflect).unwrap(), same, true),
        row("RandomLens", RandomLens::new((-0.3, 0.3), (0.0, 0.1), Border::default()).unwrap(), same, true),
        row("Elastic", Elastic::new(30.0, 3.0, Border::Reflect).unwrap(), same, true),
        row("Resize", resize(), short_side_16, false),
        row("Resize, bicubic", Resize::new(16, Interpolation::Bicubic).unwrap(), short_side_16, false),
        row("ResizeTo", ResizeTo::new(11, 5, Interpolation::Bilinear).unwrap(), |_| (11, 5), false),
        row("CenterCrop", center(), |_| (20, 20), false),
        row("TenCrop", TenCrop::new(20, 2).unwrap(), |_| (20, 20), false),
        row("TenCrop, mirrored", TenCrop::new(20, 8).unwrap(), |_| (20, 20), false),
        row("Compose, train", train, |_| (20, 20), true),
        row("Compose, test", test, |_| (20, 20), false),
    ]
}

/// What changes nothing: probability 0, ranges without width, the size the picture has already.
fn identities(width: u32, height: u32) -> Vec<(&'static str, Box<dyn Transform>)> {
    let cut = RandomResizedCropConfig {
        size: 24,
        scale: (1.0, 1.0),
        ratio: (1.0, 1.0),
        interpolation: Interpolation::Bicubic,
    };
    let mut all: Vec<(&'static str, Box<dyn Transform>)> = vec![
        ("HorizontalFlip", Box::new(HorizontalFlip::new(0.0).unwrap())),
        ("ColorJitter", Box::new(ColorJitter::new(ColorJitterConfig::default()).unwrap())),
        ("RandomErasing", Box::new(RandomErasing::new(RandomErasingConfig { p: 0.0, ..Default::default() }).unwrap())),
        ("RandomAffine", Box::new(RandomAffine::new(RandomAffineConfig::default()).unwrap())),
        ("Resize", Box::new(Resize::new(width.min(height), Interpolation::Bilinear).unwrap())),
        ("ResizeTo", Box::new(ResizeTo::new(width, height, Interpolation::Bicubic).unwrap())),
        ("Compose", Box::new(Compose(Vec::new()))),
        ("Maybe", Box::new(Maybe::new(0.0, ImageOp::Invert).unwrap())),
        ("RandAugment", Box::new(RandAugment::new(0, 1.0, Border::default()).unwrap())),
        ("Lighting", Box::new(Lighting::new(0.0, Principal::imagenet()).unwrap())),
        ("GaussianNoise", Box::new(GaussianNoise::new(0.0).unwrap())),
        ("RandomPerspective", Box::new(RandomPerspective::new(0.0, Border::default()).unwrap())),
        ("RandomLens", Box::new(RandomLens::new((0.0, 0.0), (0.0, 0.0), Border::default()).unwrap())),
        ("Elastic", Box::new(Elastic::new(0.0, 3.0, Border::default()).unwrap())),
    ];
    if (width, height) == (24, 24) {
        all.push(("RandomCrop", Box::new(RandomCrop::new(24, 0, Border::default()).unwrap())));
        all.push(("CenterCrop", Box::new(CenterCrop::new(24).unwrap())));
        all.push(("RandomResizedCrop", Box::new(RandomResizedCrop::new(cut).unwrap())));
    }
    all
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
        for Row { name, transform, promises, .. } in table() {
            for key in 0..4 {
                let result = transform.apply(picture.clone(), &mut Rng::new(0).at(key));
                assert_eq!(result.dimensions(), promises((width, height)), "{name} of {width} x {height}");
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
fn what_should_change_nothing_changes_nothing() {
    for (width, height) in [(1, 1), (1, 7), (24, 24), (33, 20)] {
        let picture = noise(width, height);
        for (name, transform) in identities(width, height) {
            for key in 0..8 {
                let result = transform.apply(picture.clone(), &mut Rng::new(0).at(key));
                assert!(result == picture, "{name} of {width} x {height}");
            }
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
