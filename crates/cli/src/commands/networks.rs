//! Several networks on the same pictures, a row each, and together.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, bail};
use serde_json::{Value, json};
use taper_data::Dataset;
use taper_regularize::Marginalize;
use taper_trainer::build::model;
use taper_trainer::build::pipeline::{BATCH, eval_loader};
use taper_trainer::evaluate::ensemble::{average, greedy, halves, part};
use taper_trainer::evaluate::known_classes::{missing, relabeled, said};
use taper_trainer::evaluate::metrics::{interval, reliability};
use taper_trainer::evaluate::views::Mean;
use taper_trainer::evaluate::{Evaluation, evaluate_marginal};
use taper_trainer::ranks::Alone;

use super::eval_labels::Scores;
use crate::output::line;
use crate::terminal::Terminal;

/// What all rows have in common.
pub(super) struct Table {
    pub(super) path: PathBuf,
    pub(super) unreadable: usize,
    pub(super) mean: Mean,
}

/// A name and what was measured of it.
type Row = (String, Evaluation);

/// What was measured.
pub(super) struct Measured {
    pub(super) rows: Vec<Row>,
    /// The numbers of the runs that were chosen.
    chosen: Vec<usize>,
    /// The classes that no picture is of.
    missing: Vec<String>,
}

/// Each of the runs, all together, and with `choose` those that help, chosen on one half of the
/// pictures and measured like the others on the other half.
pub(super) fn rows_of(
    runs: &[PathBuf],
    dataset: &Arc<dyn Dataset>,
    (table, threads): (&Table, usize),
    choose: bool,
) -> Result<Measured> {
    let (mut members, mut dataset) = (Vec::new(), Arc::clone(dataset));
    for run in runs {
        let model = model::open(run, None, &Terminal)?;
        // From the second on the classes are those of the first.
        if !members.is_empty() && dataset.classes() != model.card.classes {
            let (run, other, classes) = (run.display(), runs[0].display(), &model.card.classes);
            bail!("{run} was trained for {classes:?}, {other} for {:?}: both must be the same", dataset.classes());
        }
        dataset = relabeled(dataset, &table.path, (run, &model.card))?;
        model.require_memory(BATCH.min(dataset.len()))?;
        let loader = eval_loader(dataset.clone(), BATCH, model.card.input(), threads)?;
        members.push(evaluate_marginal(
            (&model.classifier, &model.card.objective),
            &loader,
            Marginalize::Expectation,
            (&Terminal, &Alone),
        )?);
    }
    let all: Vec<usize> = (0..members.len()).collect();
    let mut chosen = all.clone();
    if choose {
        let [choose, test] = halves(dataset.len());
        let parts = |numbers: &[usize]| members.iter().map(|member| part(member, numbers)).collect::<Vec<_>>();
        chosen = greedy(&parts(&choose), table.mean)?;
        members = parts(&test);
    }
    let together = |numbers: &[usize]| average(&numbers.iter().map(|&i| &members[i]).collect::<Vec<_>>(), table.mean);
    let names: Vec<String> = runs.iter().map(|run| run.display().to_string()).collect();
    let mut rows: Vec<Row> = names.iter().cloned().zip(members.iter().cloned()).collect();
    rows.push((format!("all {}", members.len()), together(&all)?));
    if choose {
        let names: Vec<&str> = chosen.iter().map(|&i| names[i].as_str()).collect();
        rows.push((format!("chosen: {}", names.join(", ")), together(&chosen)?));
    }
    Ok(Measured { rows, chosen, missing: missing(&*dataset) })
}

impl Table {
    pub(super) fn json(&self, runs: &[PathBuf], Measured { rows, chosen, missing }: &Measured) -> Value {
        let row = |(name, e): &Row| {
            if let Some(scores) = Scores::of(e) {
                let mut told = scores.json();
                told.extend([("name".into(), json!(name)), ("loss".into(), json!(e.loss))]);
                told.insert("seconds".into(), json!(e.took.as_secs_f64()));
                return Value::Object(told);
            }
            json!({
                "name": name, "accuracy": e.accuracy(), "interval": interval(e.accuracy(), e.labels.len()), "loss": e.loss,
                "calibration_error": reliability(e).error, "seconds": e.took.as_secs_f64(),
            })
        };
        let runs: Vec<_> = runs.iter().map(|run| run.to_string_lossy()).collect();
        json!({
            "schema": 1, "command": "ensemble", "runs": runs, "data": self.path.to_string_lossy(), "images": rows[0].1.labels.len(),
            "unreadable_images": self.unreadable, "missing_classes": missing, "mean": format!("{:?}", self.mean).to_lowercase(),
            "chosen": chosen.iter().map(|&i| &runs[i]).collect::<Vec<_>>(),
            "rows": rows.iter().map(row).collect::<Vec<_>>(),
        })
    }

    pub(super) fn tell(&self, Measured { rows, missing, .. }: &Measured) -> Result<()> {
        line(format_args!("{} pictures of {}", rows[0].1.labels.len(), self.path.display()))?;
        said(missing).map(line).transpose()?;
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        if !rows[0].1.objective.is_one() {
            let metric = rows[0].1.objective.metric();
            line(format_args!("{:width$}  {:>8}     loss  time", "", metric.name()))?;
            return rows.iter().try_for_each(|(name, e)| {
                let (figure, seconds) = (metric.value(e.figure()), e.took.as_secs_f64());
                line(format_args!("{name:width$}  {figure:>8}  {:>7.3}  {seconds:.1} s", e.loss))
            });
        }
        line(format_args!("{:width$}  accuracy  95 % interval     loss  calibration error  time", ""))?;
        for (name, e) in rows {
            let [low, high] = interval(e.accuracy(), e.labels.len()).map(|end| 100.0 * end);
            line(format_args!(
                "{name:width$}   {:>5.1} %  {low:>5.1} to {high:>5.1} %  {:>5.3}             {:>5.1} %  {:.1} s",
                100.0 * e.accuracy(),
                e.loss,
                100.0 * reliability(e).error,
                e.took.as_secs_f64()
            ))?;
        }
        Ok(())
    }
}
