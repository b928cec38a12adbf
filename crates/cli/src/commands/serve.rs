//! `taper serve`: a network behind HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::asking::PrecisionFlag;
use crate::interrupt::EXIT_CODE;
use crate::output::{line, note, regardless};
use crate::serve::{Allowed, Hosts, router, serve};
use crate::terminal::Terminal;
use taper_trainer::build::model;
use taper_trainer::study::budget::Length;

/// Serve a trained model: a page to drop a picture on, and POST /predict for programs.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper serve runs/pictures-1\n  taper serve squeezenet1_1 --address 127.0.0.1:8080\n  curl --data-binary @cat.jpg 'http://127.0.0.1:3000/predict?top=3&explain=true'\n  curl -F picture=@cat.jpg -F picture=@dog.jpg http://127.0.0.1:3000/predict\n\nOnly programs of this machine can ask, unless --address names another interface; there is no password then either.\nA request is answered when its Host is the address, localhost, a name without a dot or one of --host, so that no page of another site\ncan ask in your browser. Bodies of four times --max-mb and four decoded pictures, of up to 300 MB each, are in memory at a time; further requests wait for as long as --max-time, then hear 503. Ctrl-C ends it within a few seconds, a second one at once."
)]
pub struct ServeArgs {
    /// A run folder, a file of weights in one, or a pretrained model
    model: PathBuf,
    /// A file in place of the model's own weights (safetensors, or a state dict of PyTorch's)
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    #[command(flatten)]
    precision: PrecisionFlag,
    /// Where to listen
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:3000")]
    address: SocketAddr,
    /// A further name that this server is reached by, such as pictures.example.org; may be given
    /// several times
    #[arg(long, value_name = "NAME", value_parser = Hosts::name)]
    host: Vec<String>,
    /// The longest body of a request, megabytes
    #[arg(long, value_name = "MB", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=500))]
    max_mb: u16,
    /// The longest that a request may take once it has its turn, such as 30s
    #[arg(long, value_name = "TIME", default_value = "30s")]
    max_time: Length,
}

/// Runs the verb, on a thread outside rayon's pool.
///
/// # Errors
/// When the model cannot be read, or the address is taken.
pub fn serve_model(args: &ServeArgs) -> Result<i32> {
    let asking = args.precision.asking()?;
    let model = model::open(&args.model, args.weights.as_deref(), &Terminal)?;
    let Length(time) = args.max_time;
    let hosts = Hosts { bound: args.address.ip(), names: args.host.clone() };
    let router = router(
        &args.model.to_string_lossy(),
        (model, asking),
        Allowed { bytes: usize::from(args.max_mb) << 20, time, hosts },
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(args.address).await;
        let listener =
            listener.with_context(|| format!("cannot listen on {}: choose another --address", args.address))?;
        let asked = Arc::new(Notify::new());
        let ends = Arc::clone(&asked);
        let again = AtomicBool::new(false);
        ctrlc::set_handler(move || {
            if again.swap(true, Ordering::SeqCst) {
                std::process::exit(EXIT_CODE);
            }
            note("ending: requests that are here have a few seconds (again to leave at once)");
            ends.notify_one();
        })
        .context("cannot listen for Ctrl-C")?;
        // Who reads this may ask at once, also for the end.
        regardless(line(format_args!("listening on http://{}", listener.local_addr()?)))?;
        serve(listener, router, time, async move { asked.notified().await }).await;
        anyhow::Ok(())
    })?;
    // What is still being computed has nobody to wait for it.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(0)
}
