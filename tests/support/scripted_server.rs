//! Servers that are not well, from a script: for answers that no healthy PostgreSQL can be made to give.
//!
//! Why here and not a real disk that is full: filling one needs root, and takes the machine with it.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Script {
    /// Accepts and closes.
    Close,
    Http,
    Garbage,
    Silent,
    /// Asks for SCRAM and then says nothing more.
    HalfWay,
    /// Refuses with this SQLSTATE and message.
    Refuse(&'static str, &'static str),
    /// Lets in, then fails every query with this SQLSTATE and message.
    FailQueries(&'static str, &'static str),
    /// Lets in; at the first query it says that a sibling crashed, and ends.
    Crash,
    /// Lets in; answers the first query without end.
    Flood,
}

/// No visitor is served longer than this.
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves until the set is dropped; the port.
pub(crate) async fn serve(script: Script) -> io::Result<(u16, JoinSet<()>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut visitors = JoinSet::new();
        while let Ok((stream, _peer)) = listener.accept().await {
            visitors.spawn(async move {
                // A visitor that leaves early is no failure of ours.
                drop(timeout(PATIENCE, play(script, stream)).await);
            });
            while visitors.try_join_next().is_some() {}
        }
    });
    Ok((port, tasks))
}

async fn play(script: Script, mut stream: TcpStream) -> io::Result<()> {
    let first = match script {
        Script::Close => return Ok(()),
        Script::Silent => return silence().await,
        Script::Http => b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".to_vec(),
        Script::Garbage => (0..=255).rev().collect(),
        Script::HalfWay => message(
            b'R',
            &[
                0, 0, 0, 10, b'S', b'C', b'R', b'A', b'M', b'-', b'S', b'H', b'A', b'-', b'2',
                b'5', b'6', 0, 0,
            ],
        ),
        Script::Refuse(code, text) => complaint(b'E', "FATAL", code, text),
        Script::FailQueries(..) | Script::Crash | Script::Flood => welcome(),
    };
    read_startup(&mut stream).await?;
    stream.write_all(&first).await?;
    match script {
        Script::HalfWay => silence().await,
        Script::FailQueries(code, text) => {
            let answer = [complaint(b'E', "ERROR", code, text), message(b'Z', b"I")].concat();
            while until_question(&mut stream).await? {
                stream.write_all(&answer).await?;
            }
            Ok(())
        }
        Script::Crash => {
            until_question(&mut stream).await?;
            let text = "terminating connection because of crash of another server process";
            stream.write_all(&complaint(b'N', "WARNING", "57P02", text)).await
        }
        Script::Flood => {
            until_question(&mut stream).await?;
            let row = message(b'N', &[b'x'; 10_000]);
            loop {
                stream.write_all(&row).await?;
            }
        }
        _ => Ok(()),
    }
}

async fn silence() -> io::Result<()> {
    sleep(PATIENCE).await;
    Ok(())
}

/// A start-up message has a length and no tag. A wish for TLS is refused first.
async fn read_startup(stream: &mut TcpStream) -> io::Result<()> {
    loop {
        let length = stream.read_u32().await?;
        let mut body = vec![0; usize::try_from(length).unwrap_or(0).clamp(4, 10_000) - 4];
        stream.read_exact(&mut body).await?;
        if body.get(..4) != Some(&80_877_103_u32.to_be_bytes()) {
            return Ok(());
        }
        stream.write_all(b"N").await?;
    }
}

/// Reads until the client waits for an answer; false when it says goodbye.
async fn until_question(stream: &mut TcpStream) -> io::Result<bool> {
    loop {
        let tag = stream.read_u8().await?;
        let length = stream.read_u32().await?;
        let mut body = vec![0; usize::try_from(length).unwrap_or(0).clamp(4, 100_000) - 4];
        stream.read_exact(&mut body).await?;
        match tag {
            b'Q' | b'S' => return Ok(true),
            b'X' => return Ok(false),
            _ => {}
        }
    }
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("our own messages are short");
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

fn complaint(tag: u8, severity: &str, code: &str, text: &str) -> Vec<u8> {
    let fields = format!("S{severity}\0V{severity}\0C{code}\0M{text}\0\0");
    message(tag, fields.as_bytes())
}

fn welcome() -> Vec<u8> {
    let parameters = [
        ("server_version", "15.18"),
        ("client_encoding", "UTF8"),
        ("server_encoding", "UTF8"),
        ("standard_conforming_strings", "on"),
        ("in_hot_standby", "off"),
        ("default_transaction_read_only", "off"),
    ];
    let mut bytes = message(b'R', &[0; 4]);
    for (name, value) in parameters {
        bytes.extend(message(b'S', format!("{name}\0{value}\0").as_bytes()));
    }
    bytes.extend(message(b'K', &[0, 0, 0, 7, 1, 2, 3, 4]));
    bytes.extend(message(b'Z', b"I"));
    bytes
}
