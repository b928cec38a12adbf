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

#[cfg(test)]
mod tests {
    use super::super::Threads;
    use super::*;

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
