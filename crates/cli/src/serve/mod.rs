//! A network behind HTTP: a page to drop a picture on, and answers as JSON.

mod body;
mod connections;
mod hosts;
mod page;
mod upload;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::header::{
    CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use candle_core::{DType, Tensor};
use image::RgbImage;
use serde::Deserialize;
use serde_json::{Value, json};
use taper_data::LabelKind;
use taper_regularize::Marginalize;
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub use connections::{respond, serve};
pub use hosts::Hosts;
use upload::Upload;

use crate::answers::Answer;
use crate::asking::Asking;
use taper_trainer::build::model::Model;
use taper_trainer::evaluate::explain::grad_cam;
use taper_trainer::evaluate::{marginal, ranked};
use taper_trainer::files;

use crate::remedy::said;

/// What a server allows.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// The most bytes in the body of a request.
    pub bytes: usize,
    /// The longest that a request may wait for its turn, and that it may then take, its body
    /// included.
    pub time: Duration,
    /// The names that a request may be for.
    pub hosts: Hosts,
}

/// Requests of the longest kind whose bodies are in memory at a time; others wait, their bodies
/// unread.
const BODIES: usize = 4;

/// Bytes of a body that waits for nobody: a hundred connections with one each take no more than a
/// few long ones.
const SMALL: usize = 1 << 20;

/// What memory is counted in, bytes.
const UNIT: usize = 1 << 16;

/// Requests that are worked at. More than one, so that a picture which takes too long holds nobody
/// up.
const WORKERS: usize = 4;

/// Classes that an answer names unless it is asked for others.
const TOP: usize = 5;

/// What the requests have in common.
struct Shared {
    name: String,
    model: Model,
    asking: Asking,
    bytes: usize,
    time: Duration,
    memory: Arc<Semaphore>,
    workers: Arc<Semaphore>,
    /// One picture at a time goes through the network: it has all threads.
    network: Mutex<()>,
}

/// The routes: `GET /` is a page, `GET /model` what is served, `POST /predict` answers for a
/// picture in the body, or for the pictures of a form.
pub fn router(name: &str, (model, asking): (Model, Asking), allowed: Allowed) -> Router {
    let Allowed { bytes, time, hosts } = allowed;
    let shared = Arc::new(Shared {
        name: name.to_owned(),
        model,
        asking,
        bytes,
        time,
        memory: Arc::new(Semaphore::new(BODIES * bytes.div_ceil(UNIT).max(1))),
        workers: Arc::new(Semaphore::new(WORKERS)),
        network: Mutex::new(()),
    });
    let hosts = Arc::new(hosts);
    let known = move |request: Request, next: Next| {
        let refused = hosts.refuse(&request);
        async move {
            match refused {
                Some((status, why)) => refuse(status, why),
                None => next.run(request).await,
            }
        }
    };
    Router::new()
        .route("/", get(home))
        .route("/model", get(about))
        .route("/predict", post(predict))
        .fallback(async || refuse(StatusCode::NOT_FOUND, "there is GET /, GET /model and POST /predict"))
        .layer(DefaultBodyLimit::max(bytes))
        .layer(from_fn(known))
        .layer(map_response(guarded))
        .with_state(shared)
}

/// Tells browsers that an answer is what it says and belongs into no other page.
async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(nothing);
    response
}

async fn home(State(shared): State<Arc<Shared>>) -> Response {
    // Nothing is fetched from elsewhere, and nothing may be.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:; connect-src 'self'; \
                  frame-ancestors 'none'";
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, policy)];
    (headers, page::page(&shared.name, &shared.model.card)).into_response()
}

async fn about(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let card = &shared.model.card;
    Json(
        json!({"name": shared.name, "model": card.model, "classes": card.classes, "input_size": card.input_size, "objective": card.objective}),
    )
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
    request: Request,
) -> Response {
    let asked = match asked {
        Ok(Query(asked)) => asked,
        Err(error) => {
            return refuse(StatusCode::BAD_REQUEST, format!("{}; there is top=N and explain=true", error.body_text()));
        }
    };
    let time = shared.time;
    let room = match shared.units(request.headers()) {
        0 => Ok(None),
        units => timeout(time, Arc::clone(&shared.memory).acquire_many_owned(units)).await.map(Result::ok),
    };
    let Ok(room) = room else {
        let busy = refuse(StatusCode::SERVICE_UNAVAILABLE, "too many requests are waiting: try again later");
        return ([(RETRY_AFTER, time.as_secs().max(1).to_string())], busy).into_response();
    };
    let answered = async {
        let upload = match Upload::read(request, shared.bytes).await {
            Ok(upload) => upload,
            Err((status, why)) => return refuse(status, why),
        };
        let Ok(worker) = Arc::clone(&shared.workers).acquire_owned().await else {
            return refuse(StatusCode::SERVICE_UNAVAILABLE, "the server is ending");
        };
        let work = tokio::task::spawn_blocking(move || {
            // Held until the work is done, also when nobody waits for it any more.
            let _held = (room, worker);
            shared.answer(&upload, &asked)
        });
        match work.await {
            Ok(Ok(answer)) => Json(answer).into_response(),
            Ok(Err(error)) => refuse(StatusCode::UNPROCESSABLE_ENTITY, said(&error)),
            // A decoder's bug costs one answer, not the server.
            Err(_) => refuse(StatusCode::UNPROCESSABLE_ENTITY, "the picture cannot be read"),
        }
    };
    let late = || refuse(StatusCode::REQUEST_TIMEOUT, format!("it took longer than {time:?}"));
    timeout(time, answered).await.unwrap_or_else(|_| late())
}

impl Shared {
    /// How much memory the body of a request may take, where it is not small: what it says, or the
    /// most that is allowed.
    fn units(&self, headers: &HeaderMap) -> u32 {
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let bytes = length.unwrap_or(self.bytes).min(self.bytes);
        if bytes <= SMALL {
            return 0;
        }
        u32::try_from(bytes.div_ceil(UNIT).max(1)).unwrap_or(u32::MAX)
    }

    /// What is said of a picture, or of each picture of a form with several.
    fn answer(&self, upload: &Upload, asked: &Asked) -> Result<Value> {
        if let [(name, picture)] = &*upload.pictures {
            return self.classes(name, picture, asked);
        }
        let answers = upload.pictures.iter().map(|(name, picture)| {
            let mut answer = self.classes(name, picture, asked).unwrap_or_else(|error| json!({"error": said(&error)}));
            answer["file"] = name.as_str().into();
            answer
        });
        Ok(json!({"pictures": answers.collect::<Vec<_>>()}))
    }

    /// The most probable classes of a picture, and where the first of them was found.
    fn classes(&self, name: &str, picture: &[u8], asked: &Asked) -> Result<Value> {
        // On this thread, that one which takes long to decode leaves the network's threads alone.
        let (card, name) = (&self.model.card, Path::new(name));
        let picture = taper_data::decode_bytes_needed(picture, name, card.need())?;
        let (picture, pixels) = card.prepare(picture)?;
        let _one = self.network.lock().unwrap_or_else(PoisonError::into_inner);
        let mut answer = Ok(Value::Null);
        rayon::scope(|_| answer = answer_to((&self.model, &self.asking), &picture, &pixels, asked));
        answer
    }
}

fn answer_to((model, asking): (&Model, &Asking), picture: &RgbImage, pixels: &Tensor, asked: &Asked) -> Result<Value> {
    let seen = asking.run(|| marginal((&model.classifier, &model.card.objective), pixels, Marginalize::Expectation))?;
    let probabilities = seen.mean.to_dtype(DType::F32)?.squeeze(0)?.to_vec1::<f32>()?;
    let card = &model.card;
    let (objective, classes) = (&card.objective, &*card.classes);
    let said = Answer { objective, classes, values: &probabilities, deviations: None };
    let mut answer = Value::Object(said.json("classes", asked.top.unwrap_or(TOP)));
    // Of numbers it is the first that is explained, which need not be the largest.
    let first = if objective.kind() == LabelKind::Number { Some(0) } else { ranked(&probabilities).first().copied() };
    if let (true, Some(first)) = (asked.explain, &first) {
        let heat = grad_cam(&model.classifier, pixels, *first)?.over(picture);
        answer["heat"] = format!("data:image/jpeg;base64,{}", STANDARD.encode(files::jpeg(&heat)?)).into();
    }
    Ok(answer)
}

fn refuse(status: StatusCode, why: impl ToString) -> Response {
    (status, Json(json!({"error": why.to_string()}))).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::header::HOST;

    use super::*;

    #[test]
    fn requests_are_answered_without_a_connection() {
        let hosts = Hosts { bound: [127, 0, 0, 1].into(), names: Vec::new() };
        let allowed = Allowed { bytes: 1 << 10, time: Duration::from_secs(60), hosts };
        let router = router(
            "squeezenet1_1",
            (
                taper_trainer::build::model::open("squeezenet1_1", None, &taper_trainer::Silent).unwrap(),
                Asking::default(),
            ),
            allowed,
        );
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        for (request, body, wanted) in [
            (Request::get("/model").header(HOST, "localhost"), vec![], 200),
            (Request::get("/model").header(HOST, "evil.example"), vec![], 421),
            (Request::put("/model").header(HOST, "localhost"), vec![], 405),
            (Request::post("/predict").header(HOST, "localhost"), b"no picture".to_vec(), 422),
            (Request::post("/predict").header(HOST, "localhost"), vec![0; (1 << 10) + 1], 413),
            (Request::post("/predict").header(HOST, "localhost").header(CONTENT_LENGTH, "-1"), vec![], 422),
        ] {
            let request = request.body(Body::from(body)).unwrap();
            let asked = format!("{request:?}");
            let response = runtime.block_on(respond(router.clone(), request));
            assert_eq!(response.status().as_u16(), wanted, "{asked}");
            assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff", "{asked}");
        }
    }
}
