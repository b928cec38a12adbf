//! A run: a recipe becomes a folder with a trained network.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use candle_core::Var;
use taper_data::{Loader, Subset};
use taper_nn::{Mode, Params};
use taper_tensor::{Batch, Rng, cross_entropy};
use taper_transfer::Classifier;

use crate::build::memory;
use crate::build::model::{ModelCard, save_weights};
use crate::build::network::{Loaded, Network, network};
use crate::build::phases::phases;
use crate::build::pipeline::{eval_loader, train_loader};
use crate::build::pretrained::tell;
use crate::files::{self, json};
use crate::finding::{Finding, Verdict};
use crate::fit::divergence::Diverged;
use crate::fit::recorder::{Recorder, best};
use crate::fit::snapshots::{self, Snapshots};
use crate::fit::{FeatureCache, FitOptions, Observer, Outcome, fit_with};
use crate::listener::{Listener, Silent};
use crate::notice::Notice;
use crate::recipe::Recipe;
use crate::store::checkpoint::{Checkpoints, Every, TrainState};
use crate::store::claim::RunFolder;
use crate::store::identity::{Changed, Identity};
use crate::store::ledger::Ledger;
use crate::store::pictures::Pictures;
use crate::store::sanity;
use crate::store::summary::{Final, Seconds, Summary, peak_memory_mb};

/// Pictures that the first loss is measured on.
const FEW: usize = 64;

/// What the loss of a step says before there was one, on a few training pictures from all over the set, as testing prepares them, in
/// batches of at most so many. Batch norm normalises by the batch, as in every step; its running statistics are put back.
///
/// # Errors
/// When a picture cannot be read.
pub fn first_loss(
    (classifier, params): (&Classifier, &Params),
    card: &ModelCard,
    pictures: &Pictures,
    (batch, threads): (usize, usize),
) -> Result<Finding> {
    let step = pictures.train.len().div_ceil(FEW);
    let some = Subset::new(pictures.train.clone(), (0..pictures.train.len()).step_by(step).collect())?;
    let loader = eval_loader(Arc::new(some), FEW.min(batch), card.input(), threads)?;
    let copy = |(_, var): (String, Var)| Ok((var.clone(), var.as_detached_tensor().copy()?));
    let statistics = params.buffers().into_iter().map(copy).collect::<candle_core::Result<Vec<_>>>()?;
    let (mut loss, mut seen) = (0.0, 0);
    let noise = Rng::new(0).fork("first loss");
    for loaded in loader.epoch(0) {
        let Batch { images, targets } = loaded?.batch;
        // A last picture alone has no variance.
        if seen > 0 && images.dim(0)? == 1 {
            break;
        }
        let logits = classifier.forward(&images, Mode::Train(&noise))?;
        loss += f64::from(cross_entropy(&logits, &targets)?.to_scalar::<f32>()?) * images.dim(0)? as f64;
        seen += images.dim(0)?;
    }
    loss /= seen as f64;
    for (var, before) in statistics {
        var.set(&before)?;
    }
    Ok(sanity::first_loss(loss, card.classes.len()))
}

/// What a run writes last: a folder with this file is at its end.
pub const SUMMARY: &str = "summary.json";

/// What a run does beside training.
#[derive(Clone, Copy, Debug)]
pub struct Manner<'a> {
    /// Threads to compute with.
    pub threads: usize,
    /// How often it is written down where the training stands.
    pub checkpoint_every: Every,
    /// Whether nothing is told but what is wrong, and nothing looked at for doubts alone.
    pub quiet: bool,
    /// Who hears what there is to say.
    pub listener: &'a dyn Listener,
}

impl Default for Manner<'_> {
    fn default() -> Self {
        Self { threads: 0, checkpoint_every: Every::default(), quiet: false, listener: &Silent }
    }
}

/// How a training ended.
#[derive(Debug)]
pub enum Ended<'a> {
    /// At its end; [`Finished::conclude`] makes it a run that is at its end.
    Done(Box<Finished<'a>>),
    /// The user ended it: epochs that are done, and all.
    Interrupted(usize, usize),
}

/// A run before it has a folder.
pub struct Run<'a> {
    start: Instant,
    recipe: &'a Recipe,
    pictures: &'a Pictures,
    network: Network,
    /// Training and validation pictures, as batches.
    loaders: (Loader, Loader),
    /// What it takes more of than there is now.
    scarce: Option<String>,
    manner: Manner<'a>,
    cache: Option<&'a FeatureCache>,
}

impl<'a> Run<'a> {
    /// Builds all that a run is made of, and so finds what is wrong with its recipe before there is a folder.
    ///
    /// # Errors
    /// When a name is unknown, a setting out of its range, a file of weights does not fit, or this machine has no memory for it.
    pub fn new(recipe: &'a Recipe, pictures: &'a Pictures, manner: Manner<'a>) -> Result<Self> {
        let start = Instant::now();
        let network = network(recipe, pictures.train.classes(), manner.listener)?;
        let input = network.card.input();
        let train = train_loader(pictures.train.clone(), recipe, input, manner.threads)?;
        let val = eval_loader(pictures.val.clone(), recipe.data.batch_size, input, manner.threads)?;
        let scarce = memory::enough((&network.classifier, &network.params), &train, recipe)?;
        Ok(Self { start, recipe, pictures, network, loaders: (train, val), scarce, manner, cache: None })
    }

    /// Counts the time that the run takes from an earlier moment on, such as that before its pictures were read.
    pub fn since(self, start: Instant) -> Self {
        Self { start, ..self }
    }

    /// Computes features of frozen stages once for all runs that have them in common.
    pub fn sharing(self, cache: &'a FeatureCache) -> Self {
        Self { cache: Some(cache), ..self }
    }

    /// Trains in a folder. One that was broken off there goes on, from its last whole checkpoint; without one it begins again.
    /// `observers` look on after what writes the history.
    ///
    /// # Errors
    /// [`Changed`] when what was begun there is another training; otherwise says what was wrong, where, and what to do. The folder keeps
    /// what was whole.
    pub fn train(self, folder: &RunFolder, observers: &mut [&mut dyn Observer]) -> Result<Ended<'a>> {
        let run = folder.path();
        let identity = Identity::new(self.recipe, &self.network, self.pictures)?;
        let checkpoints = Checkpoints::new(run, self.manner.checkpoint_every, identity.clone());
        let mut resume = None;
        if folder.begun() {
            let said = files::read_text(&run.join("recipe.toml"))?;
            self.require_same(run, &Identity { recipe: said, ..identity.clone() }, &identity)?;
            resume = checkpoints.latest(self.manner.listener)?;
            if let Some(checkpoint) = &resume {
                self.require_same(run, checkpoint.identity(), &identity)?;
            } else if !self.manner.quiet {
                self.manner.listener.notice(&Notice::BeginsAgain { run: run.into() });
            }
        }
        if resume.is_none() {
            // What an earlier beginning has left is not of this one.
            crate::store::snapshots::clear(run)?;
        }
        if !folder.begun() {
            Checkpoints::clear(run)?;
            folder.begin(self.recipe)?;
        }
        self.pictures.ledger.write(run)?;
        self.fit(run, (checkpoints, resume), identity, observers)
    }

    /// Refuses a run at its end that was another training.
    ///
    /// # Errors
    /// [`Changed`]; when its recipe or summary cannot be read.
    pub fn require_finished(&self, finished: &Path) -> Result<()> {
        let summary = Summary::read(&finished.join(SUMMARY))?;
        let now = Identity::new(self.recipe, &self.network, self.pictures)?;
        let mut then = Identity { recipe: files::read_text(&finished.join("recipe.toml"))?, ..now.clone() };
        if !summary.pictures_sha256.is_empty() {
            (then.pictures, then.weights) = (summary.pictures_sha256, summary.weights_sha256);
        }
        self.require_same(finished, &then, &now)
    }

    fn require_same(&self, run: &Path, then: &Identity, now: &Identity) -> Result<()> {
        let pictures = || {
            let ledger = Ledger::read(run).filter(|ledger| ledger.sum() == then.pictures);
            ledger.map_or(Vec::new(), |ledger| ledger.differences(&self.pictures.ledger))
        };
        let what = then.differences(now, pictures).with_context(|| format!("{} cannot go on", run.display()))?;
        ensure!(what.is_empty(), Changed::new(run, self.recipe, what));
        Ok(())
    }

    /// Trains, from the beginning or from a checkpoint on, and writes what comes out.
    fn fit(
        self,
        folder: &Path,
        (checkpoints, resume): (Checkpoints, Option<TrainState>),
        identity: Identity,
        others: &mut [&mut dyn Observer],
    ) -> Result<Ended<'a>> {
        let Self { start, recipe, pictures, network, loaders: (train, val), scarce, manner, cache } = self;
        let Network { card, mut classifier, params, loaded } = network;
        let phases = phases(recipe, classifier.backbone().stages().len());
        let listener = manner.listener;
        if !manner.quiet {
            listener.notice(&Notice::Begins {
                model: recipe.model.clone(),
                data: recipe.data.path.clone(),
                train: pictures.train.len(),
                val: pictures.val.len(),
                classes: card.classes.len(),
                phases: phases.iter().map(|phase| (phase.epochs, phase.name)).collect(),
            });
            match (&resume, loaded) {
                (Some(checkpoint), _) => listener.notice(&Notice::GoesOn { steps: checkpoint.steps() }),
                (None, Some(Loaded { read, fit })) => {
                    tell(&read, listener);
                    listener.notice(&Notice::WeightsFit(fit));
                }
                (None, None) => {}
            }
        }

        if resume.is_none() && !manner.quiet {
            let first = first_loss((&classifier, &params), &card, pictures, (recipe.data.batch_size, manner.threads))?;
            let kept = snapshots::finding(recipe, &phases);
            let doubts = pictures
                .findings
                .iter()
                .chain([&first])
                .chain(&kept)
                .filter(|found| found.verdict == Verdict::Doubtful);
            doubts.for_each(|found| listener.notice(&Notice::Doubtful(found.clone())));
            if let Some(said) = scarce {
                listener.notice(&Notice::Doubtful(Finding { about: "memory", verdict: Verdict::Doubtful, said }));
            }
        }
        let mut recorder = Recorder::new(folder);
        let mut snapshots = Snapshots::new(folder, recipe, &phases);
        let epochs = phases.iter().map(|phase| phase.epochs).sum();
        let mut heard = Heard(listener);
        let mut observers: Vec<&mut dyn Observer> = vec![&mut recorder, &mut snapshots, &mut heard];
        for observer in others {
            observers.push(&mut **observer);
        }
        let options = FitOptions { scratch: Some(folder), checkpoints: Some(checkpoints), resume, features: cache };
        let outcome = fit_with((&mut classifier, &params), (&train, &val), recipe, &mut observers, options)
            .map_err(|error| with_best(error, &folder.join("checkpoint/best.safetensors")))?;
        if outcome.stopped {
            return Ok(Ended::Interrupted(outcome.history.len(), epochs));
        }

        save_weights(&folder.join("model.safetensors"), &params.tensors())?;
        files::write(&folder.join("model.json"), &json(&card)?)?;
        let summary = summarize(recipe, &card, &outcome, (pictures, &identity), manner.threads);
        let steps_per_epoch = train.batches().div_ceil(recipe.optimize.accumulate);
        Ok(Ended::Done(Box::new(Finished {
            folder: folder.into(),
            start,
            recipe,
            pictures,
            summary,
            outcome,
            steps_per_epoch,
            classifier,
            card,
        })))
    }
}

/// A training that came to its end, with the network it made, before its folder says so: the place to draw it.
#[must_use = "a run without its summary is not at its end"]
pub struct Finished<'a> {
    folder: PathBuf,
    start: Instant,
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The pictures.
    pub pictures: &'a Pictures,
    /// The summary, but for its total time.
    pub summary: Summary,
    /// What came out of the training.
    pub outcome: Outcome,
    /// Steps of an epoch.
    pub steps_per_epoch: usize,
    /// The network.
    pub classifier: Classifier,
    /// What it is.
    pub card: ModelCard,
}

impl fmt::Debug for Finished<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finished").field("folder", &self.folder).field("summary", &self.summary).finish_non_exhaustive()
    }
}

impl Finished<'_> {
    /// The run folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the summary, after which the run is at its end, and removes what it could have gone on with. `output_lost` says where
    /// output could not be printed, and why.
    ///
    /// # Errors
    /// When a file cannot be written or removed.
    pub fn conclude(self, output_lost: Option<String>) -> Result<Summary> {
        let Self { folder, start, mut summary, .. } = self;
        summary.seconds.total = start.elapsed().as_secs_f64();
        summary.output_lost = output_lost;
        files::write(&folder.join(SUMMARY), &json(&summary)?)?;
        Checkpoints::clear(&folder)?;
        Ok(summary)
    }
}

/// A listener who hears of the training too.
struct Heard<'a>(&'a dyn Listener);

impl Observer for Heard<'_> {
    fn notice(&mut self, notice: &Notice) {
        self.0.notice(notice);
    }
}

/// The summary of a run; its total time comes last, when all else is written.
fn summarize(
    recipe: &Recipe,
    card: &ModelCard,
    outcome: &Outcome,
    (pictures, identity): (&Pictures, &Identity),
    threads: usize,
) -> Summary {
    let last = outcome.history.last();
    Summary {
        schema: 1,
        command: verb(recipe).into(),
        model: card.model.clone(),
        plan: format!("{:?}", recipe.plan).to_lowercase(),
        optimizer: recipe.optimize.rule.name().into(),
        average: recipe.optimize.average.name().into(),
        seed: recipe.seed,
        threads,
        train_images: pictures.train.len(),
        val_images: pictures.val.len(),
        unreadable_images: pictures.unreadable,
        left_out: pictures.left_out.counts().clone(),
        pictures_sha256: identity.pictures.clone(),
        weights_sha256: identity.weights.clone(),
        classes: card.classes.clone(),
        epochs: outcome.history.len(),
        skipped_steps: outcome.skipped,
        best: best(&outcome.history),
        r#final: last.map_or_else(Final::default, |e| Final {
            train_loss: e.train_loss,
            penalty: outcome.penalty,
            val_loss: outcome.evaluation.loss,
            val_accuracy: outcome.evaluation.accuracy(),
        }),
        seconds: Seconds {
            total: 0.0,
            train: outcome.train.as_secs_f64(),
            eval: outcome.eval.as_secs_f64(),
            data_wait: outcome.waited.as_secs_f64(),
        },
        images_per_second: outcome.pictures as f64 / outcome.train.as_secs_f64(),
        peak_memory_mb: peak_memory_mb(),
        output_lost: None,
    }
}

/// Names the network that a training which diverged has left.
fn with_best(error: anyhow::Error, best: &Path) -> anyhow::Error {
    match error.downcast::<Diverged>() {
        Ok(diverged) => Diverged { kept: best.is_file().then(|| best.into()), ..diverged }.into(),
        Err(error) => error,
    }
}

/// The verb that runs a recipe.
fn verb(recipe: &Recipe) -> &'static str {
    if recipe.pretrained { "fine-tune" } else { "train" }
}
