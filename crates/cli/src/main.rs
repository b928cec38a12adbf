//! The binary `taper`.

use std::process::ExitCode;

use clap::Parser;
use taper_augment::AugmentError;
use taper_caption::train::TrainError as CaptionError;
use taper_cli::commands::{self, SameFile};
use taper_cli::output::{is_closed_pipe, note};
use taper_cli::ranks::within;
use taper_cli::{Cli, Verb, causes, said};
use taper_detect::train::TrainError;
use taper_gallery::GalleryError;
use taper_optim::OptimError;
use taper_report::landscape::LandscapeError;
use taper_report::preview::SheetError;
use taper_trainer::ranks::Ranks;
use taper_trainer::recipe::RecipeError;
use taper_transfer::TransferError;

/// Feature maps are large and short-lived. This allocator keeps their memory for the next one,
/// where the system's gives it back and pays for fresh pages every time.
#[global_allocator]
static ALLOCATOR: taper_tensor::Recycler<mimalloc::MiMalloc> = taper_tensor::Recycler::new(mimalloc::MiMalloc);

/// Bytes of stack for each thread, what a main thread has: candle walks a graph by recursion.
const STACK: usize = 8 << 20;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(said) = taper_tensor::simd_asked_for() {
        note(format_args!("error: {said}"));
        return ExitCode::from(2);
    }
    match run(&cli) {
        Ok(code) => ExitCode::from(code as u8),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // What is explained over several lines stays so, but a name with a line's end in it
            // begins no line.
            let said = said(&error);
            let mut lines = said.lines();
            note(format_args!("error: {}", lines.next().unwrap_or_default()));
            lines.for_each(|line| note(format_args!("  {line}")));
            ExitCode::from(if is_recipe_error(&error) { 2 } else { 1 })
        }
    }
}

/// Whether the recipe or a flag is to blame, whichever crate found out.
fn is_recipe_error(error: &anyhow::Error) -> bool {
    causes(error).any(|cause| {
        // A file that cannot be read is no wrong recipe.
        cause.downcast_ref().is_some_and(|error| !matches!(error, RecipeError::Unreadable(_)))
            || cause.is::<AugmentError>()
            || cause.is::<SameFile>()
            || matches!(cause.downcast_ref(), Some(SheetError::TooLarge { .. }))
            || cause.downcast_ref().is_some_and(is_usage)
            || cause.downcast_ref().is_some_and(TrainError::is_usage)
            || cause.downcast_ref().is_some_and(CaptionError::is_usage)
            || cause.downcast_ref().is_some_and(LandscapeError::is_usage)
            || cause.downcast_ref().is_some_and(GalleryError::is_usage)
            || matches!(cause.downcast_ref(), Some(OptimError::BadConfig { .. }))
    })
}

/// Whether a network is named or set that cannot be.
fn is_usage(error: &TransferError) -> bool {
    matches!(
        error,
        TransferError::BadConfig { .. }
            | TransferError::UnknownModel { .. }
            | TransferError::NoSource { .. }
            | TransferError::TooManyFrozen { .. }
            | TransferError::Layer(_)
            | TransferError::BadLayer(_)
    )
}

fn run(cli: &Cli) -> anyhow::Result<i32> {
    let threads = match cli.threads {
        Some(threads) => usize::from(threads),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    cli.memory.into_iter().for_each(taper_trainer::build::memory::allow);
    rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build_global()?;
    let work = |ranks: &dyn Ranks| match &cli.verb {
        Verb::FineTune(args) => commands::fine_tune(args, threads, ranks),
        Verb::Train(args) => commands::train(args, threads, ranks),
        Verb::LrFind(args) => commands::lr_find(args, threads),
        Verb::Check(args) => commands::check(args, threads),
        Verb::Report(args) => commands::report(args),
        Verb::Search(args) => commands::search(args, threads, ranks),
        Verb::Resume(args) => commands::resume(args, threads, ranks),
        Verb::Eval(args) => commands::eval(args, threads, ranks),
        Verb::Ensemble(args) => commands::ensemble(args, threads),
        Verb::Predict(args) => commands::predict(args),
        Verb::Probe(args) => commands::probe(args, threads),
        Verb::Advise(args) => commands::advise(args, threads),
        Verb::Features(args) => commands::features(args, threads, ranks),
        Verb::Export(args) => commands::export(args),
        Verb::Serve(args) => commands::serve(args),
        Verb::Explain(args) => commands::explain(args),
        Verb::Models(args) => commands::models(args),
        Verb::Optimize(args) => commands::optimize(args),
        Verb::Inspect(args) => commands::inspect(args),
        Verb::Data(args) => commands::data(args),
        Verb::Detect(args) => commands::detect(args, threads),
        Verb::Caption(args) => commands::caption(args, threads),
        Verb::Augment(args) => commands::augment(args),
        Verb::Gallery(args) => commands::gallery(args),
    };
    // A verb runs on a thread of the pool: a parallel loop that is begun from outside is handed
    // over first, which for the many small ones of a training step costs up to a tenth of the time.
    // A server waits, for which a thread of the pool would be missed.
    let work = || within(&cli.verb, work);
    if let Verb::Serve(_) = cli.verb { work() } else { rayon::scope(|_| work()) }
}
