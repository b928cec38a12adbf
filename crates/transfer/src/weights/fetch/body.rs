//! The bytes of a file, as they come.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Instant;

use ureq::BodyReader;

use super::answer::Answer;
use super::config::Fetch;
use super::request::Request;
use crate::weights::answer_error::AnswerError;
use crate::weights::fetch_error::FetchError;

/// The fewest bytes that have to come in the time of
/// [`FetchConfig::patience`](super::config::FetchConfig).
const LEAST: u64 = 1 << 16;

/// Writes a body into the part at `path`, from where the answer says that it begins, and not a byte
/// more than was promised.
pub(super) fn receive(
    request: &Request<'_>,
    path: &Path,
    answer: &Answer,
    mut body: BodyReader<'_>,
    tell: &mut dyn FnMut(Fetch),
) -> Result<(), FetchError> {
    let (most, file) = (request.config.largest, || request.file.clone());
    let size = answer.size.unwrap_or(most);
    if size > most {
        return Err(FetchError::TooLarge { file: file(), size, most });
    }
    let disk = |source| request.disk(path, source);
    let mut part = File::options().create(true).truncate(false).write(true).open(path).map_err(disk)?;
    part.set_len(answer.first).and_then(|()| part.seek(SeekFrom::Start(answer.first))).map_err(disk)?;
    if let Some(size) = answer.size {
        tell(Fetch::Size(size));
    }
    tell(Fetch::Bytes(answer.first));
    let (mut there, mut block) = (answer.first, vec![0; 1 << 16]);
    let mut pace = (Instant::now(), there);
    loop {
        let read = match body.read(&mut block) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(request.failed(error.into())),
        };
        there += read as u64;
        if there > size {
            return Err(request.senseless(AnswerError::TooMuch { size }));
        }
        part.write_all(&block[..read]).map_err(disk)?;
        tell(Fetch::Bytes(read as u64));
        if there < size && pace.0.elapsed() >= request.config.patience {
            if there - pace.1 < LEAST {
                return Err(request.stalled());
            }
            pace = (Instant::now(), there);
        }
    }
    match answer.size {
        Some(size) if there < size => Err(FetchError::CutShort { file: file(), got: there, size }),
        _ => part.sync_all().map_err(disk),
    }
}
