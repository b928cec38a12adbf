//! What `taper eval` says of a model with several labels, or with numbers.

use anyhow::Result;
use serde_json::{Map, Value, json};
use taper_trainer::evaluate::Evaluation;
use taper_trainer::evaluate::label_metrics::{LabelScores, label_scores};
use taper_trainer::evaluate::number_metrics::{NumberScore, mean_number_score, number_scores};
use taper_trainer::objective::Objective;

use crate::answers::written;
use crate::output::line;

/// What was measured, where a picture has no single class.
#[derive(Clone, Debug)]
pub(super) enum Scores {
    /// Of several labels.
    Labels(LabelScores),
    /// Of numbers.
    Numbers(Vec<NumberScore>),
}

impl Scores {
    /// Those of an evaluation; none where a picture has one class.
    pub(super) fn of(evaluation: &Evaluation) -> Option<Self> {
        let Evaluation { objective, probabilities, targets, .. } = evaluation;
        match objective {
            Objective::One => None,
            Objective::Many { thresholds } => Some(Self::Labels(label_scores(probabilities, targets, thresholds))),
            Objective::Number { .. } => Some(Self::Numbers(number_scores(probabilities, targets))),
        }
    }

    /// The figures of all, in words.
    pub(super) fn headline(&self) -> String {
        match self {
            Self::Labels(scores) => format!(
                "mAP {:.1} %, F1 {:.1} % (mean of labels) and {:.1} % (all answers), {:.1} % of answers wrong, {:.1} % of pictures \
                 without a wrong one",
                100.0 * scores.map,
                100.0 * scores.macro_f1,
                100.0 * scores.micro_f1,
                100.0 * scores.hamming_loss,
                100.0 * scores.exact_match
            ),
            Self::Numbers(scores) => format!("R2 {:.3}", mean_number_score(scores).r2),
        }
    }

    /// The fields of the result as JSON.
    pub(super) fn json(&self) -> Map<String, Value> {
        let fields = match self {
            Self::Labels(LabelScores { labels, map, macro_f1, micro_f1, hamming_loss, exact_match }) => json!({
                "labels": "many", "map": map, "macro_f1": macro_f1, "micro_f1": micro_f1,
                "hamming_loss": hamming_loss, "exact_match": exact_match, "scores": labels,
            }),
            Self::Numbers(scores) => json!({
                "labels": "number", "r2": mean_number_score(scores).r2, "scores": scores, "mean": mean_number_score(scores),
            }),
        };
        if let Value::Object(fields) = fields { fields } else { Map::new() }
    }

    /// A row for each label or number.
    pub(super) fn table(&self, names: &[String]) -> Result<()> {
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("number".len());
        match self {
            Self::Labels(scores) => {
                line(format_args!("{:width$}  pictures       AP  precision   recall       F1  threshold", "label"))?;
                for (name, score) in names.iter().zip(&scores.labels) {
                    // Of a label that no picture has nothing is known.
                    let share =
                        |share: f64| if score.pictures == 0 { "-".into() } else { format!("{:.1} %", 100.0 * share) };
                    let [ap, precision, recall, f1] =
                        [score.average_precision.unwrap_or(0.0), score.precision, score.recall, score.f1].map(share);
                    line(format_args!(
                        "{name:width$}  {:>8}  {ap:>7}    {precision:>7}  {recall:>7}  {f1:>7}      {:.3}",
                        score.pictures, score.threshold
                    ))?;
                }
            }
            Self::Numbers(scores) => {
                line(format_args!("{:width$}  mean error  root mean square      R2", "number"))?;
                for (name, NumberScore { mae, rmse, r2 }) in names.iter().zip(scores) {
                    let [mae, rmse] = [mae, rmse].map(|value| written(*value as f32));
                    line(format_args!("{name:width$}  {mae:>10}  {rmse:>16}  {r2:>6.3}"))?;
                }
            }
        }
        Ok(())
    }
}
