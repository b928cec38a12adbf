//! The columns of a table, as flags.

use taper_data::{Columns, OpenConfig};

/// Columns of a table by their names.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ColumnFlags {
    /// The column of a table that has the paths of the pictures [default: by its name]
    #[arg(long, value_name = "NAME")]
    image_column: Option<String>,
    /// The columns of a table that have the labels, with commas between [default: by its name]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    label_columns: Vec<String>,
    /// The column of a table that says train, val or test [default: by its name]
    #[arg(long, value_name = "NAME")]
    split_column: Option<String>,
}

impl ColumnFlags {
    /// How a data set with these columns is opened.
    pub(super) fn config(&self) -> OpenConfig {
        let columns = Columns {
            image: self.image_column.clone(),
            labels: self.label_columns.clone(),
            split: self.split_column.clone(),
        };
        OpenConfig { columns, ..OpenConfig::default() }
    }
}
