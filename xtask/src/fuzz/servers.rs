//! The body that speaks over a socket of this machine.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Result;
use taper_cli::Asking;
use taper_cli::serve::{Allowed, Hosts, router, serve};
use taper_tensor::Rng;
use taper_trainer::build::framing::Framing;
use taper_trainer::build::model::{Model, ModelCard};
use taper_transfer::{BackboneConfig, Head};

/// The longest that a peer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server that is told so answers in HTTP or not at all, and the next one who asks.
pub(super) fn http(bytes: &[u8]) {
    static SERVER: OnceLock<Option<SocketAddr>> = OnceLock::new();
    let Some(address) = SERVER.get_or_init(|| start().ok()) else { return };
    let answer = ask(*address, bytes);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{:?}", String::from_utf8_lossy(&answer));
    let about = format!("GET /model HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let answer = ask(*address, about.as_bytes());
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{:?}", String::from_utf8_lossy(&answer));
}

/// What comes back, until nothing more does.
fn ask(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    if let Ok(mut stream) = TcpStream::connect(address) {
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut answer);
    }
    answer
}

/// A small network behind HTTP, for as long as the process lasts.
fn start() -> Result<SocketAddr> {
    let card = ModelCard {
        schema: 1,
        model: "small_cnn".into(),
        backbone: BackboneConfig::default(),
        head: Head::Linear,
        classes: vec!["a".into(), "b".into()],
        input_size: 32,
        framing: Framing::USUAL,
        mean: [0.5; 3],
        std: [0.25; 3],
        objective: taper_trainer::objective::Objective::One,
    };
    let (classifier, params) = card.build(Rng::new(0))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let hosts = Hosts { bound: address.ip(), names: vec!["localhost".into()] };
    let allowed = Allowed { bytes: 1 << 16, time: PATIENCE, hosts };
    let routes = router("fuzz", (Model { card, classifier, params }, Asking::default()), allowed);
    std::thread::spawn(move || runtime.block_on(serve(listener, routes, PATIENCE, std::future::pending())));
    Ok(address)
}
