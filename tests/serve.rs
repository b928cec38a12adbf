//! A network behind HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::support::{EMOJI, command, fails, taper};

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(folder: &Path) -> Self {
        Self::start_with(folder, &["--max-mb", "1", "--max-time", "2s"])
    }

    fn start_with(folder: &Path, flags: &[&str]) -> Self {
        let args = [&["serve", "squeezenet1_1", "--address", "127.0.0.1:0"][..], flags].concat();
        let mut child = command(folder, &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
        Self { child, address }
    }

    /// A connection over which some bytes have been sent.
    fn send(&self, request: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        // A server that refuses a request answers before it has read all of it.
        match stream.write_all(request) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            sent => sent.unwrap(),
        }
        stream
    }

    /// The status and all that answers some bytes.
    fn whole(&self, request: &[u8]) -> (u16, String) {
        let mut answer = String::new();
        self.send(request).read_to_string(&mut answer).unwrap();
        (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
    }

    /// The status and the body that answer some bytes.
    fn ask(&self, request: &[u8]) -> (u16, String) {
        let (status, answer) = self.whole(request);
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
    }

    fn post(&self, path: &str, body: &[u8]) -> (u16, Value) {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        let (status, body) = self.ask(&[head.as_bytes(), body].concat());
        (status, serde_json::from_str(&body).unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_picture_is_named_and_anything_else_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(place.path());
    let picture = std::fs::read(format!("{EMOJI}/val/clock/alarm_clock.png")).unwrap();
    let (status, told) = server.post("/predict?top=2&explain=true", &picture);
    assert_eq!((status, told["classes"].as_array().unwrap().len()), (200, 2));
    assert_eq!(told["classes"][0]["class"], "analog clock");
    assert!(told["heat"].as_str().unwrap().starts_with("data:image/jpeg;base64,/9j/"));
    // The same answer as from the command line.
    let ran =
        taper(place.path(), &["predict", "squeezenet1_1", &format!("{EMOJI}/val/clock/alarm_clock.png"), "--json"]);
    let named: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(named["predictions"][0]["probability"], told["classes"][0]["probability"]);

    let (status, page) = server.get("/");
    assert!(status == 200 && page.contains("squeezenet1_1") && page.contains("1000 classes"), "{status}");
    assert!(!page.contains("src=\"http") && !page.contains("href=\"http"));
    let (status, about) = server.get("/model");
    assert!(status == 200 && about.contains("\"input_size\":224"), "{about}");
    for (path, body, wanted, word) in [
        ("/predict", &b"no picture"[..], 422, "not a picture"),
        ("/predict", &picture[..200], 422, "the body"),
        ("/predict", b"", 422, "the body"),
        ("/predict?top=x", &picture, 400, "top=N"),
        ("/predict?topp=1", &picture, 400, "topp"),
        ("/elsewhere", b"", 404, "POST /predict"),
        ("/predict", &vec![0; (1 << 20) + 1], 413, "more than 1048576 bytes"),
    ] {
        let (status, told) = server.post(path, body);
        assert!(status == wanted && told["error"].as_str().unwrap().contains(word), "{path}: {status} {told}");
    }
    // One that never sends its body does not hold the server up, and hears of it.
    let slow = b"POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 100\r\n\r\nhalf";
    let (status, told) = server.ask(slow);
    assert!(status == 408 && told.contains("2s"), "{status} {told}");
    // Each answer tells browsers what it is.
    let (_, head) = server.whole(b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for header in ["x-content-type-options: nosniff", "x-frame-options: DENY", "frame-ancestors 'none'"] {
        assert!(head.contains(header), "{head}");
    }
    // One that was asked for under another name is of a page that has none of its own.
    for (headers, wanted) in [
        ("Host: evil.example", 421),
        ("Host: evil.example\r\nOrigin: http://evil.example", 421),
        ("Host: localhost\r\nOrigin: http://evil.example", 403),
        ("Accept: */*", 400),
    ] {
        let head = format!("POST /predict HTTP/1.1\r\n{headers}\r\nContent-Length: {}\r\n\r\n", picture.len());
        assert_eq!(server.ask(&[head.as_bytes(), &picture].concat()).0, wanted, "{headers}");
    }
    fails(
        &taper(place.path(), &["serve", "squeezenet1_1", "--address", &server.address]),
        1,
        &["cannot listen on", "--address"],
    );
    fails(&taper(place.path(), &["serve", "nothing"]), 2, &["nothing"]);
    fails(&taper(place.path(), &["serve", "squeezenet1_1", "--host", "x:3000"]), 2, &["--host", "without http://"]);
}

/// As curl 7.88.1 sends `-F picture=@a.png -F picture=@b.png`.
fn form(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in files {
        let head = format!(
            "--------------------------f4085ee2b23cfc9a\r\nContent-Disposition: form-data; name=\"picture\"; {name}\r\n\
             Content-Type: image/png\r\n\r\n"
        );
        body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
    }
    body.extend(b"--------------------------f4085ee2b23cfc9a--\r\n");
    let head = format!(
        "POST /predict HTTP/1.1\r\nHost: localhost:3000\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\nContent-Length: {}\r\n\
         Content-Type: multipart/form-data; boundary=------------------------f4085ee2b23cfc9a\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

#[test]
fn a_form_is_answered_as_its_pictures_are() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(place.path());
    let picture = std::fs::read(format!("{EMOJI}/val/clock/alarm_clock.png")).unwrap();
    let named = "filename=\"alarm_clock.png\"";
    let (status, answer) = server.ask(&form(&[(named, &picture)]));
    let (_, plain) = server.post("/predict", &picture);
    assert_eq!((status, serde_json::from_str::<Value>(&answer).unwrap()), (200, plain.clone()));
    let (status, answer) = server.ask(&form(&[(named, &picture), ("filename=\"../none.png\"", b"no picture")]));
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let both = answer["pictures"].as_array().unwrap();
    assert_eq!((status, both.len(), &both[0]["classes"]), (200, 2, &plain["classes"]));
    assert_eq!(both[0]["file"], "alarm_clock.png");
    assert!(both[1]["error"].as_str().unwrap().contains("not a picture"), "{answer}");
    for (request, wanted) in [
        (form(&[]), 400),
        (form(&[("x=1", b"text")]), 400),
        (form(&[(named, &vec![0; 1 << 20])]), 413),
        (String::from_utf8(form(&[])).unwrap().replace("boundary=", "border=").into_bytes(), 400),
    ] {
        let (status, told) = server.ask(&request);
        assert!(status == wanted && told.contains("error"), "{status} {told}");
    }
}

/// Whoever is slow has a place for as long as a request may take, and no longer.
#[test]
fn slow_clients_shut_nobody_out() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(place.path());
    let picture = std::fs::read(format!("{EMOJI}/val/clock/alarm_clock.png")).unwrap();
    // Some with half a body: first fewer than have a place, then more.
    let half = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf";
    for slow in [3, 9] {
        let slow: Vec<_> = (0..slow).map(|_| server.send(half)).collect();
        assert_eq!(server.post("/predict", &picture).0, 200);
        drop(slow);
    }
    // More than there are connections, with half a head.
    let slow: Vec<_> = (0..150).map(|_| server.send(b"POST /predict HTTP/1.1\r\nHost: x\r\n")).collect();
    assert_eq!(server.get("/model").0, 200);
    for mut stream in slow {
        // Cut off, whether it is told so or not.
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

/// Bodies that are long and do not come hold the places of long ones for a few seconds, and none of
/// short ones.
#[test]
fn bodies_that_do_not_come_shut_nobody_out() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start_with(place.path(), &["--max-mb", "4", "--max-time", "30s"]);
    let picture = std::fs::read(format!("{EMOJI}/val/clock/alarm_clock.png")).unwrap();
    let claims = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\nhalf";
    let mut slow: Vec<_> = (0..5).map(|_| server.send(claims)).collect();
    let begun = std::time::Instant::now();
    assert_eq!(server.post("/predict", &picture).0, 200);
    assert!(begun.elapsed().as_secs() < 4);
    // A long one has its turn as soon as those have been cut off.
    assert_eq!(server.post("/predict", &[&*picture, &vec![0; 2 << 20]].concat()).0, 200);
    assert!(begun.elapsed().as_secs() < 25);
    let mut told = String::new();
    slow[0].read_to_string(&mut told).unwrap();
    assert!(told.contains(" 408 ") && told.contains("too slowly"), "{told}");
}

/// Whoever has not said all yet has a few seconds, however long a request may take, and none after
/// a second signal.
#[cfg(unix)]
#[test]
fn a_signal_ends_it() {
    let place = tempfile::tempdir().unwrap();
    for (open, signals, code) in [(false, 1, 0), (true, 1, 0), (true, 2, 130)] {
        let mut server = Server::start_with(place.path(), &["--max-time", "10m"]);
        let half = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf";
        let _open = open.then(|| server.send(half));
        // What was sent before is here once this is answered.
        assert_eq!(server.get("/model").0, 200);
        let (id, begun) = (server.child.id().to_string(), std::time::Instant::now());
        let mut said = BufReader::new(server.child.stderr.take().unwrap());
        for _ in 0..signals {
            assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
            // The first has been heard once it is answered.
            said.read_line(&mut String::new()).unwrap();
        }
        assert_eq!(server.child.wait().unwrap().code(), Some(code));
        assert!(begun.elapsed().as_secs() < 60);
    }
}
