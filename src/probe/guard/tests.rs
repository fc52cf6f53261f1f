//! The guard, as the library meets it.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

use super::*;

const DEADLINE: Duration = Duration::from_secs(5);

fn guard(unread: &[u8]) -> (Guard<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(1 << 22);
    let greeting = Greeting { unread: unread.to_vec(), received: unread.len() as u64 };
    (Guard::new(near, greeting, Arc::new(Patience::new())), far)
}

/// What the library gets to read, and the error after it.
async fn read(mut guard: Guard<DuplexStream>) -> (Vec<u8>, Option<GuardError>) {
    let mut read = Vec::new();
    let ended = timeout(DEADLINE, guard.read_to_end(&mut read)).await.unwrap();
    (read, ended.err().and_then(|it| it.downcast::<GuardError>().ok()))
}

#[tokio::test]
async fn what_the_library_says_first_is_dropped_and_all_that_follows_is_sent() {
    let (mut guard, mut far) = guard(b"greeting");
    guard.write_all(b"start-up").await.unwrap();
    guard.flush().await.unwrap();
    let mut greeting = [0; 8];
    guard.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"greeting");
    guard.write_all(b"question").await.unwrap();
    far.write_all(b"answer").await.unwrap();
    let mut heard = [0; 8];
    far.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"question");
    drop(far);
    assert_eq!(read(guard).await, (b"answer".to_vec(), Some(GuardError::Closed { heard: true })));
}

#[tokio::test]
async fn an_end_tells_whether_anything_was_heard() {
    for (greeting, heard) in [(&b""[..], false), (b"x", true)] {
        let (guard, far) = guard(greeting);
        drop(far);
        assert_eq!(read(guard).await.1, Some(GuardError::Closed { heard }));
    }
}

#[tokio::test]
async fn everything_passes_up_to_the_cap_the_greeting_included() {
    let cap = usize::try_from(LONGEST_ANSWER).unwrap();
    for (more, expected) in [
        (100_000, GuardError::Closed { heard: true }),
        (cap - 8, GuardError::Closed { heard: true }),
        (cap - 7, GuardError::TooLong),
        (2 << 20, GuardError::TooLong),
    ] {
        let (guard, mut far) = guard(b"greeting");
        far.write_all(&vec![b'x'; more]).await.unwrap();
        drop(far);
        let (read, error) = read(guard).await;
        assert_eq!(error, Some(expected));
        assert!(read.len() as u64 <= LONGEST_ANSWER);
    }
}
