//! What is more, longer or slower than it should be.

use std::io::ErrorKind;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use watertight::http::options::Limits;
use watertight::http::role::Role;

use crate::house::{House, LIMIT, answer, refused, secret, with_limits};

/// Everything that the server sends until it hangs up.
async fn until_the_end(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is an end too.
    drop(tokio::time::timeout(LIMIT, stream.read_to_end(&mut text)).await.expect("it hangs up"));
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_by_what_it_says_and_by_what_it_is() {
    let house = House::new().await;
    let large = "x".repeat(64 * 1024 + 1);
    let request = house.post("/api/v1/scans", &json!({"tenants": [large]}));
    refused(request, StatusCode::PAYLOAD_TOO_LARGE, "too-large").await;
    let mut stream = house.connect().await;
    let head = format!(
        "POST /api/v1/scans HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        secret(Role::Operator)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 16 * 1024, "x".repeat(16 * 1024));
    for _ in 0..5 {
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let answer = until_the_end(stream).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    house.leave().await;
}

#[tokio::test]
async fn a_head_that_is_too_large_or_no_head_at_all_is_refused() {
    let house = House::new().await;
    for (head, status) in [
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(200_000)), "431"),
        (format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(200_000)), "4"),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: x\r\n".repeat(200)), "431"),
        ("this is not HTTP\r\n\r\n".to_owned(), "400"),
    ] {
        let mut stream = house.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = until_the_end(stream).await;
        let sent = head.chars().take(20).collect::<String>();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{sent}: {answer}");
    }
    assert_eq!(answer(house.get("/api/v1/tenants")).await.0, StatusCode::OK);
    house.leave().await;
}

#[tokio::test]
async fn a_client_that_sends_its_head_or_its_body_slowly_loses_its_connection() {
    let short = Duration::from_millis(300);
    let limits = Limits { head: short, transfer: short, ..Limits::default() };
    let house = House::of(with_limits(limits)).await;
    let began = Instant::now();
    let silent = house.connect().await;
    let mut half_a_head = house.connect().await;
    half_a_head.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n").await.unwrap();
    let mut half_a_body = house.connect().await;
    let head = format!(
        "POST /api/v1/scans HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{{",
        secret(Role::Operator)
    );
    half_a_body.write_all(head.as_bytes()).await.unwrap();
    let answers =
        tokio::join!(until_the_end(silent), until_the_end(half_a_head), until_the_end(half_a_body));
    assert_eq!(answers.0, "");
    assert!(answers.1.is_empty() || answers.1.starts_with("HTTP/1.1 408"), "{}", answers.1);
    assert!(answers.2.starts_with("HTTP/1.1 408"), "{}", answers.2);
    assert!(answers.2.contains("urn:watertight:problem:too-slow"), "{}", answers.2);
    assert!(began.elapsed() < LIMIT);
    house.leave().await;
}

/// It is known of the client's own writing: what it reads would take the stall away.
async fn until_it_is_given_up(stream: &TcpStream) {
    let given_up = async {
        loop {
            match stream.try_write(b"x") {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return,
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    tokio::time::timeout(LIMIT, given_up).await.expect("it is given up");
}

#[tokio::test]
async fn a_client_that_reads_nothing_loses_its_connection_and_holds_up_nobody() {
    let short = Duration::from_millis(300);
    let house = House::of(with_limits(Limits { transfer: short, ..Limits::default() })).await;
    let request = format!(
        "GET /api/v1/scans/latest HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        secret(Role::Viewer)
    );
    let mut stalled = Vec::new();
    for _ in 0..12 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 * 1024).unwrap();
        let mut stream = socket.connect(house.address).await.unwrap();
        // Enough answers that no socket's buffer holds them all.
        drop(tokio::time::timeout(short, stream.write_all(request.repeat(400).as_bytes())).await);
        stalled.push(stream);
    }
    for stream in &stalled {
        until_it_is_given_up(stream).await;
    }
    let (status, _) = answer(house.get("/api/v1/scans/latest")).await;
    assert_eq!(status, StatusCode::OK);
    house.leave().await;
}

#[tokio::test]
async fn more_requests_than_the_rate_are_told_to_come_back() {
    let limits = Limits { rate: 10, burst: 20, ..Limits::default() };
    let house = House::of(with_limits(limits)).await;
    let mut taken = 0;
    let mut told = None;
    for _ in 0..60 {
        let response = house.ask(Method::GET, "/-/healthy").send().await.unwrap();
        match response.status() {
            StatusCode::OK => taken += 1,
            StatusCode::TOO_MANY_REQUESTS => {
                told = Some(response.headers()["retry-after"].clone());
            }
            status => panic!("{status}"),
        }
    }
    assert!((20..60).contains(&taken), "{taken}");
    assert_eq!(told.expect("some were refused"), "1");
    house.leave().await;
}

/// Ten thousand at once, as fast as they can be sent: every one is answered, and the daemon is as well as before.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_answered_one_by_one_and_leaves_no_mark() {
    let house = House::new().await;
    let mut clients = JoinSet::new();
    for _ in 0..50 {
        let (client, url) = (house.client.clone(), house.url("/api/v1/findings?limit=1"));
        clients.spawn(async move {
            let mut statuses = [0_u32; 3];
            for _ in 0..200 {
                let request = client.get(&url).bearer_auth(secret(Role::Viewer));
                let place = match request.send().await.unwrap().status() {
                    StatusCode::OK => 0,
                    StatusCode::TOO_MANY_REQUESTS => 1,
                    StatusCode::SERVICE_UNAVAILABLE => 2,
                    status => panic!("{status}"),
                };
                statuses[place] += 1;
            }
            statuses
        });
    }
    let mut total = [0; 3];
    while let Some(statuses) = clients.join_next().await {
        for (total, one) in total.iter_mut().zip(statuses.unwrap()) {
            *total += one;
        }
    }
    assert_eq!(total.iter().sum::<u32>(), 10_000);
    assert!(0 < total[0], "{total:?}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(answer(house.get("/api/v1/findings")).await.0, StatusCode::OK);
    house.leave().await;
}

#[tokio::test]
async fn more_connections_than_there_is_room_for_are_closed_and_the_others_are_served() {
    let house = House::of(with_limits(Limits { connections: 5, ..Limits::default() })).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(house.connect().await);
    }
    assert_eq!(answer(house.get("/api/v1/tenants")).await.0, StatusCode::OK);
    held.push(house.connect().await);
    let mut ends = JoinSet::new();
    for _ in 0..5 {
        ends.spawn(until_the_end(house.connect().await));
    }
    while let Some(end) = ends.join_next().await {
        assert_eq!(end.unwrap(), "");
    }
    drop(held);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(answer(house.get("/api/v1/tenants")).await.0, StatusCode::OK);
    house.leave().await;
}

#[tokio::test]
async fn more_requests_at_once_than_are_taken_are_shed() {
    let limits = Limits { requests: 1, ..Limits::default() };
    let house =
        House::of(crate::house::Plan { registry: crate::house::REGISTRY, ..with_limits(limits) })
            .await;
    let waiting = house.post("/api/v1/scans?wait=true", &json!({})).send();
    let shed = async {
        // The first one has the only place as soon as the scan runs.
        while house.daemon.desk().status().borrow().running.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let response = house.get("/api/v1/tenants").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key("retry-after"));
        house.stop.cancel();
    };
    drop(tokio::join!(waiting, shed));
    house.leave().await;
}

#[tokio::test]
async fn only_so_many_may_wait_for_a_scan() {
    let limits = Limits { waiters: 1, ..Limits::default() };
    let house =
        House::of(crate::house::Plan { registry: crate::house::REGISTRY, ..with_limits(limits) })
            .await;
    let waiting = house.post("/api/v1/scans?wait=true", &json!({})).send();
    let another = async {
        while house.daemon.desk().status().borrow().running.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let request = house.post("/api/v1/scans?wait=true", &json!({}));
        refused(request, StatusCode::SERVICE_UNAVAILABLE, "overloaded").await;
        house.stop.cancel();
    };
    drop(tokio::join!(waiting, another));
    house.leave().await;
}
