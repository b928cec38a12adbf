//! Connections: how many, and how long.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Connections at a time; further ones wait in the system's queue. Below the 256 descriptors that
/// some systems give a process.
const CONNECTIONS: usize = 128;

/// How long the head of a request may take to arrive, an answer to be taken, and the end to come,
/// unless a request itself has less.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait when the system has no descriptor for a connection.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Serves until `end` is there, then finishes what has been asked as far as a few seconds suffice.
/// A request may take `time` until its turn and as long again.
pub async fn serve(listener: TcpListener, router: Router, time: Duration, end: impl Future<Output = ()>) {
    let graceful = Arc::new(GracefulShutdown::new());
    let accepting = tokio::spawn(accept(listener, router, time, Arc::clone(&graceful)));
    end.await;
    accepting.abort();
    let _ = accepting.await;
    if let Some(graceful) = Arc::into_inner(graceful) {
        let _ = timeout(PATIENCE.min(time), graceful.shutdown()).await;
    }
}

async fn accept(listener: TcpListener, router: Router, time: Duration, graceful: Arc<GracefulShutdown>) {
    let open = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(permit) = Arc::clone(&open).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let answered = connection(stream, router.clone(), time, graceful.watcher());
                tokio::spawn(async move {
                    answered.await;
                    drop(permit);
                });
            }
            Err(_) => sleep(EXHAUSTED).await,
        }
    }
}

/// Answers the one request of a connection. Whoever is slow to ask, or to take the answer, is cut
/// off.
async fn connection(stream: TcpStream, router: Router, time: Duration, watcher: Watcher) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE.min(time)).max_buf_size(1 << 16).keep_alive(false);
    // Who has said all may close that side and still be answered.
    http.half_close(true);
    let answering = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // What goes wrong on a connection is the matter of the other side.
    let _ = timeout(2 * (PATIENCE + time), watcher.watch(answering)).await;
}

/// What a request is answered, without a connection.
pub async fn respond(router: Router, request: Request) -> Response {
    let Ok(response) = TowerToHyperService::new(router).call(request).await;
    response
}
