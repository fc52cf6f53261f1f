//! A service's own document, held between a client and a server by Prism: what either says that the document does not allow
//! is refused there.
//!
//! Why not in the fake: whoever wrote the fake wrote down what they believe, and the document is what is so.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

const HOME: &str = env!("CARGO_MANIFEST_DIR");

/// It reads half a megabyte of document at its start.
const LIMIT: Duration = Duration::from_mins(1);

pub(crate) struct Prism {
    pub(crate) base: String,
    _child: Child,
}

impl Prism {
    /// In front of a server. `None`, and said, where it or the document is not at hand.
    pub(crate) async fn before(server: &str, document: &str) -> Option<Self> {
        let document = self::document(document)?;
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../prism");
        let script = Command::new("bash").arg(format!("{HOME}/tests/prism")).arg(cache).output();
        let fetched = script.await.expect("bash");
        let program = String::from_utf8(fetched.stdout).expect("a path");
        if program.trim().is_empty() {
            left_out(&String::from_utf8_lossy(&fetched.stderr));
            return None;
        }
        let port = free();
        let child = Command::new(program.trim())
            .args(["proxy", "--errors", "-h", "127.0.0.1", "-p", &port.to_string()])
            .arg(document)
            .arg(server)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let prism =
            Self { base: format!("http://127.0.0.1:{port}"), _child: child.expect("it runs") };
        let until = Instant::now() + LIMIT;
        while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < until, "Prism does not listen");
            sleep(Duration::from_millis(100)).await;
        }
        Some(prism)
    }
}

fn document(name: &str) -> Option<PathBuf> {
    let beside = || Path::new(HOME).join("../shared/contracts");
    let folder = std::env::var_os("WATERTIGHT_CONTRACTS").map_or_else(beside, PathBuf::from);
    let document = folder.join(name);
    if document.is_file() {
        return Some(document);
    }
    left_out(&format!("left out: the document is not at {}", document.display()));
    None
}

#[expect(clippy::print_stderr, reason = "what is left out is said")]
fn left_out(what: &str) {
    eprintln!("{what}");
}

/// Below the range of clients' own ports.
fn free() -> u16 {
    let mut ports = 20_011_u16..32_000;
    let found = ports.find(|it| TcpListener::bind((Ipv4Addr::LOCALHOST, *it)).is_ok());
    found.expect("a port is free")
}
