//! Stands between the client library and the server, inside the encryption, and reads along.
//!
//! Why: the library answers whatever a server asks. A server that asks for the password in clear, or hashed with MD5,
//! would get it; one that sends without end would fill the memory; and the password's stretching (PBKDF2, about a
//! millisecond of our processor) would run for a thousand visits at once. All three can only be stopped before the
//! bytes reach the library.
//!
//! Invariants:
//! - until the server has said `AuthenticationOk`, no byte reaches the library before its message was inspected;
//! - afterwards this is a pass-through with a counter;
//! - every end of the stream is a typed error, so that the cause is never guessed from a library's text.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::tls::{ChannelBinding, TlsStream};
use tokio_util::sync::PollSemaphore;

use crate::patience::Patience;

/// What a server may send in one visit, in bytes. An honest answer is about a kilobyte, a witness over five hundred
/// keys about a hundred.
pub const LONGEST_ANSWER: u64 = 1 << 20;

/// The longest message before the login is done, in bytes: libpq takes 30 000 for an error and 2 000 for the rest.
const LONGEST_LOGIN_MESSAGE: usize = 30_000;

/// PostgreSQL asks for 4 096 iterations. A hundred thousand cost 20 ms of our processor, which is as much as a server
/// may make us work; it holds one of the permits meanwhile, so the others only wait.
const MOST_ITERATIONS: u32 = 100_000;

/// Why the guard ended the conversation, or how it ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    #[error("the server asks for the password by {0}, and gets nothing")]
    Asked(Method),
    #[error("the server asks for a password and there is none")]
    NoPassword,
    #[error("the server asks for more than {MOST_ITERATIONS} password iterations")]
    TooManyIterations,
    #[error("the answer is not the PostgreSQL protocol")]
    NotPostgres,
    #[error("the server sent more than {LONGEST_ANSWER} bytes")]
    TooLong,
    #[error("the connection was closed")]
    Closed {
        /// The server had sent something before.
        heard: bool,
    },
    #[error("the connection broke: {kind}")]
    Broken { heard: bool, kind: io::ErrorKind },
}

/// Ways to log in that we do not go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Cleartext,
    Md5,
    /// Kerberos, GSSAPI, SSPI and what may come.
    Other(i32),
}

impl std::fmt::Display for Method {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cleartext => formatter.write_str("clear text"),
            Self::Md5 => formatter.write_str("MD5"),
            Self::Other(code) => write!(formatter, "method {code}"),
        }
    }
}

/// What one message of the login asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    /// The library knows no notices before the login is done, and takes them for nonsense.
    Drop,
    /// The library will now stretch the password.
    Stretch,
    LoggedIn,
}

/// The stream, guarded.
#[derive(Debug)]
pub struct Guard<S> {
    inner: S,
    patience: Arc<Patience>,
    permits: PollSemaphore,
    /// Held while the library stretches the password: until its next write.
    permit: Option<OwnedSemaphorePermit>,
    has_password: bool,
    logging_in: bool,
    /// Bytes read but not yet given on.
    inbound: Vec<u8>,
    /// How many of them are inspected.
    cleared: usize,
    received: u64,
}

impl<S> Guard<S> {
    /// `permits` bounds how many visits stretch a password at the same time.
    pub fn new(
        inner: S,
        permits: Arc<Semaphore>,
        patience: Arc<Patience>,
        has_password: bool,
    ) -> Self {
        Self {
            inner,
            patience,
            permits: PollSemaphore::new(permits),
            permit: None,
            has_password,
            logging_in: true,
            inbound: Vec::new(),
            cleared: 0,
            received: 0,
        }
    }

    fn heard(&self) -> bool {
        0 < self.received
    }

    fn broken(&self, error: &io::Error) -> io::Error {
        GuardError::Broken { heard: self.heard(), kind: error.kind() }.into()
    }

    /// Clears the next message, waiting for a permit where it needs one. `false`: it is not whole yet.
    fn poll_clear(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, GuardError>> {
        let Some((length, verdict)) = inspect(&self.inbound, self.has_password)? else {
            return Poll::Ready(Ok(false));
        };
        match verdict {
            Verdict::Pass => self.cleared = length,
            Verdict::Drop => drop(self.inbound.drain(..length)),
            Verdict::LoggedIn => {
                self.logging_in = false;
                self.cleared = self.inbound.len();
            }
            Verdict::Stretch => {
                if self.permit.is_none() {
                    self.patience.begin_wait();
                    // Nobody closes the semaphore; without a permit the visit would only be less polite.
                    self.permit = ready!(self.permits.poll_acquire(cx));
                    self.patience.end_wait();
                }
                self.cleared = length;
            }
        }
        Poll::Ready(Ok(true))
    }
}

impl<S> Drop for Guard<S> {
    fn drop(&mut self) {
        self.patience.end_wait();
    }
}

/// The first whole message's length and what it asks for; `None` while it is not whole.
fn inspect(bytes: &[u8], has_password: bool) -> Result<Option<(usize, Verdict)>, GuardError> {
    let Some((&tag, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    // Authentication, error, notice, and the answer to a protocol version that the server does not know.
    if !matches!(tag, b'R' | b'E' | b'N' | b'v') {
        return Err(GuardError::NotPostgres);
    }
    let Some((length, rest)) = rest.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let length =
        usize::try_from(i32::from_be_bytes(*length)).map_err(|_| GuardError::NotPostgres)?;
    if !(4..=LONGEST_LOGIN_MESSAGE).contains(&length) {
        return Err(GuardError::NotPostgres);
    }
    let Some(body) = rest.get(..length - 4) else {
        return Ok(None);
    };
    let verdict = match tag {
        b'R' => authentication(body, has_password)?,
        b'N' => Verdict::Drop,
        _ => Verdict::Pass,
    };
    Ok(Some((length + 1, verdict)))
}

fn authentication(body: &[u8], has_password: bool) -> Result<Verdict, GuardError> {
    let (code, data) = body.split_first_chunk::<4>().ok_or(GuardError::NotPostgres)?;
    match i32::from_be_bytes(*code) {
        0 => Ok(Verdict::LoggedIn),
        3 => Err(GuardError::Asked(Method::Cleartext)),
        5 => Err(GuardError::Asked(Method::Md5)),
        10 if has_password => Ok(Verdict::Pass),
        10 => Err(GuardError::NoPassword),
        11 if MOST_ITERATIONS < iterations(data) => Err(GuardError::TooManyIterations),
        11 => Ok(Verdict::Stretch),
        12 => Ok(Verdict::Pass),
        other => Err(GuardError::Asked(Method::Other(other))),
    }
}

/// The `i=` of a SCRAM challenge. One that is missing or no number is the library's to refuse.
fn iterations(challenge: &[u8]) -> u32 {
    let number = challenge.split(|it| *it == b',').find_map(|it| it.strip_prefix(b"i="));
    let Some(number) = number.and_then(|it| std::str::from_utf8(it).ok()) else {
        return 0;
    };
    if number.bytes().all(|it| it.is_ascii_digit()) {
        number.parse().unwrap_or(u32::MAX)
    } else {
        0
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if 0 < this.cleared {
                let length = this.cleared.min(out.remaining());
                out.put_slice(&this.inbound[..length]);
                this.inbound.drain(..length);
                this.cleared -= length;
                return Poll::Ready(Ok(()));
            }
            if !this.logging_in {
                this.inbound = Vec::new();
                return this.poll_pass(cx, out);
            }
            if ready!(this.poll_clear(cx))? {
                continue;
            }
            ready!(this.poll_more(cx))?;
        }
    }
}

impl<S: AsyncRead + Unpin> Guard<S> {
    /// Reads on into `inbound`.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut chunk = [0; 4096];
        let mut chunk = ReadBuf::new(&mut chunk);
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, &mut chunk));
        self.count(read, chunk.filled().len())?;
        self.inbound.extend_from_slice(chunk.filled());
        Poll::Ready(Ok(()))
    }

    fn poll_pass(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, out));
        let counted = self.count(read, out.filled().len() - before);
        if counted.is_err() {
            // Whoever reports an error must not have given anything as well.
            out.set_filled(before);
        }
        Poll::Ready(counted)
    }

    fn count(&mut self, read: io::Result<()>, count: usize) -> io::Result<()> {
        match read {
            Err(error) => Err(self.broken(&error)),
            Ok(()) if count == 0 => Err(GuardError::Closed { heard: self.heard() }.into()),
            Ok(()) => {
                self.received += count as u64;
                self.patience.hear();
                if LONGEST_ANSWER < self.received {
                    return Err(GuardError::TooLong.into());
                }
                Ok(())
            }
        }
    }
}

impl From<GuardError> for io::Error {
    fn from(error: GuardError) -> Self {
        Self::other(error)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // The library has stretched the password: this is its answer.
        self.permit = None;
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes));
        Poll::Ready(written.map_err(|error| self.broken(&error)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.inner).poll_flush(cx));
        Poll::Ready(flushed.map_err(|error| self.broken(&error)))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_shutdown(cx))?;
        if !self.patience.sees_off() {
            return Poll::Ready(Ok(()));
        }
        // Whoever leaves bounds the wait; what still comes belongs to nobody.
        loop {
            let mut rest = [0; 512];
            let mut rest = ReadBuf::new(&mut rest);
            let read = ready!(Pin::new(&mut self.inner).poll_read(cx, &mut rest));
            if read.is_err() || rest.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: TlsStream + Unpin> TlsStream for Guard<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

#[cfg(test)]
mod tests;
