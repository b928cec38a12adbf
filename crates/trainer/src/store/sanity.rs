//! Is what a training begins with as it should be?

use std::collections::BTreeMap;

use taper_data::{Dataset, LabelKind, LeftOut, Seen};

use crate::build::class_counts::class_counts;
use crate::build::labels::target;
use crate::finding::{Finding, Verdict};
use crate::recipe::{Balance, Recipe};
use crate::store::readable::Readable;

/// A class of so many times the pictures of another is worth a word.
const UNEVEN: usize = 5;
/// So is a picture that is made larger so many times each way.
const ENLARGED: u32 = 3;

/// What the pictures say: classes and their sizes, pictures that are there twice, pictures that are
/// small.
pub fn pictures(train: &Readable, val: &Readable, recipe: &Recipe) -> Vec<Finding> {
    let decoded = train.seen.iter().chain(&val.seen).all(|seen| seen.pixels.is_some());
    let learned = contents(train, decoded);
    vec![
        classes(&*train.dataset, &*val.dataset, recipe.data.balance),
        sizes(&train.seen, recipe.data.image_size),
        leaked((train, &learned), (val, decoded)),
        contradicting(train, &learned),
    ]
}

/// [`pictures`] where there are too many to look at each.
pub fn many(train: &Readable, val: &Readable, recipe: &Recipe) -> Vec<Finding> {
    let (train, val) = (&*train.dataset, &*val.dataset);
    let said = format!("{}, too many to look at each before the training", train.len() + val.len());
    vec![classes(train, val, recipe.data.balance), finding("pictures", true, said)]
}

fn finding(about: &'static str, fine: bool, said: String) -> Finding {
    Finding { about, verdict: if fine { Verdict::Fine } else { Verdict::Doubtful }, said }
}

fn classes(train: &dyn Dataset, val: &dyn Dataset, balance: Balance) -> Finding {
    let (learned, judged) = (class_counts(train), class_counts(val));
    let names = train.classes();
    if train.label_kind() == LabelKind::Number {
        return finding("numbers", true, format!("{} of each picture: {}", names.len(), names.join(", ")));
    }
    let by = |wanted: fn(&usize, &usize) -> bool| {
        (1..learned.len()).fold(0, |best, i| if wanted(&learned[i], &learned[best]) { i } else { best })
    };
    if names.is_empty() {
        return finding("classes", false, "there are none".into());
    }
    let (least, most) = (by(|a, b| a < b), by(|a, b| a > b));
    let spread = format!("{} to {} training pictures of a class", learned[least], learned[most]);
    if let Some(empty) = judged.iter().position(|count| *count == 0) {
        let said = format!("no validation picture of {:?}: nothing will be known of it; {spread}", names[empty]);
        return finding("classes", false, said);
    }
    let uneven = learned[most] > UNEVEN * learned[least].max(1) && balance == Balance::None;
    let ways = match train.label_kind() {
        LabelKind::Many => "--balance weights counts both alike",
        _ => {
            "--balance weights or --balance sampling counts both alike, and recall and F1 by class say more than accuracy"
        }
    };
    let more = format!("{spread}, {:?} and {:?}: {ways}", names[least], names[most]);
    finding("classes", !uneven, if uneven { more } else { format!("{} classes, {spread}", names.len()) })
}

fn sizes(seen: &[Seen], side: u32) -> Finding {
    let mut short: Vec<u32> = seen.iter().map(|one| one.known.size.0.min(one.known.size.1)).collect();
    short.sort_unstable();
    let Some(middle) = short.get(short.len() / 2).copied() else {
        return finding("sizes", false, "no pictures".into());
    };
    let spread = format!("short sides from {} to {} pixels, {middle} in the middle", short[0], short[short.len() - 1]);
    if ENLARGED * middle < side {
        let said = format!(
            "{spread}; enlarged to {side}, which costs time and shows nothing more: --image-size {}",
            middle.max(32)
        );
        return finding("sizes", false, said);
    }
    finding("sizes", true, format!("{spread}; the network sees {side}"))
}

/// Pictures by their content: by their pixels where all were decoded, else by their files.
type Contents = BTreeMap<[u8; 32], Vec<usize>>;

fn content(seen: &Seen, decoded: bool) -> [u8; 32] {
    seen.pixels.filter(|_| decoded).unwrap_or(seen.known.content)
}

fn contents(of: &Readable, decoded: bool) -> Contents {
    let mut contents = Contents::new();
    for (index, seen) in of.seen.iter().enumerate() {
        contents.entry(content(seen, decoded)).or_default().push(index);
    }
    contents
}

/// Validation pictures that are training pictures too.
fn leaked((train, learned): (&Readable, &Contents), (val, decoded): (&Readable, bool)) -> Finding {
    let both: Vec<(usize, usize)> = (val.seen.iter().enumerate())
        .filter_map(|(index, seen)| Some((index, *learned.get(&content(seen, decoded))?.first()?)))
        .collect();
    if both.is_empty() {
        return finding("duplicates", true, "no picture is both trained on and validated on".into());
    }
    let named = both.iter().take(3).map(|(a, b)| format!("{} = {}", val.dataset.name(*a), train.dataset.name(*b)));
    let said = format!(
        "{} of {} validation pictures are training pictures too, which flatters the accuracy: {}{}",
        both.len(),
        val.seen.len(),
        named.collect::<Vec<_>>().join(", "),
        if both.len() > 3 { ", ..." } else { "" }
    );
    finding("duplicates", false, said)
}

/// Equal training pictures of different classes.
fn contradicting(train: &Readable, learned: &Contents) -> Finding {
    let pictures = &train.dataset;
    let label = |index: &usize| match pictures.label_kind() {
        LabelKind::One => (pictures.label(*index), None),
        LabelKind::Many | LabelKind::Number => (0, target(&**pictures, *index).ok()),
    };
    let all: Vec<&Vec<usize>> =
        learned.values().filter(|equal| equal.iter().any(|index| label(index) != label(&equal[0]))).collect();
    if all.is_empty() {
        return finding("labels", true, "no training picture has two classes".into());
    }
    let named =
        all.iter().take(3).map(|equal| equal.iter().map(|index| pictures.name(*index)).collect::<Vec<_>>().join(" = "));
    let named = named.collect::<Vec<_>>().join(", ");
    finding("labels", false, format!("{} training pictures stand in several classes: {named}", all.len()))
}

/// What lies among the pictures and is not read.
pub fn left_out(left_out: &LeftOut) -> Finding {
    if left_out.is_empty() {
        return finding("left out", true, "nothing lies among the pictures".into());
    }
    if left_out.has_pictures() {
        let said = format!(
            "{left_out}: convert pictures to JPEG or PNG (mogrify -format jpg *.heic), and put files in the place of links, to have \
             them read"
        );
        return finding("left out", false, said);
    }
    finding("left out", true, format!("{left_out}"))
}

/// What the first loss says: that of uniform guessing over C classes is ln C, over several labels
/// ln 2 for each, and the mean of all numbers is a standard deviation away.
pub fn first_loss(loss: f64, kind: LabelKind, classes: usize) -> Finding {
    let (chance, guessing) = match kind {
        LabelKind::One => ((classes as f64).ln(), format!("uniform guessing over {classes} classes gives")),
        LabelKind::Many => (2f64.ln(), "a probability of a half for every label gives".to_owned()),
        LabelKind::Number => (1.0, "the mean of the numbers for every picture gives about".to_owned()),
    };
    let said = format!("{loss:.2} before the first step; {guessing} {chance:.2}");
    if loss.is_finite() && loss < 2.0 * chance + 1.0 {
        return finding("first loss", true, said);
    }
    if !loss.is_finite() {
        let said = format!("{loss} before the first step: pictures or weights hold NaN or infinite numbers");
        return finding("first loss", false, said);
    }
    let said = format!(
        "{said}: first weights or pictures are too large (taper inspect init; mean and deviation of the pictures)"
    );
    finding("first loss", false, said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use taper_data::{Folder, RgbImage};

    fn readable(root: &std::path::Path, pictures: &[(&str, u8)]) -> Readable {
        for (path, shade) in pictures {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            RgbImage::from_pixel(40, 50, image::Rgb([*shade; 3])).save(path).unwrap();
        }
        crate::store::readable::readable(
            Arc::new(Folder::open(root).unwrap()),
            crate::store::readable::Unreadable::Refuse,
            &crate::listener::Silent,
        )
        .unwrap()
    }

    #[test]
    fn what_is_wrong_with_pictures_is_found() {
        let root = tempfile::tempdir().unwrap();
        let many: Vec<(String, u8)> = (0..8).map(|i| (format!("a/{i}.png"), i)).collect();
        let mut all: Vec<(&str, u8)> = many.iter().map(|(name, shade)| (name.as_str(), *shade)).collect();
        all.push(("b/1.png", 3));
        let train = readable(&root.path().join("train"), &all);
        let val = readable(&root.path().join("val"), &[("a/x.png", 5), ("b/y.png", 100)]);
        let recipe = Recipe::default();
        let found = pictures(&train, &val, &recipe);
        let said = |about: &str| found.iter().find(|one| one.about == about).unwrap();
        for (about, words) in [
            ("classes", vec!["1 to 8", "\"b\" and \"a\"", "--balance"]),
            ("sizes", vec!["40 in the middle", "--image-size 40"]),
            ("duplicates", vec!["1 of 2 validation", "x.png", "5.png"]),
            ("labels", vec!["1 training pictures", "3.png", "1.png"]),
        ] {
            let one = said(about);
            assert_eq!(one.verdict, Verdict::Doubtful, "{one:?}");
            assert!(words.iter().all(|word| one.said.contains(word)), "{one:?}");
        }
        let mut fine = recipe;
        (fine.data.image_size, fine.data.balance) = (100, Balance::Sampling);
        let clean = readable(&root.path().join("clean"), &[("a/1.png", 201), ("b/2.png", 202)]);
        let found = pictures(&clean, &val, &fine);
        assert!(found.iter().all(|one| one.verdict == Verdict::Fine), "{found:?}");
    }

    #[test]
    fn what_is_left_out_is_doubtful_if_it_is_pictures() {
        let root = tempfile::tempdir().unwrap();
        readable(root.path(), &[("a/1.png", 1), ("b/1.png", 2)]);
        let look = || left_out(Folder::open(root.path()).unwrap().left_out());
        assert_eq!(look().verdict, Verdict::Fine);
        std::fs::write(root.path().join("a/notes.txt"), "").unwrap();
        assert_eq!((look().verdict, look().said.as_str()), (Verdict::Fine, "1 .txt"));
        std::fs::write(root.path().join("a/2.HEIC"), "").unwrap();
        assert_eq!(look().verdict, Verdict::Doubtful);
        assert!(look().said.starts_with("1 .heic, 1 .txt: convert"), "{}", look().said);
    }

    #[test]
    fn a_first_loss_far_above_chance_is_doubtful() {
        let verdict = |loss| first_loss(loss, LabelKind::One, 10).verdict;
        assert_eq!((verdict(2.3), verdict(2.9)), (Verdict::Fine, Verdict::Fine));
        assert_eq!((verdict(7.0), verdict(f64::NAN)), (Verdict::Doubtful, Verdict::Doubtful));
        assert!(
            first_loss(f64::NAN, LabelKind::One, 10).said.contains("hold NaN")
                && !first_loss(f64::INFINITY, LabelKind::One, 10).said.contains("too large")
        );
    }
}
