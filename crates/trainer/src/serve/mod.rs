//! A network behind HTTP: a page to drop a picture on, and answers as JSON.

mod page;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use candle_core::DType;
use serde::Deserialize;
use serde_json::{Value, json};
use taper_regularize::Marginalize;
use tokio::sync::Semaphore;

use crate::evaluate::{marginal, ranked};
use crate::explain::grad_cam;
use crate::files;
use crate::model::Model;

/// What a server allows.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// The longest picture, bytes.
    pub bytes: usize,
    /// The longest that a request may take, its body included.
    pub time: Duration,
}

/// Requests that may wait for the network; more are sent away.
const WAITING: usize = 32;

/// Classes that an answer names unless it is asked for others.
const TOP: usize = 5;

/// What the requests have in common.
struct Shared {
    name: String,
    model: Model,
    /// One picture at a time: it has all threads.
    busy: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// The routes: `GET /` is a page, `GET /model` what is served, `POST /predict` answers for a picture in the body.
pub fn router(name: &str, model: Model, allowed: Allowed) -> Router {
    let shared = Arc::new(Shared {
        name: name.to_owned(),
        model,
        busy: Arc::new(Semaphore::new(1)),
        waiting: Arc::new(Semaphore::new(WAITING)),
    });
    let in_time = move |request: Request, next: Next| async move {
        let late = || refuse(StatusCode::REQUEST_TIMEOUT, format!("it took longer than {:?}", allowed.time));
        tokio::time::timeout(allowed.time, next.run(request)).await.unwrap_or_else(|_| late())
    };
    Router::new()
        .route("/", get(home))
        .route("/model", get(about))
        .route("/predict", post(predict))
        .fallback(async || refuse(StatusCode::NOT_FOUND, "there is GET /, GET /model and POST /predict"))
        .layer(DefaultBodyLimit::max(allowed.bytes))
        .layer(from_fn(in_time))
        .with_state(shared)
}

/// Serves until `end` is there.
///
/// # Errors
/// When the socket fails.
pub async fn serve(
    listener: tokio::net::TcpListener,
    router: Router,
    end: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    Ok(axum::serve(listener, router).with_graceful_shutdown(end).await?)
}

async fn home(State(shared): State<Arc<Shared>>) -> Response {
    // Nothing is fetched from elsewhere, and nothing may be.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:; connect-src 'self'";
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, policy)];
    (headers, page::page(&shared.name, &shared.model.card)).into_response()
}

async fn about(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let card = &shared.model.card;
    Json(json!({"name": shared.name, "model": card.model, "classes": card.classes, "input_size": card.input_size}))
}

/// What a request may ask for beside the classes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// How many classes.
    top: Option<usize>,
    /// Whether the places are wanted that speak for the first of them.
    #[serde(default)]
    explain: bool,
}

async fn predict(
    State(shared): State<Arc<Shared>>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let asked = match asked {
        Ok(Query(asked)) => asked,
        Err(error) => {
            return refuse(StatusCode::BAD_REQUEST, format!("{}; there is top=N and explain=true", error.body_text()));
        }
    };
    let body = match body {
        Ok(body) => body,
        Err(error) => return refuse(error.status(), error.body_text()),
    };
    let Ok(_waiting) = Arc::clone(&shared.waiting).try_acquire_owned() else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "too many requests are waiting: try again later");
    };
    let Ok(busy) = Arc::clone(&shared.busy).acquire_owned().await else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "the server is ending");
    };
    let work = tokio::task::spawn_blocking(move || {
        // Held until the work is done, also when nobody waits for it any more.
        let _busy = busy;
        let mut answer = Ok(Value::Null);
        rayon::scope(|_| answer = answer_to(&shared.model, &body, &asked));
        answer
    });
    match work.await {
        Ok(Ok(answer)) => Json(answer).into_response(),
        Ok(Err(error)) => refuse(StatusCode::UNPROCESSABLE_ENTITY, error),
        // A decoder's bug costs one answer, not the server.
        Err(_) => refuse(StatusCode::UNPROCESSABLE_ENTITY, "the picture cannot be read"),
    }
}

/// The most probable classes of a picture, and where the first of them was found.
fn answer_to(model: &Model, body: &[u8], asked: &Asked) -> Result<Value> {
    let (picture, pixels) = model.card.prepare(taper_data::decode_bytes(body, Path::new("the body"))?)?;
    let seen = marginal(&model.classifier, &pixels, Marginalize::Expectation)?;
    let probabilities = seen.mean.to_dtype(DType::F32)?.squeeze(0)?.to_vec1::<f32>()?;
    let order = ranked(&probabilities);
    let named = order.iter().take(asked.top.unwrap_or(TOP));
    let class = |&class: &usize| json!({"class": model.card.classes[class], "probability": probabilities[class]});
    let mut answer = json!({"classes": named.map(class).collect::<Vec<_>>()});
    if let (true, Some(first)) = (asked.explain, order.first()) {
        let heat = grad_cam(&model.classifier, &pixels, *first)?.over(&picture);
        answer["heat"] = format!("data:image/jpeg;base64,{}", STANDARD.encode(files::jpeg(&heat)?)).into();
    }
    Ok(answer)
}

fn refuse(status: StatusCode, why: impl ToString) -> Response {
    (status, Json(json!({"error": why.to_string()}))).into_response()
}
