//! What is converted has the pictures and the labels that it had.
#![allow(clippy::unwrap_used)] // helpers of tests

use std::path::Path;

use taper_data::{Dataset, Form, LabelKind, OpenConfig, convert, open_parts};

/// The pixels of a picture, and what is known of it.
type Picture = (Vec<u8>, Vec<f32>);

/// The classes of a data set; of each picture its size, its pixels, and what is known of it.
fn all(set: &dyn Dataset) -> (Vec<String>, Vec<Picture>) {
    let picture = |index: usize| {
        let mut row = vec![0.0; set.classes().len()];
        set.target(index, &mut row).unwrap();
        (set.get(index).unwrap().into_raw(), row)
    };
    (set.classes().to_vec(), (0..set.len()).map(picture).collect())
}

const FORMS: &[Form] =
    if cfg!(feature = "parquet") { &[Form::Folder, Form::Tar, Form::Parquet] } else { &[Form::Folder, Form::Tar] };

#[test]
fn every_form_holds_every_kind_of_labels() {
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures");
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| pictures.join("train/animal").join(name).display().to_string();
    let table = |name: &str, head: &str, labels: [&str; 3]| {
        let rows = ["cat.png", "bug.png", "boar.png"]
            .iter()
            .zip(labels)
            .map(|(name, label)| format!("{},{label}\n", at(name)));
        let path = place.path().join(name);
        std::fs::write(&path, format!("path,{head}\n{}", rows.collect::<String>())).unwrap();
        path
    };
    let config = OpenConfig::default();
    for (from, kind) in [
        (pictures.clone(), LabelKind::One),
        (table("one.csv", "label", ["felis", "\"an insect, small\"", "felis"]), LabelKind::One),
        (table("many.csv", "labels", ["red;blue", "", "blue"]), LabelKind::Many),
        (table("number.csv", "age", ["1.5", "-2.25", "1e-3"]), LabelKind::Number),
        (table("numbers.csv", "age,weight", ["1.5,2.5", "-2.25,1", "3,0.1"]), LabelKind::Number),
    ] {
        let parts = open_parts(&from, &config).unwrap();
        assert_eq!(parts.train.label_kind(), kind, "{}", from.display());
        for form in FORMS {
            let name = from.file_stem().unwrap().to_string_lossy();
            let to = place.path().join(format!("{name}-{form:?}"));
            let converted = convert(&parts, &to, *form, || {});
            if kind == LabelKind::Number && *form == Form::Tar && parts.train.classes().len() > 1 {
                assert!(converted.unwrap_err().to_string().contains("several numbers") && !to.exists());
                continue;
            }
            converted.unwrap();
            let config = OpenConfig { labels: Some(kind), ..OpenConfig::default() };
            let again = open_parts(&to, &config).unwrap();
            let sorted = |(classes, mut pictures): (Vec<String>, Vec<Picture>)| {
                // A folder has its pictures by class.
                pictures.sort_by(|a, b| a.partial_cmp(b).unwrap());
                (classes, pictures)
            };
            let [before, after] = [&parts, &again].map(|parts| all(&*parts.train));
            match form {
                Form::Folder => assert!(sorted(before) == sorted(after), "{}", to.display()),
                _ => assert!(before == after, "{}", to.display()),
            }
            assert_eq!(parts.val.is_some(), again.val.is_some());
            let again = convert(&parts, &to, *form, || {}).unwrap_err().to_string();
            assert!(again.contains("is there already"), "{again}");
        }
    }
    let left = std::fs::read_dir(place.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
    assert_eq!(left.count(), 0);
}
