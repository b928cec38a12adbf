//! The functions against torchvision on PIL pictures: golden/transforms.safetensors holds one
//! picture ("input", height x width x 3 bytes) and what torchvision makes of it.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

use safetensors::SafeTensors;
use taper_augment::{
    Affine, Border, ColorStatistics, Interpolation, Principal, Rect, RgbImage, Sampling, TEN, adjust_brightness,
    adjust_contrast, adjust_hue, adjust_saturation, adjust_sharpness, affine, autocontrast, center_crop, crop,
    equalize, grayscale, hflip, invert, jpeg_artifacts, perspective, posterize, resize, resize_short_side, rotate,
    solarize, ten_crop, vflip,
};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

struct Golden(Vec<u8>);

impl Golden {
    fn read() -> Self {
        Self(std::fs::read(format!("{GOLDEN}/transforms.safetensors")).unwrap())
    }

    fn picture(&self, name: &str) -> RgbImage {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let tensor = file.tensor(name).unwrap();
        let &[height, width, 3] = tensor.shape() else { panic!("{name} has shape {:?}", tensor.shape()) };
        RgbImage::from_raw(width as u32, height as u32, tensor.data().to_vec()).unwrap()
    }
}

/// Mean and largest absolute difference, out of 255.
fn distance(a: &RgbImage, b: &RgbImage) -> (f64, u8) {
    assert_eq!(a.dimensions(), b.dimensions());
    let differences = || a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b));
    let mean = differences().map(f64::from).sum::<f64>() / a.len() as f64;
    (mean, differences().max().unwrap_or(0))
}

#[test]
fn cuts_and_mirror_images_agree_to_the_bit() {
    let golden = Golden::read();
    let input = golden.picture("input");
    assert_eq!(hflip(input.clone()), golden.picture("hflip"));
    assert_eq!(vflip(input.clone()), golden.picture("vflip"));
    assert_eq!(center_crop(input.clone(), 64, 64), golden.picture("center_crop_64"));
    let corner = Rect { left: 0, top: 0, width: 72, height: 72 };
    assert_eq!(crop(&input, corner), golden.picture("ten_crop_72_0"));
    for index in 0..TEN {
        assert_eq!(ten_crop(input.clone(), 72, index), golden.picture(&format!("ten_crop_72_{index}")), "{index}");
    }
}

#[test]
fn colors_agree_to_the_bit() {
    let golden = Golden::read();
    let input = || golden.picture("input");
    for (name, picture) in [
        ("brightness_1.4", adjust_brightness(input(), 1.4)),
        ("brightness_0.6", adjust_brightness(input(), 0.6)),
        ("contrast_1.4", adjust_contrast(input(), 1.4)),
        ("contrast_0.6", adjust_contrast(input(), 0.6)),
        ("saturation_1.4", adjust_saturation(input(), 1.4)),
        ("saturation_0", adjust_saturation(input(), 0.0)),
        ("hue_0.1", adjust_hue(input(), 0.1)),
        ("gray", grayscale(input())),
        ("invert", invert(input())),
        ("posterize_4", posterize(input(), 4)),
        ("solarize_128", solarize(input(), 128)),
        ("autocontrast", autocontrast(input())),
        ("equalize", equalize(input())),
        ("sharpness_2", adjust_sharpness(input(), 2.0)),
    ] {
        assert_eq!(distance(&picture, &golden.picture(name)), (0.0, 0), "{name}");
    }
}

#[test]
fn sizes_agree_within_rounding() {
    let golden = Golden::read();
    let input = || golden.picture("input");
    for (name, picture) in [
        ("resize_short_side_80", resize_short_side(input(), 80, Interpolation::Bilinear)),
        ("resize_48x64", resize(input(), 64, 48, Interpolation::Bilinear)),
        ("resize_bicubic_160", resize_short_side(input(), 160, Interpolation::Bicubic)),
    ] {
        let (mean, most) = distance(&picture, &golden.picture(name));
        println!("{name}: mean {mean:.4}, at most {most}");
        assert!(mean < 0.02 && most <= 1, "{name}: mean {mean}, at most {most}");
    }
}

#[test]
fn maps_agree_up_to_single_precision() {
    let golden = Golden::read();
    let (input, black) = (|| golden.picture("input"), Border::Fill([0; 3]));
    let shift = Affine { translate: (10.0, -6.0), ..Affine::default() };
    let scale = Affine { scale: 1.3, ..Affine::default() };
    let shear = Affine { shear: (15.0, 5.0), ..Affine::default() };
    let corners = [(0.0, 0.0), (127.0, 0.0), (127.0, 99.0), (0.0, 99.0)];
    let cubic = Sampling { interpolation: Interpolation::Bicubic, border: black };
    let moved = [(8.0, 5.0), (120.0, 0.0), (127.0, 92.0), (3.0, 99.0)];
    for (name, picture) in [
        ("rotate_20", rotate(input(), 20.0, black)),
        ("translate_10_-6", affine(input(), &shift, black)),
        ("scale_1.3", affine(input(), &scale, black)),
        ("shear_15_5", affine(input(), &shear, black)),
        ("perspective", perspective(input(), corners, moved, black)),
        ("rotate_20_bicubic", rotate(input(), 20.0, cubic)),
        ("perspective_bicubic", perspective(input(), corners, moved, cubic)),
    ] {
        let (mean, most) = distance(&picture, &golden.picture(name));
        println!("{name}: mean {mean:.4}, at most {most}");
        assert!(mean < 0.01 && most <= 1, "{name}: mean {mean}, at most {most}");
    }
}

#[test]
fn what_a_jpeg_loses_is_what_libjpeg_loses() {
    let golden = Golden::read();
    for (name, quality, of_its_own) in [("jpeg_40", 40, 0.115), ("jpeg_90", 90, 0.151)] {
        let picture = jpeg_artifacts(golden.picture("input"), quality);
        let (mean, most) = distance(&picture, &golden.picture(name));
        // A frequency that lies between two steps may go to the other one: libjpeg's own float and
        // integer transforms are so far apart. The JPEGs are 3.6 and 1.5 from the picture.
        assert!(mean < of_its_own / 2.0, "{name}: mean {mean}, at most {most}");
    }
}

#[test]
fn colors_of_a_data_set_agree_with_numpy() {
    let text = std::fs::read_to_string(format!("{GOLDEN}/pca_lighting.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&text).unwrap();
    let numbers = |value: &serde_json::Value| -> Vec<f64> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    };
    let mut colors = ColorStatistics::default();
    for (i, file) in golden["files"].as_array().unwrap().iter().enumerate() {
        let path = format!("{GOLDEN}/emoji/{}", file.as_str().unwrap());
        let picture = image::open(path).unwrap().into_rgb8();
        // In parts, as threads would.
        if i % 2 == 0 {
            colors.add(&picture);
        } else {
            let mut other = ColorStatistics::default();
            other.add(&picture);
            colors.merge(&other);
        }
    }
    let near = |got: f64, wanted: f64| assert!((got - wanted).abs() < 1e-12, "{got} is not {wanted}");
    std::iter::zip(colors.mean(), numbers(&golden["mean"])).for_each(|(got, wanted)| near(got, wanted));
    for (row, wanted) in colors.covariance().iter().zip(golden["covariance"].as_array().unwrap()) {
        row.iter().zip(numbers(wanted)).for_each(|(&got, wanted)| near(got, wanted));
    }
    // numpy's are in rising order, eigenvectors in columns, their signs by chance.
    let (values, rows) = (numbers(&golden["eigenvalues"]), golden["eigenvectors_columns"].as_array().unwrap());
    let Principal { values: got, vectors } = colors.principal();
    for i in 0..3 {
        near(got[i], values[2 - i]);
        let wanted: Vec<f64> = rows.iter().map(|row| numbers(row)[2 - i]).collect();
        let along: f64 = vectors[i].iter().zip(&wanted).map(|(a, b)| a * b).sum();
        vectors[i].iter().zip(wanted).for_each(|(&got, wanted)| near(got, along.signum() * wanted));
    }
}
