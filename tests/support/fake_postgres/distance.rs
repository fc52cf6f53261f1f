//! A stream whose peer seems to be far away.
//!
//! Why by arrival: an answer is due one round trip after its question arrived, so two questions sent together are
//! answered together. Sleeping before each answer would make pipelining look useless. Why below TLS: a handshake's
//! flights travel too. The connection itself took a round trip, which the loopback device hides from the client:
//! nothing that arrives within the first one is taken to have arrived before its end.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

pub(crate) struct Distant {
    stream: TcpStream,
    round_trip: Duration,
    established: Instant,
    arrived: Instant,
    /// With the time at which each is due; never out of order.
    outgoing: VecDeque<(Instant, Vec<u8>)>,
    alarm: Pin<Box<Sleep>>,
}

impl Distant {
    pub(crate) fn new(stream: TcpStream, round_trip: Duration) -> Self {
        let established = Instant::now() + round_trip;
        let alarm = Box::pin(sleep_until(established));
        Self {
            stream,
            round_trip,
            established,
            arrived: established,
            outgoing: VecDeque::new(),
            alarm,
        }
    }

    /// Sends what is due, and wakes the task again when the next is.
    fn send_due(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((due, bytes)) = self.outgoing.front_mut() {
            if Instant::now() < *due {
                if self.alarm.deadline() != *due {
                    self.alarm.as_mut().reset(*due);
                }
                ready!(self.alarm.as_mut().poll(context));
            }
            let sent = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
            bytes.drain(..sent);
            if bytes.is_empty() {
                self.outgoing.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Distant {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(Err(error)) = self.send_due(context) {
            return Poll::Ready(Err(error));
        }
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.arrived = self.established.max(Instant::now());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Distant {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.round_trip.is_zero() {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        }
        let due = self.arrived + self.round_trip;
        self.outgoing.push_back((due, bytes.to_vec()));
        Poll::Ready(Ok(bytes.len()))
    }

    /// What is not due yet is sent while the server waits for the next question.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.send_due(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
