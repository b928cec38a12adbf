//! The body of a request, as fast as it comes.

use std::error::Error;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::{Instant, timeout};

use super::connections::PATIENCE;

/// The fewest bytes a second that a body may bring, after a few seconds: a slow mobile connection
/// has as many. Whoever brings less is cut off, since a place is held for it.
const FEWEST: f64 = 16_384.0;

/// Reads a body of at most so many bytes.
///
/// # Errors
/// The status and the reason to answer with, when it is longer, comes too slowly, or breaks off.
pub(super) async fn read(body: Body, most: usize) -> Result<Vec<u8>, (StatusCode, String)> {
    let long = || (StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {most} bytes"));
    let slow = || (StatusCode::REQUEST_TIMEOUT, "the body comes too slowly".to_owned());
    let claimed = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if claimed > most {
        return Err(long());
    }
    let (mut body, mut bytes, begun) = (Limited::new(body, most), Vec::with_capacity(claimed), Instant::now());
    while let Some(frame) = timeout(PATIENCE, body.frame()).await.map_err(|_| slow())? {
        let frame = frame.map_err(|error| {
            if error.is::<LengthLimitError>() { long() } else { (StatusCode::BAD_REQUEST, said(&*error)) }
        })?;
        bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        if is_slow(bytes.len(), begun.elapsed()) {
            return Err(slow());
        }
    }
    Ok(bytes)
}

fn said(error: &(dyn Error + 'static)) -> String {
    format!("the body breaks off: {error}")
}

fn is_slow(bytes: usize, time: Duration) -> bool {
    time > PATIENCE && (bytes as f64) < FEWEST * time.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_drips_is_slow_and_a_slow_connection_is_not() {
        assert!(!is_slow(1, PATIENCE));
        let minute = Duration::from_secs(60);
        assert!(is_slow(600_000, minute) && !is_slow(1_000_000, minute));
    }
}
