//! Pictures to measure a network on, which need not be of all its classes.

use std::path::Path;
use std::sync::Arc;

use taper_data::{DataError, Dataset, Known, LabelKind, Need, RgbImage};

use crate::build::class_counts::class_counts;
use crate::build::model::ModelCard;
use crate::evaluate::error::EvaluateError;

/// A data set whose labels are those of a network.
struct Relabeled {
    pictures: Arc<dyn Dataset>,
    classes: Vec<String>,
    /// The class of the network for each of the data set's.
    labels: Vec<usize>,
}

/// The pictures with the classes of a network, by name: there may be fewer classes than it knows,
/// and in another order.
///
/// # Errors
/// Names the classes that the network was not trained for; when the pictures have labels of another
/// kind.
pub fn relabeled(
    pictures: Arc<dyn Dataset>,
    path: &Path,
    (run, card): (&Path, &ModelCard),
) -> Result<Arc<dyn Dataset>, EvaluateError> {
    let (classes, kind, got) = (&card.classes[..], card.objective.kind(), pictures.label_kind());
    if got != kind {
        let [got, wanted] = [got, kind].map(LabelKind::words);
        return Err(EvaluateError::OtherKind { path: path.into(), run: run.into(), got, wanted });
    }
    if pictures.classes() == classes {
        return Ok(pictures);
    }
    let place = |name: &String| classes.iter().position(|class| class == name);
    let unknown: Vec<&String> = pictures.classes().iter().filter(|name| place(name).is_none()).collect();
    if !unknown.is_empty() {
        let (unknown, known) = (unknown.into_iter().cloned().collect(), classes.to_vec());
        return Err(EvaluateError::UnknownClasses { path: path.into(), run: run.into(), unknown, known });
    }
    let labels = pictures.classes().iter().filter_map(place).collect();
    Ok(Arc::new(Relabeled { pictures, classes: classes.to_vec(), labels }))
}

/// The classes that no picture is of; none where pictures have numbers.
pub fn missing(pictures: &dyn Dataset) -> Vec<String> {
    if pictures.label_kind() == LabelKind::Number {
        return Vec::new();
    }
    let counts = class_counts(pictures);
    pictures.classes().iter().zip(counts).filter(|(_, count)| *count == 0).map(|(class, _)| class.clone()).collect()
}

/// Says which classes nothing is known of; nothing where there is none.
pub fn said(missing: &[String]) -> Option<String> {
    (!missing.is_empty()).then(|| format!("measured without the classes that no picture is of: {}", missing.join(", ")))
}

impl Dataset for Relabeled {
    fn len(&self) -> usize {
        self.pictures.len()
    }

    fn get(&self, index: usize) -> Result<RgbImage, DataError> {
        self.pictures.get(index)
    }

    fn get_needed(&self, index: usize, need: Need) -> Result<RgbImage, DataError> {
        self.pictures.get_needed(index, need)
    }

    fn glance(&self, index: usize) -> Result<Known, DataError> {
        self.pictures.glance(index)
    }

    fn file(&self, index: usize) -> Result<Option<Vec<u8>>, DataError> {
        self.pictures.file(index)
    }

    fn label(&self, index: usize) -> usize {
        self.labels[self.pictures.label(index)]
    }

    fn label_kind(&self) -> LabelKind {
        self.pictures.label_kind()
    }

    fn target(&self, index: usize, row: &mut [f32]) -> Result<(), DataError> {
        let mut own = vec![0.0; self.labels.len()];
        self.pictures.target(index, &mut own)?;
        self.labels.iter().zip(own).for_each(|(&label, value)| row[label] = value);
        Ok(())
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn name(&self, index: usize) -> String {
        self.pictures.name(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::framing::Framing;
    use crate::objective::Objective;

    struct Named(Vec<String>);

    impl Dataset for Named {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn get(&self, index: usize) -> Result<RgbImage, DataError> {
            Err(DataError::Index { index, len: 0 })
        }
        fn label(&self, index: usize) -> usize {
            index
        }
        fn classes(&self) -> &[String] {
            &self.0
        }
        fn name(&self, index: usize) -> String {
            self.0[index].clone()
        }
    }

    fn card(classes: &[String]) -> ModelCard {
        ModelCard {
            schema: 1,
            model: "small_cnn".into(),
            backbone: Default::default(),
            head: taper_transfer::Head::Linear,
            classes: classes.to_vec(),
            objective: Objective::One,
            input_size: 32,
            framing: Framing::USUAL,
            mean: [0.5; 3],
            std: [0.5; 3],
        }
    }

    #[test]
    fn labels_of_another_kind_are_refused() {
        let card = card(&["left".to_owned(), "right".to_owned()]);
        let pictures = Arc::new(crate::build::labeled::labeled(LabelKind::Many, 4));
        let said = relabeled(pictures, "x".as_ref(), ("run".as_ref(), &card)).err().unwrap().to_string();
        assert!(said.contains("x has several classes a picture, run was trained for one class"), "{said}");
    }

    #[test]
    fn classes_are_known_by_name() {
        let [known, some, other] = [&["a", "b", "c"][..], &["c", "a"], &["a", "d", "e"]]
            .map(|names| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        let pictures: Arc<dyn Dataset> = Arc::new(Named(some));
        let card = card(&known);
        let seen = relabeled(pictures, "x".as_ref(), ("run".as_ref(), &card)).unwrap();
        assert_eq!((seen.label(0), seen.label(1), seen.name(0)), (2, 0, "c".into()));
        assert_eq!((missing(&*seen), seen.classes()), (vec!["b".to_owned()], &known[..]));
        let refused =
            relabeled(Arc::new(Named(other)), "x".as_ref(), ("run".as_ref(), &card)).err().unwrap().to_string();
        assert!(
            refused.contains("[\"d\", \"e\"]") && refused.contains("x has") && !refused.contains("[\"a\", \"d\""),
            "{refused}"
        );
    }
}
