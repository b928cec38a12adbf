//! Files that are named by their checksum.

use std::fs;
use std::path::Path;
use std::time::Duration;

use taper_transfer::{Digest, Fetch, FetchConfig, FetchError, Torchvision, TorchvisionFile};

use crate::hostile_hub::{Reply, Server, content, quiet};
use crate::hub::hex;

fn torchvision(server: &Server, cache: &Path) -> Torchvision {
    let fetch =
        FetchConfig { pauses: vec![Duration::ZERO], patience: Duration::from_secs(20), ..FetchConfig::default() };
    Torchvision { cache: cache.to_owned(), endpoint: format!("{}/models", server.address), fetch }
}

/// A server of some bytes, as a store of objects answers.
fn store(bytes: Vec<u8>) -> Server {
    Server::start(move |asked| {
        let head = format!(
            "HTTP/1.1 206 Partial Content\r\nETag: \"5f3c1b2a9d8e7f60-9\"\r\nContent-Range: bytes {}-{}/{}\r\n",
            asked.first(),
            bytes.len() - 1,
            bytes.len()
        );
        Reply::new(head, &bytes[asked.first()..])
    })
}

fn file(bytes: &[u8]) -> TorchvisionFile {
    TorchvisionFile { file: format!("net-owt-{}.pth", &hex(bytes)[..8]), sha256: None }
}

#[test]
fn a_file_is_held_to_the_digits_in_its_name() {
    let (place, server) = (tempfile::tempdir().unwrap(), store(content()));
    let cache = place.path().join("hub/checkpoints");
    let source = torchvision(&server, &cache);
    let path = source.pull(&file(&content()), &mut quiet).unwrap();
    assert_eq!((fs::read(&path).unwrap(), &path), (content(), &cache.join(file(&content()).file)));
    let asked = server.asked.lock().unwrap()[0].path.clone();
    assert_eq!(asked, format!("/models/{}", file(&content()).file));

    // The name counts, and where all digits are known all of them do.
    let error = source.pull(&file(b"something else"), &mut quiet).unwrap_err();
    assert!(matches!(error, FetchError::Checksum { .. }), "{error}");
    let whole = hex(&content())[..8].to_owned() + &"0".repeat(56);
    let claimed = TorchvisionFile { sha256: Digest::parse(&whole), ..file(&content()) };
    let error = torchvision(&server, &place.path().join("other")).pull(&claimed, &mut quiet).unwrap_err();
    assert!(matches!(error, FetchError::Checksum { .. }), "{error}");
    assert_eq!(source.find(&file(b"something else")), None);

    for name in [
        "net.pth",
        "net-0123456.pth",
        "../net-01234567.pth",
        "a/net-01234567.pth",
        "net-01234567",
        "-.pth",
        "net-0123456G.pth",
    ] {
        let file = TorchvisionFile { file: name.into(), sha256: None };
        assert!(matches!(source.pull(&file, &mut quiet).unwrap_err(), FetchError::Name { .. }), "{name}");
    }
}

#[test]
fn a_file_that_pytorch_left_is_used_as_long_as_it_is_whole() {
    let (place, server) = (tempfile::tempdir().unwrap(), store(content()));
    let path = place.path().join(file(&content()).file);
    fs::write(&path, &content()[..5000]).unwrap();
    let mut source = torchvision(&server, place.path());
    source.fetch.offline = true;
    let error = source.pull(&file(&content()), &mut quiet).unwrap_err();
    assert!(matches!(error, FetchError::Damaged { .. }) && server.asked.lock().unwrap().is_empty(), "{error}");
    source.fetch.offline = false;
    let mut told = Vec::new();
    source.pull(&file(&content()), &mut |fetch| told.push(fetch)).unwrap();
    assert!(told.contains(&Fetch::Damaged(path.clone())) && fs::read(&path).unwrap() == content());

    let other = content().iter().rev().copied().collect::<Vec<u8>>();
    fs::write(place.path().join(file(&other).file), &other).unwrap();
    source.fetch.offline = true;
    assert_eq!(fs::read(source.pull(&file(&other), &mut quiet).unwrap()).unwrap(), other);
}

#[test]
fn what_is_forbidden_in_a_store_is_absent() {
    let server = Server::start(|_| Reply::new("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n", b""));
    let place = tempfile::tempdir().unwrap();
    let error = torchvision(&server, place.path()).pull(&file(b"x"), &mut quiet).unwrap_err();
    assert!(error.to_string().contains("no such file") && !error.to_string().contains("HF_TOKEN"), "{error}");
    assert_eq!(server.asked.lock().unwrap().len(), 1);
}
