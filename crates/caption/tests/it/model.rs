//! What has to hold of the network and of how it is asked.

use candle_core::{Device, Tensor};
use taper_caption::model::{Caption, CaptionCard, Captioner, Cell, Frozen, ModelError, Search};
use taper_caption::text::{END, START, UNKNOWN, Vocabulary, tokens};
use taper_nn::{Mode, Params};
use taper_tensor::{Rng, backward};

/// A network of four words, its weights large enough that it prefers some.
fn network(cell: Cell) -> (Captioner, Params, CaptionCard) {
    let captions = [tokens("a b c d"), tokens("a b c"), tokens("a b"), tokens("a")];
    let card = CaptionCard {
        schema: 1,
        model: "small_cnn".to_owned(),
        cell,
        hidden: 5,
        embed: 3,
        size: 32,
        mean: [0.5; 3],
        std: [0.25; 3],
        search: Search::default(),
        vocabulary: Vocabulary::of(captions.iter().map(Vec::as_slice), 1),
    };
    let (network, params) = Captioner::new(&card, Rng::new(4)).unwrap();
    for (name, var) in params.trainables().into_iter().filter(|(name, _)| name.starts_with("caption")) {
        let factor = if name.contains("words") { 30.0 } else { 3.0 };
        var.set(&(var.as_tensor() * factor).unwrap()).unwrap();
    }
    (network, params, card)
}

fn features(network: &Captioner, rows: usize) -> Tensor {
    let mut rng = Rng::new(8);
    let width = network.backbone().channels();
    let values: Vec<f32> = (0..rows * width).map(|_| rng.normal() as f32).collect();
    Tensor::from_vec(values, (rows, width), &Device::Cpu).unwrap()
}

/// The logarithm of the probability of a caption, by the loss that is trained.
fn log_probability(network: &Captioner, features: &Tensor, words: &[u32]) -> f64 {
    let loss = network.loss(features, &[words], 0.0, Mode::Eval).unwrap().to_scalar::<f32>().unwrap();
    -f64::from(loss) * (words.len() + 1) as f64
}

#[test]
fn the_loss_of_a_caption_does_not_depend_on_those_beside_it() {
    let (network, params, _) = network(Cell::Lstm);
    let two = features(&network, 2);
    let (long, short): (&[u32], &[u32]) = (&[3, 4, 5, 6], &[6]);
    let grads = |rows: &Tensor, captions: &[&[u32]]| {
        let noise = Rng::new(0);
        let loss = network.loss(rows, captions, 0.0, Mode::Train(&noise)).unwrap();
        let grads = backward(&loss).unwrap();
        let own = network.trainables(&params, Frozen::All).into_iter();
        let flat = |var: &Tensor| grads.get(var).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        (f64::from(loss.to_scalar::<f32>().unwrap()), own.flat_map(|(_, var)| flat(&var)).collect::<Vec<_>>())
    };
    let (both, together) = grads(&two, &[long, short]);
    let (a, ga) = grads(&two.narrow(0, 0, 1).unwrap(), &[long]);
    let (b, gb) = grads(&two.narrow(0, 1, 1).unwrap(), &[short]);
    // Five words and two, their ends among them.
    assert!((both - (5.0 * a + 2.0 * b) / 7.0).abs() < 1e-5, "{both} {a} {b}");
    for (i, got) in together.iter().enumerate() {
        let wanted = (5.0 * ga[i] + 2.0 * gb[i]) / 7.0;
        assert!((got - wanted).abs() < 1e-5 * wanted.abs().max(1.0), "{i}: {got} {wanted}");
    }
}

#[test]
fn what_is_said_has_the_probability_that_is_told() {
    for cell in [Cell::Lstm, Cell::Gru] {
        let (network, ..) = network(cell);
        let three = features(&network, 3);
        let search = Search { beam: 4, most: 6 };
        for (picture, captions) in search.captions(&network, &three).unwrap().iter().enumerate() {
            assert_eq!(captions.len(), 4);
            let own = three.narrow(0, picture, 1).unwrap();
            for Caption { words, log_probability: told } in captions.iter().filter(|one| one.words.len() < 6) {
                let wanted = log_probability(&network, &own, words);
                assert!((told - wanted).abs() < 1e-3, "{words:?}: {told}, {wanted}");
            }
            assert!(captions.windows(2).all(|pair| pair[0].log_probability >= pair[1].log_probability));
            // Pictures that are asked for together are asked as if alone.
            assert_eq!(&search.captions(&network, &own).unwrap()[0], captions);
        }
    }
}

/// All captions of so many words or fewer.
fn all(most: usize, words: u32) -> Vec<Vec<u32>> {
    let mut all = vec![vec![]];
    for length in 0..most {
        let longest: Vec<Vec<u32>> = all.iter().filter(|one| one.len() == length).cloned().collect();
        all.extend(longest.iter().flat_map(|one| (3..words).map(|word| [&**one, &[word]].concat())));
    }
    all
}

#[test]
fn a_wide_beam_finds_the_most_likely_caption_and_greedy_takes_the_best_word() {
    let (network, _, card) = network(Cell::Lstm);
    let three = features(&network, 3);
    let words = card.vocabulary.len() as u32;
    let (wide, greedy) = (Search { beam: 400, most: 4 }, Search { beam: 1, most: 4 });
    let (wide, greedy) = (wide.captions(&network, &three).unwrap(), greedy.captions(&network, &three).unwrap());
    for picture in 0..3 {
        let own = three.narrow(0, picture, 1).unwrap();
        // Of the shorter ones, as one of four words has no end yet.
        let likely = |words: &Vec<u32>| log_probability(&network, &own, words);
        let best = all(3, words).into_iter().max_by(|a, b| likely(a).total_cmp(&likely(b))).unwrap();
        let found = wide[picture].iter().find(|one| one.words.len() < 4).unwrap();
        assert_eq!(found.words, best);
        // Greedy, by hand.
        let (mut state, mut last, mut said) = (network.begin(&own).unwrap(), START, vec![]);
        while said.len() < 4 {
            let (likely, after) = network.next(&state, &[last]).unwrap();
            let likely = likely.to_vec2::<f32>().unwrap().remove(0);
            let sayable = (0..words).filter(|word| ![START, UNKNOWN].contains(word));
            last = sayable.max_by(|&a, &b| likely[a as usize].total_cmp(&likely[b as usize])).unwrap();
            state = after;
            if last == END {
                break;
            }
            said.push(last);
        }
        assert_eq!(greedy[picture].len(), 1);
        assert_eq!(greedy[picture][0].words, said);
    }
}

#[test]
fn a_card_with_impossible_numbers_is_refused() {
    let (.., card) = network(Cell::Gru);
    let said = |card: &CaptionCard| match Captioner::new(card, Rng::new(0)) {
        Err(error @ ModelError::Setting(_)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(said(&CaptionCard { hidden: 0, ..card.clone() }).contains("hidden"));
    assert!(said(&CaptionCard { size: 8, ..card.clone() }).contains("size"));
    assert!(said(&CaptionCard { search: Search { beam: 0, most: 3 }, ..card.clone() }).contains("search.beam"));
    let text = serde_json::to_string(&card).unwrap();
    assert_eq!(serde_json::from_str::<CaptionCard>(&text).unwrap(), card);
}
