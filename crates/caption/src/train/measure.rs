//! What a captioner says of a data set, and what of that is right.

use std::path::Path;

use candle_core::Tensor;
use serde::Serialize;

use super::error::TrainError;
use crate::data::{CaptionSet, Loading};
use crate::evaluate::{Judged, Metrics};
use crate::model::{Captioner, Frozen, Model, Search};
use crate::text::Vocabulary;
use taper_nn::Mode;

/// Pictures that are looked at a time.
const BATCH: usize = 32;

/// How good a captioner is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Judgment {
    /// The mean cross-entropy of a word, nats.
    pub loss: f64,
    /// What its captions are judged by.
    #[serde(flatten)]
    pub metrics: Metrics,
}

/// The features of pictures, (N,F), some at a time; `seen` is told how many are done.
pub(super) fn features(
    network: &Captioner,
    loading: &Loading,
    set: &CaptionSet,
    mut seen: impl FnMut(usize),
) -> Result<Tensor, TrainError> {
    let paths: Vec<&Path> = set.pictures.iter().map(|picture| &*picture.path).collect();
    let mut all = Vec::new();
    for (number, paths) in paths.chunks(BATCH).enumerate() {
        all.push(network.features(&loading.pixels(paths)?, Frozen::All, Mode::Eval)?);
        seen(number * BATCH + paths.len());
    }
    Ok(Tensor::cat(&all, 0)?)
}

/// What a captioner says of each picture, beside the picture's captions, and how good that is;
/// `seen` is told how many pictures are done.
///
/// # Errors
/// When a picture cannot be read, or the set is empty.
pub fn judgment(
    model: &Model,
    set: &CaptionSet,
    search: Search,
    seen: impl FnMut(usize),
) -> Result<(Vec<Judged>, Judgment), TrainError> {
    let (network, vocabulary) = (&model.network, &model.card.vocabulary);
    let features = features(network, &model.card.loading()?, set, seen)?;
    let judged = said(network, vocabulary, &features, set, search)?;
    let loss = loss(network, &features, &numbers(set, vocabulary))?;
    let metrics = Metrics::of(&judged);
    Ok((judged, Judgment { loss, metrics }))
}

/// The captions of each picture as numbers.
pub(super) fn numbers(set: &CaptionSet, vocabulary: &Vocabulary) -> Vec<Vec<Vec<u32>>> {
    let of = |caption: &Vec<String>| vocabulary.numbers(caption);
    set.pictures.iter().map(|picture| picture.captions.iter().map(of).collect()).collect()
}

/// What a network says of each picture, by their features.
pub(super) fn said(
    network: &Captioner,
    vocabulary: &Vocabulary,
    features: &Tensor,
    set: &CaptionSet,
    search: Search,
) -> Result<Vec<Judged>, TrainError> {
    let mut all = Vec::new();
    for (number, pictures) in set.pictures.chunks(BATCH).enumerate() {
        let features = features.narrow(0, number * BATCH, pictures.len())?;
        for (captions, picture) in search.captions(network, &features)?.iter().zip(pictures) {
            let said = captions.first().map_or_else(Vec::new, |best| vocabulary.named(&best.words));
            all.push(Judged { said, references: picture.captions.clone() });
        }
    }
    Ok(all)
}

/// The mean cross-entropy of the words of captions, by the features of their pictures.
pub(super) fn loss(network: &Captioner, features: &Tensor, captions: &[Vec<Vec<u32>>]) -> Result<f64, TrainError> {
    let (mut sum, mut count) = (0.0, 0);
    for (number, captions) in captions.chunks(BATCH).enumerate() {
        let own = features.narrow(0, number * BATCH, captions.len())?;
        let (rows, captions) = rows(captions.iter().map(Vec::as_slice));
        let loss = network.loss(&own.index_select(&rows_of(&rows)?, 0)?, &captions, 0.0, Mode::Eval)?;
        let words: usize = captions.iter().map(|caption| caption.len() + 1).sum();
        sum += f64::from(loss.to_scalar::<f32>()?) * words as f64;
        count += words;
    }
    Ok(sum / count.max(1) as f64)
}

/// All captions of some pictures, and which of these each is of.
pub(super) fn rows<'a>(pictures: impl Iterator<Item = &'a [Vec<u32>]>) -> (Vec<u32>, Vec<&'a [u32]>) {
    let of = |(picture, captions): (usize, &'a [Vec<u32>])| {
        captions.iter().map(move |caption| (picture as u32, caption.as_slice()))
    };
    pictures.enumerate().flat_map(of).unzip()
}

/// Numbers of rows as a tensor.
pub(super) fn rows_of(rows: &[u32]) -> candle_core::Result<Tensor> {
    Tensor::new(rows, &candle_core::Device::Cpu)
}
