use taper_tensor::SizeError;

/// What can go wrong when a layer is built or run.
///
/// [`Layer::forward`](crate::Layer::forward) gives candle's error, which holds this one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// A setting lies outside its range.
    #[error("{field} must be {wanted}, got {got}")]
    BadConfig {
        /// The name of the field or argument.
        field: &'static str,
        /// The range it must lie in.
        wanted: &'static str,
        /// The value that was given.
        got: f64,
    },
    /// An input has other channels than the layer.
    #[error("batch norm {layer} has {wanted} channels; got the shape {got:?}")]
    Channels {
        /// Where the layer has its parameters.
        layer: String,
        /// Its channels.
        wanted: usize,
        /// The shape of the input, channels last.
        got: Vec<usize>,
    },
    /// A batch has no variance.
    #[error(
        "batch norm {layer} needs two or more values per channel to train, got {got} (shape {shape:?}): \
         use a larger batch, or drop the last, smaller one"
    )]
    TooFewValues {
        /// Where the layer has its parameters.
        layer: String,
        /// Values per channel.
        got: usize,
        /// The shape of the batch.
        shape: Vec<usize>,
    },
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl From<LayerError> for candle_core::Error {
    fn from(error: LayerError) -> Self {
        match error {
            LayerError::Tensor(error) => error,
            error => Self::wrap(error),
        }
    }
}

/// Why a parameter cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// It exists with another shape.
    #[error("parameter {name} exists with shape {got:?}; wanted {wanted:?}")]
    Shape {
        /// Its full name.
        name: String,
        /// The shape that it has.
        got: Vec<usize>,
        /// The shape that was asked for.
        wanted: Vec<usize>,
    },
    /// The network would be larger than its bound.
    #[error("with parameter {name} of the shape {shape:?} the network has more than {most} numbers")]
    TooLarge {
        /// Its full name.
        name: String,
        /// The shape that was asked for.
        shape: Vec<usize>,
        /// The bound, elements of all parameters together.
        most: usize,
    },
    /// Its size cannot be counted, or the system does not give the memory.
    #[error("there is no memory for parameter {name}")]
    Memory {
        /// Its full name.
        name: String,
        /// Why.
        source: SizeError,
    },
    /// It does not exist, and is asked for without a shape.
    #[error("there is no parameter {name}, and without a shape it cannot be created")]
    Missing {
        /// Its full name.
        name: String,
    },
}

impl From<ParamsError> for candle_core::Error {
    fn from(error: ParamsError) -> Self {
        Self::wrap(error)
    }
}

/// Refuses a setting outside its range; the condition is written so that NaN fails it.
pub(crate) fn check(ok: bool, field: &'static str, wanted: &'static str, got: f64) -> Result<(), LayerError> {
    if ok { Ok(()) } else { Err(LayerError::BadConfig { field, wanted, got }) }
}
