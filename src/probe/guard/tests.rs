//! The guard against messages written by hand.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

use super::*;

const DEADLINE: Duration = Duration::from_secs(5);

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len() + 4).unwrap();
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

fn authentication(code: i32, data: &[u8]) -> Vec<u8> {
    message(b'R', &[&code.to_be_bytes()[..], data].concat())
}

fn guard(permits: usize, patience: &Arc<Patience>) -> (Guard<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(1 << 22);
    (Guard::new(near, Arc::new(Semaphore::new(permits)), Arc::clone(patience), true), far)
}

/// What the library gets to read, and the error after it.
#[track_caller]
fn check(sent: &[u8], expected_read: usize, expected: Option<GuardError>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // In one piece, and byte by byte: a server chooses how its messages are cut.
        for piece in [sent.len().max(1), 1] {
            let (mut guard, mut far) = guard(1, &Arc::new(Patience::new()));
            for chunk in sent.chunks(piece) {
                far.write_all(chunk).await.unwrap();
            }
            drop(far);
            let mut read = Vec::new();
            let ended = timeout(DEADLINE, guard.read_to_end(&mut read)).await.unwrap();
            assert_eq!(read.len(), expected_read);
            let error = ended.err().and_then(|it| it.downcast::<GuardError>().ok());
            assert_eq!(error, expected);
        }
    });
}

#[test]
fn what_would_give_the_password_away_never_reaches_the_library() {
    check(&authentication(3, b""), 0, Some(GuardError::Asked(Method::Cleartext)));
    check(&authentication(5, b"salt"), 0, Some(GuardError::Asked(Method::Md5)));
    check(&authentication(7, b""), 0, Some(GuardError::Asked(Method::Other(7))));
    check(&authentication(10_000, b""), 0, Some(GuardError::Asked(Method::Other(10_000))));
    let notice_first = [message(b'N', b"SNOTICE\0\0"), authentication(3, b"")].concat();
    check(&notice_first, 0, Some(GuardError::Asked(Method::Cleartext)));
}

#[test]
fn other_protocols_are_told_by_their_first_bytes() {
    check(b"HTTP/1.1 400 Bad Request\r\n\r\n", 0, Some(GuardError::NotPostgres));
    check(b"SSH-2.0-OpenSSH_9.2\r\n", 0, Some(GuardError::NotPostgres));
    check(b"R\x7f\xff\xff\xff", 0, Some(GuardError::NotPostgres));
    check(b"E\xff\xff\xff\xff", 0, Some(GuardError::NotPostgres));
    check(b"R\0\0\0\x04", 0, Some(GuardError::NotPostgres));
}

#[test]
fn an_end_tells_whether_anything_was_heard() {
    check(b"", 0, Some(GuardError::Closed { heard: false }));
    check(b"R\0", 0, Some(GuardError::Closed { heard: true }));
}

#[test]
fn an_absurd_amount_of_work_is_refused_and_a_large_one_is_not() {
    let challenge = |i: &str| authentication(11, format!("r=abc,s=c2FsdA==,i={i}").as_bytes());
    check(&challenge("100001"), 0, Some(GuardError::TooManyIterations));
    check(&challenge("99999999999999999999"), 0, Some(GuardError::TooManyIterations));
    check(&challenge("4096"), challenge("4096").len(), Some(GuardError::Closed { heard: true }));
}

#[test]
fn after_the_login_everything_passes_up_to_the_cap() {
    let ok = authentication(0, b"");
    let short = [ok.clone(), vec![b'x'; 100_000]].concat();
    check(&short, short.len(), Some(GuardError::Closed { heard: true }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut guard, mut far) = guard(1, &Arc::new(Patience::new()));
        far.write_all(&ok).await.unwrap();
        far.write_all(&vec![b'x'; 2 << 20]).await.unwrap();
        let mut read = Vec::new();
        let ended = timeout(DEADLINE, guard.read_to_end(&mut read)).await.unwrap();
        assert_eq!(ended.unwrap_err().downcast::<GuardError>().unwrap(), GuardError::TooLong);
        assert!(u64::try_from(read.len()).unwrap() <= LONGEST_ANSWER);
    });
}

#[tokio::test(start_paused = true)]
async fn the_stretching_waits_for_a_permit_and_the_wait_is_forgiven() {
    let permits = Arc::new(Semaphore::new(1));
    let taken = Arc::clone(&permits).try_acquire_owned().unwrap();
    let patience = Arc::new(Patience::new());
    let (near, mut far) = duplex(1 << 16);
    let mut guard = Guard::new(near, Arc::clone(&permits), Arc::clone(&patience), true);
    far.write_all(&authentication(11, b"r=abc,s=c2FsdA==,i=4096")).await.unwrap();

    let mut read = [0; 8];
    let early = timeout(Duration::from_secs(30), guard.read(&mut read)).await;
    assert!(early.is_err(), "the challenge reached the library without a permit");
    drop(taken);
    assert_eq!(guard.read(&mut read).await.unwrap(), 8);
    assert_eq!(patience.allowed().as_secs(), 30);
    assert_eq!(permits.available_permits(), 0);
    guard.write_all(b"answer").await.unwrap();
    assert_eq!(permits.available_permits(), 1);
}
