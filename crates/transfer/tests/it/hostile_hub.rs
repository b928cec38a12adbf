//! Servers that are no hub, or one that means ill.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use taper_transfer::{Digest, Fetch, FetchConfig, FetchError, Hub, HubFile};

use crate::hub::hex;
use crate::said;

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What came in: the path, and the headers as they are.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    headers: Vec<String>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter_map(|line| line.split_once(": "));
        named.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Which byte is asked for first.
    pub(crate) fn first(&self) -> usize {
        let range =
            self.header("range").and_then(|range| range.strip_prefix("bytes=")?.split('-').next()?.parse().ok());
        range.unwrap_or(0)
    }
}

/// What a server answers: the head without its end, and the body, again and again if `endless`.
pub(crate) struct Reply {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) endless: bool,
}

impl Reply {
    pub(crate) fn new(head: impl Into<String>, body: &[u8]) -> Self {
        Self { head: head.into(), body: body.to_vec(), endless: false }
    }
}

/// A server that answers what the test says.
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) asked: Arc<Mutex<Vec<Asked>>>,
    /// Bytes of bodies that were taken from it.
    taken: Arc<AtomicU64>,
}

impl Server {
    pub(crate) fn start(reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { address, asked: Arc::default(), taken: Arc::default() };
        let (asked, taken, reply) = (Arc::clone(&server.asked), Arc::clone(&server.taken), Arc::new(reply));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (asked, taken, reply) = (Arc::clone(&asked), Arc::clone(&taken), Arc::clone(&reply));
                std::thread::spawn(move || answer(stream, &asked, &taken, &*reply));
            }
        });
        server
    }

    fn hub(&self, cache: &Path) -> Hub {
        let fetch = FetchConfig { pauses: Vec::new(), patience: Duration::from_secs(20), ..FetchConfig::default() };
        Hub { cache: cache.to_owned(), endpoint: self.address.clone(), token: None, fetch }
    }
}

fn answer(
    mut stream: TcpStream,
    asked: &Mutex<Vec<Asked>>,
    taken: &AtomicU64,
    reply: &dyn Fn(&Asked) -> Reply,
) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let it = Asked { path, headers: lines.take_while(|line| !line.is_empty()).collect() };
    asked.lock().unwrap().push(it.clone());
    let reply = reply(&it);
    stream.write_all(format!("{}Connection: close\r\n\r\n", reply.head).as_bytes()).ok()?;
    loop {
        stream.write_all(&reply.body).ok()?;
        taken.fetch_add(reply.body.len() as u64, Ordering::Relaxed);
        if !reply.endless {
            return Some(());
        }
    }
}

/// The head of an answer with a part of a file of `size` bytes.
pub(crate) fn part(first: usize, size: usize) -> String {
    format!(
        "HTTP/1.1 206 Partial Content\r\nX-Repo-Commit: {COMMIT}\r\nContent-Range: bytes {first}-{}/{size}\r\n",
        size - 1
    )
}

pub(crate) fn content() -> Vec<u8> {
    (0..10_000u32).map(|i| (i.wrapping_mul(i) >> 5) as u8).collect()
}

fn file() -> HubFile {
    HubFile { repository: "timm/some".into(), revision: "main".into(), file: "model.safetensors".into(), sha256: None }
}

pub(crate) fn quiet(_: Fetch) {}

/// All files below a folder, with their bytes.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    all
}

#[test]
fn what_a_server_says_becomes_no_path() {
    let place = tempfile::tempdir().unwrap();
    let (victim, home) = (place.path().join("victim"), place.path().join("home"));
    fs::write(&victim, "precious").unwrap();
    fs::create_dir(&home).unwrap();
    let names = [
        victim.display().to_string(),
        "../../../../victim".into(),
        "../victim".into(),
        "..\\victim".into(),
        "x\0y".into(),
    ];
    for name in names {
        let heads = [
            part(0, 10_000) + &format!("ETag: \"{name}\"\r\n"),
            part(0, 10_000) + &format!("X-Linked-ETag: {name}\r\nETag: {name}\r\n"),
            part(0, 10_000).replace(COMMIT, &name) + &format!("ETag: {}\r\n", hex(&content())),
            part(0, 10_000) + &format!("Content-Disposition: attachment; filename=\"{name}\"\r\n"),
        ];
        for head in heads {
            let server = Server::start(move |_| Reply::new(head.clone(), &content()));
            let error = server.hub(&home).pull(&file(), &mut quiet).unwrap_err();
            assert!(
                matches!(error, FetchError::Unverified { .. } | FetchError::Answer { .. } | FetchError::Broken { .. }),
                "{name}: {error}"
            );
            let left = files(place.path());
            assert!(
                left.iter().all(|(path, bytes)| bytes.is_empty() && path.ends_with("lock") || path == &victim),
                "{left:?}"
            );
            assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        }
    }
}

#[test]
fn a_file_without_a_checksum_is_taken_when_asked_for_and_stored_under_its_own() {
    let server = Server::start(|_| Reply::new(part(0, 10_000) + "ETag: \"../../x\"\r\n", &content()));
    let place = tempfile::tempdir().unwrap();
    let mut hub = server.hub(place.path());
    let error = hub.pull(&file(), &mut quiet).unwrap_err();
    assert!(matches!(error, FetchError::Unverified { .. }), "{error}");
    hub.fetch.unverified = true;
    let path = hub.pull(&file(), &mut quiet).unwrap();
    assert_eq!(fs::read(&path).unwrap(), content());
    assert!(place.path().join("models--timm--some/blobs").join(hex(&content())).exists());
    // A checksum that is known is held to all the same.
    let other = HubFile { sha256: Digest::parse(&"0".repeat(64)), file: "other.safetensors".into(), ..file() };
    let error = hub.pull(&other, &mut quiet).unwrap_err();
    assert!(matches!(error, FetchError::Checksum { .. }), "{error}");
    assert_eq!(hub.find(&other), None);
}

#[test]
fn a_file_of_another_commit_is_refused_where_nothing_else_tells_it() {
    let server = Server::start(|_| {
        let tag = format!("ETag: \"{}\"\r\n", hex(&content()));
        Reply::new(part(0, 10_000) + &tag, &content())
    });
    let place = tempfile::tempdir().unwrap();
    let hub = server.hub(place.path());
    let other = HubFile { revision: "f".repeat(40), ..file() };
    let error = hub.pull(&other, &mut quiet).unwrap_err();
    assert!(matches!(error, FetchError::Answer { .. }) && said(&error).contains(COMMIT), "{error}");
    assert_eq!(hub.find(&other), None);
    let pinned = HubFile { revision: COMMIT.into(), ..file() };
    assert_eq!(fs::read(hub.pull(&pinned, &mut quiet).unwrap()).unwrap(), content());
    // The checksum tells it.
    let known = HubFile { sha256: Digest::parse(&hex(&content())), ..other };
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(fs::read(server.hub(empty.path()).pull(&known, &mut quiet).unwrap()).unwrap(), content());
}

#[test]
fn no_more_is_written_than_was_promised() {
    let sha = "a".repeat(64);
    let tag = format!("ETag: \"{sha}\"\r\n");
    let whole = format!("HTTP/1.1 200 OK\r\nX-Repo-Commit: {COMMIT}\r\n");
    for (head, says) in [
        (part(0, 10_000) + &tag, "sends more than 10000 bytes"),
        (format!("{whole}{tag}X-Linked-Size: 10000\r\n"), "sends more than 10000 bytes"),
        (format!("{whole}{tag}"), "sends more than 100000 bytes"),
        (part(0, 100_001) + &tag, "at most 100000 are taken"),
        (part(0, usize::MAX) + &tag, "at most 100000 are taken"),
        (part(0, 10_000) + &tag + "X-Linked-Size: 9999\r\n", "9999"),
    ] {
        let server = Server::start(move |_| Reply { endless: true, ..Reply::new(head.clone(), &[7; 4096]) });
        let place = tempfile::tempdir().unwrap();
        let mut hub = server.hub(place.path());
        hub.fetch.largest = 100_000;
        let error = said(&hub.pull(&file(), &mut quiet).unwrap_err());
        assert!(error.contains(says), "{error}");
        assert!(files(place.path()).iter().all(|(_, bytes)| bytes.is_empty()), "the part is kept: {error}");
        // What sockets hold, and not the endless rest.
        assert!(server.taken.load(Ordering::Relaxed) < 32 << 20, "{error}");
    }
}

#[test]
fn a_token_is_for_the_server_that_was_asked() {
    let sha = hex(&content());
    let store = Server::start(move |asked| {
        // A checksum of its own does not count.
        let head = part(asked.first(), 10_000) + &format!("ETag: \"{}\"\r\n", "0".repeat(64));
        Reply::new(head, &content()[asked.first()..])
    });
    let address = store.address.clone();
    let hub = Server::start(move |asked| {
        // First to a path of its own, as the hub does where a repository has another name.
        let to = if asked.path.starts_with("/renamed") {
            format!("{address}/blob")
        } else {
            format!("/renamed{}", asked.path)
        };
        Reply::new(
            format!(
                "HTTP/1.1 307 Moved\r\nLocation: {to}\r\nX-Linked-ETag: \"{sha}\"\r\nX-Repo-Commit: {COMMIT}\r\nContent-Length: 0\r\n"
            ),
            b"",
        )
    });
    let place = tempfile::tempdir().unwrap();
    let asks = Hub { token: Some("secret".into()), ..hub.hub(place.path()) };
    assert_eq!(fs::read(asks.pull(&file(), &mut quiet).unwrap()).unwrap(), content());
    let tokens = |server: &Server| -> Vec<_> {
        server.asked.lock().unwrap().iter().map(|asked| asked.header("authorization").map(str::to_owned)).collect()
    };
    assert_eq!(tokens(&hub), [Some("Bearer secret".to_owned()), Some("Bearer secret".to_owned())]);
    assert_eq!(tokens(&store), [None]);

    for location in ["/again", "", "nowhere", "ftp://127.0.0.1/x", "file:///etc/passwd", "//", "http://"] {
        let loops = Server::start(move |_| {
            Reply::new(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n"), b"")
        });
        let error = loops.hub(place.path()).pull(&HubFile { file: "other".into(), ..file() }, &mut quiet).unwrap_err();
        assert!(matches!(error, FetchError::Answer { .. } | FetchError::Broken { .. }), "{location}: {error}");
        assert!(loops.asked.lock().unwrap().len() < 12);
    }
}

#[test]
fn a_part_of_another_file_is_begun_anew_and_a_server_without_ranges_is_understood() {
    let (old, new) = (content(), content().iter().rev().copied().collect::<Vec<u8>>());
    let version = Arc::new(Mutex::new(old.clone()));
    let served = Arc::clone(&version);
    let server = Server::start(move |asked| {
        let bytes = served.lock().unwrap().clone();
        let (first, sent) = (asked.first(), if asked.first() == 0 && bytes[0] == content()[0] { 4000 } else { 10_000 });
        Reply::new(part(first, 10_000) + &format!("ETag: \"{}\"\r\n", hex(&bytes)), &bytes[first..sent])
    });
    let place = tempfile::tempdir().unwrap();
    let hub = server.hub(place.path());
    assert!(matches!(hub.pull(&file(), &mut quiet).unwrap_err(), FetchError::CutShort { got: 4000, size: 10_000, .. }));
    *version.lock().unwrap() = new.clone();
    assert_eq!(fs::read(hub.pull(&file(), &mut quiet).unwrap()).unwrap(), new);
    assert_eq!(server.asked.lock().unwrap().iter().map(Asked::first).collect::<Vec<_>>(), [0, 4000, 0]);

    let times = AtomicU64::new(0);
    let server = Server::start(move |_| {
        let sent = if times.fetch_add(1, Ordering::Relaxed) == 0 { 4000 } else { 10_000 };
        let tag = hex(&content());
        let head = format!("HTTP/1.1 200 OK\r\nETag: {tag}\r\nX-Repo-Commit: {COMMIT}\r\nContent-Length: 10000\r\n");
        Reply::new(head, &content()[..sent])
    });
    let place = tempfile::tempdir().unwrap();
    let mut hub = server.hub(place.path());
    hub.fetch.pauses = vec![Duration::ZERO];
    assert_eq!(fs::read(hub.pull(&file(), &mut quiet).unwrap()).unwrap(), content());
}

#[test]
fn what_is_no_answer_is_an_error() {
    for head in [
        "",
        "\r\n",
        "hello\r\n",
        "HTTP/1.1 \r\n",
        "HTTP/1.1 999 No\r\n",
        "HTTP/1.1 206 Part\r\n",
        "HTTP/1.1 204 Nothing\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
    ] {
        let server = Server::start(move |_| Reply::new(head, b"\xff\xfe"));
        let place = tempfile::tempdir().unwrap();
        let error = server.hub(place.path()).pull(&file(), &mut quiet).unwrap_err();
        assert!(
            matches!(error, FetchError::Answer { .. } | FetchError::Broken { .. } | FetchError::Status { .. }),
            "{head:?}: {error}"
        );
    }
    // One that says nothing at all.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = tempfile::tempdir().unwrap();
    let fetch = FetchConfig { pauses: Vec::new(), patience: Duration::from_millis(200), ..FetchConfig::default() };
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let hub = Hub { cache: place.path().to_owned(), endpoint, token: None, fetch };
    assert!(matches!(hub.pull(&file(), &mut quiet).unwrap_err(), FetchError::Stalled { .. }));
}

/// A cache as a client leaves it, whose file has been damaged since.
#[cfg(unix)]
#[test]
fn a_damaged_file_is_fetched_again_or_refused() {
    let server = Server::start(|asked| {
        Reply::new(
            part(asked.first(), 10_000) + &format!("ETag: \"{}\"\r\n", hex(&content())),
            &content()[asked.first()..],
        )
    });
    let place = tempfile::tempdir().unwrap();
    let repository = place.path().join("models--timm--some");
    let (blob, snapshot) = (repository.join("blobs").join(hex(&content())), repository.join("snapshots").join(COMMIT));
    for folder in [&repository.join("blobs"), &repository.join("refs"), &snapshot] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(&blob, &content()[..9999]).unwrap();
    fs::write(repository.join("refs/main"), COMMIT).unwrap();
    std::os::unix::fs::symlink(Path::new("../../blobs").join(hex(&content())), snapshot.join("model.safetensors"))
        .unwrap();

    let mut hub = server.hub(place.path());
    hub.fetch.offline = true;
    let error = hub.pull(&file(), &mut quiet).unwrap_err();
    assert!(matches!(error, FetchError::Damaged { .. }) && error.to_string().contains("HF_HUB_OFFLINE"), "{error}");
    assert!(error.to_string().contains(&hex(&content())) && error.to_string().contains("model.safetensors"), "{error}");
    assert_eq!(server.asked.lock().unwrap().len(), 0);

    hub.fetch.offline = false;
    let mut told = Vec::new();
    let path = hub.pull(&file(), &mut |fetch| told.push(fetch)).unwrap();
    assert_eq!((fs::read(&path).unwrap(), fs::read(&blob).unwrap()), (content(), content()));
    assert!(told.contains(&Fetch::Damaged(path.clone())), "{told:?}");

    // Checked once, it is not read again; and a reference that leads elsewhere leads nowhere.
    hub.fetch.offline = true;
    assert_eq!(hub.pull(&file(), &mut quiet).unwrap(), path);
    fs::create_dir(place.path().join("outside")).unwrap();
    fs::write(place.path().join("outside/model.safetensors"), "precious").unwrap();
    fs::write(repository.join("refs/main"), "../../outside").unwrap();
    assert_eq!(hub.find(&file()), None);
}
