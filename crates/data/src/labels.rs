//! The labels of many pictures, in little memory, and how text becomes them.

use std::collections::{BTreeMap, BTreeSet};

use crate::dataset::LabelKind;

/// What is known of each picture of a data set.
#[derive(Clone, Debug)]
pub(crate) struct Labels {
    classes: Vec<String>,
    rows: Rows,
}

#[derive(Clone, Debug)]
enum Rows {
    One(Vec<u32>),
    /// All classes of all pictures, and where those of each picture end.
    Many {
        classes: Vec<u32>,
        ends: Vec<u32>,
    },
    /// As many for each picture as there are names.
    Numbers(Vec<f32>),
}

impl Labels {
    /// One class a picture, by number.
    pub(crate) fn one(classes: Vec<String>, labels: Vec<u32>) -> Self {
        Self { classes, rows: Rows::One(labels) }
    }

    /// Numbers, as many a picture as there are names.
    pub(crate) fn numbers(names: Vec<String>, numbers: Vec<f32>) -> Self {
        Self { classes: names, rows: Rows::Numbers(numbers) }
    }

    /// Classes of pictures by number, none or several each.
    pub(crate) fn many(classes: Vec<String>, pictures: impl IntoIterator<Item = Vec<u32>>) -> Self {
        let (mut all, mut ends) = (Vec::new(), Vec::new());
        for mut labels in pictures {
            labels.sort_unstable();
            labels.dedup();
            all.extend(labels);
            ends.push(all.len() as u32);
        }
        Self { classes, rows: Rows::Many { classes: all, ends } }
    }

    /// The class of each picture by name. The classes are ordered by name, or by number where all
    /// are numbers.
    pub(crate) fn named(names: &[String]) -> Self {
        let classes = ordered(names.iter());
        let number = numbers_of(&classes);
        let labels = names.iter().map(|name| number[name.as_str()]).collect();
        Self::one(classes.clone(), labels)
    }

    /// [`named`](Self::named) of pictures of several classes.
    pub(crate) fn many_named(pictures: &[Vec<String>]) -> Self {
        let classes = ordered(pictures.iter().flatten());
        let number = numbers_of(&classes);
        let labels = pictures.iter().map(|names| names.iter().map(|name| number[name.as_str()]).collect());
        Self::many(classes.clone(), labels.collect::<Vec<_>>())
    }

    /// What each picture has.
    pub(crate) fn kind(&self) -> LabelKind {
        match self.rows {
            Rows::One(_) => LabelKind::One,
            Rows::Many { .. } => LabelKind::Many,
            Rows::Numbers(_) => LabelKind::Number,
        }
    }

    pub(crate) fn classes(&self) -> &[String] {
        &self.classes
    }

    /// How many pictures there are.
    pub(crate) fn len(&self) -> usize {
        match &self.rows {
            Rows::One(labels) => labels.len(),
            Rows::Many { ends, .. } => ends.len(),
            Rows::Numbers(numbers) => numbers.len() / self.classes.len().max(1),
        }
    }

    /// [`Dataset::label`](crate::Dataset::label).
    pub(crate) fn label(&self, index: usize) -> usize {
        match &self.rows {
            Rows::One(labels) => labels[index] as usize,
            Rows::Many { .. } => self.of(index).first().map_or(0, |&class| class as usize),
            Rows::Numbers(_) => 0,
        }
    }

    /// [`Dataset::target`](crate::Dataset::target).
    pub(crate) fn target(&self, index: usize, row: &mut [f32]) {
        match &self.rows {
            Rows::One(labels) => row[labels[index] as usize] = 1.0,
            Rows::Many { .. } => self.of(index).iter().for_each(|&class| row[class as usize] = 1.0),
            Rows::Numbers(numbers) => row.copy_from_slice(&numbers[index * row.len()..][..row.len()]),
        }
    }

    /// The classes of a picture of several.
    fn of(&self, index: usize) -> &[u32] {
        let Rows::Many { classes, ends } = &self.rows else { return &[] };
        let start = index.checked_sub(1).map_or(0, |before| ends[before]);
        &classes[start as usize..ends[index] as usize]
    }

    /// The same where every picture has exactly one class: one of the classes, then.
    pub(crate) fn one_hot(self) -> Self {
        match self.rows {
            Rows::Many { classes, ends } if (1..).zip(&ends).all(|(end, &found)| end == found) => {
                Self { classes: self.classes, rows: Rows::One(classes) }
            }
            rows => Self { rows, ..self },
        }
    }

    /// The same with the names that belong to the numbers that the classes are called by, or with
    /// those of numbers; as it is where they do not fit.
    pub(crate) fn numbered(self, names: &[String]) -> Self {
        if let Rows::Numbers(_) = self.rows {
            return if names.len() == self.classes.len() { Self { classes: names.to_vec(), ..self } } else { self };
        }
        let number = |class: &String| class.parse().ok().filter(|&number: &u32| (number as usize) < names.len());
        let Some(numbers) = self.classes.iter().map(number).collect::<Option<Vec<u32>>>() else { return self };
        let to = |of: Vec<u32>| of.into_iter().map(|class| numbers[class as usize]).collect();
        let rows = match self.rows {
            Rows::One(labels) => Rows::One(to(labels)),
            Rows::Many { classes, ends } => Rows::Many { classes: to(classes), ends },
            Rows::Numbers(_) => return self,
        };
        Self { classes: names.to_vec(), rows }
    }
}

/// Names without those that come again, ordered: by number where all are whole numbers.
fn ordered<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let names: BTreeSet<&String> = names.collect();
    let numbers: Option<Vec<u64>> = names.iter().map(|name| name.parse().ok()).collect();
    let mut classes: Vec<String> = names.into_iter().cloned().collect();
    if let Some(numbers) = numbers {
        let mut pairs: Vec<(u64, String)> = numbers.into_iter().zip(classes).collect();
        pairs.sort();
        classes = pairs.into_iter().map(|(_, name)| name).collect();
    }
    classes
}

fn numbers_of(classes: &[String]) -> BTreeMap<&str, u32> {
    classes.iter().map(String::as_str).zip(0..).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings<const N: usize>(names: [&str; N]) -> Vec<String> {
        names.map(String::from).to_vec()
    }

    fn rows(labels: &Labels) -> Vec<Vec<f32>> {
        let row = |index| {
            let mut row = vec![0.0; labels.classes().len()];
            labels.target(index, &mut row);
            row
        };
        (0..labels.len()).map(row).collect()
    }

    #[test]
    fn names_become_numbers_in_their_order() {
        let labels = Labels::named(&strings(["dog", "cat", "dog"]));
        assert_eq!((labels.classes(), labels.label(0), labels.label(1)), (&strings(["cat", "dog"])[..], 1, 0));
        assert_eq!(rows(&labels), [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]);
        assert_eq!(Labels::named(&strings(["10", "9", "2"])).classes(), ["2", "9", "10"]);
        assert_eq!(Labels::named(&strings(["10", "9", "b"])).classes(), ["10", "9", "b"]);
    }

    #[test]
    fn a_picture_may_be_of_several_classes_or_of_none() {
        let labels = Labels::many_named(&[strings(["b", "a", "b"]).clone(), vec![], strings(["b"]).clone()]);
        assert_eq!((labels.kind(), labels.len()), (LabelKind::Many, 3));
        assert_eq!(rows(&labels), [[1.0, 1.0], [0.0, 0.0], [0.0, 1.0]]);
        assert_eq!([0, 1, 2].map(|index| labels.label(index)), [0, 0, 1]);
        assert_eq!(labels.one_hot().kind(), LabelKind::Many);
        let each = Labels::many(strings(["a", "b"]), [vec![1], vec![0]]).one_hot();
        assert_eq!((each.kind(), each.label(0)), (LabelKind::One, 1));
    }

    #[test]
    fn numbers_have_names() {
        let names = strings(["apple", "bear", "clock", "dog"]);
        let labels = Labels::named(&strings(["2", "0"])).numbered(&names);
        assert_eq!((labels.label(0), labels.label(1), labels.classes()), (2, 0, &names[..]));
        let labels = Labels::many_named(&[strings(["3", "1"]).to_vec()]).numbered(&names);
        assert_eq!(rows(&labels), [[0.0, 1.0, 0.0, 1.0]]);
        for other in [strings(["4"]), strings(["x"])] {
            assert_eq!(Labels::named(&other).numbered(&names).classes(), other);
        }
    }

    #[test]
    fn numbers_are_rows() {
        let labels = Labels::numbers(strings(["age", "height"]), vec![1.0, 2.0, 3.0, 4.0]);
        assert_eq!((labels.len(), rows(&labels)), (2, vec![vec![1.0, 2.0], vec![3.0, 4.0]]));
    }
}
