//! Stands between the client library and the server once the login is done, inside the encryption, and counts along.
//!
//! Why: a server that sends without end would fill the memory, and that can only be stopped before the bytes reach the
//! library. Why it replays: the library insists on beginning a conversation itself. What it says first is dropped,
//! because `login` has said it already, and what the server answered is given to it as the answer.
//!
//! Invariant: every end of the stream is a typed error, so that the cause is never guessed from a library's text.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

use super::login::Greeting;
use crate::patience::Patience;

/// What a server may send in one visit, in bytes. An honest answer is about a kilobyte, a witness over five hundred
/// keys about a hundred.
pub const LONGEST_ANSWER: u64 = 1 << 20;

/// Why we ended the conversation, or how it ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    #[error("the server asks for the password by {0}, and gets nothing")]
    Asked(Method),
    #[error("the server asks for a password and there is none")]
    NoPassword,
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

/// The stream, guarded.
#[derive(Debug)]
pub struct Guard<S> {
    inner: S,
    patience: Arc<Patience>,
    /// What of the greeting the library has not read yet.
    unread: Vec<u8>,
    /// Nothing is sent before the library has begun to read: until then it repeats the start-up.
    listening: bool,
    received: u64,
}

impl<S> Guard<S> {
    pub fn new(inner: S, greeting: Greeting, patience: Arc<Patience>) -> Self {
        let Greeting { unread, received } = greeting;
        Self { inner, patience, unread, listening: false, received }
    }

    fn heard(&self) -> bool {
        0 < self.received
    }

    fn broken(&self, error: &io::Error) -> io::Error {
        GuardError::Broken { heard: self.heard(), kind: error.kind() }.into()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.listening = true;
        if !this.unread.is_empty() {
            let length = this.unread.len().min(out.remaining());
            out.put_slice(&this.unread[..length]);
            this.unread.drain(..length);
            if this.unread.is_empty() {
                this.unread = Vec::new();
            }
            return Poll::Ready(Ok(()));
        }
        this.poll_pass(cx, out)
    }
}

impl<S: AsyncRead + Unpin> Guard<S> {
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
        if !self.listening {
            return Poll::Ready(Ok(bytes.len()));
        }
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

/// The channel is bound by `login`: the library has nothing to bind.
impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Guard<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

#[cfg(test)]
mod tests;
