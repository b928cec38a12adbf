//! Which vision transformers there are.

use taper_nn::Activation;

use crate::Stage;
use crate::backbones::stage::stage;

/// Which vision transformer: twelve blocks each.
///
/// | name | [`vision_transformer`](crate::vision_transformer) | parameters, classifier included |
/// |---|---|---|
/// | `TINY` | timm's `vit_tiny_patch16_224`, DeiT's too | 5.7 million |
/// | `SMALL` | `vit_small_patch16_224` | 22.1 million |
/// | `BASE` | `vit_base_patch16_224` | 86.6 million |
/// | `DINOV2_SMALL` | `vit_small_patch14_dinov2` | 22.4 million |
/// | `DINOV2_BASE` | `vit_base_patch14_dinov2` | 87.3 million |
/// | `DINOV2_SMALL_REGISTERS` | `vit_small_patch14_reg4_dinov2` | 22.4 million |
/// | `DINOV2_BASE_REGISTERS` | `vit_base_patch14_reg4_dinov2` | 87.4 million |
/// | `CLIP_BASE` | `vit_base_patch16_clip_224` | 86.6 million |
/// | `SIGLIP_BASE` | `vit_base_patch16_siglip_224` | 93.7 million |
/// | `SIGLIP_BASE_256` | `vit_base_patch16_siglip_256` | 93.7 million |
/// | `SIGLIP_BASE_PATCH32` | `vit_base_patch32_siglip_256` | 95.3 million |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VitLayers {
    pub(super) width: usize,
    pub(super) heads: usize,
    /// Pixels of a patch's side.
    pub(super) patch: usize,
    /// Patches along a side of the pictures that the positions are learned for.
    pub(super) side: usize,
    pub(super) registers: usize,
    pub(super) summary: Summary,
    /// Whether the branches have factors.
    pub(super) scaled: bool,
    /// Whether there is a norm before the first block; the patches then have no bias.
    pub(super) pre_norm: bool,
    pub(super) eps: f64,
    pub(super) activation: Activation,
}

/// What a picture's tokens are summed up in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Summary {
    /// The class token, which has a position as the patches have.
    ClassWithPosition,
    /// The class token, which has none.
    Class,
    /// What a query that is learned makes of the patches: there is no class token.
    Attention,
}

impl VitLayers {
    /// 192 channels.
    pub const TINY: Self = Self {
        width: 192,
        heads: 3,
        patch: 16,
        side: 14,
        registers: 0,
        summary: Summary::ClassWithPosition,
        scaled: false,
        pre_norm: false,
        eps: 1e-6,
        activation: Activation::Gelu,
    };
    /// 384 channels.
    pub const SMALL: Self = Self { width: 384, heads: 6, ..Self::TINY };
    /// The paper's smallest, 768 channels.
    pub const BASE: Self = Self { width: 768, heads: 12, ..Self::TINY };
    /// DINOv2, with smaller patches and factors on the branches.
    pub const DINOV2_SMALL: Self = Self { patch: 14, side: 37, scaled: true, ..Self::SMALL };
    /// The same with 768 channels.
    pub const DINOV2_BASE: Self = Self { width: 768, heads: 12, ..Self::DINOV2_SMALL };
    /// DINOv2 with four tokens more, which belong to no patch.
    pub const DINOV2_SMALL_REGISTERS: Self = Self { registers: 4, summary: Summary::Class, ..Self::DINOV2_SMALL };
    /// The same with 768 channels.
    pub const DINOV2_BASE_REGISTERS: Self = Self { registers: 4, summary: Summary::Class, ..Self::DINOV2_BASE };
    /// The image tower of CLIP.
    pub const CLIP_BASE: Self = Self { pre_norm: true, eps: 1e-5, ..Self::BASE };
    /// The image tower of SigLIP, whose tokens are pooled by attention.
    pub const SIGLIP_BASE: Self = Self { summary: Summary::Attention, ..Self::BASE };
    /// The same for pictures of 256 pixels.
    pub const SIGLIP_BASE_256: Self = Self { side: 16, ..Self::SIGLIP_BASE };
    /// With a quarter of the patches, which makes it the fastest of them.
    pub const SIGLIP_BASE_PATCH32: Self =
        Self { patch: 32, side: 8, activation: Activation::GeluTanh, ..Self::SIGLIP_BASE };

    /// The same with so many channels and heads.
    #[must_use]
    pub const fn with_width(self, width: usize, heads: usize) -> Self {
        Self { width, heads, ..self }
    }

    /// Pixels of a side of the pictures that its positions are learned for.
    pub fn input_size(&self) -> usize {
        self.patch * self.side
    }

    pub(crate) fn stages(self) -> [Stage; 5] {
        const STEM: &[&str] = &["patch_embed", "cls_token", "reg_token", "pos_embed", "norm_pre"];
        let (c, stride) = (self.width, self.patch);
        [
            stage("stem", c, stride, STEM),
            stage("blocks0-2", c, stride, &["blocks.0", "blocks.1", "blocks.2"]),
            stage("blocks3-5", c, stride, &["blocks.3", "blocks.4", "blocks.5"]),
            stage("blocks6-8", c, stride, &["blocks.6", "blocks.7", "blocks.8"]),
            stage("blocks9-11", c, stride, &["blocks.9", "blocks.10", "blocks.11", "norm", "attn_pool"]),
        ]
    }

    /// What the names of its parameters begin with, without the registers.
    pub(crate) fn beginnings(self) -> &'static [&'static str] {
        match self.summary {
            Summary::Attention => &["pos_embed", "patch_embed", "blocks", "norm", "attn_pool"],
            _ => &["cls_token", "pos_embed", "patch_embed", "blocks", "norm"],
        }
    }
}
