//! Logging in: from an open stream to the server's `AuthenticationOk`.
//!
//! Why not the client library's: it answers whatever a server asks. One that asks for the password in clear, or hashed
//! with MD5, would get it. Here SCRAM is all that there is, and the library, which takes over afterwards, never learns
//! the password.
//!
//! Invariants:
//! - nothing that could give the password away is sent, whatever the server asks for;
//! - a login that a server broke off or refused is told in the server's own words: they are handed on unread;
//! - passwords are stretched by as many visits at once as there are permits, and who waits for one is forgiven.

use std::io;

use rand::RngExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::guard::{GuardError, LONGEST_ANSWER, Method};
use super::scram::{self, Binding, Challenge, Keys, Opening, ScramError};
use crate::dsn::ChannelBinding;
use crate::patience::Patience;
use crate::secret::Secret;

/// What the server's activity view calls us.
const APPLICATION_NAME: &str = "watertight";

/// 3.0, the one version that every supported server speaks.
const PROTOCOL: u32 = 3 << 16;

/// The longest message before the login is done, in bytes: libpq takes 30 000 for an error and 2 000 for the rest.
const LONGEST_MESSAGE: usize = 30_000;

/// Of what is read at once, in bytes: all that a server says between two of our messages is shorter.
const PIECE: usize = 1_024;

/// Of our nonce, in characters: with 93 to choose from, more than 150 bits.
const NONCE: usize = 24;

/// Whom we log in as.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    pub user: &'a str,
    pub database: &'a str,
    pub options: Option<&'a str>,
    pub password: Option<&'a Secret>,
    pub channel_binding: ChannelBinding,
    /// How many passwords are stretched at the same time.
    pub permits: &'a Semaphore,
    pub patience: &'a Patience,
}

/// What the server has said so far that the library is to read.
#[derive(Debug, PartialEq, Eq)]
pub struct Greeting {
    /// From `AuthenticationOk` or from the server's refusal on.
    pub unread: Vec<u8>,
    /// All bytes that came, those included that were for us.
    pub received: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    #[error(transparent)]
    Guard(#[from] GuardError),
    #[error("the server offers no way to log in that is known here")]
    Mechanism,
    #[error("the server does not bind the login to the channel")]
    Unbound,
    /// It would end the name early, and make us somebody else.
    #[error("a zero byte stands in the user's, the database's or the options' text")]
    ZeroByte,
    #[error(transparent)]
    Scram(#[from] ScramError),
}

/// What one message of the server means to the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// We are in; or refused, which the library tells better.
    Over,
    Refused,
    /// The mechanisms that it offers.
    Offer,
    Challenge,
    Signature,
}

/// What stands in front of what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Front {
    /// It is not whole yet.
    Unfinished,
    Notice,
    Word(Word),
}

/// Logs in. `end_point` is the digest of the server's certificate where the channel is encrypted.
pub async fn log_in<S>(
    stream: &mut S,
    end_point: Option<Vec<u8>>,
    login: &Login<'_>,
) -> Result<Greeting, LoginError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut talk = Talk { stream, patience: login.patience, inbound: Vec::new(), received: 0 };
    talk.send(&startup(login)?).await?;
    match talk.next().await? {
        Word::Over if login.channel_binding == ChannelBinding::Require => {
            return Err(LoginError::Unbound);
        }
        Word::Over | Word::Refused => (),
        Word::Offer => prove(&mut talk, end_point, login).await?,
        Word::Challenge | Word::Signature => return Err(GuardError::NotPostgres.into()),
    }
    Ok(Greeting { unread: talk.inbound, received: talk.received })
}

/// SCRAM, from the server's offer to its last word, which stays unread.
async fn prove<S>(
    talk: &mut Talk<'_, S>,
    end_point: Option<Vec<u8>>,
    login: &Login<'_>,
) -> Result<(), LoginError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let password = login.password.ok_or(GuardError::NoPassword)?;
    let (mechanism, binding) = choose(talk.data(), end_point, login.channel_binding)?;
    let opening = Opening::new(binding, nonce());
    talk.send(&first(mechanism, &opening.message())).await?;
    talk.drop_message();
    match talk.next().await? {
        Word::Challenge => (),
        Word::Refused => return Ok(()),
        Word::Over | Word::Offer | Word::Signature => return Err(GuardError::NotPostgres.into()),
    }
    let challenge = opening.challenge(talk.data())?;
    let proof = opening.prove(&challenge, &stretched(&challenge, password, login).await);
    talk.send(&message(b'p', proof.message().as_bytes())).await?;
    talk.drop_message();
    match talk.next().await? {
        Word::Signature => proof.check(talk.data())?,
        Word::Refused => return Ok(()),
        Word::Over | Word::Offer | Word::Challenge => return Err(GuardError::NotPostgres.into()),
    }
    talk.drop_message();
    match talk.next().await? {
        Word::Over | Word::Refused => Ok(()),
        Word::Offer | Word::Challenge | Word::Signature => Err(GuardError::NotPostgres.into()),
    }
}

async fn stretched(challenge: &Challenge, password: &Secret, login: &Login<'_>) -> Keys {
    let _permit = permit(login).await;
    challenge.stretch(password.expose())
}

/// Nobody closes the semaphore; without a permit the visit would only be less polite.
async fn permit<'a>(login: &Login<'a>) -> Option<SemaphorePermit<'a>> {
    if let Ok(permit) = login.permits.try_acquire() {
        return Some(permit);
    }
    let _waiting = Waiting::begin(login.patience);
    login.permits.acquire().await.ok()
}

/// A wait of our own: over when dropped, even where the visit is.
struct Waiting<'a>(&'a Patience);

impl<'a> Waiting<'a> {
    fn begin(patience: &'a Patience) -> Self {
        patience.begin_wait();
        Self(patience)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.end_wait();
    }
}

/// The strongest of what is offered.
fn choose(
    offered: &[u8],
    end_point: Option<Vec<u8>>,
    wanted: ChannelBinding,
) -> Result<(&'static str, Binding), LoginError> {
    let offers = |name: &str| offered.split(|it| *it == 0).any(|it| it == name.as_bytes());
    match end_point.filter(|_| wanted != ChannelBinding::Disable) {
        Some(digest) if offers(scram::BOUND) => Ok((scram::BOUND, Binding::EndPoint(digest))),
        _ if wanted == ChannelBinding::Require => Err(LoginError::Unbound),
        _ if !offers(scram::PLAIN) => Err(LoginError::Mechanism),
        Some(_) => Ok((scram::PLAIN, Binding::NotOffered)),
        None => Ok((scram::PLAIN, Binding::Unsupported)),
    }
}

/// Printable and without a comma.
fn nonce() -> String {
    let mut random = rand::rng();
    let mut any = || match random.random_range(b'!'..b'~') {
        b',' => '~',
        other => char::from(other),
    };
    (0..NONCE).map(|_| any()).collect()
}

/// The start-up packet: a length, and no tag.
fn startup(login: &Login<'_>) -> Result<Vec<u8>, LoginError> {
    let mut packet = [[0; 4], PROTOCOL.to_be_bytes()].concat();
    let settings = [
        ("client_encoding", Some("UTF8")),
        ("user", Some(login.user)),
        ("database", Some(login.database)),
        ("options", login.options),
        ("application_name", Some(APPLICATION_NAME)),
    ];
    for (name, value) in settings {
        let Some(value) = value else { continue };
        if value.contains('\0') {
            return Err(LoginError::ZeroByte);
        }
        for text in [name, value] {
            packet.extend_from_slice(text.as_bytes());
            packet.push(0);
        }
    }
    packet.push(0);
    let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
    packet[..4].copy_from_slice(&length.to_be_bytes());
    Ok(packet)
}

/// The mechanism's name, and our first message with its length.
fn first(mechanism: &str, text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes();
    message(b'p', &[mechanism.as_bytes(), &[0], &length, text.as_bytes()].concat())
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

/// The conversation so far.
struct Talk<'a, S> {
    stream: &'a mut S,
    patience: &'a Patience,
    /// What came and is not dealt with; after `next` it begins with a whole message.
    inbound: Vec<u8>,
    received: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<'_, S> {
    async fn send(&mut self, bytes: &[u8]) -> Result<(), GuardError> {
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|error| self.broken(&error))
    }

    /// The next message that means something; notices are passed over.
    async fn next(&mut self) -> Result<Word, GuardError> {
        loop {
            match inspect(&self.inbound)? {
                Front::Word(word) => return Ok(word),
                Front::Notice => self.drop_message(),
                Front::Unfinished => self.read_on().await?,
            }
        }
    }

    async fn read_on(&mut self) -> Result<(), GuardError> {
        // Into the heap: a thousand visits wait here at once, and each would hold a buffer for as long as it waits.
        self.inbound.reserve(PIECE);
        let reading = self.stream.read_buf(&mut self.inbound).await;
        let read = reading.map_err(|error| self.broken(&error))?;
        if read == 0 {
            return Err(GuardError::Closed { heard: 0 < self.received });
        }
        self.patience.hear();
        self.received += read as u64;
        if LONGEST_ANSWER < self.received {
            return Err(GuardError::TooLong);
        }
        Ok(())
    }

    /// Of the message in front: what follows its kind.
    fn data(&self) -> &[u8] {
        self.inbound.get(9..length(&self.inbound)).unwrap_or_default()
    }

    fn drop_message(&mut self) {
        let length = length(&self.inbound).min(self.inbound.len());
        self.inbound.drain(..length);
    }

    fn broken(&self, error: &io::Error) -> GuardError {
        GuardError::Broken { heard: 0 < self.received, kind: error.kind() }
    }
}

/// Of the message in front, its tag included; of one that `inspect` has seen.
fn length(bytes: &[u8]) -> usize {
    let length = bytes.get(1..).and_then(|it| it.first_chunk::<4>());
    length.map_or(0, |it| u32::from_be_bytes(*it) as usize + 1)
}

/// What the first message means.
fn inspect(bytes: &[u8]) -> Result<Front, GuardError> {
    let Some((&tag, rest)) = bytes.split_first() else {
        return Ok(Front::Unfinished);
    };
    // Authentication, error, notice, and the answer to a protocol version that the server does not know.
    if !matches!(tag, b'R' | b'E' | b'N' | b'v') {
        return Err(GuardError::NotPostgres);
    }
    let Some((length, rest)) = rest.split_first_chunk::<4>() else {
        return Ok(Front::Unfinished);
    };
    let length =
        usize::try_from(i32::from_be_bytes(*length)).map_err(|_| GuardError::NotPostgres)?;
    if !(4..=LONGEST_MESSAGE).contains(&length) {
        return Err(GuardError::NotPostgres);
    }
    let Some(body) = rest.get(..length - 4) else {
        return Ok(Front::Unfinished);
    };
    Ok(match tag {
        b'R' => Front::Word(authentication(body)?),
        b'N' => Front::Notice,
        _ => Front::Word(Word::Refused),
    })
}

fn authentication(body: &[u8]) -> Result<Word, GuardError> {
    let (code, _data) = body.split_first_chunk::<4>().ok_or(GuardError::NotPostgres)?;
    match i32::from_be_bytes(*code) {
        0 => Ok(Word::Over),
        3 => Err(GuardError::Asked(Method::Cleartext)),
        5 => Err(GuardError::Asked(Method::Md5)),
        10 => Ok(Word::Offer),
        11 => Ok(Word::Challenge),
        12 => Ok(Word::Signature),
        other => Err(GuardError::Asked(Method::Other(other))),
    }
}

#[cfg(test)]
mod tests;
