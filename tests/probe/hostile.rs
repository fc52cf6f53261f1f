//! Servers that misbehave: each is one observation within the deadline, with the right cause.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use watertight::dsn::{Dsn, TlsMode};
use watertight::model::observation::Cause;

use crate::visitor::{PASSWORD, check, dsn};

/// Long enough for this machine, short enough to wait for.
const SHORT: Duration = Duration::from_secs(1);

const LONG: Duration = Duration::from_secs(10);

/// One thing that a server does.
#[derive(Clone, Debug)]
enum Act {
    /// Waits until the visitor has said something.
    Hear,
    Say(Vec<u8>),
    /// The same again and again, until the visitor hangs up.
    SayForEver(Vec<u8>),
    /// Stays open and silent until the visitor hangs up.
    Silence,
    Reset,
}

use Act::{Hear, Reset, Say, SayForEver, Silence};

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len() + 4).unwrap();
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

fn authentication(code: i32, data: &[u8]) -> Vec<u8> {
    message(b'R', &[&code.to_be_bytes()[..], data].concat())
}

/// Logged in, and ready for a query.
fn ready() -> Vec<u8> {
    [authentication(0, b""), message(b'Z', b"I")].concat()
}

fn notice(code: &str) -> Vec<u8> {
    message(b'N', format!("SWARNING\0VWARNING\0C{code}\0Mgoing\0\0").as_bytes())
}

/// Serves one connection; returns all that it was sent.
async fn serve(listener: TcpListener, acts: Vec<Act>) -> Vec<u8> {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut heard = Vec::new();
    for act in acts {
        // Whatever breaks here, the visitor hung up, as it should.
        match act {
            Hear => {
                // Room for the longest message in one piece: what is left over would count as the next one.
                heard.reserve(1 << 16);
                _ = stream.read_buf(&mut heard).await;
            }
            Say(bytes) => _ = stream.write_all(&bytes).await,
            SayForEver(bytes) => while stream.write_all(&bytes).await.is_ok() {},
            Silence => _ = drain(&mut stream, &mut heard).await,
            Reset => stream.set_zero_linger().unwrap(),
        }
    }
    heard
}

async fn drain(stream: &mut TcpStream, heard: &mut Vec<u8>) -> std::io::Result<usize> {
    stream.read_to_end(heard).await
}

/// Visits such a server; returns what it was sent.
async fn meet(tls: TlsMode, limit: Duration, acts: &[Act], expected: Cause) -> Vec<u8> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let dsn = Dsn { tls, ..dsn(listener.local_addr().unwrap().port()) };
    let (heard, _) =
        tokio::join!(timeout(LONG, serve(listener, acts.to_vec())), check(&dsn, limit, expected));
    heard.expect("the visitor never hung up")
}

async fn meet_plain(acts: &[Act], expected: Cause) -> Vec<u8> {
    meet(TlsMode::Disable, SHORT, acts, expected).await
}

async fn meet_tls(acts: &[Act], expected: Cause) -> Vec<u8> {
    meet(TlsMode::VerifyFull, SHORT, acts, expected).await
}

#[tokio::test]
async fn whoever_asks_for_cleartext_or_md5_gets_nothing() {
    for asked in [authentication(3, b""), authentication(5, b"salt"), authentication(7, b"")] {
        for first in [Vec::new(), notice("00000")] {
            let heard =
                meet_plain(&[Hear, Say(first), Say(asked.clone()), Silence], Cause::AuthFailed)
                    .await;
            // The start-up packet alone: its first four bytes are its length.
            let length = u32::from_be_bytes(*heard.first_chunk().unwrap());
            assert_eq!(heard.len(), usize::try_from(length).unwrap());
            assert!(!heard.windows(PASSWORD.len()).any(|it| it == PASSWORD.as_bytes()));
        }
    }
}

#[tokio::test]
async fn other_protocols_are_not_postgres() {
    let http = Say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec());
    let ssh = Say(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n".to_vec());
    let mysql = Say(b"J\0\0\0\x0a8.0.33\0".to_vec());
    let noise = Say((0..=255).rev().collect());
    for say in [http, ssh, mysql, noise] {
        for acts in [vec![say.clone(), Silence], vec![Hear, say.clone(), Silence]] {
            meet_plain(&acts, Cause::NotPostgres).await;
            meet_tls(&acts, Cause::NotPostgres).await;
        }
    }
    meet_tls(
        &[Hear, Say(b"S".to_vec()), Hear, Say(b"SH-2.0-late banner\r\n".to_vec()), Silence],
        Cause::NotPostgres,
    )
    .await;
    meet_plain(
        &[Hear, Say(ready()), Hear, Say(b"\0\0\0\0\0\0\0\0\0".to_vec()), Silence],
        Cause::NotPostgres,
    )
    .await;
}

#[tokio::test]
async fn silence_is_a_timeout_at_every_stage() {
    meet_plain(&[Silence], Cause::Timeout).await;
    meet_tls(&[Silence], Cause::Timeout).await;
    meet_tls(&[Hear, Say(b"S".to_vec()), Silence], Cause::Timeout).await;
    let mechanisms = authentication(10, b"SCRAM-SHA-256\0\0");
    meet_plain(&[Hear, Say(mechanisms.clone()), Silence], Cause::Timeout).await;
    meet_plain(&[Hear, Say(mechanisms[..7].to_vec()), Silence], Cause::Timeout).await;
    meet_plain(&[Hear, Say(authentication(0, b"")), Silence], Cause::Timeout).await;
    meet_plain(&[Hear, Say(ready()), Silence], Cause::Timeout).await;
}

#[tokio::test]
async fn an_end_is_judged_by_what_came_before_it() {
    meet_plain(&[], Cause::Unreachable).await;
    meet_plain(&[Hear, Reset], Cause::Unreachable).await;
    meet_tls(&[Hear], Cause::Unreachable).await;
    meet_tls(&[Hear, Say(b"N".to_vec())], Cause::TlsFailed).await;
    meet_tls(&[Hear, Say(b"S".to_vec())], Cause::TlsFailed).await;
    let mechanisms = authentication(10, b"SCRAM-SHA-256\0\0");
    meet_plain(&[Hear, Say(mechanisms), Hear], Cause::ServerCrashed).await;
    meet_plain(&[Hear, Say(ready()), Hear], Cause::ServerCrashed).await;
    meet_plain(&[Hear, Say(ready()), Hear, Reset], Cause::ServerCrashed).await;
    meet_plain(&[Hear, Say(ready()), Hear, Say(notice("57P02"))], Cause::ServerCrashed).await;
    meet_plain(&[Hear, Say(ready()), Hear, Say(notice("57P01"))], Cause::ShuttingDown).await;
    let full = message(b'E', b"SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0");
    meet_plain(&[Hear, Say(full.clone())], Cause::TooManyConnections).await;
    meet_tls(&[Hear, Say(full)], Cause::TooManyConnections).await;
    let disk = message(b'E', b"SERROR\0VERROR\0C53100\0Mcould not extend file\0\0");
    meet_plain(
        &[Hear, Say(ready()), Hear, Say([disk, message(b'Z', b"I")].concat()), Hear],
        Cause::DiskFull,
    )
    .await;
}

#[tokio::test]
async fn no_flood_fills_the_memory_or_outlives_the_deadline() {
    let columns = message(b'T', b"\0\x01a\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0");
    let row = message(b'D', &[&b"\0\x01\0\0\x40\0"[..], &[b'x'; 0x4000]].concat());
    meet(
        TlsMode::Disable,
        LONG,
        &[Hear, Say(ready()), Hear, Say(columns), SayForEver(row)],
        Cause::QueryFailed,
    )
    .await;
    meet(TlsMode::Disable, LONG, &[Hear, SayForEver(notice("00000"))], Cause::QueryFailed).await;
    let settings = message(b'S', b"a\0b\0");
    let flood = [Hear, Say(authentication(0, b"")), SayForEver(settings)];
    meet(TlsMode::Disable, LONG, &flood, Cause::QueryFailed).await;
    meet(TlsMode::Disable, LONG, &[Hear, SayForEver(vec![0; 1 << 16])], Cause::NotPostgres).await;
    meet(TlsMode::VerifyFull, LONG, &[Hear, SayForEver(vec![b'S'; 1 << 16])], Cause::NotPostgres)
        .await;
    let huge = Say(b"D\x7f\xff\xff\xff".to_vec());
    meet(
        TlsMode::Disable,
        LONG,
        &[Hear, Say(ready()), Hear, huge, SayForEver(vec![0; 1 << 16])],
        Cause::QueryFailed,
    )
    .await;
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_not_believed() {
    let complete = [message(b'C', b"SELECT 0\0"), message(b'Z', b"I")].concat();
    meet_plain(&[Hear, Say(ready()), Hear, Say(complete), Silence], Cause::NotPostgres).await;
    let challenge = authentication(11, b"r=not-ours,s=c2FsdA==,i=4096");
    let mechanisms = authentication(10, b"SCRAM-SHA-256\0\0");
    meet_plain(&[Hear, Say(mechanisms.clone()), Hear, Say(challenge), Silence], Cause::AuthFailed)
        .await;
    let costly = authentication(11, b"r=x,s=c2FsdA==,i=2000000000");
    meet_plain(&[Hear, Say(mechanisms), Hear, Say(costly), Silence], Cause::AuthFailed).await;
    let unknown = authentication(10, b"SCRAM-SHA-1\0\0");
    meet_plain(&[Hear, Say(unknown), Silence], Cause::AuthFailed).await;
}
