//! Heads: from the last feature map to logits. Each file is one, with its settings; [`head`] names
//! them all.

mod concat_pool_head;
mod conv_head;
mod head;
mod linear_head;
mod mlp_head;
mod norm_head;
mod norm_mlp_head;
mod vgg_head;

pub use concat_pool_head::{ConcatPoolHead, ConcatPoolHeadConfig};
pub use conv_head::{ConvHead, ConvHeadConfig};
pub use head::Head;
pub use linear_head::{DropoutConfig, LinearHead};
pub use mlp_head::{MlpHead, MlpHeadConfig};
pub use norm_head::NormHead;
pub use norm_mlp_head::NormMlpHead;
pub use vgg_head::{VggHead, VggHeadConfig};
