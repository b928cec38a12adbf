//! Sets of weights: the same network trained in several ways, by the names that timm gives them.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// One line for each, made by `models/sets.py`.
const TABLE: &str = include_str!("../../models/sets.csv");

/// Licenses that let anybody use the weights.
const FREE: [&str; 3] = ["Apache-2.0", "BSD-3-Clause", "MIT"];

/// How pixels of another size are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// By straight lines, with an antialiasing filter.
    #[default]
    Bilinear,
    /// By cubic curves, with an antialiasing filter.
    Bicubic,
}

/// A set of weights of a network, as it is published: what its pictures are prepared with, and how
/// good it is.
///
/// # Examples
/// ```
/// let set = taper_transfer::weight_set("resnet50.a1").ok_or("no set")?; // or resnet50.a1_in1k
/// assert_eq!((set.network(), set.tag(), set.top1), ("resnet50", "a1_in1k", Some(80.382)));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct WeightSet {
    /// The network, a dot, timm's tag; `tv_in1k` and `tv2_in1k` of what torchvision alone has.
    pub name: &'static str,
    /// The side of the pictures that the figures are for, pixels: that of the network where there
    /// are figures for it.
    pub size: usize,
    /// How much of the short side the square in the middle has, a fraction.
    pub crop: f64,
    /// What pictures are resized by.
    pub interpolation: Interpolation,
    /// What is subtracted from red, green and blue, which lie in 0..1.
    pub mean: [f32; 3],
    /// What they are then divided by.
    pub std: [f32; 3],
    /// The published accuracy on ImageNet's validation pictures, percent, where one is known.
    pub top1: Option<f64>,
    /// How often the right class is among the first five, percent.
    pub top5: Option<f64>,
    /// What its classifier tells apart: ImageNet's 1000 classes, something else, or nothing (0).
    pub classes: usize,
    /// The license, an SPDX identifier.
    pub license: &'static str,
    /// The repository on the hub, where timm has it.
    pub repository: Option<&'static str>,
    /// torchvision's file with the same numbers.
    pub torchvision: Option<&'static str>,
}

impl WeightSet {
    /// The name of the network.
    pub fn network(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(network, _)| network)
    }

    /// The name without that of the network.
    pub fn tag(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(_, tag)| tag)
    }

    /// Whether anybody may use it for anything.
    pub fn is_free(&self) -> bool {
        FREE.contains(&self.license)
    }

    fn read(line: &'static str) -> Option<Self> {
        let fields: Vec<&'static str> = line.split(',').collect();
        let &[name, size, crop, interpolation, mean, std, top1, top5, classes, license, repository, torchvision] =
            &fields[..]
        else {
            return None;
        };
        let said = |field: &'static str| (field != "-").then_some(field);
        let figure = |field: &'static str| said(field).map(str::parse).transpose().ok();
        let three = |field: &str| -> Option<[f32; 3]> {
            let values: Vec<f32> = field.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
            values.try_into().ok()
        };
        Some(Self {
            name,
            size: size.parse().ok()?,
            crop: crop.parse().ok()?,
            interpolation: match interpolation {
                "bilinear" => Interpolation::Bilinear,
                "bicubic" => Interpolation::Bicubic,
                _ => return None,
            },
            mean: three(mean)?,
            std: three(std)?,
            top1: figure(top1)?,
            top5: figure(top5)?,
            classes: classes.parse().ok()?,
            license,
            repository: said(repository),
            torchvision: said(torchvision),
        })
    }
}

/// Every set, those of a network one after the other, timm's own default first.
pub fn weight_sets() -> &'static [WeightSet] {
    static SETS: LazyLock<Vec<WeightSet>> =
        LazyLock::new(|| TABLE.lines().skip(1).filter_map(WeightSet::read).collect());
    &SETS
}

/// The set of this name; `_in1k` at its end may be left out.
pub fn weight_set(name: &str) -> Option<&'static WeightSet> {
    let is = |set: &&WeightSet| set.name == name || set.name.strip_suffix("_in1k") == Some(name);
    weight_sets().iter().find(is)
}

/// The set that a network has where none is named: of those that anybody may use, for pictures of
/// the network's own `size`, the one with the best published top 1; the first, where there are no
/// figures. None where nothing is published.
pub(crate) fn default_set(network: &str, size: usize) -> Option<&'static WeightSet> {
    let fits = |set: &&WeightSet| set.network() == network && set.size == size && set.is_free();
    let sets = || weight_sets().iter().filter(fits);
    let better = |best: &'static WeightSet, set: &'static WeightSet| if set.top1 > best.top1 { set } else { best };
    sets().reduce(better)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_set_that_can_be_had_and_no_name_means_two() {
        let sets = weight_sets();
        assert_eq!(sets.len(), TABLE.lines().count() - 1);
        for set in sets {
            assert!(set.repository.is_some() || set.torchvision.is_some(), "{}", set.name);
            assert!(set.crop > 0.5 && set.crop <= 1.0 && set.size > 0 && !set.tag().is_empty(), "{}", set.name);
            assert!(set.top1 <= set.top5 && (set.top1.is_none() || set.classes == 1000), "{}", set.name);
            assert!(set.std.iter().all(|s| *s > 0.0) && set.mean.iter().all(|m| (0.0..1.0).contains(m)));
            let short = set.name.strip_suffix("_in1k").unwrap_or(set.name);
            for name in [set.name, short] {
                assert_eq!(weight_set(name).map(|found| found.name), Some(set.name));
                assert!(sets.iter().filter(|other| other.name == name).count() <= 1, "{name}");
            }
        }
        assert_eq!(weight_set("resnet50.a9"), None);
    }

    #[test]
    fn the_default_is_the_best_that_anybody_may_use_at_the_size_of_the_network() {
        let name = |network, size| default_set(network, size).map(|set| set.name);
        // swsl's 81.146 is not for everybody.
        assert_eq!(name("resnet50", 224), Some("resnet50.tv2_in1k"));
        // The sets for larger pictures have higher figures.
        assert_eq!(name("convnext_base", 224), Some("convnext_base.fb_in22k_ft_in1k"));
        assert_eq!(name("vit_base_patch16_siglip_224", 224), Some("vit_base_patch16_siglip_224.v2_webli"));
        assert_eq!((name("small_cnn", 28), name("resnet50", 100)), (None, None));
    }
}
