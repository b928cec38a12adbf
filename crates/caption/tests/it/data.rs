//! Karpathy's files, whole and broken.

use std::path::Path;

use taper_augment::Normalize;
use taper_caption::data::karpathy::read;
use taper_caption::data::{Loading, Part, Parts};

/// A folder with a file of captions and empty pictures.
fn folder(json: &str, pictures: &[&str]) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for name in pictures {
        let path = place.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    std::fs::write(place.path().join("dataset_test.json"), json).unwrap();
    place
}

const COCO: &str = r#"{"images": [
  {"filepath": "val2014", "filename": "a.jpg", "split": "test", "imgid": 0, "cocoid": 7, "sentids": [1],
   "sentences": [{"tokens": ["A", "man"], "raw": "A man.", "imgid": 0, "sentid": 1}]},
  {"filename": "b.jpg", "split": "restval", "sentences": [{"raw": "Two dogs, running!"}, {"tokens": [], "raw": "dogs"}]},
  {"filename": "c.jpg", "split": "val", "sentences": [{"tokens": ["a", "cat"]}]},
  {"filename": "d.jpg", "split": "train", "sentences": [{"tokens": ["x"]}]}
], "dataset": "coco"}"#;

#[test]
fn files_of_flickr_and_coco_are_read() {
    let place = folder(COCO, &["val2014/a.jpg", "b.jpg", "images/c.jpg", "images/d.jpg"]);
    let Parts { train, val, test } = read(place.path(), None).unwrap();
    let sizes = [&train, &val, &test].map(|set| (set.pictures.len(), set.captions()));
    assert_eq!(sizes, [(2, 3), (1, 1), (1, 1)]);
    assert_eq!(train.pictures[0].captions, [vec!["two", "dogs", "running"], vec!["dogs"]]);
    assert_eq!(test.pictures[0].captions, [["a", "man"]]);
    assert!(test.pictures[0].path.ends_with("val2014/a.jpg") && val.pictures[0].path.ends_with("images/c.jpg"));
    // Elsewhere, with the folder of the file or without.
    let elsewhere = folder("", &["a.jpg", "b.jpg", "c.jpg", "d.jpg"]);
    let file = place.path().join("dataset_test.json");
    let parts = read(&file, Some(elsewhere.path())).unwrap();
    assert_eq!(parts.test.pictures[0].path, elsewhere.path().join("a.jpg"));
    assert!(parts.require(Part::Val, &file).is_ok());
}

#[test]
fn what_is_wrong_is_named_with_its_entry() {
    let one = |image: &str| format!("{{\"images\": [{image}]}}");
    let sentences = "\"sentences\": [{\"raw\": \"a cat\"}]";
    for (json, words) in [
        ("{".to_owned(), &["no file of captions"][..]),
        ("{}".to_owned(), &["no file of captions"]),
        (one("{\"filename\": \"a.jpg\", \"split\": \"train\"}"), &["no file of captions"]),
        (
            one(&format!("{{\"filename\": \"a.jpg\", \"split\": \"dev\", {sentences}}}")),
            &["image 1", "a.jpg", "restval", "\"dev\""],
        ),
        (
            one(&format!("{{\"filename\": \"b.jpg\", \"split\": \"val\", {sentences}}}")),
            &["image 1", "b.jpg", "no such picture", "images"],
        ),
        (one("{\"filename\": \"a.jpg\", \"split\": \"val\", \"sentences\": []}"), &["image 1", "one sentence or more"]),
        (
            one("{\"filename\": \"a.jpg\", \"split\": \"val\", \"sentences\": [{\"raw\": \"a\"}, {\"raw\": \" !\"}]}"),
            &["image 1", "sentence 2 of 2", "with words"],
        ),
    ] {
        let place = folder(&json, &["a.jpg"]);
        let said = read(place.path(), None).unwrap_err().to_string();
        assert!(said.contains("dataset_test.json") && words.iter().all(|word| said.contains(word)), "{said}");
    }
    let place = folder(COCO, &[]);
    std::fs::write(place.path().join("dataset_test.json"), b"{\"images\": \"\xff\"}").unwrap();
    assert!(read(place.path(), None).unwrap_err().to_string().contains("no file of captions"));
    std::fs::write(place.path().join("dataset_b.json"), "").unwrap();
    let said = read(place.path(), None).unwrap_err().to_string();
    assert!(said.contains("several files of captions") && said.contains("dataset_b.json"), "{said}");
    let empty = tempfile::tempdir().unwrap();
    assert!(read(empty.path(), None).unwrap_err().to_string().contains("has no captions"));
    assert!(read(Path::new("nowhere.json"), None).unwrap_err().to_string().contains("nowhere.json"));
    let parts = read(folder("{\"images\": []}", &[]).path(), None).unwrap();
    let said = parts.require(Part::Train, Path::new("here")).unwrap_err().to_string();
    assert!(said.contains("here has no train pictures"), "{said}");
}

#[test]
fn a_picture_that_is_none_is_named() {
    let place = folder("", &["a.jpg"]);
    let loading = Loading { size: 32, normalize: Normalize::imagenet() };
    let said = loading.pixels(&[place.path().join("a.jpg")]).unwrap_err().to_string();
    assert!(said.contains("a.jpg"), "{said}");
}
