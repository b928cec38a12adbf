//! Several ranks in one process: threads with channels between them.

use std::sync::mpsc::{Receiver, Sender, channel};

use super::{Ranks, RanksError};

/// One of several threads that train one network, as processes would: what several ranks do can be
/// tried without MPI.
///
/// # Examples
/// ```
/// use taper_trainer::ranks::{Ranks, Threads};
/// let mut both = Threads::new(2);
/// let (one, zero) = (both.pop().ok_or("two")?, both.pop().ok_or("two")?);
/// let other = std::thread::spawn(move || one.send(0, &[2.5]));
/// let mut got = [0.0];
/// zero.receive(1, &mut got)?;
/// assert!(got == [2.5] && other.join().is_ok_and(|sent| sent.is_ok()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Threads {
    rank: usize,
    /// To each, and from each.
    to: Vec<Sender<Message>>,
    from: Vec<Receiver<Message>>,
}

#[derive(Debug)]
enum Message {
    Numbers(Vec<f32>),
    Bytes(Vec<u8>),
}

impl Threads {
    /// So many, in the order of their ranks.
    pub fn new(size: usize) -> Vec<Self> {
        let mut all: Vec<Self> = (0..size).map(|rank| Self { rank, to: Vec::new(), from: Vec::new() }).collect();
        for (from, to) in (0..size).flat_map(|from| (0..size).map(move |to| (from, to))) {
            let (sender, receiver) = channel();
            all[from].to.push(sender);
            all[to].from.push(receiver);
        }
        all
    }

    fn put(&self, to: usize, message: Message) -> Result<(), RanksError> {
        self.to[to].send(message).map_err(|_| RanksError::Lost { rank: to })
    }
}

impl Ranks for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.to.len()
    }

    fn send(&self, to: usize, values: &[f32]) -> Result<(), RanksError> {
        self.put(to, Message::Numbers(values.to_vec()))
    }

    fn receive(&self, from: usize, values: &mut [f32]) -> Result<(), RanksError> {
        match self.from[from].recv() {
            Ok(Message::Numbers(got)) if got.len() == values.len() => values.copy_from_slice(&got),
            _ => return Err(RanksError::Lost { rank: from }),
        }
        Ok(())
    }

    fn exchange(&self, with: usize, sent: &[f32], received: &mut [f32]) -> Result<(), RanksError> {
        self.send(with, sent)?;
        self.receive(with, received)
    }

    fn send_bytes(&self, to: usize, bytes: &[u8]) -> Result<(), RanksError> {
        self.put(to, Message::Bytes(bytes.to_vec()))
    }

    fn receive_bytes(&self, from: usize) -> Result<Vec<u8>, RanksError> {
        match self.from[from].recv() {
            Ok(Message::Bytes(bytes)) => Ok(bytes),
            _ => Err(RanksError::Lost { rank: from }),
        }
    }
}
