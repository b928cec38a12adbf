//! Data sets of a hub of this test: what it lists is fetched, once.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use taper_transfer::{FetchConfig, FetchError, Hub};

use super::hub::hex;

const COMMIT: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// A hub of data sets: of each the files of its main branch, and those that the hub has made of it.
struct Server {
    address: String,
    /// The paths that were asked for.
    seen: Arc<Mutex<Vec<String>>>,
}

fn files(path: &str) -> Option<&'static [&'static str]> {
    match path.strip_prefix("/api/datasets/")? {
        "o/plain/revision/main" => {
            Some(&["README.md", "data/train-0.parquet", "data/test-0.parquet", "other/x.parquet"])
        }
        "o/folders/revision/main" => Some(&["a/1.png", ".gitattributes"]),
        "o/folders/revision/refs%2Fconvert%2Fparquet" => Some(&["default/train/0.parquet", "default/test/0.parquet"]),
        "o/several/revision/main" => Some(&["big/train-0.parquet", "small/train-0.parquet"]),
        "o/none/revision/main" => Some(&["a.zip"]),
        "o/evil/revision/main" => Some(&["../../../x.parquet", "data/../y.parquet"]),
        _ => None,
    }
}

fn answer(mut stream: TcpStream, seen: &Mutex<Vec<String>>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    seen.lock().unwrap().push(path.clone());
    let (status, head, body) = match (files(&path), path.contains("/resolve/")) {
        (Some(names), _) => {
            let names: Vec<String> = names.iter().map(|name| format!("{{\"rfilename\":\"{name}\"}}")).collect();
            (200, String::new(), format!("{{\"sha\":\"{COMMIT}\",\"siblings\":[{}]}}", names.join(",")))
        }
        (None, true) => {
            let head = format!("X-Linked-Etag: \"{}\"\r\nX-Repo-Commit: {COMMIT}\r\n", hex(path.as_bytes()));
            (200, head, path.clone())
        }
        _ => (404, String::new(), String::new()),
    };
    let head =
        format!("HTTP/1.1 {status} -\r\n{head}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).ok()
}

fn start() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, seen) = (format!("http://{}", listener.local_addr().unwrap()), Arc::<Mutex<Vec<String>>>::default());
    let told = Arc::clone(&seen);
    std::thread::spawn(move || {
        listener.incoming().flatten().for_each(|stream| answer(stream, &told).unwrap_or_default())
    });
    Server { address, seen }
}

fn hub(server: &Server, cache: &Path) -> Hub {
    let fetch = FetchConfig {
        pauses: vec![Duration::from_millis(1)],
        patience: Duration::from_secs(20),
        ..FetchConfig::default()
    };
    Hub { cache: cache.to_owned(), endpoint: server.address.clone(), token: None, fetch }
}

#[test]
fn the_parquet_files_of_a_data_set_are_fetched_once() {
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    let hub = hub(&server, cache.path());
    for (name, pattern, files) in [
        ("o/plain", "data/**/*.parquet", &["data/train-0.parquet", "data/test-0.parquet"][..]),
        ("o/plain/other", "other/**/*.parquet", &["other/x.parquet"]),
        ("o/folders", "default/**/*.parquet", &["default/train/0.parquet", "default/test/0.parquet"]),
        ("o/several/small", "small/**/*.parquet", &["small/train-0.parquet"]),
    ] {
        let found = hub.dataset(name, &mut |_| {}).unwrap();
        let repository = name.splitn(3, '/').take(2).collect::<Vec<_>>().join("--");
        let snapshot = cache.path().join(format!("datasets--{repository}/snapshots/{COMMIT}"));
        assert_eq!(found, snapshot.join(pattern), "{name}");
        for file in files {
            let text = std::fs::read_to_string(snapshot.join(file)).unwrap();
            assert!(text.starts_with("/datasets/o/") && text.ends_with(file), "{text}");
        }
    }
    let resolved = || server.seen.lock().unwrap().iter().filter(|path| path.contains("/resolve/")).count();
    assert_eq!(resolved(), 6);
    hub.dataset("o/plain", &mut |_| {}).unwrap();
    assert_eq!(resolved(), 6);
}

#[test]
fn what_cannot_be_fetched_is_said() {
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    let hub = hub(&server, cache.path());
    for (name, words) in [
        ("o/several", "several configurations (big, small)"),
        ("o/plain/third", "several configurations (data, other)"),
        ("o/none", "no Parquet files"),
        ("o/evil", "no Parquet files"),
        ("o/unknown", "404"),
        ("o/../x", "is invalid"),
        ("a/b/c/d", "is invalid"),
    ] {
        let said = hub.dataset(name, &mut |_| {}).unwrap_err().to_string();
        assert!(said.contains(words), "{name}: {said}");
    }
    let offline = Hub { fetch: FetchConfig { offline: true, ..hub.fetch.clone() }, ..hub };
    assert!(matches!(offline.dataset("o/plain", &mut |_| {}), Err(FetchError::Offline { .. })));
    assert!(!cache.path().join("x.parquet").exists());
}
