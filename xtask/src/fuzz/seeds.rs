//! What a fuzzer begins with: small things that are in order, made of the repository's fixtures.

use std::fs;
use std::io::{Cursor, Write};
use std::path::PathBuf;

use flate2::write::GzEncoder;
use image::{DynamicImage, ImageFormat};
use taper_trainer::recipe::Recipe;
use taper_trainer::store::checkpoint::{Checkpoints, Every, TrainState};
use taper_trainer::store::identity::Identity;
use taper_transfer::sha256;

/// The seeds of a target; what cannot be made is left out.
pub fn seeds(name: &str) -> Vec<Vec<u8>> {
    match name {
        "pictures" => pictures(),
        "safetensors" => vec![safetensors("{}")],
        "checkpoint" => checkpoint().into_iter().collect(),
        "pth" => pth(),
        "recipe" => [Recipe::default(), Recipe::from_scratch()].iter().flat_map(toml::to_string).map(bytes).collect(),
        "space" => SPACES.map(bytes).to_vec(),
        "model.json" => CARDS.map(bytes).to_vec(),
        "idx" => idx(),
        "hub" => ANSWERS.map(bytes).to_vec(),
        "http" => http(),
        _ => Vec::new(),
    }
}

fn bytes(text: impl AsRef<str>) -> Vec<u8> {
    text.as_ref().as_bytes().to_vec()
}

fn top() -> PathBuf {
    crate::root().unwrap_or_default()
}

/// One picture, small, in every format and with every kind of pixel.
fn pictures() -> Vec<Vec<u8>> {
    let Ok(png) = fs::read(top().join("tests/data/emoji/val/clock/alarm_clock.png")) else { return Vec::new() };
    let Ok(picture) = image::load_from_memory(&png) else { return Vec::new() };
    let small = picture.thumbnail_exact(17, 11);
    let kinds = [
        DynamicImage::ImageRgb8(small.to_rgb8()),
        DynamicImage::ImageRgba8(small.to_rgba8()),
        DynamicImage::ImageLuma8(small.to_luma8()),
        DynamicImage::ImageRgb16(small.to_rgb16()),
    ];
    use ImageFormat::{Bmp, Gif, Ico, Jpeg, Png, Pnm, Qoi, Tiff, WebP};
    let formats = [Png, Jpeg, WebP, Gif, Bmp, Ico, Pnm, Qoi, Tiff];
    let mut seeds = vec![png];
    for (kind, format) in kinds.iter().flat_map(|kind| formats.map(|format| (kind, format))) {
        let mut file = Cursor::new(Vec::new());
        if kind.write_to(&mut file, format).is_ok() {
            seeds.push(file.into_inner());
        }
    }
    // What the decoders are tested with.
    for folder in ["jpeg", "odd", "formats"] {
        let Ok(files) = fs::read_dir(top().join("crates/data/tests").join(folder)) else { continue };
        let mut paths: Vec<_> = files.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        seeds.extend(paths.iter().filter_map(|path| fs::read(path).ok()).filter(|file| file.len() < 1 << 13));
    }
    seeds
}

/// Two tensors, and what is said about the file.
fn safetensors(about: &str) -> Vec<u8> {
    let header = format!(
        r#"{{"__metadata__":{about},"model/a.weight":{{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}},"b":{{"dtype":"F16","shape":[4],"data_offsets":[24,32]}}}}"#
    );
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 32]].concat()
}

/// One as it is written, without the sum behind it.
fn checkpoint() -> Option<Vec<u8>> {
    let place = tempfile::tempdir().ok()?;
    fs::create_dir(place.path().join("checkpoint")).ok()?;
    let recipe = toml::to_string(&Recipe::default()).ok()?;
    let identity = Identity { recipe, weights: "a".into(), pictures: "b".into() };
    Checkpoints::new(place.path(), Every::Epoch, identity).save(1, TrainState::default()).ok()?;
    let mut bytes = fs::read(place.path().join("checkpoint/step-00000001.checkpoint")).ok()?;
    bytes.truncate(bytes.len().checked_sub(sha256(b"").len())?);
    Some(bytes)
}

/// Files of PyTorch's, and the pickles in their archives.
fn pth() -> Vec<Vec<u8>> {
    let Ok(folder) = fs::read_dir(top().join("tests/golden/state_dicts")) else { return Vec::new() };
    let mut paths: Vec<_> = folder.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let files = paths.iter().filter_map(|path| fs::read(path).ok()).filter(|file| file.len() < 1 << 14);
    let with = |kind: u8, content: &[u8]| [&[kind][..], content].concat();
    files.flat_map(|file| [pickle(&file).map(|pickle| with(1, pickle)), Some(with(0, &file))]).flatten().collect()
}

/// What follows the name of the pickle in an archive, up to the next file of it.
fn pickle(file: &[u8]) -> Option<&[u8]> {
    let at =
        |from: usize, wanted: &[u8]| Some(from + file[from..].windows(wanted.len()).position(|part| part == wanted)?);
    let start = at(at(0, b"data.pkl")?, &[0x80])?;
    Some(&file[start..at(start, b"PK")?])
}

const SPACES: [&str; 3] = [
    "trials = 4\n[space]\n\"optimize.lr\" = { log = [1e-4, 1e-1] }\n\"head.dropout\" = { uniform = [0.0, 0.5] }\n",
    "method = \"grid\"\n[space]\n\"optimize.lr\" = { choice = [1e-3, 1e-2] }\n\"optimize.epochs\" = { integer = [1, 3] }\n",
    "trials = 6\n[halving]\nfactor = 3\nrungs = 2\n[space]\n\"optimize.lr\" = { log = [1e-4, 1e-1] }\n",
];

const CARDS: [&str; 2] = [
    r#"{"schema":1,"model":"small_cnn","head":"linear","classes":["a","b"],"input_size":32,"mean":[0.5,0.5,0.5],"std":[0.25,0.25,0.25]}"#,
    r#"{"schema":1,"model":"resnet18","head":{"mlp":{"hidden":64}},"classes":["a"],"input_size":224,"mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]}"#,
];

/// Three pictures of 2x3 and their labels, plain and compressed.
fn idx() -> Vec<Vec<u8>> {
    let images = [vec![0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 3], (0..18).collect()].concat();
    let labels = vec![0, 0, 8, 1, 0, 0, 0, 3, 2, 0, 1];
    let packed = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
    };
    let both = |images: &[u8], labels: &[u8]| [&(images.len() as u16).to_be_bytes()[..], images, labels].concat();
    vec![both(&images, &labels), both(&packed(&images), &packed(&labels))]
}

const ANSWERS: [&str; 3] = [
    "206\nContent-Range: bytes 5-9/10\nETag: \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"\nX-Repo-Commit: 0123456789abcdef0123456789abcdef01234567",
    "302\nX-Linked-Size: 10\nX-Linked-ETag: \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"\n\n200\nContent-Length: 10\nETag: \"/etc/passwd\"",
    "206\nContent-Range: bytes 0-0/*\nX-Repo-Commit: ../../0123456789abcdef0123456789abcdef01",
];

/// Requests to a server.
fn http() -> Vec<Vec<u8>> {
    let picture = pictures().into_iter().nth(1).unwrap_or_default();
    let head = |line: &str, more: &str| {
        bytes(format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n"))
    };
    let length = format!("Content-Length: {}\r\n", picture.len());
    let form = [
        &bytes("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n"),
        &picture[..],
        b"\r\n--x--\r\n",
    ]
    .concat();
    let about = format!("Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {}\r\n", form.len());
    let chunked = [format!("{:x}\r\n", picture.len()).as_bytes(), &picture, b"\r\n0\r\n\r\n"].concat();
    vec![
        head("GET /", ""),
        head("GET /model", ""),
        [head("POST /predict?top=1&explain=true", &length), picture.clone()].concat(),
        [head("POST /predict", &about), form].concat(),
        [head("POST /predict", "Transfer-Encoding: chunked\r\n"), chunked].concat(),
    ]
}
