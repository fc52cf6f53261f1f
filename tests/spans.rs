//! Spans reach a collector: one of each scan, under the service's name, the last ones included.
//!
//! Only where the program is built with them: `cargo test --features otel --test spans` (`tests/soak otel`).

#![cfg(feature = "otel")]
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]
#![expect(clippy::disallowed_methods, reason = "a server that ends with its test's runtime")]

#[path = "support/program.rs"]
#[expect(dead_code, reason = "not every test needs all of it")]
mod program;
#[path = "support/running.rs"]
#[expect(dead_code, reason = "not every test needs all of it")]
mod running;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use rustix::process::Signal;
use tokio::net::TcpListener;

use program::Program;
use running::Running;

/// What a collector was sent, as it came.
async fn collector() -> (String, Arc<Mutex<Vec<u8>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = Arc::clone(&heard);
    let traces = post(move |body: Bytes| async move {
        ears.lock().unwrap().extend_from_slice(&body);
    });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        axum::serve(listener, Router::new().route("/v1/traces", traces)).await.unwrap();
    });
    (address, heard)
}

fn contains(heard: &Arc<Mutex<Vec<u8>>>, word: &str) -> bool {
    heard.lock().unwrap().windows(word.len()).any(|it| it == word.as_bytes())
}

async fn told(environment: &[(&str, PathBuf)]) -> Arc<Mutex<Vec<u8>>> {
    let (address, heard) = collector().await;
    let program = Program::new(
        "[http]\nlisten = '127.0.0.1:0'\n[[tenants]]\nid = 'acme'\ndatabase_url = 'postgres://app:hidden-word@127.0.0.1:1/acme'\n",
    );
    let mut environment = environment.to_vec();
    environment.push(("OTEL_EXPORTER_OTLP_ENDPOINT", address.into()));
    let mut running = Running::start_with(&program, &environment).await;
    running.scan().await;
    // At once: what the batch still holds must come too.
    running.signal(Signal::TERM);
    assert_eq!(running.ended().await, Some(0));
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_is_a_span_that_reaches_the_collector_before_the_process_ends() {
    let heard = told(&[]).await;
    assert!(contains(&heard, "watertight") && contains(&heard, "scan"));
    assert!(!contains(&heard, "hidden-word"), "a span holds no secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_is_called_as_the_environment_says() {
    let heard = told(&[("OTEL_SERVICE_NAME", "isolation-of-production".into())]).await;
    assert!(contains(&heard, "isolation-of-production"));
}
