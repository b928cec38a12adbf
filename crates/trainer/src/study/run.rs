//! A run: a recipe becomes a folder with a trained network.

use std::fmt;
use std::path::Path;
use std::time::Instant;

use taper_data::Loader;
use taper_transfer::sha256;

use crate::build::memory;
use crate::build::model::save_weights;
use crate::build::network::{Loaded, Network, network};
use crate::build::phases::{Phase, phases};
use crate::build::pipeline::{eval_loader, train_loader};
use crate::build::pretrained::tell;
use crate::build::trained::trained;
use crate::error::{Error, Result};
use crate::files::{self, json};
use crate::finding::{Finding, Verdict};
use crate::fit::divergence::Diverged;
use crate::fit::recorder::Recorder;
use crate::fit::snapshots::{self, Snapshots};
use crate::fit::{FeatureCache, FitOptions, Keeping, Observer, Shards, fit_with};
use crate::listener::{Listener, Silent};
use crate::notice::Notice;
use crate::ranks::{Alone, Fact, Ranks, broadcast, require_alike};
use crate::recipe::Recipe;
use crate::store::checkpoint::{Checkpoints, Every, TrainState};
use crate::store::claim::RunFolder;
use crate::store::identity::Identity;
use crate::store::ledger::Ledger;
use crate::store::pictures::Pictures;
use crate::store::summary::{SUMMARY, Summary};
use crate::store::{Changed, CheckpointError};
use crate::study::damage::Damage;
use crate::study::finished::{Finished, summarize};
use crate::study::first_loss::first_loss;

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
    /// The processes that train together, this one among them.
    pub ranks: &'a dyn Ranks,
    /// Whether they may have other instruction sets: the bits are then not promised.
    pub mixed: bool,
}

impl Default for Manner<'_> {
    fn default() -> Self {
        Self {
            threads: 0,
            checkpoint_every: Every::default(),
            quiet: false,
            listener: &Silent,
            ranks: &Alone,
            mixed: false,
        }
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

impl fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("recipe", &self.recipe).field("network", &self.network).finish_non_exhaustive()
    }
}

impl<'a> Run<'a> {
    /// Builds all that a run is made of, and so finds what is wrong with its recipe before there is
    /// a folder.
    ///
    /// # Errors
    /// When a name is unknown, a setting out of its range, a file of weights does not fit, or this
    /// machine has no memory for it.
    pub fn new(recipe: &'a Recipe, pictures: &'a Pictures, manner: Manner<'a>) -> Result<Self> {
        let start = Instant::now();
        Shards::new(recipe, manner.ranks)?;
        let network = network(recipe, &*pictures.train, manner.listener)?;
        let input = network.card.input();
        let train = train_loader(pictures.train.clone(), recipe, input, manner.threads)?;
        let val = eval_loader(pictures.val.clone(), recipe.data.batch_size, input, manner.threads)?;
        let scarce = memory::enough((&network.classifier, &network.params), &train, recipe)?;
        Ok(Self { start, recipe, pictures, network, loaders: (train, val), scarce, manner, cache: None })
    }

    /// Counts the time that the run takes from an earlier moment on, such as that before its
    /// pictures were read.
    pub fn since(self, start: Instant) -> Self {
        Self { start, ..self }
    }

    /// When it was begun.
    pub fn start(&self) -> Instant {
        self.start
    }

    /// What it does beside training.
    pub fn manner(&self) -> Manner<'a> {
        self.manner
    }

    /// Computes features of frozen stages once for all runs that have them in common.
    pub fn sharing(self, cache: &'a FeatureCache) -> Self {
        Self { cache: Some(cache), ..self }
    }

    /// Trains in a folder. One that was broken off there goes on, from its last whole checkpoint;
    /// without one it begins again. `observers` look on after what writes the history.
    ///
    /// # Errors
    /// [`Changed`] when what was begun there is another training; otherwise says what was wrong,
    /// where, and what to do. The folder keeps what was whole.
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
        self.require_alike(&identity)?;
        if self.manner.ranks.size() > 1 {
            broadcast(self.manner.ranks, resume.as_ref().map_or(Ok(Vec::new()), TrainState::bytes)?)?;
        }
        self.fit(Some(run), (Some(checkpoints), resume), identity, observers)
    }

    /// Trains with the process that [trains](Self::train) in a folder, and writes nothing.
    /// `observers` may end the training of all.
    ///
    /// # Errors
    /// As there; and when it is to train otherwise than that process.
    pub fn assist(self, observers: &mut [&mut dyn Observer]) -> Result<()> {
        let identity = Identity::new(self.recipe, &self.network, self.pictures)?;
        self.require_alike(&identity)?;
        let state = broadcast(self.manner.ranks, Vec::new())?;
        let resume = match state.is_empty() {
            true => None,
            false => Some(TrainState::parse(&state).map_err(|source| {
                let path = "of rank 0".into();
                CheckpointError::Unusable { path, source }
            })?),
        };
        self.fit(None, (None, resume), identity, observers).map(drop)
    }

    /// Refuses processes that do not train the same.
    fn require_alike(&self, identity: &Identity) -> Result<()> {
        let Identity { recipe, weights, pictures } = identity;
        let recipe = sha256(recipe.as_bytes());
        let simd = taper_tensor::arithmetic();
        let all = [
            ("another version of taper", env!("CARGO_PKG_VERSION"), false),
            ("another recipe", &recipe, false),
            ("other weights to begin with", weights, false),
            ("other pictures", pictures, false),
            ("another instruction set", &simd, true),
        ];
        let facts = all.map(|(what, value, optional)| Fact { what, value: value.into(), optional });
        Ok(require_alike(self.manner.ranks, &facts, self.manner.mixed)?)
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
        let what = then
            .differences(now, pictures)
            .map_err(|error| Error::CannotGoOn { run: run.into(), source: Box::new(error) })?;
        if what.is_empty() { Ok(()) } else { Err(Changed::new(run, self.recipe, what).into()) }
    }

    /// Says what is about to be trained, from where on.
    fn announce(&self, phases: &[Phase], resume: Option<&TrainState>) {
        let Self { recipe, pictures, network, manner: Manner { listener, .. }, .. } = self;
        listener.notice(&Notice::Begins {
            model: recipe.model.clone(),
            data: recipe.data.path.clone(),
            train: pictures.train.len(),
            val: pictures.val.len(),
            classes: network.card.classes.len(),
            phases: phases.iter().map(|phase| (phase.epochs, phase.name)).collect(),
        });
        let Network { classifier, params, .. } = network;
        for trained in trained(recipe, (classifier, params), phases) {
            listener.notice(&Notice::Trains(trained));
        }
        match (resume, &network.loaded) {
            (Some(checkpoint), _) => listener.notice(&Notice::GoesOn { steps: checkpoint.steps() }),
            (None, Some(Loaded { read, fit })) => {
                tell(read, *listener);
                listener.notice(&Notice::WeightsFit(fit.clone()));
            }
            (None, None) => {}
        }
    }

    /// Says what is about to be trained, and where it begins what is doubtful about it.
    fn begins(&self, phases: &[Phase], resume: Option<&TrainState>) -> Result<()> {
        self.announce(phases, resume);
        if resume.is_none() { self.doubts(phases) } else { Ok(()) }
    }

    /// Says what is doubtful before the first step.
    fn doubts(&self, phases: &[Phase]) -> Result<()> {
        let Self { recipe, pictures, network, manner, loaders: (train, _), .. } = self;
        let Network { card, classifier, params, .. } = network;
        let few = (recipe.data.batch_size, manner.threads);
        let first = first_loss((classifier, params), card, train, few, manner.listener)?;
        let kept = snapshots::finding(recipe, phases);
        let found = pictures.findings.iter().chain([&first]).chain(&kept);
        for doubt in found.filter(|found| found.verdict == Verdict::Doubtful) {
            manner.listener.notice(&Notice::Doubtful(doubt.clone()));
        }
        if let Some(said) = self.scarce.clone() {
            manner.listener.notice(&Notice::Doubtful(Finding { about: "memory", verdict: Verdict::Doubtful, said }));
        }
        Ok(())
    }

    /// Trains, from the beginning or from a checkpoint on, and writes what comes out where there is
    /// a folder.
    fn fit(
        mut self,
        folder: Option<&Path>,
        (checkpoints, resume): (Option<Checkpoints>, Option<TrainState>),
        identity: Identity,
        others: &mut [&mut dyn Observer],
    ) -> Result<Ended<'a>> {
        let phases = phases(self.recipe, self.network.classifier.backbone().stages())?;
        let (damage, loaders) = Damage::looked_for(self.loaders, self.manner.ranks)?;
        let (mut keeping, loaders) = Keeping::new(self.recipe.data.cache, loaders, folder)?;
        self.loaders = loaders;
        if !self.manner.quiet && folder.is_some() {
            self.begins(&phases, resume.as_ref())?;
        }
        let Self { start, recipe, pictures, network, loaders: (train, val), manner, cache, .. } = self;
        let Network { mut card, mut classifier, params, .. } = network;
        let mut recorder = folder.map(Recorder::new);
        let mut snapshots = folder.map(|folder| Snapshots::new(folder, recipe, &phases));
        let epochs = phases.iter().map(|phase| phase.epochs).sum();
        let mut heard = Heard(manner.listener);
        let mut observers: Vec<&mut dyn Observer> = Vec::new();
        recorder.iter_mut().for_each(|recorder| observers.push(recorder));
        snapshots.iter_mut().for_each(|snapshots| observers.push(snapshots));
        let mut looking = damage.clone();
        observers.extend([&mut heard as &mut dyn Observer, &mut keeping, &mut looking]);
        for observer in others {
            observers.push(&mut **observer);
        }
        let options = FitOptions {
            scratch: folder,
            checkpoints,
            resume,
            features: cache,
            listener: Some(manner.listener),
            ranks: Some(manner.ranks),
        };
        let outcome = fit_with((&mut classifier, &params), (&train, &val), recipe, &mut observers, options)
            .map_err(|error| with_best(error, folder))?;
        damage.require_none(manner.ranks)?;
        let (false, Some(folder)) = (outcome.stopped, folder) else {
            return Ok(Ended::Interrupted(outcome.history.len(), epochs));
        };

        card.objective = outcome.evaluation.with_thresholds();
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

/// A listener who hears of the training too.
struct Heard<'a>(&'a dyn Listener);

impl Observer for Heard<'_> {
    fn notice(&mut self, notice: &Notice) {
        self.0.notice(notice);
    }
}

/// Names the network that a training which diverged has left.
fn with_best(error: Error, folder: Option<&Path>) -> Error {
    let best = folder.map(|folder| folder.join("checkpoint/best.safetensors")).filter(|best| best.is_file());
    match error {
        Error::Diverged(diverged) => Diverged { kept: best, ..diverged }.into(),
        error => error,
    }
}
