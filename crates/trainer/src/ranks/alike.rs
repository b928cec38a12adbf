//! Whether several processes would train the same.

use super::{Ranks, RanksError, broadcast, gather};

/// Something that a training depends on, as this process has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What is said where another has something else: "another recipe".
    pub what: &'static str,
    /// What this process has: a name, or the sum of a file.
    pub value: String,
    /// Whether the user may allow it to differ.
    pub optional: bool,
}

/// Refuses, on all of them, processes of which one has other facts than the first. Those that are
/// optional may differ where the first process says `mixed`.
///
/// # Errors
/// [`RanksError::Differs`] on all, with the first that does; when one of them has ended.
pub fn require_alike(ranks: &dyn Ranks, facts: &[Fact], mixed: bool) -> Result<(), RanksError> {
    if ranks.size() == 1 {
        return Ok(());
    }
    let own = facts.iter().map(|fact| fact.value.as_str()).collect::<Vec<_>>().join("\n");
    let all = gather(ranks, own.into_bytes())?;
    let differs = |bytes: &Vec<u8>| {
        let theirs = String::from_utf8_lossy(bytes).into_owned();
        let wrong = facts.iter().zip(theirs.split('\n')).position(|(fact, theirs)| {
            let allowed = mixed && fact.optional;
            fact.value != theirs && !allowed
        })?;
        Some((wrong, theirs.split('\n').nth(wrong)?.to_owned()))
    };
    let found = all.iter().enumerate().find_map(|(rank, bytes)| Some((rank, differs(bytes)?)));
    // Of the first: who differs, in what, what it has, and what the first has.
    let said = found.map_or_else(String::new, |(rank, (wrong, theirs))| {
        format!("{rank}\n{wrong}\n{theirs}\n{}", facts[wrong].value)
    });
    let said = String::from_utf8_lossy(&broadcast(ranks, said.into_bytes())?).into_owned();
    let mut parts = said.split('\n');
    let mut number = || parts.next()?.parse::<usize>().ok();
    let (Some(rank), Some(wrong)) = (number(), number()) else { return Ok(()) };
    let mut text = || parts.next().unwrap_or_default().to_owned();
    let (theirs, ours, fact) = (text(), text(), &facts[wrong]);
    Err(RanksError::Differs { rank, what: fact.what, theirs, ours, allowed: fact.optional })
}

#[cfg(test)]
mod tests {
    use super::super::Threads;
    use super::*;

    fn said(mixed: bool, recipe: fn(usize) -> &'static str, simd: fn(usize) -> &'static str) -> Vec<Option<String>> {
        let work = move |ranks: Threads| {
            let fact = |what, value: &str, optional| Fact { what, value: value.into(), optional };
            let rank = ranks.rank();
            let facts = [fact("another recipe", recipe(rank), false), fact("another set", simd(rank), true)];
            require_alike(&ranks, &facts, mixed).err().map(|error| error.to_string())
        };
        let threads: Vec<_> =
            Threads::new(3).into_iter().map(|ranks| std::thread::spawn(move || work(ranks))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    }

    #[test]
    fn all_are_told_who_differs_and_in_what() {
        assert_eq!(said(false, |_| "a", |_| "avx2"), [None, None, None]);
        for told in said(true, |rank| if rank == 2 { "b" } else { "a" }, |_| "avx2") {
            let told = told.unwrap();
            assert!(told.contains("rank 2 has another recipe: b, and rank 0 has a") && !told.contains("--mixed"));
        }
        let odd = |rank| if rank == 1 { "avx512" } else { "avx2" };
        assert!(said(false, |_| "a", odd).into_iter().all(|told| told.is_some_and(|told| told.contains("--mixed"))));
        assert_eq!(said(true, |_| "a", odd), [None, None, None]);
    }
}
