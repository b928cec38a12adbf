//! What messages between two make for all.

use super::{Ranks, RanksError};

/// Gives all the bytes of the first, along a binary tree.
///
/// # Errors
/// When one of them has ended.
pub fn broadcast(ranks: &dyn Ranks, bytes: Vec<u8>) -> Result<Vec<u8>, RanksError> {
    let (rank, size) = (ranks.rank(), ranks.size());
    let mut step = size.next_power_of_two() / 2;
    let mut bytes = bytes;
    while step > 0 {
        if rank.is_multiple_of(2 * step) && rank + step < size {
            ranks.send_bytes(rank + step, &bytes)?;
        } else if rank % (2 * step) == step {
            bytes = ranks.receive_bytes(rank - step)?;
        }
        step /= 2;
    }
    Ok(bytes)
}

/// Gives the first the bytes of each, in their order; the others get nothing.
///
/// # Errors
/// When one of them has ended.
pub fn gather(ranks: &dyn Ranks, bytes: Vec<u8>) -> Result<Vec<Vec<u8>>, RanksError> {
    if ranks.rank() != 0 {
        ranks.send_bytes(0, &bytes)?;
        return Ok(Vec::new());
    }
    let others = (1..ranks.size()).map(|rank| ranks.receive_bytes(rank));
    std::iter::once(Ok(bytes)).chain(others).collect()
}

/// Whether any of them says so.
///
/// # Errors
/// When one of them has ended.
pub fn agree(ranks: &dyn Ranks, said: bool) -> Result<bool, RanksError> {
    if ranks.size() == 1 {
        return Ok(said);
    }
    let all = gather(ranks, vec![u8::from(said)])?;
    Ok(broadcast(ranks, vec![u8::from(all.contains(&vec![1]))])? == [1])
}

/// The items of this process where each does every so manyth.
pub fn turns(ranks: &dyn Ranks, items: usize) -> impl Iterator<Item = usize> + use<> {
    (ranks.rank()..items).step_by(ranks.size())
}

/// Work on items that stand for themselves, of which each process does its [`turns`], in rounds.
/// The first takes in what came of each, in their order; never are more than one round's in memory.
///
/// # Errors
/// Those of `work` and `take`; when one of them has ended.
pub fn in_turns<E: From<RanksError>>(
    ranks: &dyn Ranks,
    items: usize,
    work: &mut dyn FnMut(usize) -> Result<Vec<u8>, E>,
    take: &mut dyn FnMut(usize, Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let (rank, size) = (ranks.rank(), ranks.size());
    for first in (0..items).step_by(size) {
        let own = first + rank;
        let bytes = if own < items { work(own)? } else { Vec::new() };
        for (item, bytes) in (first..items).zip(gather(ranks, bytes)?) {
            take(item, bytes)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Threads;
    use super::*;

    #[test]
    fn items_are_shared_out_and_taken_in_their_order() {
        for (size, items) in [(1, 3), (2, 5), (3, 3), (4, 2), (2, 0)] {
            let work = move |ranks: Threads| {
                let (mut done, mut taken) = (Vec::new(), Vec::new());
                let mut work = |item: usize| {
                    done.push(item);
                    Ok(vec![item as u8; item])
                };
                let mut take = |item: usize, bytes: Vec<u8>| {
                    assert_eq!(bytes, vec![item as u8; item]);
                    taken.push(item);
                    Ok::<(), RanksError>(())
                };
                in_turns(&ranks, items, &mut work, &mut take).unwrap();
                (done, taken, turns(&ranks, items).collect::<Vec<_>>())
            };
            let threads: Vec<_> =
                Threads::new(size).into_iter().map(|ranks| std::thread::spawn(move || work(ranks))).collect();
            for (rank, thread) in threads.into_iter().enumerate() {
                let (done, taken, own) = thread.join().unwrap();
                assert_eq!(done, (rank..items).step_by(size).collect::<Vec<_>>());
                assert_eq!(done, own);
                assert_eq!(taken, if rank == 0 { (0..items).collect() } else { Vec::new() });
            }
        }
    }

    #[test]
    fn all_get_what_the_first_has_and_the_first_what_all_have() {
        for size in [1, 2, 3, 4, 7, 8] {
            let work = move |ranks: Threads| {
                let own = vec![ranks.rank() as u8; ranks.rank()];
                let all = gather(&ranks, own).unwrap();
                let agreed = agree(&ranks, ranks.rank() == size - 1).unwrap() && !agree(&ranks, false).unwrap();
                (all, broadcast(&ranks, vec![ranks.rank() as u8, 9]).unwrap(), agreed)
            };
            let threads: Vec<_> =
                Threads::new(size).into_iter().map(|ranks| std::thread::spawn(move || work(ranks))).collect();
            for (rank, thread) in threads.into_iter().enumerate() {
                let (all, got, agreed) = thread.join().unwrap();
                assert!(got == [0, 9] && agreed, "{rank} of {size}");
                assert_eq!(all.len(), if rank == 0 { size } else { 0 });
                assert!(all.iter().enumerate().all(|(from, bytes)| *bytes == vec![from as u8; from]));
            }
        }
    }
}
