//! Names behind those of wrappers, and networks beside others in a file.

use std::collections::BTreeMap;

use super::error::WeightsError;
use super::weights_file::{WeightsFile, not_finite};
use crate::names::is_below;

/// What wrappers put before the names of all parameters: data parallelism and averages, PyTorch
/// Lightning and other frameworks, `torch.compile`.
const PREFIXES: [&str; 4] = ["module.", "model.", "_orig_mod.", "backbone."];

/// Of networks that are alike, the one that is meant: that which MoCo trains by gradients, or the
/// average.
const MEANT: [&str; 3] = ["encoder_q", "teacher", "ema"];

/// The most parts before the names of a network.
const MOST_PARTS: usize = 8;

impl WeightsFile {
    /// Removes the [`PREFIXES`] that all names begin with.
    pub(crate) fn unwrap_names(&mut self) {
        let mut names = self.tensors.keys();
        let Some(mut rest) = names.next().map(String::as_str) else { return };
        let whole = rest;
        while let Some(inner) = PREFIXES.iter().find_map(|prefix| rest.strip_prefix(prefix)) {
            let prefix = &whole[..whole.len() - inner.len()];
            if !self.tensors.keys().all(|name| name.len() > prefix.len() && name.starts_with(prefix)) {
                break;
            }
            rest = inner;
        }
        let prefix = whole[..whole.len() - rest.len()].to_owned();
        self.remove(&prefix);
    }

    /// Where no name is one of a network, finds the parts that most of its names lie behind,
    /// removes them and leaves out all else. The names of the network begin with `beginnings`, and
    /// `renamed` gives a name as it has it.
    pub(crate) fn keep_network(
        &mut self,
        origin: &str,
        beginnings: &[&str],
        renamed: impl Fn(&str) -> String,
    ) -> Result<(), WeightsError> {
        let beginning = |name: &str| {
            let name = renamed(name);
            beginnings.iter().position(|beginning| is_below(&name, beginning))
        };
        if self.tensors.keys().any(|name| beginning(name).is_some()) {
            return Ok(());
        }
        let best = likeliest(self.tensors.keys(), beginnings.len(), beginning);
        let is_meant = |prefix: &&str| prefix.split('.').any(|part| MEANT.contains(&part));
        let prefix = match (&best[..], best.iter().copied().find(is_meant)) {
            ([], _) => return Ok(()),
            (&[prefix], _) | (_, Some(prefix)) => prefix.to_owned(),
            (_, None) => {
                let prefixes = best.iter().map(|prefix| (*prefix).to_owned()).collect();
                return Err(WeightsError::Several { origin: origin.to_owned(), prefixes });
            }
        };
        self.leave_beside(&prefix)?;
        self.remove(&prefix);
        Ok(())
    }

    /// Leaves out what does not lie behind a prefix.
    fn leave_beside(&mut self, prefix: &str) -> Result<(), WeightsError> {
        let (kept, beside): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.tensors).into_iter().partition(|(name, _)| name.starts_with(prefix));
        self.tensors = kept;
        self.report.beside.extend(beside.into_keys());
        if self.report.not_finite.is_some() {
            self.report.not_finite = not_finite(&self.tensors)?;
        }
        Ok(())
    }

    /// Removes what all names begin with.
    fn remove(&mut self, prefix: &str) {
        let shorter = |name: &str| name.strip_prefix(prefix).unwrap_or(name).to_owned();
        self.tensors = std::mem::take(&mut self.tensors).into_iter().map(|(name, t)| (shorter(&name), t)).collect();
        if let Some(found) = &mut self.report.not_finite {
            found.first = shorter(&found.first);
        }
        self.report.prefix.push_str(prefix);
    }
}

/// What most names of a network stand behind, where all of its `count` beginnings are there;
/// several where as many do. `beginning` tells which one a name has.
fn likeliest<'n>(
    names: impl Iterator<Item = &'n String>,
    count: usize,
    beginning: impl Fn(&str) -> Option<usize>,
) -> Vec<&'n str> {
    let mut found = BTreeMap::<&str, Vec<usize>>::new();
    for name in names {
        let mut parts = name.match_indices('.').take(MOST_PARTS).map(|(at, _)| name.split_at(at + 1));
        if let Some((prefix, i)) = parts.find_map(|(prefix, rest)| Some((prefix, beginning(rest)?))) {
            found.entry(prefix).or_insert_with(|| vec![0; count])[i] += 1;
        }
    }
    found.retain(|_, counts| !counts.contains(&0));
    let sum = |counts: &Vec<usize>| counts.iter().sum::<usize>();
    let most = found.values().map(sum).max();
    found.into_iter().filter(|(_, counts)| Some(sum(counts)) == most).map(|(prefix, _)| prefix).collect()
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use super::*;

    const BEGINNINGS: [&str; 2] = ["conv1", "layer1"];

    fn file(names: &[&str]) -> WeightsFile {
        let one = Tensor::ones(1, DType::F32, &Device::Cpu).unwrap();
        let tensors = names.iter().map(|name| ((*name).to_owned(), one.clone())).collect();
        WeightsFile { tensors, ..WeightsFile::default() }
    }

    fn kept(names: &[&str]) -> Result<(String, Vec<String>), WeightsError> {
        let mut file = file(names);
        file.keep_network("x.pth", &BEGINNINGS, str::to_owned)?;
        let count = file.tensors.keys().filter(|name| BEGINNINGS.iter().any(|b| is_below(name, b))).count();
        assert_eq!(file.tensors.len() + file.report.beside.len(), names.len());
        assert!(file.report.prefix.is_empty() || count >= 2);
        Ok((file.report.prefix, file.report.beside))
    }

    #[test]
    fn the_network_is_found_behind_any_name_and_the_rest_left_out() {
        let other = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        // Lightning, a loss with weights of classes, another head, MoCo.
        assert_eq!(kept(&["net.conv1.w", "net.layer1.w", "net.fc.w"]).unwrap(), ("net.".into(), vec![]));
        let names = ["criterion.weight", "model.conv1.w", "model.layer1.0.conv1.w"];
        assert_eq!(kept(&names).unwrap(), ("model.".into(), other(&["criterion.weight"])));
        let names = ["backbone.conv1.w", "backbone.layer1.w", "head.fc.w"];
        assert_eq!(kept(&names).unwrap(), ("backbone.".into(), other(&["head.fc.w"])));
        let names = ["encoder_k.conv1.w", "encoder_k.layer1.w", "encoder_q.conv1.w", "encoder_q.layer1.w", "queue"];
        let beside = other(&["encoder_k.conv1.w", "encoder_k.layer1.w", "queue"]);
        assert_eq!(kept(&names).unwrap(), ("encoder_q.".into(), beside));
    }

    #[test]
    fn what_fits_or_is_another_network_is_left_as_it_is() {
        for names in [
            &["conv1.w", "layer1.w", "net.conv1.w", "net.layer1.w"][..],
            // Not all of it; parts of another network.
            &["net.conv1.w", "fc.w"],
            &["4.0.conv1.w", "4.1.conv1.w", "5.0.conv1.w"],
            &["blocks.0.attn.w", "w"],
        ] {
            assert_eq!(kept(names).unwrap(), (String::new(), vec![]), "{names:?}");
        }
    }

    #[test]
    fn of_two_that_are_alike_none_is_chosen() {
        let error = kept(&["a.conv1.w", "a.layer1.w", "b.conv1.w", "b.layer1.w"]).unwrap_err().to_string();
        assert!(error.contains("x.pth") && error.contains("a., b.") && error.contains("alone"), "{error}");
    }
}
