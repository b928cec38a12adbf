//! The defaults that are not zero.

use taper_augment::{Border, Principal};

macro_rules! usual {
    ($($name:ident: $type:ty = $value:expr;)*) => {
        $(pub(super) fn $name() -> $type { $value })*
    };
}

usual! {
    half: f64 = 0.5;
    same: (f64, f64) = (1.0, 1.0);
    border: Border = Border::Reflect;
    scale: (f64, f64) = (0.35, 1.0);
    ratio: (f64, f64) = (3.0 / 4.0, 4.0 / 3.0);
    padding: u32 = 4;
    short_side: (u32, u32) = (256, 480);
    distortion: f64 = 0.3;
    k1: (f64, f64) = (-0.2, 0.2);
    alpha: f64 = 50.0;
    sigma_of_a_field: f64 = 5.0;
    sigma_of_light: f64 = 0.1;
    values: [f64; 3] = Principal::imagenet().values;
    vectors: [[f64; 3]; 3] = Principal::imagenet().vectors;
    gamma: (f64, f64) = (0.7, 1.5);
    up_to_two: (f64, f64) = (0.0, 2.0);
    sigma_of_a_blur: (f64, f64) = (0.1, 2.0);
    bits: u32 = 4;
    threshold: u32 = 128;
    sigma_of_noise: f64 = 8.0;
    quality: (u8, u8) = (30, 95);
    erased: (f64, f64) = (0.02, 0.33);
    erased_ratio: (f64, f64) = (0.3, 3.3);
    operations: u32 = 2;
    strength: f64 = 0.3;
}
