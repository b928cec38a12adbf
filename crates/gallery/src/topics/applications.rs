//! Slides 94 to 96: what begins with a pretrained network, finding and describing things.

use std::collections::BTreeSet;

use image::RgbImage;
use taper_caption::model::open as open_captioner;
use taper_caption::text::sentence;
use taper_caption::train as caption;
use taper_detect::data::{Annotated, Loading};
use taper_detect::model::{Asking, open as open_detector};
use taper_detect::train as detect;
use taper_report::preview::{Framed, Row, framed};
use taper_tensor::Rng;
use taper_trainer::Silent;
use taper_trainer::epochs::Silent as Unwatched;
use taper_trainer::store::checkpoint::Every;

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::pixels::{sheet, strip};
use crate::scenes::{Scenes, failed};
use crate::setting::Setting;

/// Scenes that are shown.
const SHOWN: usize = 4;

/// How a network begins, in the name of its run and in words.
const BEGINNINGS: [(bool, &str, &str); 2] =
    [(true, "pretrained", "weights of ImageNet"), (false, "first", "first weights, random")];

/// What came of a detector and of a captioner.
struct Outcome {
    found: detect::Summary,
    said: caption::Summary,
}

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    let scenes = Scenes::new(setting, setting.many(300), setting.many(80))?;
    let mut outcomes = Vec::new();
    for (pretrained, name, _) in BEGINNINGS {
        let (found, said) =
            (detector(&scenes, setting, (pretrained, name))?, captioner(&scenes, setting, (pretrained, name))?);
        outcomes.push(Outcome { found, said });
    }
    let [pretrained, first] = &outcomes[..] else { return Ok(Vec::new()) };
    Ok(vec![rule(pretrained, first), detection(&scenes, pretrained)?, captioning(&scenes, pretrained)?])
}

/// A detector of small pictures, trained in a run folder beside the scenes.
fn detector(scenes: &Scenes, setting: &Setting, begins: (bool, &str)) -> Result<detect::Summary, GalleryError> {
    let epochs = setting.many(8);
    let recipe = detect::Recipe {
        seed: setting.seed,
        data: scenes.folder().into(),
        pretrained: begins.0,
        hidden: 128,
        pictures: detect::PictureRecipe { short: 128, long: 160, ..Default::default() },
        optimize: detect::OptimizeRecipe { epochs, measure_every: epochs, ..Default::default() },
        ..detect::Recipe::default()
    };
    let out = scenes.folder().join(format!("detect-{}", begins.1));
    let kept = (Some(&*out), Every::Epoch);
    match detect::run(&recipe, kept, rayon::current_num_threads(), &Silent, &mut Unwatched) {
        Ok(detect::Ended::Done(summary)) => Ok(*summary),
        Ok(detect::Ended::Interrupted { .. }) => Err(GalleryError::Broken { what: "a detector" }),
        Err(source) => Err(failed("a detector", source)),
    }
}

/// A captioner on features of a network that stays as it is.
fn captioner(scenes: &Scenes, setting: &Setting, begins: (bool, &str)) -> Result<caption::Summary, GalleryError> {
    let epochs = setting.many(40);
    let recipe = caption::Recipe {
        seed: setting.seed,
        data: scenes.folder().join("captions.json"),
        pretrained: begins.0,
        size: 128,
        hidden: 128,
        dropout: 0.3,
        words: caption::WordRecipe { least: 1, embed: Some(48), ..Default::default() },
        optimize: caption::OptimizeRecipe { epochs, measure_every: epochs, ..Default::default() },
        ..caption::Recipe::default()
    };
    let out = scenes.folder().join(format!("caption-{}", begins.1));
    let kept = (Some(&*out), Every::Epoch);
    match caption::run(&recipe, kept, rayon::current_num_threads(), &Silent, &mut Unwatched) {
        Ok(caption::Ended::Done(summary)) => Ok(*summary),
        Ok(caption::Ended::Interrupted { .. }) => Err(GalleryError::Broken { what: "a captioner" }),
        Err(source) => Err(failed("a captioner", source)),
    }
}

fn rule(pretrained: &Outcome, first: &Outcome) -> Claim {
    let ap50 = |outcome: &Outcome| 100.0 * outcome.found.last.ap50.unwrap_or(f64::NAN);
    let cider = |outcome: &Outcome| outcome.said.last.metrics.cider;
    let mut table = Table::of(["SqueezeNet begins with", "AP50 of the detector, %", "CIDEr-D of the captioner"]);
    for ((_, _, words), outcome) in BEGINNINGS.iter().zip([pretrained, first]) {
        table.row(*words, [ap50(outcome), cider(outcome)]);
    }
    Claim::new(
        Slides(94, 94),
        "Transfer learning is the rule, not the exception",
        "Networks that find things or describe pictures begin with one that was trained on ImageNet. The same detector \
         and the same captioner are trained twice on scenes of shapes, once from such weights and once from first ones.",
    )
    .and(table)
    .expects(Check::at_least("AP50 with ImageNet's weights less that without, points", ap50(pretrained) - ap50(first), 5.0))
    .expects(
        Check::at_least("CIDEr-D with ImageNet's features less that with random ones", cider(pretrained) - cider(first), 0.1)
            .or("shapes are simple enough for features that nobody has trained"),
    )
}

fn detection(scenes: &Scenes, pretrained: &Outcome) -> Result<Claim, GalleryError> {
    let model = open_detector(&pretrained.found.run).map_err(|source| failed("a detector", source))?;
    let (framing, normalize) = (model.card.framing, model.card.normalize().map_err(|s| failed("a detector", s))?);
    let loading = Loading { set: &scenes.val, framing, normalize, augment: None, proposals: None };
    let mut pictures = Vec::new();
    for index in 0..SHOWN.min(scenes.val.pictures.len()) {
        let batch = loading.batch(&[index], &Rng::new(0)).map_err(|source| failed("a detector", source))?;
        let asking = Asking { score: 0.5, ..model.card.asking };
        let found = model.detector.detect(&batch, &asking).map_err(|source| failed("a detector", source))?;
        let boxes: Vec<Framed> = found
            .into_iter()
            .flatten()
            .map(|found| Framed {
                name: format!("{} {:.0} %", model.card.classes[found.class], 100.0 * found.score),
                class: found.class,
                edges: found.bbox.edges(),
            })
            .collect();
        pictures.push(framed(&decoded(&scenes.val.pictures[index])?, &boxes)?);
    }
    let last = &pretrained.found.last;
    let mut table = Table::of(["average precision on new scenes", "%"]);
    for (name, value) in [("mAP, IoU 0.50 to 0.95", last.ap), ("AP50", last.ap50), ("AP75", last.ap75)] {
        table.row(name, [100.0 * value.unwrap_or(f64::NAN)]);
    }
    let text = format!(
        "Faster R-CNN: a network proposes regions of the map of a pretrained SqueezeNet, and two layers say of each what it is \
         and where exactly. {} scenes to train on, {} epochs; the scenes shown are new, and so is every drawing on them.",
        pretrained.found.train_images, pretrained.found.epochs
    );
    Ok(Claim::new(Slides(95, 95), "Object detection", text)
        .with_pixels(strip(&pictures, 2, 400)?, "what was found with a score above one half")
        .and(table)
        .expects(
            Check::at_least("AP50 on new scenes, %", 100.0 * last.ap50.unwrap_or(f64::NAN), 50.0)
                .or("so few steps do not make a detector; `taper detect train` takes as many as it is given"),
        ))
}

fn captioning(scenes: &Scenes, pretrained: &Outcome) -> Result<Claim, GalleryError> {
    let model = open_captioner(&pretrained.said.run).map_err(|source| failed("a captioner", source))?;
    let loading = model.card.loading().map_err(|source| failed("a captioner", source))?;
    let (mut rows, mut different) = (Vec::new(), BTreeSet::new());
    for picture in scenes.val.pictures.iter().take(SHOWN) {
        let pixels = loading.pixels(&[&picture.path]).map_err(|source| failed("a captioner", source))?;
        let features = model.features(&pixels).map_err(|source| failed("a captioner", source))?;
        let said = model.card.search.captions(&model.network, &features).map_err(|s| failed("a captioner", s))?;
        let said = said.into_iter().flatten().next().map(|best| sentence(&model.card.vocabulary.named(&best.words)));
        let said = said.unwrap_or_default();
        rows.push(Row { label: folded(&said), pictures: vec![decoded(picture)?] });
        different.insert(said);
    }
    let metrics = &pretrained.said.last.metrics;
    let mut table = Table::of(["on new scenes", "with ImageNet's features"]);
    table.row("BLEU-1, %", [100.0 * metrics.bleu[0]]);
    table.row("BLEU-4, %", [100.0 * metrics.bleu[3]]);
    table.row("CIDEr-D, of 10", [metrics.cider]);
    let text = format!(
        "An LSTM is given the features of a picture as its first word, and from then on the word that it said last. {} \
         sentences of {} scenes teach it {} words; the sentences come from a grammar and are true of the scenes.",
        pretrained.said.train_captions, pretrained.said.train_images, pretrained.said.words
    );
    Ok(Claim::new(Slides(96, 96), "Captioning", text)
        .with_pixels(sheet(&rows, 1, 200)?, "what is said of new scenes")
        .and(table)
        .expects(
            Check::at_least("CIDEr-D on new scenes", metrics.cider, 1.0)
                .or("so few scenes do not teach a language; `taper caption train` takes as many as it is given"),
        )
        .expects(
            Check::at_least("different sentences among those shown", different.len() as f64, 3.0)
                .or("a captioner that sees nothing in its features says the sentence that is likeliest of all"),
        ))
}

fn decoded(picture: &Annotated) -> Result<RgbImage, GalleryError> {
    Ok(picture.load().map_err(|source| failed("the scenes", source))?.0)
}

/// A sentence in lines of some words.
fn folded(said: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in said.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < 26 => {
                line.push_str(if line.is_empty() { "" } else { " " });
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_folded_between_words() {
        assert_eq!(folded("a disc left of two rings above a frame"), ["a disc left of two rings", "above a frame"]);
        assert_eq!(folded(""), [""]);
    }
}
