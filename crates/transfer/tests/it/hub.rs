//! Fetching weights, from a hub of this test that has its faults.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use taper_transfer::{Digest, Fetch, FetchConfig, FetchError, Hub, HubFile};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What a hub does with the `n`th request for the content of its file.
#[derive(Clone, Copy)]
enum Fault {
    None,
    /// It closes the connection after so many bytes.
    Cut(usize),
    /// The first byte is another.
    Wrong,
    /// It answers with a status.
    Status(u16),
    /// It waits so long, milliseconds, before each tenth of the content.
    Slow(u64),
    /// It ignores what part was asked for.
    Whole,
}

/// A server that speaks what the client asks: a redirection with the sum and the commit, then parts
/// of the content.
struct Server {
    address: String,
    /// Of each request: path, range, token.
    seen: Arc<Mutex<Vec<[String; 3]>>>,
}

impl Server {
    fn start(content: Vec<u8>, faults: Vec<Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, seen) = (format!("http://{}", listener.local_addr().unwrap()), Arc::default());
        let server = Self { address: address.clone(), seen: Arc::clone(&seen) };
        let faults = Arc::new(Mutex::new(faults.into_iter()));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (content, address) = (content.clone(), address.clone());
                let (seen, faults) = (Arc::clone(&seen), Arc::clone(&faults));
                std::thread::spawn(move || answer(stream, &content, &address, &seen, &faults));
            }
        });
        server
    }

    fn hub(&self, cache: &Path) -> Hub {
        Hub {
            cache: cache.to_owned(),
            endpoint: self.address.clone(),
            token: None,
            fetch: FetchConfig {
                pauses: vec![Duration::from_millis(1); 3],
                patience: Duration::from_secs(20),
                ..FetchConfig::default()
            },
        }
    }

    /// The ranges in which the content was asked for, to its end.
    fn ranges(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|[path, range, _]| path == "/blob" && range.ends_with('-'))
            .map(|[_, r, _]| r.clone())
            .collect()
    }
}

fn answer(
    mut stream: TcpStream,
    content: &[u8],
    address: &str,
    seen: &Mutex<Vec<[String; 3]>>,
    faults: &Mutex<std::vec::IntoIter<Fault>>,
) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let header = |name: &str| {
        let value = headers.iter().find_map(|line| line.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)));
        value.map_or(String::new(), |(_, value)| value.to_owned())
    };
    let (range, token) = (header("range").replace("bytes=", ""), header("authorization"));
    seen.lock().unwrap().push([path.clone(), range.clone(), token]);
    if path != "/blob" {
        let etag = hex(content);
        let head = format!(
            "HTTP/1.1 302 Found\r\nLocation: {address}/blob\r\nX-Linked-Etag: \"{etag}\"\r\nX-Repo-Commit: {COMMIT}\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        return stream.write_all(head.as_bytes()).ok();
    }
    let (start, end) = range.split_once('-')?;
    let whole = end.is_empty();
    let mut start: usize = start.parse().ok()?;
    let end = end.parse().map_or(content.len(), |end: usize| end + 1);
    let fault = if whole { faults.lock().unwrap().next().unwrap_or(Fault::None) } else { Fault::None };
    let status = match fault {
        Fault::Status(status) => status,
        _ if start >= end => 416,
        _ => 206,
    };
    if status != 206 {
        return stream.write_all(format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n").as_bytes()).ok();
    }
    if let Fault::Whole = fault {
        start = 0;
    }
    let mut part = content[start..end].to_vec();
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{}/{}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        end - 1,
        content.len(),
        part.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    match fault {
        Fault::Cut(bytes) => part.truncate(bytes),
        Fault::Wrong => part[0] ^= 1,
        _ => {}
    }
    for tenth in part.chunks((content.len() / 10).max(1)) {
        if let Fault::Slow(pause) = fault {
            std::thread::sleep(Duration::from_millis(pause));
        }
        stream.write_all(tenth).ok()?;
    }
    Some(())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn content() -> Vec<u8> {
    (0..200_000u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect()
}

fn file() -> HubFile {
    HubFile {
        repository: "timm/some.tv_in1k".into(),
        revision: "main".into(),
        file: "model.safetensors".into(),
        sha256: None,
    }
}

fn quiet(_: Fetch) {}

#[test]
fn a_file_arrives_once_in_the_layout_that_python_shares() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(content(), Vec::new()));
    let hub = Hub { token: Some("secret".into()), ..server.hub(folder.path()) };
    let mut told = Vec::new();
    let path = hub.pull(&file(), &mut |fetch| told.push(fetch)).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), content());
    assert_eq!(hub.find(&file()), Some(path.clone()));
    let repository = folder.path().join("models--timm--some.tv_in1k");
    assert_eq!(path, repository.join("snapshots").join(COMMIT).join("model.safetensors"));
    assert_eq!(std::fs::read_to_string(repository.join("refs/main")).unwrap(), COMMIT);
    assert!(told.contains(&Fetch::Size(200_000)));
    let bytes = |fetch: &Fetch| if let Fetch::Bytes(bytes) = fetch { *bytes } else { 0 };
    assert_eq!(told.iter().map(bytes).sum::<u64>(), 200_000);
    let seen = server.seen.lock().unwrap().clone();
    assert_eq!(seen[0][0], "/timm/some.tv_in1k/resolve/main/model.safetensors");
    assert_eq!(seen[0][2], "Bearer secret");
    hub.pull(&file(), &mut quiet).unwrap();
    assert_eq!(server.seen.lock().unwrap().len(), seen.len());
}

#[test]
fn a_download_that_breaks_off_goes_on_where_it_stopped() {
    let (folder, server) = (
        tempfile::tempdir().unwrap(),
        Server::start(content(), vec![Fault::Cut(70_000), Fault::None, Fault::Cut(1000)]),
    );
    let path = server.hub(folder.path()).pull(&file(), &mut quiet).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), content());
    let ranges = server.ranges();
    assert_eq!((ranges.len(), &*ranges[0], &*ranges[1]), (2, "0-", "70000-"), "{ranges:?}");

    // Also by another process, after the first has given up.
    let other = tempfile::tempdir().unwrap();
    let mut once = server.hub(other.path());
    once.fetch.pauses.clear();
    let error = once.pull(&file(), &mut quiet).unwrap_err();
    assert!(matches!(error, FetchError::Broken { .. }) && error.to_string().contains("goes on"), "{error}");
    assert_eq!(once.find(&file()), None);
    assert_eq!(std::fs::read(once.pull(&file(), &mut quiet).unwrap()).unwrap(), content());
    assert_eq!(server.ranges().last().unwrap(), "1000-");
}

#[test]
fn other_bytes_never_get_the_files_name() {
    for (fault, attempts) in [(Fault::Wrong, 1), (Fault::Cut(0), 4)] {
        let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(content(), vec![fault; attempts]));
        let hub = server.hub(folder.path());
        let error = hub.pull(&file(), &mut quiet).unwrap_err();
        match fault {
            Fault::Wrong => assert!(error.to_string().contains(&hex(&content())), "{error}"),
            _ => assert!(matches!(error, FetchError::Broken { .. }), "{error}"),
        }
        assert_eq!((hub.find(&file()), server.ranges().len()), (None, attempts));
        assert_eq!(std::fs::read(hub.pull(&file(), &mut quiet).unwrap()).unwrap(), content());
    }
    // A part with a wrong byte in it costs the download anew.
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(content(), vec![Fault::None]));
    let staging = folder.path().join("taper-incomplete/timm--some.tv_in1k");
    std::fs::create_dir_all(&staging).unwrap();
    std::fs::write(staging.join(format!("{}.part", hex(&content()))), [1; 5000]).unwrap();
    let path = server.hub(folder.path()).pull(&file(), &mut quiet).unwrap();
    assert_eq!((std::fs::read(path).unwrap(), server.ranges()), (content(), vec!["5000-".into(), "0-".into()]));
    // A part that grows beyond the file, and one that is the whole file already.
    let (folder, server) =
        (tempfile::tempdir().unwrap(), Server::start(content(), vec![Fault::Cut(9000), Fault::Whole]));
    let path = server.hub(folder.path()).pull(&file(), &mut quiet).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), content());
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join("taper-incomplete/timm--some.tv_in1k");
    std::fs::create_dir_all(&part).unwrap();
    std::fs::write(part.join(format!("{}.part", hex(&content()))), content()).unwrap();
    let path = server.hub(folder.path()).pull(&file(), &mut quiet).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), content());

    // The server is not even asked where all is known of it.
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join("taper-incomplete/timm--some.tv_in1k");
    std::fs::create_dir_all(&part).unwrap();
    std::fs::write(part.join(format!("{}.part", hex(&content()))), content()).unwrap();
    let known = HubFile { revision: COMMIT.into(), sha256: Digest::parse(&hex(&content())), ..file() };
    let asked = server.seen.lock().unwrap().len();
    let path = server.hub(folder.path()).pull(&known, &mut quiet).unwrap();
    assert_eq!((std::fs::read(path).unwrap(), server.seen.lock().unwrap().len()), (content(), asked));

    // What a manifest says counts for more than what the hub says.
    let folder = tempfile::tempdir().unwrap();
    let other = HubFile { sha256: Digest::parse(&"0".repeat(64)), ..file() };
    let asked = server.ranges().len();
    let error = server.hub(folder.path()).pull(&other, &mut quiet).unwrap_err();
    assert!(matches!(error, FetchError::Announced { .. }) && error.to_string().contains(&hex(&content())), "{error}");
    assert!(server.ranges().len() <= asked + 1);
}

#[test]
fn refusals_say_what_to_do_and_only_some_are_tried_again() {
    for (status, requests, says) in
        [(401, 1, "HF_TOKEN"), (403, 1, "terms"), (404, 1, "no such file"), (429, 4, "too many"), (503, 4, "later")]
    {
        let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(content(), vec![Fault::Status(status); 4]));
        let error = server.hub(folder.path()).pull(&file(), &mut quiet).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains(&status.to_string()), "{error}");
        assert!(error.contains("timm/some.tv_in1k"), "{error}");
        assert_eq!(server.ranges().len(), requests, "{status}");
    }
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(content(), vec![Fault::Status(429); 2]));
    let mut waited = 0;
    let mut count = |fetch| waited += usize::from(matches!(fetch, Fetch::Waiting(_)));
    server.hub(folder.path()).pull(&file(), &mut count).unwrap();
    assert_eq!(waited, 2);
}

#[test]
fn slow_is_well_and_standing_still_or_dripping_is_not() {
    // The last one gives at most 60,000 bytes in 800 milliseconds.
    let faults = vec![Fault::Slow(100), Fault::Slow(60_000), Fault::Slow(300)];
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(content(), faults));
    let mut hub = server.hub(folder.path());
    hub.fetch.patience = Duration::from_millis(800);
    assert!(hub.pull(&file(), &mut quiet).is_ok());
    let folder = tempfile::tempdir().unwrap();
    let mut hub = server.hub(folder.path());
    hub.fetch = FetchConfig { patience: Duration::from_millis(800), pauses: Vec::new(), ..hub.fetch };
    for _ in 0..2 {
        let error = hub.pull(&file(), &mut quiet).unwrap_err();
        assert!(matches!(error, FetchError::Stalled { .. }), "{error}");
    }
}

#[test]
fn two_that_want_the_same_fetch_it_once() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(content(), vec![Fault::Slow(20)]));
    std::thread::scope(|scope| {
        let pull = || server.hub(folder.path()).pull(&file(), &mut quiet).unwrap();
        let both = [scope.spawn(pull), scope.spawn(pull)].map(|thread| thread.join().unwrap());
        assert_eq!(both[0], both[1]);
    });
    assert_eq!(server.ranges().len(), 1);
}

#[test]
fn without_a_net_a_disk_or_a_hub() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(content(), Vec::new()));
    let mut hub = server.hub(folder.path());
    hub.fetch.offline = true;
    let error = hub.pull(&file(), &mut quiet).unwrap_err().to_string();
    assert!(error.contains("HF_HUB_OFFLINE") && server.seen.lock().unwrap().is_empty(), "{error}");

    let place = folder.path().join("file");
    std::fs::write(&place, "no folder").unwrap();
    let error = server.hub(&place).pull(&file(), &mut quiet).unwrap_err();
    assert!(matches!(error, FetchError::Disk { .. }) && error.to_string().contains("HF_HOME"), "{error}");

    // Nobody listens; something else does.
    let mut nobody = Hub { endpoint: "http://127.0.0.1:9".into(), ..server.hub(folder.path()) };
    nobody.fetch.pauses.clear();
    let error = nobody.pull(&file(), &mut quiet).unwrap_err();
    assert!(matches!(error, FetchError::Broken { .. }), "{error}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
        }
    });
    let error = Hub { endpoint, ..nobody }.pull(&file(), &mut quiet).unwrap_err();
    assert!(error.to_string().contains("HF_ENDPOINT"), "{error}");
}
