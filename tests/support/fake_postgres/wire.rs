//! The few messages of the protocol that a fake server needs, read and written.
//!
//! Why by hand: a hundred lines, and a fake that shared the client's library would share its mistakes.

use tokio::io::{self, AsyncRead, AsyncReadExt};

/// Nothing that a client of ours says is longer.
const LONGEST: usize = 1 << 20;

/// A message without a tag: start-up, or a request for TLS. One byte more is never read.
pub(crate) async fn read_startup<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Vec<u8>> {
    let length = stream.read_u32().await? as usize;
    if !(8..=LONGEST).contains(&length) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; length - 4];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

pub(crate) fn is_ssl_request(startup: &[u8]) -> bool {
    startup == 80_877_103_u32.to_be_bytes()
}

/// What has arrived and is not read yet.
#[derive(Default)]
pub(crate) struct Inbox(Vec<u8>);

impl Inbox {
    /// The next message's tag and body; `None` when the client has gone.
    pub(crate) async fn next<S>(&mut self, stream: &mut S) -> io::Result<Option<(u8, Vec<u8>)>>
    where
        S: AsyncRead + Unpin,
    {
        loop {
            if let [tag, a, b, c, d, rest @ ..] = self.0.as_slice() {
                let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
                if !(4..=LONGEST).contains(&length) {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                if let Some(body) = rest.get(..length - 4) {
                    let message = (*tag, body.to_vec());
                    self.0.drain(..=length);
                    return Ok(Some(message));
                }
            }
            if !super::fill(stream, &mut self.0).await? {
                return Ok(None);
            }
        }
    }
}

/// What is to be sent next.
#[derive(Default)]
pub(crate) struct Outbox(Vec<u8>);

impl Outbox {
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }

    pub(crate) fn raw(&mut self, messages: &[u8]) {
        self.0.extend_from_slice(messages);
    }

    pub(crate) fn message(&mut self, tag: u8, body: &[u8]) {
        self.0.push(tag);
        let length = u32::try_from(body.len() + 4).expect("a message is short");
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(body);
    }

    /// `AuthenticationOk` and what a server tells of itself.
    pub(crate) fn authenticated(&mut self) {
        self.message(b'R', &[0, 0, 0, 0]);
        for (name, value) in [
            ("server_version", "15.18"),
            ("server_encoding", "UTF8"),
            ("client_encoding", "UTF8"),
            ("in_hot_standby", "off"),
            ("default_transaction_read_only", "off"),
        ] {
            self.message(b'S', format!("{name}\0{value}\0").as_bytes());
        }
        self.message(b'K', &[0, 0, 0, 1, 0, 0, 0, 2]);
    }

    /// The SASL step with this code.
    pub(crate) fn sasl(&mut self, code: u32, text: &str) {
        self.message(b'R', &[&code.to_be_bytes(), text.as_bytes()].concat());
    }

    pub(crate) fn ready(&mut self) {
        self.message(b'Z', b"I");
    }

    /// A statement without rows.
    pub(crate) fn done(&mut self, tag: &str) {
        self.message(b'C', format!("{tag}\0").as_bytes());
    }

    /// A statement with one row of text.
    pub(crate) fn row(&mut self, columns: &[&str], values: &[Option<&str>]) {
        let count = |length: usize| u16::try_from(length).expect("few columns").to_be_bytes();
        let mut description = count(columns.len()).to_vec();
        for column in columns {
            description.extend_from_slice(column.as_bytes());
            // No table, type text (25) of variable length, in text format.
            description.extend_from_slice(&[0; 7]);
            description.extend_from_slice(&25_u32.to_be_bytes());
            description.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0]);
        }
        self.message(b'T', &description);
        let mut row = count(values.len()).to_vec();
        for value in values {
            let length = value.map_or(-1, |it| i32::try_from(it.len()).expect("a short value"));
            row.extend_from_slice(&length.to_be_bytes());
            row.extend_from_slice(value.unwrap_or_default().as_bytes());
        }
        self.message(b'D', &row);
        self.done("SELECT 1");
    }

    pub(crate) fn error(&mut self, code: &str, text: &str) {
        let body = format!("SERROR\0VERROR\0C{code}\0M{text}\0\0");
        self.message(b'E', body.as_bytes());
    }
}
