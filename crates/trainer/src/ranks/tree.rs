//! Numbers added up over the shards of a batch, in one order however many processes share them.
//!
//! ```text
//! sum(a..b) = sum(a..m) + sum(m..b),  m = a + (b - a)/2
//! ```
//!
//! Each process has as many shards as the others, side by side. Where the number of processes is a
//! power of two, those of each are a branch of the tree: it adds them up by itself, and then halves
//! are exchanged with one that is 1, 2, 4, ... away, of which each adds one up, and at last given
//! back (R. Rabenseifner, *Optimization of Collective Reduction Operations*, 2004), so that each
//! sends less than twice the numbers, however many processes there are. Otherwise a branch that two
//! share is added up by the one that has its beginning. Both add the same numbers in the same
//! order, and so give the same bits.

use std::ops::Range;

use super::{Ranks, RanksError};

/// The sum over all shards of what `leaf` has for each, which is asked for those of this process
/// alone, in their order: numbers, from each as many.
///
/// `shards` must be a multiple of the number of processes.
pub(crate) fn add_up<E: From<RanksError>>(
    shards: usize,
    ranks: &dyn Ranks,
    leaf: &mut dyn FnMut(usize) -> Result<Vec<f32>, E>,
) -> Result<Vec<f32>, E> {
    let (rank, size) = (ranks.rank(), ranks.size());
    let each = shards / size;
    if size.is_power_of_two() {
        let mut own = local(rank * each..(rank + 1) * each, leaf)?;
        add_halves(&mut own, ranks)?;
        return Ok(own);
    }
    let mut length = 0;
    let mut leaf = |shard| {
        let values = leaf(shard)?;
        length = values.len();
        Ok::<Vec<f32>, E>(values)
    };
    let sum = shared(0..shards, (each, ranks), &mut leaf)?;
    let mut sum = sum.unwrap_or_else(|| vec![0.0; length]);
    spread(&mut sum, 0, ranks)?;
    Ok(sum)
}

/// The sums of the branches that lie left of a process' last shard, from the root of its own branch
/// down: what `leaf` has of that shard is added to the last of them, the sum of both to the one
/// before, and so on.
pub(crate) fn lefts<E>(
    shards: Range<usize>,
    leaf: &mut dyn FnMut(usize) -> Result<Vec<f32>, E>,
) -> Result<Vec<Vec<f32>>, E> {
    let (mut shards, mut lefts) = (shards, Vec::new());
    while shards.len() > 1 {
        let middle = middle(&shards);
        lefts.push(local(shards.start..middle, leaf)?);
        shards.start = middle;
    }
    Ok(lefts)
}

fn middle(shards: &Range<usize>) -> usize {
    shards.start + shards.len() / 2
}

/// The sum of a branch that this process has alone.
fn local<E>(shards: Range<usize>, leaf: &mut dyn FnMut(usize) -> Result<Vec<f32>, E>) -> Result<Vec<f32>, E> {
    if shards.len() == 1 {
        return leaf(shards.start);
    }
    let middle = middle(&shards);
    let mut left = local(shards.start..middle, leaf)?;
    let right = local(middle..shards.end, leaf)?;
    add(&mut left, &right);
    Ok(left)
}

/// The sum of a branch, with the process that has its first shard.
fn shared<E: From<RanksError>>(
    shards: Range<usize>,
    (each, ranks): (usize, &dyn Ranks),
    leaf: &mut dyn FnMut(usize) -> Result<Vec<f32>, E>,
) -> Result<Option<Vec<f32>>, E> {
    let own = ranks.rank() * each..(ranks.rank() + 1) * each;
    if shards.end <= own.start || own.end <= shards.start {
        return Ok(None);
    }
    if shards.len() == 1 {
        return leaf(shards.start).map(Some);
    }
    let middle = middle(&shards);
    let (first, second) = (shards.start / each, middle / each);
    let left = shared(shards.start..middle, (each, ranks), leaf)?;
    let right = shared(middle..shards.end, (each, ranks), leaf)?;
    match (left, right) {
        (Some(mut left), Some(right)) => {
            add(&mut left, &right);
            Ok(Some(left))
        }
        (Some(mut left), None) => {
            let mut right = vec![0.0; left.len()];
            ranks.receive(second, &mut right)?;
            add(&mut left, &right);
            Ok(Some(left))
        }
        (None, Some(right)) => {
            ranks.send(first, &right)?;
            Ok(None)
        }
        (None, None) => Ok(None),
    }
}

/// Adds up what processes, a power of two of them, have; all get the sum. In parts or whole, each
/// number is added up in the order of the tree.
pub(crate) fn add_halves(own: &mut [f32], ranks: &dyn Ranks) -> Result<(), RanksError> {
    let (rank, mut held, mut before) = (ranks.rank(), 0..own.len(), Vec::new());
    let mut received = vec![0.0; own.len().div_ceil(2)];
    let mut away = 1;
    while away < ranks.size() {
        let (with, middle) = (rank ^ away, middle(&held));
        let (kept, given) = match rank < with {
            true => (held.start..middle, middle..held.end),
            false => (middle..held.end, held.start..middle),
        };
        let received = &mut received[..kept.len()];
        ranks.exchange(with, &own[given], received)?;
        // Which of two numbers is the first makes no difference to the bits of their sum.
        add(&mut own[kept.clone()], received);
        before.push(std::mem::replace(&mut held, kept));
        away *= 2;
    }
    while let Some(whole) = before.pop() {
        away /= 2;
        let with = rank ^ away;
        let missing = if rank < with { held.end..whole.end } else { whole.start..held.start };
        let received = &mut received[..missing.len()];
        ranks.exchange(with, &own[held], received)?;
        own[missing].copy_from_slice(received);
        held = whole;
    }
    Ok(())
}

/// Gives all what the one of number `root` has, along a binary tree.
pub(crate) fn spread(values: &mut [f32], root: usize, ranks: &dyn Ranks) -> Result<(), RanksError> {
    let size = ranks.size();
    // Counted from the root on.
    let (place, rank) = ((ranks.rank() + size - root) % size, |place| (place + root) % size);
    let mut step = size.next_power_of_two() / 2;
    while step > 0 {
        if place.is_multiple_of(2 * step) && place + step < size {
            ranks.send(rank(place + step), values)?;
        } else if place % (2 * step) == step {
            ranks.receive(rank(place - step), values)?;
        }
        step /= 2;
    }
    Ok(())
}

/// `left + right`, into the left.
pub(crate) fn add(left: &mut [f32], right: &[f32]) {
    left.iter_mut().zip(right).for_each(|(left, right)| *left += right);
}

#[cfg(test)]
mod tests {
    use taper_tensor::Rng;

    use super::super::{Alone, Threads};
    use super::*;

    const NUMBERS: usize = 37;

    /// Numbers whose sum depends on the order.
    fn leaf(shard: usize) -> Result<Vec<f32>, RanksError> {
        let mut rng = Rng::new(3).at(shard as u64);
        Ok((0..NUMBERS).map(|_| (rng.normal() * (4.0 * rng.normal()).exp()) as f32).collect())
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn the_bits_are_the_same_for_every_number_of_processes() {
        for (shards, sizes) in [(8, vec![1, 2, 4, 8]), (12, vec![1, 2, 3, 4, 6, 12]), (5, vec![1, 5]), (7, vec![7])] {
            let alone = add_up(shards, &Alone, &mut leaf).unwrap();
            for size in sizes {
                let work = move |ranks: Threads| {
                    let mut asked = Vec::new();
                    let sum = add_up(shards, &ranks, &mut |shard| {
                        asked.push(shard);
                        leaf(shard)
                    });
                    (asked, sum.unwrap())
                };
                let threads: Vec<_> =
                    Threads::new(size).into_iter().map(|ranks| std::thread::spawn(move || work(ranks))).collect();
                for (rank, thread) in threads.into_iter().enumerate() {
                    let (asked, sum) = thread.join().unwrap();
                    let each = shards / size;
                    assert_eq!(asked, (rank * each..(rank + 1) * each).collect::<Vec<_>>());
                    assert_eq!(bits(&sum), bits(&alone), "{shards} shards, {rank} of {size}");
                }
            }
        }
    }

    #[test]
    fn each_can_give_to_all() {
        for (size, root) in [(1, 0), (2, 1), (3, 2), (5, 3), (8, 5)] {
            let work = move |ranks: Threads| {
                let mut values = [ranks.rank() as f32];
                spread(&mut values, root, &ranks).map(|()| values)
            };
            let threads: Vec<_> =
                Threads::new(size).into_iter().map(|ranks| std::thread::spawn(move || work(ranks))).collect();
            assert!(threads.into_iter().all(|thread| thread.join().unwrap().unwrap() == [root as f32]));
        }
    }

    #[test]
    fn the_order_is_that_of_the_tree() {
        let of = |shard: usize| leaf(shard).unwrap()[0];
        let by_hand = ((of(0) + of(1)) + (of(2) + of(3))) + ((of(4) + of(5)) + (of(6) + of(7)));
        assert_eq!(add_up(8, &Alone, &mut leaf).unwrap()[0].to_bits(), by_hand.to_bits());
        let by_hand = (of(0) + of(1)) + (of(2) + (of(3) + of(4)));
        assert_eq!(add_up(5, &Alone, &mut leaf).unwrap()[0].to_bits(), by_hand.to_bits());
        let mut in_a_row = vec![0.0; NUMBERS];
        (0..8).for_each(|shard| add(&mut in_a_row, &leaf(shard).unwrap()));
        assert_ne!(bits(&add_up(8, &Alone, &mut leaf).unwrap()), bits(&in_a_row), "the test shows nothing");
    }
}
