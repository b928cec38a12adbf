//! What a loader promises: one order whatever the threads, a bound, errors in their place, no
//! hanging.
// clippy lets tests unwrap, but not the functions they call.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use image::Rgb;
use taper_data::{DataError, Dataset, Folder, IndexedBatch, Loader, LoaderConfig, Prepare, RgbImage, Subset, open};
use taper_tensor::Rng;

/// Pictures of one pixel that show their number; counts how many were asked for.
struct Counting {
    len: usize,
    asked: Arc<AtomicUsize>,
    classes: Vec<String>,
    broken: Option<(usize, Fault)>,
}

#[derive(Clone, Copy)]
enum Fault {
    Error,
    Panic,
    Label,
}

impl Counting {
    fn new(len: usize, broken: Option<(usize, Fault)>) -> Self {
        Self { len, asked: Arc::default(), classes: vec!["even".into(), "odd".into()], broken }
    }
}

impl Dataset for Counting {
    fn len(&self) -> usize {
        self.len
    }
    fn get(&self, index: usize) -> Result<RgbImage, DataError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match self.broken {
            Some((broken, Fault::Error)) if broken == index => {
                Err(DataError::NotAPicture { path: self.name(index).into() })
            }
            Some((broken, Fault::Panic)) if broken == index => panic!("a bug in a decoder"),
            _ => Ok(RgbImage::from_pixel(1, 1, Rgb([index as u8, 0, 0]))),
        }
    }
    fn label(&self, index: usize) -> usize {
        match self.broken {
            Some((broken, Fault::Label)) if broken == index => 2,
            _ => index % 2,
        }
    }
    fn classes(&self) -> &[String] {
        &self.classes
    }
    fn name(&self, index: usize) -> String {
        format!("number {index}")
    }
}

/// Bytes as they are, with a random third channel.
fn noisy() -> Arc<Prepare> {
    Arc::new(|picture: RgbImage, rng: &mut Rng, out: &mut [f32]| {
        for (&byte, x) in picture.iter().zip(out.iter_mut()) {
            *x = f32::from(byte);
        }
        out[2] = rng.uniform(0.0, 1.0) as f32;
        Ok(())
    })
}

fn config(threads: usize) -> LoaderConfig {
    LoaderConfig { batch_size: 4, size: (1, 1), threads, rng: Rng::new(5), ..LoaderConfig::default() }
}

fn loader(dataset: Counting, config: LoaderConfig) -> Loader {
    Loader::new(Arc::new(dataset), noisy(), config).unwrap()
}

/// Indices, images and targets.
fn parts(loaded: IndexedBatch) -> (Vec<usize>, Vec<f32>, Vec<f32>) {
    let flat = |tensor: candle_core::Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    (loaded.indices, flat(loaded.batch.images), flat(loaded.batch.targets))
}

fn all(loader: &Loader, epoch: u64) -> Vec<(Vec<usize>, Vec<f32>, Vec<f32>)> {
    loader.epoch(epoch).map(|item| parts(item.unwrap())).collect()
}

/// Fails instead of hanging for ever.
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(work()));
    receive.recv_timeout(Duration::from_secs(60)).unwrap()
}

#[test]
fn threads_change_nothing_and_epochs_differ() {
    let folder = Folder::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pictures/train")).unwrap();
    // Each of the twelve ten times.
    let dataset: Arc<dyn Dataset> =
        Arc::new(Subset::new(Arc::new(folder), (0..12).cycle().take(120).collect()).unwrap());
    let prepare: Arc<Prepare> = Arc::new(|picture: RgbImage, rng: &mut Rng, out: &mut [f32]| {
        let shift = rng.normal() as f32;
        for (&byte, x) in picture.iter().zip(out) {
            *x = f32::from(byte) + shift;
        }
        Ok(())
    });
    let loader = |threads| {
        let config = LoaderConfig { batch_size: 11, size: (64, 64), ..config(threads) };
        Loader::new(dataset.clone(), prepare.clone(), config).unwrap()
    };
    let run = |threads, epoch| all(&loader(threads), epoch);
    let one = run(1, 3);
    assert_eq!(one.len(), 11);
    for done in [1, 7, 10, 11, 12] {
        let rest: Vec<_> = loader(2).epoch_from(3, done).map(|item| parts(item.unwrap())).collect();
        assert!(rest == one[done.min(11)..], "what is left after {done} batches");
    }
    // Of each batch some rows, as one of several processes loads them; of the second none.
    let rows =
        (0..3).map(|batch| loader(1).places(batch)).map(|p| p.start + 2..p.start + if p.start == 11 { 2 } else { 7 });
    let (some, numbers) = (loader(3).epoch_of(3, rows.collect()), 64 * 64 * 3);
    for (item, (indices, images, targets)) in some.zip(&one) {
        let wanted = match indices == &one[1].0 {
            true => (Vec::new(), Vec::new(), Vec::new()),
            false => (indices[2..7].to_vec(), images[2 * numbers..7 * numbers].to_vec(), targets[4..14].to_vec()),
        };
        assert!(parts(item.unwrap()) == wanted);
    }
    for threads in [2, 5] {
        assert!(run(threads, 3) == one, "{threads} threads give other batches");
    }
    let other = run(2, 4);
    assert_ne!(other[0].0, one[0].0);
    for (indices, images, targets) in &one {
        assert_eq!(images.len(), indices.len() * 64 * 64 * 3);
        for (row, &index) in indices.iter().enumerate() {
            let mut wanted = [0.0; 2];
            wanted[dataset.label(index)] = 1.0;
            assert_eq!(targets[row * 2..][..2], wanted);
        }
    }
    let mut seen: Vec<_> = one.into_iter().flat_map(|batch| batch.0).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..120).collect::<Vec<_>>());
}

#[test]
fn without_shuffling_the_order_is_that_of_the_dataset_and_the_noise_still_differs() {
    let config = LoaderConfig { shuffle: false, ..config(3) };
    let loader = loader(Counting::new(10, None), config);
    let (first, second) = (all(&loader, 0), all(&loader, 1));
    assert_eq!(first[2].0, [8, 9]);
    assert_eq!((first[0].1[3], first[0].2.as_slice()), (1.0, &[1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0][..]));
    assert_eq!(first[0].0, second[0].0);
    assert_ne!(first[0].1[2], second[0].1[2]);
}

#[test]
fn an_epoch_has_every_picture_in_batches_that_are_full_or_even() {
    for (len, batch_size, even, wanted) in [
        (10, 4, false, vec![4, 4, 2]),
        (10, 4, true, vec![3, 3, 4]),
        (8, 4, true, vec![4, 4]),
        (9, 4, true, vec![3, 3, 3]),
        (3, 4, true, vec![3]),
        (1, 4, true, vec![1]),
        // No batch of one picture, unless batches are to be such.
        (5, 2, true, vec![2, 3]),
        (3, 1, true, vec![1, 1, 1]),
    ] {
        let config = LoaderConfig { batch_size, even, ..config(2) };
        let loader = loader(Counting::new(len, None), config);
        let sizes: Vec<_> = all(&loader, 0).iter().map(|batch| batch.0.len()).collect();
        assert_eq!((loader.batches(), sizes), (wanted.len(), wanted));
    }
}

#[test]
fn a_slow_consumer_bounds_what_is_made() {
    in_time(|| {
        let dataset = Counting::new(400, None);
        let asked = dataset.asked.clone();
        // Three threads make a third of a batch each.
        let (ahead, prefetch) = (3, 2);
        let config = LoaderConfig { prefetch, ..config(3) };
        let begin = Instant::now();
        let mut epoch = loader(dataset, config).epoch(0);
        for delivered in 0..20 {
            thread::sleep(Duration::from_millis(10));
            let most = (delivered + ahead) * 4;
            let made = asked.load(Ordering::SeqCst);
            assert!(made <= most, "{made} pictures after {delivered} batches, at most {most}");
            assert!(epoch.next().unwrap().is_ok());
        }
        // Left alone, the threads fill the buffer and stop.
        let full = (20 + ahead) * 4;
        while asked.load(Ordering::SeqCst) < full {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(30));
        assert_eq!(asked.load(Ordering::SeqCst), full);
        assert!(epoch.waited() > Duration::ZERO && epoch.waited() <= begin.elapsed());
    });
}

#[test]
fn dropping_early_stops_the_threads() {
    for taken in [0, 1, 7] {
        let (alive, asked) = in_time(move || {
            let dataset = Counting::new(100_000, None);
            let asked = dataset.asked.clone();
            let mut epoch = loader(dataset, config(4)).epoch(0);
            for _ in 0..taken {
                epoch.next().unwrap().unwrap();
            }
            drop(epoch);
            // Each thread held the dataset, and with it the counter.
            (Arc::strong_count(&asked), asked)
        });
        assert_eq!(alive, 1);
        assert!(asked.load(Ordering::SeqCst) < 100);
    }
}

#[test]
fn a_fault_comes_in_its_place_and_ends_the_epoch() {
    for (fault, text) in [
        (Fault::Error, "number 13 is not a picture"),
        (Fault::Panic, "number 13 panicked: a bug in a decoder"),
        (Fault::Label, "number 13 has the label 2"),
    ] {
        for threads in [1, 4] {
            let items: Vec<_> = in_time(move || {
                let config = LoaderConfig { shuffle: false, ..config(threads) };
                let dataset = Counting::new(40, Some((13, fault)));
                loader(dataset, config).epoch(0).collect()
            });
            assert_eq!(items.len(), 4);
            assert!(items[..3].iter().all(Result::is_ok));
            let error = items[3].as_ref().unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }
}

#[test]
fn a_failed_preparation_names_the_picture() {
    let prepare: Arc<Prepare> = Arc::new(|_: RgbImage, _: &mut Rng, _: &mut [f32]| Err("too small".into()));
    let loader = Loader::new(Arc::new(Counting::new(1, None)), prepare, config(1)).unwrap();
    let error = loader.epoch(0).next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "cannot prepare number 0");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "too small");
}

#[test]
fn settings_are_checked_when_built() {
    let refused = |len, config| {
        let loader = Loader::new(Arc::new(Counting::new(len, None)), noisy(), config);
        loader.err().unwrap().to_string()
    };
    assert_eq!(refused(0, config(1)), "the dataset has no pictures");
    assert_eq!(refused(1, config(0)), "threads is 0; wanted at least 1");
    let flat = LoaderConfig { size: (0, 1), ..config(1) };
    assert_eq!(refused(1, flat), "height is 0; wanted at least 1");
    for size in [(1 << 31, 1 << 32), (1 << 62, 4), (1 << 17, 1 << 16)] {
        let said = refused(1, LoaderConfig { size, ..config(1) });
        assert!(said.contains(&format!("a batch of 1 pictures of {} x {}", size.0, size.1)), "{said}");
    }
}

#[test]
fn a_ready_split_has_no_picture_on_both_sides() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pictures");
    let splits = open(root, &taper_data::OpenConfig::default(), &Rng::new(1)).unwrap();
    assert_eq!((splits.train.len(), splits.val.len()), (12, 5));
    assert!(splits.left_out.is_empty());
    for index in 0..5 {
        assert_ne!(splits.train.name(index), splits.val.name(index));
    }
}

/// Nine pictures of one class and three of the other, as a part of sixteen.
fn uneven() -> Arc<dyn Dataset> {
    let chosen = [0, 2, 4, 6, 8, 10, 12, 14, 16, 1, 3, 5].to_vec();
    Arc::new(Subset::new(Arc::new(Counting::new(17, None)), chosen).unwrap())
}

#[test]
fn a_balanced_epoch_has_as_many_of_each_class_and_changes_what_comes_again() {
    let config = |threads| LoaderConfig { balanced: true, ..config(threads) };
    let balanced = |threads| Loader::new(uneven(), noisy(), config(threads)).unwrap();
    let mut of_the_large = std::collections::BTreeSet::new();
    for epoch in 0..4 {
        let order = balanced(1).order(epoch);
        let small = order.iter().filter(|&&index| index >= 9).count();
        assert_eq!((order.len(), small), (12, 6), "epoch {epoch}: {order:?}");
        // Each of the small class twice, of the large one none twice.
        for index in 0..12 {
            let times = order.iter().filter(|&&other| other == index).count();
            assert!(if index >= 9 { times == 2 } else { times <= 1 }, "{order:?}");
        }
        of_the_large.extend(order.into_iter().filter(|&index| index < 9));
        assert_eq!(all(&balanced(1), epoch), all(&balanced(3), epoch));
    }
    assert_eq!(of_the_large.len(), 9, "in four epochs every picture is seen");
    // The two showings of a picture are drawn apart.
    let shown: Vec<(usize, f32)> = all(&balanced(2), 0)
        .into_iter()
        .flat_map(|(indices, images, _)| {
            indices.into_iter().zip(images.chunks(3).map(|pixel| pixel[2]).collect::<Vec<_>>())
        })
        .collect();
    let noise: Vec<f32> = shown.iter().filter(|(index, _)| *index == 9).map(|(_, noise)| *noise).collect();
    assert!(noise.len() == 2 && noise[0] != noise[1], "{noise:?}");
    // An epoch that was broken off goes on with the same draws.
    let rest: Vec<_> = balanced(1).epoch_from(0, 2).map(|item| parts(item.unwrap())).collect();
    assert_eq!(rest[..], all(&balanced(1), 0)[2..]);
}

#[test]
fn an_epoch_of_several_passes_has_each_picture_in_each_and_changes_it_anew() {
    let config = |threads| LoaderConfig { passes: 3, even: true, ..config(threads) };
    let passes = |threads| loader(Counting::new(10, None), config(threads));
    for epoch in 0..2 {
        let order = passes(1).order(epoch);
        assert_eq!(order.len(), 30);
        for pass in order.chunks(10) {
            let mut sorted = pass.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..10).collect::<Vec<_>>(), "epoch {epoch}: {order:?}");
        }
        assert!(order[..10] != order[10..20] && order[10..20] != order[20..], "each in an order of its own");
        // The first pass is the epoch that it would be alone.
        let alone = loader(Counting::new(10, None), LoaderConfig { passes: 1, ..config(1) });
        assert_eq!(order[..10], alone.order(epoch));
        let shown = all(&passes(1), epoch);
        assert_eq!((shown.len(), passes(1).batches()), (8, 8), "30 pictures in batches of at most 4");
        assert_eq!(shown, all(&passes(3), epoch));
        let noise: Vec<f32> = shown
            .iter()
            .flat_map(|(indices, images, _)| indices.iter().zip(images.chunks(3)))
            .filter_map(|(index, pixel)| (*index == 7).then_some(pixel[2]))
            .collect();
        assert!(noise.len() == 3 && noise[0] != noise[1] && noise[1] != noise[2], "{noise:?}");
        // An epoch that was broken off goes on with the same draws.
        let rest: Vec<_> = passes(2).epoch_from(epoch, 5).map(|item| parts(item.unwrap())).collect();
        assert_eq!(rest[..], shown[5..]);
    }
    let in_order = loader(Counting::new(10, None), LoaderConfig { shuffle: false, ..config(1) });
    assert_eq!((in_order.order(0), in_order.batches()), ((0..10).collect(), 3));
    for passes in [0, usize::MAX / 2, usize::MAX] {
        let said = Loader::new(uneven(), noisy(), LoaderConfig { passes, ..config(1) }).unwrap_err().to_string();
        assert!(said.contains("passes"), "{said}");
    }
}
