//! The layers against PyTorch's values and inside a small training step.
mod frozen;
mod golden;
