//! Data sets that others made of `tests/pictures` (`tests/outside/make.py`) have the same pictures
//! and classes as the folders.
#![allow(clippy::unwrap_used)] // helpers of tests

use std::path::{Path, PathBuf};

use taper_data::{Dataset, LabelKind, OpenConfig, RgbImage, Rng, Splits, open, open_to_measure};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn splits(name: &str) -> Splits {
    open(path(name), &OpenConfig::default(), &Rng::new(1)).unwrap()
}

fn error(path: &Path, config: &OpenConfig) -> String {
    let error = open(path, config, &Rng::new(1)).err().unwrap();
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The name of the class of each picture, and the picture.
fn pictures(set: &dyn Dataset) -> Vec<(String, RgbImage)> {
    (0..set.len()).map(|i| (set.classes()[set.label(i)].clone(), set.get(i).unwrap())).collect()
}

fn target(set: &dyn Dataset, index: usize) -> Vec<f32> {
    let mut row = vec![0.0; set.classes().len()];
    set.target(index, &mut row).unwrap();
    row
}

#[test]
fn each_form_has_the_pictures_of_the_folder_in_its_order() {
    let folder = splits("pictures");
    let forms: &[&str] =
        &["outside/shards", "outside/shards/{train,val}-*.tar", "outside/pandas.csv", "outside/pandas.jsonl"];
    let hub: &[&str] = if cfg!(feature = "parquet") { &["outside/hub", "outside/hub/data/*.parquet"] } else { &[] };
    for form in forms.iter().chain(hub) {
        let found = splits(form);
        assert!(!found.drawn, "{form}");
        assert_eq!(found.train.classes(), folder.train.classes(), "{form}");
        for (found, wanted) in [(&found.train, &folder.train), (&found.val, &folder.val)] {
            assert!(pictures(&**found) == pictures(&**wanted), "{form}");
            // The files lie in them as they were.
            assert!((0..found.len()).all(|i| found.file(i).unwrap() == wanted.file(i).unwrap()), "{form}");
            assert_eq!(found.glance(1).unwrap(), wanted.glance(1).unwrap());
        }
        assert!(found.train.get(12).is_err() && found.train.stamp(0).is_some(), "{form}");
    }
    assert!(splits("outside/shards").train.name(8).ends_with("train-000001.tar/food_bacon.png"));
}

#[test]
fn arrays_have_their_pixels_and_sides() {
    let keras = splits("outside/keras.npz");
    assert_eq!((keras.train.len(), keras.val.len(), keras.train.classes()), (12, 5, &["0".to_owned(), "1".into()][..]));
    let med = splits("outside/med.npz");
    assert_eq!((med.train.len(), med.val.len()), (12, 5));
    let (measured, _) = open_to_measure(path("outside/med.npz"), &OpenConfig::default()).unwrap();
    assert_eq!(measured.len(), 2);
    // Planes of colors by number, the names of classes by text; a part is drawn to validate on.
    let planes = splits("outside/planes");
    assert!(planes.drawn && planes.train.classes() == ["animal", "food"]);
    let whole = open_to_measure(path("outside/planes"), &OpenConfig::default()).unwrap().0;
    for index in 0..12 {
        let [keras, med] = [&keras.train, &med.train].map(|set| set.get(index).unwrap());
        assert_eq!(keras.dimensions(), (16, 16));
        assert_eq!(keras, whole.get(index).unwrap());
        assert!(med.pixels().zip(keras.pixels()).all(|(gray, color)| gray.0 == [color.0[0]; 3]));
        assert_eq!(keras.len() as u32, 3 * 256);
    }
    assert_eq!((keras.train.label(0), keras.train.label(11), med.val.label(4)), (0, 1, 1));
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_of_several_labels_and_of_plain_columns() {
    let config = OpenConfig::default();
    let (several, _) = open_to_measure(path("outside/several.parquet"), &config).unwrap();
    assert_eq!(
        (several.label_kind(), several.classes()),
        (LabelKind::Many, &["red", "green", "blue"].map(String::from)[..])
    );
    let wanted = [[1.0, 0.0, 0.0], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
    assert_eq!([0, 1, 2, 3].map(|i| target(&*several, i)), wanted);
    let (polars, _) = open_to_measure(path("outside/polars.parquet"), &config).unwrap();
    assert!(pictures(&*polars) == pictures(&*splits("pictures").val));
}

#[test]
fn what_is_asked_for_must_be_there() {
    let table = path("outside/pandas.csv");
    let asked = |labels| OpenConfig { labels: Some(labels), ..OpenConfig::default() };
    let said = error(&path("pictures"), &asked(LabelKind::Many));
    assert!(said.contains("one class") && said.contains("several classes was asked for"), "{said}");
    let said = error(&table, &asked(LabelKind::Number));
    assert!(said.contains("pandas.csv, line 2") && said.contains("\"animal\""), "{said}");
    let many = open(&table, &asked(LabelKind::Many), &Rng::new(1)).unwrap();
    assert_eq!((many.train.label_kind(), target(&*many.train, 11)), (LabelKind::Many, vec![0.0, 1.0]));
    let mut config = OpenConfig::default();
    config.columns.labels = vec!["split".into()];
    let sides = open_to_measure(&table, &config).unwrap().0;
    assert_eq!(sides.classes(), ["train", "val"]);
    config.columns.labels = vec!["kind".into()];
    assert!(error(&table, &config).contains("no column \"kind\""));
    assert!(error(&path("outside/none-*.tar"), &OpenConfig::default()).contains("no file"));
    assert!(error(&path("outside/{make,loader}.py"), &OpenConfig::default()).contains("no data set that is known"));
}

#[test]
fn damage_is_an_error_that_names_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let config = OpenConfig::default();
    let write = |name: &str, content: &[u8]| {
        std::fs::write(root.join(name), content).unwrap();
        root.join(name)
    };
    let read = |name: &str| std::fs::read(path(name)).unwrap();
    let tar = read("outside/shards/train-000000.tar");
    for (name, content, words) in [
        ("a.tar", &tar[..1000], ["a.tar", "archive"]),
        ("b.tar", b"no archive, but a letter of some length", ["b.tar", "archive"]),
        ("c.npz", b"PK", ["c.npz", "archive"]),
        ("d.npz", &read("outside/keras.npz")[..5000], ["d.npz", "archive"]),
        ("e.csv", b"", ["e.csv", "no picture"]),
        ("f.csv", b"path,label\n", ["f.csv", "no picture"]),
        ("g.csv", b"path,label\na.png\n", ["g.csv, line 2", "1 cells"]),
        ("h.csv", b"path,label\na.png,\n", ["h.csv, line 2", "no label"]),
        ("i.csv", b"path,label,split\na.png,b,today\n", ["i.csv, line 2", "today"]),
        ("j.csv", b"path,label\nhttps://a/b.png,c\n", ["j.csv, line 2", "not the path of a file"]),
        ("k.csv", b"path,label\na.png,c\nb.png,c\n", ["k.csv", "only the class \"c\""]),
        ("l.jsonl", b"{\"file_name\":\"a.png\",\"label\":1}\n[]\n", ["l.jsonl, line 2", "JSON"]),
    ] {
        let said = error(&write(name, content), &config);
        assert!(words.iter().all(|word| said.contains(word)), "{name}: {said}");
    }
    if cfg!(feature = "parquet") {
        let said = error(&write("m.parquet", &read("outside/polars.parquet")[..20_000]), &config);
        assert!(said.contains("m.parquet") && said.contains("whole"), "{said}");
    }
    // A picture that is not there is known by its line, and nothing else fails for it.
    let listed = write("n.csv", b"path,label\nnone.png,a\nother.png,b\n");
    let set = open_to_measure(listed, &config).unwrap().0;
    let said = set.get(1).unwrap_err();
    assert!(said.to_string().ends_with("n.csv, line 3"), "{said}");
}

#[test]
fn tables_of_others_are_found_their_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let picture = RgbImage::from_pixel(2, 3, image::Rgb([7, 8, 9]));
    for place in ["train", "images", "sub"] {
        std::fs::create_dir(root.join(place)).unwrap();
        picture.save(root.join(place).join("a1.png")).unwrap();
        picture.save(root.join(place).join("b2.png")).unwrap();
    }
    for (name, content) in [
        ("train.csv", "id,breed\na1,pug\nb2,boxer\n"),
        ("list.tsv", "a1.png\tpug\nb2.png\tboxer\n"),
        ("windows.csv", "image;class\nsub\\a1.png;pug\nsub\\b2.png;boxer\n"),
        ("hot.csv", "filename, boxer, pug\nsub/a1.png, 0, 1\nsub/b2.png, 1, 0\n"),
    ] {
        std::fs::write(root.join(name), content).unwrap();
        let set = open_to_measure(root.join(name), &OpenConfig::default()).unwrap().0;
        assert_eq!(pictures(&*set), [("pug".into(), picture.clone()), ("boxer".into(), picture.clone())], "{name}");
    }
    // A table in the folder of its pictures, and one for each side.
    for side in ["train", "valid"] {
        let at = root.join("sides").join(side);
        std::fs::create_dir_all(&at).unwrap();
        picture.save(at.join("x.jpg")).unwrap();
        std::fs::write(at.join("_classes.csv"), "filename, cat, dog\nx.jpg, 1, 1\n").unwrap();
    }
    let sides = open(root.join("sides"), &OpenConfig::default(), &Rng::new(1)).unwrap();
    assert_eq!(
        (sides.train.label_kind(), sides.train.len(), sides.val.len(), sides.drawn),
        (LabelKind::Many, 1, 1, false)
    );
}
