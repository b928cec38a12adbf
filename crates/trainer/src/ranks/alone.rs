//! One process.

use super::{Ranks, RanksError};

/// The only process there is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Ranks for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn send(&self, to: usize, _: &[f32]) -> Result<(), RanksError> {
        Err(RanksError::Lost { rank: to })
    }

    fn receive(&self, from: usize, _: &mut [f32]) -> Result<(), RanksError> {
        Err(RanksError::Lost { rank: from })
    }

    fn exchange(&self, with: usize, _: &[f32], _: &mut [f32]) -> Result<(), RanksError> {
        Err(RanksError::Lost { rank: with })
    }

    fn send_bytes(&self, to: usize, _: &[u8]) -> Result<(), RanksError> {
        Err(RanksError::Lost { rank: to })
    }

    fn receive_bytes(&self, from: usize) -> Result<Vec<u8>, RanksError> {
        Err(RanksError::Lost { rank: from })
    }
}
