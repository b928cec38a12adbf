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
        let args = ["serve", "squeezenet1_1", "--address", "127.0.0.1:0", "--max-mb", "1", "--max-time", "2s"];
        let mut child = command(folder, &args).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
        Self { child, address }
    }

    /// The status and the body that answer some bytes.
    fn ask(&self, request: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
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
        ("/predict", &vec![0; (1 << 20) + 1], 413, "length limit"),
    ] {
        let (status, told) = server.post(path, body);
        assert!(status == wanted && told["error"].as_str().unwrap().contains(word), "{path}: {status} {told}");
    }
    // One that never sends its body does not hold the server up, and hears of it.
    let slow = b"POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 100\r\n\r\nhalf";
    let (status, told) = server.ask(slow);
    assert!(status == 408 && told.contains("2s"), "{status} {told}");
    fails(
        &taper(place.path(), &["serve", "squeezenet1_1", "--address", &server.address]),
        1,
        &["cannot listen on", "--address"],
    );
    fails(&taper(place.path(), &["serve", "nothing"]), 2, &["nothing"]);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it() {
    let place = tempfile::tempdir().unwrap();
    let mut server = Server::start(place.path());
    let id = server.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}
