//! An open connection to a target: ask, and leave.
//!
//! Why connection and questions are driven in one task: a task of its own would outlive a visit whose deadline has
//! passed. Here, whoever drops the session drops the socket.
//!
//! Invariants:
//! - a question that ran into its limit leaves the session unusable: what still comes belongs to nobody;
//! - leaving is bounded too.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_postgres::error::ErrorPosition;
use tokio_postgres::{AsyncMessage, Client, Connection, SimpleQueryMessage};

use super::cause::{Complaint, LastWords, Symptom, judge};
use super::guard::{Guard, GuardError};
use super::progress::Stage;
use super::wire::Wire;
use crate::model::observation::{Encryption, Failure};

/// How long leaving politely may take. It only sends; a server that does not read may not hold us.
const LEAVING: Duration = Duration::from_secs(1);

/// The rows of a result; `None` is NULL.
pub type Rows = Vec<Vec<Option<String>>>;

/// How the session came about.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// `None` for a Unix socket.
    pub peer: Option<SocketAddr>,
    pub local_port: Option<u16>,
    pub encryption: Encryption,
    pub round_trip: Duration,
}

pub struct Session {
    client: Client,
    connection: Connection<Guard<Wire>, Guard<Wire>>,
    path: Path,
    /// An answer is still owed, or the connection has ended.
    spoilt: bool,
}

/// A failure, with the server's code where it gave one.
#[derive(Clone, Debug)]
pub struct Trouble {
    pub failure: Failure,
    pub code: Option<Box<str>>,
    /// Where in the text that was sent, in characters from 1, where the server says so.
    pub position: Option<u32>,
}

impl Trouble {
    /// Of which the server said nothing.
    const fn of(failure: Failure) -> Self {
        Self { failure, code: None, position: None }
    }
}

impl Session {
    pub(super) fn new(
        client: Client,
        connection: Connection<Guard<Wire>, Guard<Wire>>,
        path: Path,
    ) -> Self {
        Self { client, connection, path, spoilt: false }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The shortest round trip seen so far.
    pub fn rtt_hint(&self) -> Duration {
        self.path.round_trip
    }

    /// Sends `sql` as it is, in one message, and returns the rows of its last result. Put `statement::preamble` before
    /// it, unless a transaction of the session's own is open.
    pub async fn ask(&mut self, sql: &str, limit: Duration) -> Result<Rows, Failure> {
        self.run(sql, limit).await.map_err(|it| it.failure)
    }

    /// As `ask`, with what the server says of an error beside its message.
    pub async fn run(&mut self, sql: &str, limit: Duration) -> Result<Rows, Trouble> {
        match timeout(limit, self.query(sql)).await {
            Ok(answered) => answered,
            Err(_elapsed) => Err(Trouble::of(judge(&Symptom::Elapsed(Stage::Query)))),
        }
    }

    /// As `run`, bounded by the caller.
    pub(super) async fn query(&mut self, sql: &str) -> Result<Rows, Trouble> {
        if self.spoilt {
            let ended = Symptom::Guard(GuardError::Closed { heard: true }, LastWords(None));
            return Err(Trouble::of(judge(&ended)));
        }
        // Until the answer is whole: a caller may drop this future at any wait.
        self.spoilt = true;
        let start = Instant::now();
        let answer = drive(&mut self.connection, self.client.simple_query(sql)).await;
        // An error of the server is an answer too; the library still reads it to its end.
        self.spoilt = answer.as_ref().is_err_and(|it| it.code.is_none());
        let messages = answer?;
        self.path.round_trip = self.path.round_trip.min(start.elapsed());
        Ok(last_result(&messages))
    }

    /// Leaves politely: the server's log stays clean, and a pooler gets its slot back at once.
    pub async fn close(self) {
        let Self { client, mut connection, spoilt, .. } = self;
        drop(client);
        if spoilt {
            return;
        }
        let left =
            async { while let Some(Ok(_)) = poll_fn(|cx| connection.poll_message(cx)).await {} };
        // Either way the socket closes now.
        timeout(LEAVING, left).await.unwrap_or_default();
    }
}

/// Runs the connection until `question` is answered or the connection ends.
async fn drive<T>(
    connection: &mut Connection<Guard<Wire>, Guard<Wire>>,
    question: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Trouble> {
    let mut question = pin!(question);
    let mut last_words: Option<String> = None;
    poll_fn(|cx| {
        if let Poll::Ready(answer) = question.as_mut().poll(cx) {
            return Poll::Ready(answer.map_err(|error| trouble(&error, last_words.as_deref())));
        }
        let ended = loop {
            match connection.poll_message(cx) {
                Poll::Ready(Some(Ok(AsyncMessage::Notice(notice)))) => {
                    last_words = Some(notice.code().code().to_owned());
                }
                Poll::Ready(Some(Ok(_))) => (),
                Poll::Ready(Some(Err(error))) => break trouble(&error, last_words.as_deref()),
                Poll::Ready(None) => {
                    let symptom =
                        Symptom::Guard(GuardError::Closed { heard: true }, LastWords(None));
                    break Trouble::of(judge(&symptom));
                }
                Poll::Pending => return Poll::Pending,
            }
        };
        // The answer may have come just before the end, and an error of the server says more than the end does.
        match question.as_mut().poll(cx) {
            Poll::Ready(Ok(answer)) => Poll::Ready(Ok(answer)),
            Poll::Ready(Err(error)) if error.as_db_error().is_some() => {
                Poll::Ready(Err(trouble(&error, last_words.as_deref())))
            }
            _ => Poll::Ready(Err(ended)),
        }
    })
    .await
}

fn last_result(messages: &[SimpleQueryMessage]) -> Rows {
    let mut rows = Rows::new();
    for message in messages {
        match message {
            SimpleQueryMessage::RowDescription(_) => rows.clear(),
            SimpleQueryMessage::Row(row) => {
                rows.push(
                    (0..row.len())
                        .map(|it| row.try_get(it).ok().flatten().map(str::to_owned))
                        .collect(),
                );
            }
            _ => (),
        }
    }
    rows
}

fn trouble(error: &tokio_postgres::Error, last_words: Option<&str>) -> Trouble {
    judge_error(error, Stage::Query, LastWords(last_words))
}

/// From the library's error back to what was seen.
pub(super) fn judge_error(
    error: &tokio_postgres::Error,
    stage: Stage,
    last_words: LastWords<'_>,
) -> Trouble {
    if let Some(error) = error.as_db_error() {
        let code = error.code().code();
        let complaint = Complaint { code, message: error.message(), routine: error.routine() };
        let failure = judge(&Symptom::Server(complaint, stage));
        let position = error.position().and_then(|it| match it {
            ErrorPosition::Original(place) => Some(*place),
            ErrorPosition::Internal { .. } => None,
        });
        return Trouble { failure, code: Some(code.into()), position };
    }
    let source = std::error::Error::source(error);
    let guard = source
        .and_then(|it| it.downcast_ref::<std::io::Error>())
        .and_then(std::io::Error::get_ref)
        .and_then(|it| it.downcast_ref::<GuardError>());
    let symptom = match guard {
        Some(guard) => Symptom::Guard(*guard, last_words),
        None if error.is_closed() => Symptom::Guard(GuardError::Closed { heard: true }, last_words),
        None => Symptom::Nonsense("a message that does not belong here"),
    };
    Trouble::of(judge(&symptom))
}
