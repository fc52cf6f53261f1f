//! The login against messages written by hand.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{DuplexStream, duplex};
use tokio::time::timeout;

use super::*;

const DEADLINE: Duration = Duration::from_secs(5);

fn authentication(code: i32, data: &[u8]) -> Vec<u8> {
    message(b'R', &[&code.to_be_bytes()[..], data].concat())
}

fn offer() -> Vec<u8> {
    authentication(10, b"SCRAM-SHA-256\0\0")
}

/// A login with the usual password, or with none.
async fn enter(
    stream: &mut DuplexStream,
    password: Option<&str>,
    channel_binding: ChannelBinding,
) -> Result<Greeting, LoginError> {
    let (permits, patience) = (Semaphore::new(1), Patience::new());
    let password = password.map(Secret::new);
    let login = Login {
        user: "tenant",
        database: "app",
        options: None,
        password: password.as_ref(),
        channel_binding,
        permits: &permits,
        patience: &patience,
    };
    timeout(DEADLINE, log_in(stream, None, &login)).await.unwrap()
}

/// What comes of a server that says this and hangs up, and what it has heard.
async fn met(sent: &[u8], piece: usize) -> (Result<Greeting, LoginError>, Vec<u8>) {
    let (mut near, mut far) = duplex(1 << 22);
    for chunk in sent.chunks(piece) {
        far.write_all(chunk).await.unwrap();
    }
    far.shutdown().await.unwrap();
    let ended = enter(&mut near, Some("secret"), ChannelBinding::Prefer).await;
    drop(near);
    let mut heard = Vec::new();
    far.read_to_end(&mut heard).await.unwrap();
    (ended, heard)
}

#[track_caller]
fn check(sent: &[u8], expected: &Result<usize, LoginError>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // In one piece, and byte by byte: a server chooses how its messages are cut.
    for piece in [sent.len().max(1), 1] {
        let (ended, _) = runtime.block_on(met(sent, piece));
        let unread = ended.map(|it| it.unread.len());
        assert_eq!(unread, *expected, "{}", String::from_utf8_lossy(sent));
    }
}

fn refused(error: GuardError) -> Result<usize, LoginError> {
    Err(LoginError::Guard(error))
}

#[tokio::test]
async fn what_would_give_the_password_away_is_answered_with_nothing() {
    let (_, startup) = met(b"", 1).await;
    let length = u32::from_be_bytes(*startup.first_chunk().unwrap());
    assert_eq!(startup.len(), length as usize);
    for (code, data, method) in [
        (3, &b""[..], Method::Cleartext),
        (5, b"salt", Method::Md5),
        (7, b"", Method::Other(7)),
        (10_000, b"", Method::Other(10_000)),
    ] {
        for first in [Vec::new(), message(b'N', b"SNOTICE\0\0")] {
            let sent = [first, authentication(code, data)].concat();
            let (ended, heard) = met(&sent, sent.len()).await;
            assert_eq!(ended, Err(LoginError::Guard(GuardError::Asked(method))));
            assert_eq!(heard, startup);
        }
    }
}

#[test]
fn other_protocols_are_told_by_their_first_bytes() {
    let other = refused(GuardError::NotPostgres);
    for sent in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"R\x7f\xff\xff\xff",
        b"E\xff\xff\xff\xff",
        b"R\0\0\0\x04",
    ] {
        check(sent, &other);
    }
}

#[test]
fn a_message_that_does_not_belong_there_ends_the_login() {
    let other = refused(GuardError::NotPostgres);
    let challenge = authentication(11, b"r=x,s=c2FsdA==,i=4096");
    check(&challenge, &other);
    check(&authentication(12, b"v=AAAA"), &other);
    check(&[offer(), offer()].concat(), &other);
    // A server that lets us in before it has proven itself is not believed.
    check(&[offer(), authentication(0, b"")].concat(), &other);
    check(&[offer(), challenge].concat(), &Err(LoginError::Scram(ScramError::Nonce)));
}

#[test]
fn an_end_tells_whether_anything_was_heard() {
    check(b"", &refused(GuardError::Closed { heard: false }));
    check(b"R\0", &refused(GuardError::Closed { heard: true }));
    check(&offer(), &refused(GuardError::Closed { heard: true }));
}

#[test]
fn a_refusal_and_what_follows_a_login_are_handed_on_unread() {
    let error = message(b'E', b"SFATAL\0C28P01\0Mno\0\0");
    check(&error, &Ok(error.len()));
    check(&[offer(), error.clone()].concat(), &Ok(error.len()));
    let ok = [authentication(0, b""), message(b'S', b"a\0b\0")].concat();
    let (ended, _) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(met(&[message(b'N', b"x"), ok.clone()].concat(), 1 << 20));
    let greeting = ended.unwrap();
    assert_eq!((greeting.unread, greeting.received), (ok.clone(), ok.len() as u64 + 6));
}

#[test]
fn a_flood_of_notices_is_cut_off() {
    let flood = message(b'N', &vec![b'x'; 20_000]).repeat(60);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (ended, _) = runtime.block_on(met(&flood, flood.len()));
    assert_eq!(ended, Err(LoginError::Guard(GuardError::TooLong)));
}

#[tokio::test]
async fn without_a_password_none_is_made_up() {
    let (mut near, mut far) = duplex(1 << 16);
    far.write_all(&offer()).await.unwrap();
    let ended = enter(&mut near, None, ChannelBinding::Prefer).await;
    assert_eq!(ended, Err(LoginError::Guard(GuardError::NoPassword)));
}

#[tokio::test]
async fn a_channel_that_must_be_bound_is_bound_or_not_used() {
    for sent in [authentication(0, b""), offer()] {
        let (mut near, mut far) = duplex(1 << 16);
        far.write_all(&sent).await.unwrap();
        let ended = enter(&mut near, Some("secret"), ChannelBinding::Require).await;
        assert_eq!(ended, Err(LoginError::Unbound));
    }
}

#[test]
fn the_strongest_of_what_is_offered_is_taken() {
    use ChannelBinding::{Disable, Prefer, Require};
    let both = &b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"[..];
    let plain = &b"SCRAM-SHA-256\0\0"[..];
    let digest = || Some(vec![7]);
    let bound = Ok((scram::BOUND, Binding::EndPoint(vec![7])));
    assert_eq!(choose(both, digest(), Prefer), bound);
    assert_eq!(choose(both, digest(), Require), bound);
    assert_eq!(choose(both, digest(), Disable), Ok((scram::PLAIN, Binding::Unsupported)));
    assert_eq!(choose(both, None, Prefer), Ok((scram::PLAIN, Binding::Unsupported)));
    assert_eq!(choose(both, None, Require), Err(LoginError::Unbound));
    assert_eq!(choose(plain, digest(), Prefer), Ok((scram::PLAIN, Binding::NotOffered)));
    assert_eq!(choose(plain, digest(), Require), Err(LoginError::Unbound));
    assert_eq!(choose(b"SCRAM-SHA-1\0\0", None, Prefer), Err(LoginError::Mechanism));
    assert_eq!(choose(b"", None, Prefer), Err(LoginError::Mechanism));
}

#[test]
fn a_name_with_a_zero_byte_is_not_cut_short() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut near, _far) = duplex(1 << 16);
        let (permits, patience) = (Semaphore::new(1), Patience::new());
        let login = Login {
            user: "ten\0ant",
            database: "app",
            options: None,
            password: None,
            channel_binding: ChannelBinding::Prefer,
            permits: &permits,
            patience: &patience,
        };
        assert_eq!(log_in(&mut near, None, &login).await, Err(LoginError::ZeroByte));
    });
}

#[test]
fn no_nonce_comes_twice_and_none_has_a_comma() {
    let nonces: std::collections::BTreeSet<String> = (0..1_000).map(|_| nonce()).collect();
    assert_eq!(nonces.len(), 1_000);
    let printable = |it: &String| it.bytes().all(|it| it.is_ascii_graphic() && it != b',');
    assert!(nonces.iter().all(|it| it.len() == NONCE && printable(it)));
}

#[tokio::test(start_paused = true)]
async fn the_stretching_waits_for_a_permit_and_the_wait_is_forgiven() {
    let permits = Arc::new(Semaphore::new(1));
    let taken = Arc::clone(&permits).try_acquire_owned().unwrap();
    let patience = Arc::new(Patience::new());
    let (mut near, mut far) = duplex(1 << 16);
    let entering = {
        let (permits, patience) = (Arc::clone(&permits), Arc::clone(&patience));
        async move {
            let password = Secret::new("secret");
            let login = Login {
                user: "tenant",
                database: "app",
                options: None,
                password: Some(&password),
                channel_binding: ChannelBinding::Prefer,
                permits: &permits,
                patience: &patience,
            };
            log_in(&mut near, None, &login).await
        }
    };
    let serving = async {
        let mut heard = vec![0; 4096];
        assert!(0 < far.read(&mut heard).await.unwrap());
        far.write_all(&offer()).await.unwrap();
        let length = far.read(&mut heard).await.unwrap();
        let said = String::from_utf8_lossy(&heard[..length]).into_owned();
        let nonce = said.rsplit("r=").next().unwrap();
        let challenge = format!("r={nonce}x,s=c2FsdA==,i=4096");
        far.write_all(&authentication(11, challenge.as_bytes())).await.unwrap();
        let early = timeout(Duration::from_secs(30), far.read(&mut heard)).await;
        assert!(early.is_err(), "the password was stretched without a permit");
        drop(taken);
        assert!(0 < far.read(&mut heard).await.unwrap());
        far.write_all(&message(b'E', b"C28P01\0\0")).await.unwrap();
    };
    let (entered, ()) = tokio::join!(entering, serving);
    assert_eq!(entered.unwrap().unread, message(b'E', b"C28P01\0\0"));
    assert_eq!(patience.allowed().as_secs(), 30);
    assert_eq!(permits.available_permits(), 1);
}
