//! Pretrained weights, fetched in sight of the user.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use candle_core::Tensor;
use taper_transfer::{Fetch, Hub, Model, TransferError};

use crate::output::note;
use crate::progress::downloading;

/// The weights of a model by name, float32, fetched from the hub if they are not on this machine.
///
/// # Errors
/// When no repository holds them, they cannot be fetched, or the file is broken.
pub fn weights(model: &Model) -> Result<BTreeMap<String, Tensor>, TransferError> {
    match pull(model)? {
        Some(path) => model.weights_in(&path),
        None => model.weights(),
    }
}

/// The file of a model's weights, fetched with a progress bar if it is not on this machine; none where they are embedded.
///
/// # Errors
/// When no repository holds them, or they cannot be fetched.
pub fn pull(model: &Model) -> Result<Option<PathBuf>, TransferError> {
    let hub = Hub::from_env()?;
    let bar = downloading(model.name);
    let mut here = 0;
    let path = model.pull(&hub, &mut |fetch| match fetch {
        Fetch::Size(size) => {
            bar.set_length(size);
            here = 0;
        }
        Fetch::Bytes(more) => {
            here += more;
            bar.set_position(here);
        }
        Fetch::Waiting(why) => note(format_args!("{}: waiting: {why}", model.name)),
    });
    bar.finish_and_clear();
    path
}
