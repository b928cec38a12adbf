//! Data sets of every form, and what is said of those that are broken.

use std::path::Path;

use taper_augment::Normalize;
use taper_detect::boxes::BBox;
use taper_detect::data::{AnnotationError, DetectionSet, Framing, Loading, Side, open, open_side};
use taper_tensor::Rng;

use crate::scene_set::scenes;

fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn picture(folder: &Path, name: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::RgbImage::new(40, 20).save(path).unwrap();
}

/// The objects of the first picture with any, in pixels, with the names of their classes.
fn first(set: &DetectionSet) -> Vec<(String, [f32; 4], bool)> {
    let picture = set.pictures.iter().find(|picture| !picture.objects.is_empty()).unwrap();
    let (_, objects) = picture.load().unwrap();
    objects.iter().map(|o| (set.classes[o.class].clone(), o.bbox.edges(), o.ignored)).collect()
}

fn chain(error: &AnnotationError) -> String {
    let mut said = error.to_string();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = cause {
        said.push_str(&format!(": {error}"));
        cause = error.source();
    }
    said
}

const COCO: &str = r#"{"images": [{"id": 7, "file_name": "a.png", "width": 40, "height": 20}],
 "categories": [{"id": 9, "name": "dog"}, {"id": 3, "name": "cat"}],
 "annotations": [{"id": 1, "image_id": 7, "category_id": 9, "bbox": [4, 2, 10, 8], "iscrowd": 0},
  {"id": 2, "image_id": 7, "category_id": 3, "bbox": [0, 0, 40, 20], "iscrowd": 1}]}"#;

#[test]
fn coco_is_read_from_each_of_its_folders() {
    for (file, pictures) in [
        ("train.json", "train/a.png"),
        ("annotations/instances_train2017.json", "train2017/a.png"),
        ("train/_annotations.coco.json", "train/a.png"),
    ] {
        let place = tempfile::tempdir().unwrap();
        put(place.path(), file, COCO);
        picture(place.path(), pictures);
        let set = open_side(place.path(), Side::Train).unwrap();
        assert_eq!(set.classes, ["cat", "dog"]);
        let wanted = [("dog".into(), [4.0, 2.0, 14.0, 10.0], false), ("cat".into(), [0.0, 0.0, 40.0, 20.0], true)];
        assert_eq!(first(&set), wanted, "{file}");
        assert!(matches!(open_side(place.path(), Side::Val), Err(AnnotationError::NoSide { side: "val", .. })));
    }
}

#[test]
fn yolo_is_read_with_fractions_of_the_picture() {
    for (images, labels) in [("images/val", "labels/val"), ("valid/images", "valid/labels")] {
        let place = tempfile::tempdir().unwrap();
        put(place.path(), "data.yaml", "names: [cat, dog]\n");
        picture(place.path(), &format!("{images}/a.png"));
        picture(place.path(), &format!("{images}/empty.png"));
        put(place.path(), &format!("{labels}/a.txt"), "1 0.5 0.5 0.5 0.5\n\n");
        let set = open_side(place.path(), Side::Val).unwrap();
        assert_eq!((first(&set), set.pictures.len()), (vec![("dog".into(), [10.0, 5.0, 30.0, 15.0], false)], 2));
        put(place.path(), &format!("{labels}/a.txt"), "1 0.5 0.5 0.5 0.5\n2 0.5 0.5 0.5 0.5\n");
        let said = chain(&open_side(place.path(), Side::Val).unwrap_err());
        assert!(said.contains("a.txt, line 2") && said.contains("class"), "{said}");
    }
}

#[test]
fn voc_counts_pixels_from_one_and_says_what_is_difficult() {
    let xml = "<annotation><filename>a.png</filename><object><name>dog</name><difficult>1</difficult>\
        <bndbox><xmin>1</xmin><ymin>3</ymin><xmax>40</xmax><ymax>20</ymax></bndbox></object></annotation>";
    let place = tempfile::tempdir().unwrap();
    put(place.path(), "ImageSets/Main/train.txt", "a\n");
    put(place.path(), "Annotations/a.xml", xml);
    picture(place.path(), "JPEGImages/a.png");
    let set = open_side(place.path(), Side::Train).unwrap();
    assert_eq!(first(&set), [("dog".into(), [0.0, 2.0, 40.0, 20.0], true)]);
    for (from, to, word) in [
        ("<xmax>40</xmax>", "<xmax>0</xmax>", "object 1"),
        ("<name>dog</name>", "", "a name"),
        ("</annotation>", "", "no XML"),
    ] {
        put(place.path(), "Annotations/a.xml", &xml.replace(from, to));
        let said = chain(&open_side(place.path(), Side::Train).unwrap_err());
        assert!(said.contains("a.xml") && said.contains(word), "{said}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_file_and_entry() {
    let place = tempfile::tempdir().unwrap();
    let said = || chain(&open(place.path()).unwrap_err());
    assert!(said().contains("has no boxes"), "{}", said());
    for (from, to, words) in [
        ("\"category_id\": 9", "\"category_id\": 4", ["annotation 1", "category"]),
        ("\"image_id\": 7, \"category_id\": 3", "\"image_id\": 8, \"category_id\": 3", ["annotation 2", "image"]),
        ("[4, 2, 10, 8]", "[4, 2, -10, 8]", ["annotation 1", "below 0"]),
        ("\"images\"", "\"pictures\"", ["train.json", "images"]),
    ] {
        put(place.path(), "train.json", &COCO.replace(from, to));
        assert!(words.iter().all(|word| said().contains(word)), "{}", said());
    }
    // A picture of another size, and no object at all.
    put(place.path(), "train.json", &COCO.replace("\"width\": 40", "\"width\": 41"));
    picture(place.path(), "train/a.png");
    let set = open_side(place.path(), Side::Train).unwrap();
    assert!(chain(&set.pictures[0].load().unwrap_err()).contains("(41, 20)"));
    put(place.path(), "train.json", &COCO.replace("\"iscrowd\": 0", "\"iscrowd\": 1"));
    assert!(said().contains("1 pictures with 0 objects"), "{}", said());
}

#[test]
fn scenes_have_the_boxes_of_what_is_drawn_and_repeat() {
    let places = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    places.iter().for_each(|place| scenes(place.path(), 4, 2));
    let of = |i: usize, name: &str| std::fs::read(places[i].path().join(name)).unwrap();
    for name in ["train.json", "val.json", "train/0000.png", "val/0001.png"] {
        assert_eq!(of(0, name), of(1, name), "{name}");
    }
    let sides = open(places[0].path()).unwrap();
    assert_eq!((sides.train.pictures.len(), sides.val.pictures.len()), (4, 2));
    for annotated in &sides.train.pictures {
        let (picture, objects) = annotated.load().unwrap();
        for object in objects {
            let BBox { x1, y1, x2, y2 } = object.bbox;
            assert!(object.bbox.is_at_least(10.0) && x2 <= picture.width() as f32 && y2 <= picture.height() as f32);
            // Of the middles of its edges one at least is not covered, and has its color.
            let (x, y) = ((x1 + x2) / 2.0, (y1 + y2) / 2.0);
            let near = [(x1 + 3.0, y), (x2 - 4.0, y), (x, y1 + 3.0), (x, y2 - 4.0)];
            let own = |&(x, y): &(f32, f32)| {
                let [red, _, blue] = picture.get_pixel(x as u32, y as u32).0;
                if object.class == 0 { red > 150 && blue < 80 } else { blue > 150 && red < 80 }
            };
            assert!(near.iter().any(own), "{object:?} of {:?}", annotated.path);
        }
    }
}

#[test]
fn a_batch_has_each_picture_in_the_corner_of_its_slot() {
    let place = tempfile::tempdir().unwrap();
    scenes(place.path(), 5, 1);
    let set = open_side(place.path(), Side::Train).unwrap();
    let framing = Framing { short: 48, long: 80 };
    let normalize = Normalize::new([0.0; 3], [1.0; 3]).unwrap();
    let loading = Loading { set: &set, framing, normalize, augment: Some(Default::default()), proposals: None };
    let batch = |threads: usize, order: &[usize]| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| loading.batch(order, &Rng::new(3)).unwrap())
    };
    let (one, four) = (batch(1, &[0, 1, 2, 3]), batch(4, &[0, 1, 2, 3]));
    let values = |batch: &taper_detect::data::Batch| batch.pixels.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!((values(&one), &one.objects), (values(&four), &four.objects));
    // Another order, the same pictures.
    let turned = batch(2, &[3, 0]);
    assert_eq!((&turned.objects[0], &turned.objects[1]), (&one.objects[3], &one.objects[0]));
    let (_, height, width, _) = one.pixels.dims4().unwrap();
    assert!(height % 32 == 0 && width % 32 == 0);
    for (number, &(w, h)) in one.sizes.iter().enumerate() {
        let slot = one.pixels.get(number).unwrap();
        let outside = slot.narrow(0, h as usize, height - h as usize).unwrap();
        assert_eq!(outside.abs().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap(), 0.0);
        assert!(w.min(h) <= 48.0 && w.max(h) <= 80.0);
    }
}
