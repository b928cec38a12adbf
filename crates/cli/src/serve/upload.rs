//! The pictures of a request.

use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;

use super::body;

/// The most pictures in a form.
const PICTURES: usize = 64;

/// The pictures of a request, with the names of their files: its body, or the files of a form
/// (`curl -F picture=@cat.jpg`).
pub(super) struct Upload {
    pub(super) pictures: Vec<(String, Bytes)>,
}

impl Upload {
    /// Reads them, of a body of at most so many bytes.
    ///
    /// # Errors
    /// When the body is too long, too slow or no whole form, or the form has no file in it.
    pub(super) async fn read(request: Request, most: usize) -> Result<Self, (StatusCode, String)> {
        let (head, body) = request.into_parts();
        let body = Bytes::from(body::read(body, most).await?);
        let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data") {
            return Ok(Self { pictures: vec![("the body".to_owned(), body)] });
        }
        let request = Request::from_parts(head, body.into());
        let mut form =
            Multipart::from_request(request, &()).await.map_err(|error| (error.status(), error.body_text()))?;
        let mut pictures = Vec::new();
        while let Some(field) = form.next_field().await.map_err(|error| (error.status(), error.body_text()))? {
            let Some(name) = field.file_name().map(str::to_owned) else {
                let name = field.name().unwrap_or_default();
                return Err((StatusCode::BAD_REQUEST, format!("{name:?} in the form is no file: -F picture=@cat.jpg")));
            };
            if pictures.len() == PICTURES {
                return Err((StatusCode::PAYLOAD_TOO_LARGE, format!("a form may hold {PICTURES} pictures")));
            }
            pictures.push((name, field.bytes().await.map_err(|error| (error.status(), error.body_text()))?));
        }
        if pictures.is_empty() {
            return Err((StatusCode::BAD_REQUEST, "there is no file in the form: -F picture=@cat.jpg".to_owned()));
        }
        Ok(Self { pictures })
    }
}
