//! Pictures that a training decodes once and reads in later epochs.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use taper_data::{Keep, Kept, Loader};
use taper_nn::Params;

use super::{Begin, EpochInfo, Observer};
use crate::error::{ObserverError, Result};
use crate::recipe::CacheRecipe;

/// The part of the processors' time in the first epoch that decoding has to take for pictures to be
/// kept any longer, fraction.
const WORTH: f64 = 0.05;

/// What is kept of the pictures of both sides. It looks on at the training: after the first epoch
/// it gives the room back where decoding takes little. What is trained is the same either way.
#[derive(Debug)]
pub struct Keeping {
    sides: Vec<Arc<Kept>>,
    cache: CacheRecipe,
    threads: usize,
    begun: Instant,
}

impl Keeping {
    /// Loaders of the same batches whose pictures are kept in files in `folder`, or in the system's
    /// for such, unless the recipe says that none are.
    ///
    /// # Errors
    /// None that is known.
    pub fn new(
        cache: CacheRecipe,
        (train, val): (Loader, Loader),
        folder: Option<&Path>,
    ) -> Result<(Self, (Loader, Loader))> {
        let threads = train.config().threads;
        let mut keeping = Self { sides: Vec::new(), cache, threads, begun: Instant::now() };
        if cache == CacheRecipe::None {
            return Ok((keeping, (train, val)));
        }
        let mut kept = |loader: Loader| -> Result<Loader> {
            let keep = Keep { folder: folder.map(Path::to_owned), ..Keep::default() };
            let pictures = Arc::new(Kept::new(Arc::clone(loader.dataset()), keep));
            keeping.sides.push(Arc::clone(&pictures));
            Ok(loader.over(pictures)?)
        };
        let loaders = (kept(train)?, kept(val)?);
        Ok((keeping, loaders))
    }

    /// Whether decoding took so little of the time since the training began that nothing is gained.
    fn is_idle(&self) -> bool {
        let decoding: f64 = self.sides.iter().map(|side| side.decoding().as_secs_f64()).sum();
        decoding < WORTH * self.threads as f64 * self.begun.elapsed().as_secs_f64()
    }
}

impl Observer for Keeping {
    fn begin(&mut self, _: &Begin<'_>) -> Result<(), ObserverError> {
        self.begun = Instant::now();
        Ok(())
    }

    fn epoch(&mut self, _: &EpochInfo, _: &Params) -> Result<ControlFlow<()>, ObserverError> {
        if self.cache == CacheRecipe::Auto && !self.sides.is_empty() {
            if self.is_idle() {
                self.sides.drain(..).for_each(|side| side.stop());
            }
            // It is decided once.
            self.cache = CacheRecipe::Pictures;
        }
        Ok(ControlFlow::Continue(()))
    }
}
