//! What must hold whatever the bytes are. A body that returns has found nothing.

use std::fs;
use std::path::Path;

use taper_data::{Dataset, Idx, MAX_PIXELS, decode_bytes};
use taper_trainer::build::model::ModelCard;
use taper_trainer::recipe::Recipe;
use taper_trainer::store::checkpoint::TrainState;
use taper_trainer::store::identity::Identity;
use taper_trainer::study::search::Space;
use taper_transfer::{Answer, AnsweredBy, read_weights, sha256, weights_from_bytes};

use super::servers;

/// The largest picture that a card is asked to prepare, pixels a side.
const SIDE: u32 = 512;

/// The body of a target.
pub fn body(name: &str) -> Option<fn(&[u8])> {
    Some(match name {
        "pictures" => pictures,
        "safetensors" => safetensors,
        "pth" => pth,
        "recipe" => recipe,
        "space" => space,
        "model.json" => model_card,
        "checkpoint" => checkpoint,
        "idx" => idx,
        "hub" => hub,
        "http" => servers::http,
        _ => return None,
    })
}

/// A picture has pixels, and not too many.
fn pictures(bytes: &[u8]) {
    if let Ok(picture) = decode_bytes(bytes, "input") {
        let (width, height) = picture.dimensions();
        assert!(width > 0 && height > 0 && u64::from(width) * u64::from(height) <= MAX_PIXELS);
        assert_eq!(picture.as_raw().len(), 3 * width as usize * height as usize);
    }
}

/// Weights are no more than the bytes hold.
fn safetensors(bytes: &[u8]) {
    if let Ok(weights) = weights_from_bytes(bytes, "input") {
        let numbers: usize = weights.tensors.values().map(|tensor| tensor.elem_count()).sum();
        assert!(2 * numbers <= bytes.len(), "{numbers} numbers of {} bytes", bytes.len());
    }
}

/// A file of PyTorch's: as it is after a 0; else the pickle of one whose archive is in order, which
/// no change would leave so.
fn pth(bytes: &[u8]) {
    let file = match bytes.split_first() {
        Some((0, file)) => file.to_vec(),
        Some((_, pickle)) => archive(pickle),
        None => return,
    };
    with_files(&[("weights.pth", &file)], |folder| {
        let _ = read_weights(folder.join("weights.pth"));
    });
}

/// An archive as `torch.save` writes it, with two storages: every file as it is, then the list of
/// them.
fn archive(pickle: &[u8]) -> Vec<u8> {
    let numbers: Vec<u8> = (0..64u8).flat_map(|i| f32::from(i).to_le_bytes()).collect();
    let parts: [(&str, &[u8]); 4] = [
        ("archive/data.pkl", pickle),
        ("archive/data/0", &numbers),
        ("archive/data/1", &numbers),
        ("archive/version", b"3\n"),
    ];
    let (mut file, mut list) = (Vec::new(), Vec::new());
    for (name, content) in parts {
        let mut sum = flate2::Crc::new();
        sum.update(content);
        let [sum, size, at] = [sum.sum(), content.len() as u32, file.len() as u32].map(u32::to_le_bytes);
        // Version, flags, method, time and date; sum and sizes; the lengths of the name and of what
        // follows it.
        let about = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &sum, &size, &size, &[name.len() as u8, 0, 0, 0]].concat();
        file.extend([b"PK\x03\x04", &about[..], name.as_bytes(), content].concat());
        list.extend([b"PK\x01\x02\x14\x00", &about[..], &[0; 10], &at, name.as_bytes()].concat());
    }
    let [size, at] = [list.len() as u32, file.len() as u32].map(u32::to_le_bytes);
    let count = [parts.len() as u8, 0];
    [&file[..], &list, b"PK\x05\x06", &[0; 4], &count, &count, &size, &at, &[0; 2]].concat()
}

/// What is a recipe can be written and read again, and is written as before.
fn recipe(bytes: &[u8]) {
    let read = |text: &str| Recipe::parse(text, Path::new("recipe.toml")).ok().map(|recipe| toml::to_string(&recipe));
    read_again(bytes, read);
}

/// As a recipe.
fn space(bytes: &[u8]) {
    let read = |text: &str| Space::parse(text, Path::new("space.toml")).ok().map(|space| toml::to_string(&space));
    read_again(bytes, read);
}

/// Holds a reader of texts, which writes what it has read, to what it writes.
fn read_again(bytes: &[u8], read: impl Fn(&str) -> Option<Result<String, toml::ser::Error>>) {
    let Some(written) = std::str::from_utf8(bytes).ok().and_then(&read) else { return };
    let Ok(text) = &written else {
        assert!(written.is_ok(), "what was read cannot be written: {written:?}");
        return;
    };
    let again = read(text);
    assert!(again.as_ref() == Some(&written), "{text}\nis read as\n{again:?}");
}

/// What is a card prepares a picture, or says why not.
fn model_card(bytes: &[u8]) {
    let Some(card) = std::str::from_utf8(bytes).ok().and_then(|text| ModelCard::parse(text).ok()) else { return };
    if card.input_size <= SIDE
        && let Ok((picture, batch)) = card.prepare(taper_data::RgbImage::new(3, 5))
    {
        assert_eq!(batch.dims(), [1, picture.height() as usize, picture.width() as usize, 3]);
    }
}

/// A checkpoint whose sum is right.
fn checkpoint(bytes: &[u8]) {
    let whole = [bytes, sha256(bytes).as_bytes()].concat();
    with_files(&[("step-1.checkpoint", &whole)], |folder| {
        if let Ok(checkpoint) = TrainState::read(&folder.join("step-1.checkpoint")) {
            let _ = checkpoint.steps();
            let _ = checkpoint.identity().differences(&Identity::default(), Vec::new);
        }
    });
}

/// Pictures, and behind as many bytes as the first two say their labels: every picture there is can
/// be had.
fn idx(bytes: &[u8]) {
    let Some((&[high, low], rest)) = bytes.split_first_chunk() else { return };
    let (images, labels) = rest.split_at(rest.len().min(usize::from(u16::from_be_bytes([high, low]))));
    with_files(&[("images", images), ("labels", labels)], |folder| {
        if let Ok(set) = Idx::open(folder.join("images"), folder.join("labels")) {
            for i in 0..set.len().min(8) {
                assert!(set.get(i).is_ok() && set.label(i) < set.classes().len());
            }
        }
    });
}

/// Answers of a hub, one after the other with an empty line between them: a status, then a header a
/// line. The last is of a server that the others have led to. What a commit is called is the name
/// of one, whatever was said.
fn hub(bytes: &[u8]) {
    let mut answer = Answer::default();
    let lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    let said: Vec<&[&[u8]]> = lines.split(|line| line.is_empty()).collect();
    for (i, lines) in said.iter().enumerate() {
        let Some((status, headers)) = lines.split_first() else { continue };
        let status = std::str::from_utf8(status).ok().and_then(|status| status.parse().ok()).unwrap_or(200);
        let headers = headers.iter().filter_map(|line| {
            let colon = line.iter().position(|&byte| byte == b':')?;
            Some((std::str::from_utf8(&line[..colon]).ok()?, &line[colon + 1..]))
        });
        let by = if i == 0 || i + 1 < said.len() { AnsweredBy::Asked } else { AnsweredBy::Other };
        if answer.read(status, headers, by).is_err() {
            return;
        }
    }
    let named = |commit: &String| commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(answer.commit.as_ref().is_none_or(named), "{answer:?}");
}

/// Runs something in a folder with these files.
fn with_files(files: &[(&str, &[u8])], run: impl FnOnce(&Path)) {
    let Ok(folder) = tempfile::tempdir() else { return };
    if files.iter().all(|(name, content)| fs::write(folder.path().join(name), content).is_ok()) {
        run(folder.path());
    }
}
