//! What a network says of a picture, as lines and as JSON: classes with their probabilities, those
//! labels that are there, or numbers.

use serde_json::{Map, Value, json};
use taper_trainer::evaluate::ranked;
use taper_trainer::objective::Objective;

/// An answer, with the names of what it is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) objective: &'a Objective,
    pub(crate) classes: &'a [String],
    /// Probabilities, or numbers.
    pub(crate) values: &'a [f32],
    /// How far several passes differ, where there were several.
    pub(crate) deviations: Option<&'a [f32]>,
}

impl Answer<'_> {
    /// The labels that are taken to be there, the most probable first; none where a picture has one
    /// class, or numbers.
    fn there(&self) -> Vec<usize> {
        let Objective::Many { thresholds } = self.objective else { return Vec::new() };
        ranked(self.values).into_iter().filter(|&label| self.values[label] >= thresholds[label]).collect()
    }

    /// Lines for a person: the `top` most probable classes, or the labels that are there, or the
    /// numbers.
    pub(crate) fn lines(&self, top: usize) -> Vec<String> {
        let share = |class: usize| {
            let percent = 100.0 * self.values[class];
            match self.deviations {
                None => format!("  {percent:>5.1} %  {}", self.classes[class]),
                Some(all) => format!("  {percent:>5.1} ± {:>4.1} %  {}", 100.0 * all[class], self.classes[class]),
            }
        };
        match self.objective {
            Objective::One => ranked(self.values).into_iter().take(top).map(share).collect(),
            Objective::Many { .. } => match (&self.there()[..], ranked(self.values).first()) {
                ([], Some(&nearest)) => vec![format!("  no label reaches its threshold; nearest:{}", share(nearest))],
                (there, _) => there.iter().map(|&label| share(label)).collect(),
            },
            Objective::Number { .. } => {
                let number = |(i, name): (usize, &String)| match self.deviations {
                    None => format!("  {:>12}  {name}", written(self.values[i])),
                    Some(all) => format!("  {:>12} ± {}  {name}", written(self.values[i]), written(all[i])),
                };
                self.classes.iter().enumerate().map(number).collect()
            }
        }
    }

    /// Fields of JSON: under `key` the `top` most probable classes, with `labels` the names of
    /// those that are there where pictures have several; `numbers` where they have numbers.
    pub(crate) fn json(&self, key: &str, top: usize) -> Map<String, Value> {
        let with = |mut value: Value, i: usize| {
            if let Some(all) = self.deviations {
                value["deviation"] = all[i].into();
            }
            value
        };
        let mut fields = Map::new();
        if let Objective::Number { .. } = self.objective {
            let number = |(i, name): (usize, &String)| with(json!({"name": name, "value": self.values[i]}), i);
            fields.insert("numbers".into(), self.classes.iter().enumerate().map(number).collect());
            return fields;
        }
        if let Objective::Many { .. } = self.objective {
            let names = self.there().into_iter().map(|label| json!(self.classes[label]));
            fields.insert("labels".into(), names.collect());
        }
        let class = |class: usize| {
            let mut value = json!({"class": self.classes[class], "index": class, "probability": self.values[class]});
            if let Objective::Many { thresholds } = self.objective {
                value["threshold"] = thresholds[class].into();
            }
            with(value, class)
        };
        fields.insert(key.into(), ranked(self.values).into_iter().take(top).map(class).collect());
        fields
    }
}

/// A number with about four digits that matter.
pub(crate) fn written(value: f32) -> String {
    let size = value.abs().max(f32::MIN_POSITIVE).log10().floor();
    if !(-4.0..7.0).contains(&size) && value != 0.0 {
        return format!("{value:.3e}");
    }
    format!("{value:.digits$}", digits = (3 - size as i32).clamp(0, 7) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_by_what_they_stand_for() {
        let classes = ["cat", "dog", "cow"].map(str::to_owned);
        fn answer<'a>(objective: &'a Objective, values: &'a [f32], classes: &'a [String]) -> Answer<'a> {
            Answer { objective, classes, values, deviations: None }
        }
        let lines = |objective: &Objective, values: &[f32]| answer(objective, values, &classes).lines(2);
        assert_eq!(lines(&Objective::One, &[0.2, 0.7, 0.1]), ["   70.0 %  dog", "   20.0 %  cat"]);
        let many = Objective::Many { thresholds: vec![0.5, 0.2, 0.9] };
        assert_eq!(lines(&many, &[0.6, 0.3, 0.8]), ["   60.0 %  cat", "   30.0 %  dog"]);
        assert_eq!(lines(&many, &[0.1, 0.1, 0.8]), ["  no label reaches its threshold; nearest:   80.0 %  cow"]);
        let json = answer(&many, &[0.6, 0.1, 0.8], &classes).json("predictions", 1);
        assert_eq!(json["labels"], json!(["cat"]));
        assert_eq!(
            (json["predictions"].as_array().unwrap().len(), &json["predictions"][0]["class"]),
            (1, &json!("cow"))
        );
        let loss = taper_trainer::recipe::NumberLoss::default();
        let number = Objective::Number { mean: vec![0.0; 3], deviation: vec![1.0; 3], loss };
        let said = lines(&number, &[1234.5, -0.012_34, 0.0]);
        assert_eq!(said, ["          1234  cat", "      -0.01234  dog", "     0.0000000  cow"].map(String::from));
        assert_eq!(
            answer(&number, &[2.5, 0.0, 1.0], &classes).json("classes", 5)["numbers"][0],
            json!({"name": "cat", "value": 2.5})
        );
    }
}
