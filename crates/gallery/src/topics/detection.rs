//! Slides 94 to 96: transfer is the rule.

use crate::claim::{Claim, Slides};
use crate::error::GalleryError;
use crate::setting::Setting;

pub(super) fn run(_: &Setting) -> Result<Vec<Claim>, GalleryError> {
    Ok(vec![
        Claim::new(
            Slides(94, 94),
            "Transfer learning is the rule, not the exception",
            "Networks that find objects or describe pictures begin with a network that was trained on ImageNet. What \
             that is worth for classes is shown on the page of transfer learning.",
        )
        .by("taper detect --help")
        .without("figures of others; slides 95 and 96 say what there is"),
        Claim::new(
            Slides(95, 95),
            "Object detection",
            "Faster R-CNN on a pretrained network is trained by `taper detect train`. A detector takes longer than the \
             whole of this gallery, so none is trained here; one on scenes of emoji, beside torchvision's, is in \
             crates/trainer/SCENES.md.",
        )
        .by("cargo xtask scenes scenes && taper detect train scenes --out detector")
        .without("a detector takes longer to train than the gallery: `taper detect train`, measured in SCENES.md"),
        Claim::new(Slides(96, 96), "Captioning", "A network that describes a picture. taper has none yet.")
            .without("nothing to show yet"),
    ])
}
