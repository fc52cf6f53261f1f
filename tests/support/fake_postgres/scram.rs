//! The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677).
//!
//! Why the verifier is made once: the 4 096 iterations are then the client's alone, as they are with a real server.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use tokio::io::{self, AsyncRead, AsyncWrite, AsyncWriteExt};

use super::wire::{Inbox, Outbox};

/// PostgreSQL's default.
const ITERATIONS: u32 = 4_096;
const SALT: &[u8; 16] = b"a fake's own sal";

pub(crate) struct Verifier {
    stored_key: [u8; 32],
    server_key: [u8; 32],
}

impl Verifier {
    pub(crate) fn new(password: &str) -> Self {
        let mut step =
            keyed(password.as_bytes(), &[SALT.as_slice(), &1_u32.to_be_bytes()].concat());
        let mut salted = step;
        for _ in 1..ITERATIONS {
            step = keyed(password.as_bytes(), &step);
            salted.iter_mut().zip(step).for_each(|(sum, byte)| *sum ^= byte);
        }
        let client_key = keyed(&salted, b"Client Key");
        Self {
            stored_key: Sha256::digest(client_key).into(),
            server_key: keyed(&salted, b"Server Key"),
        }
    }

    /// Whether the client proved that it knows the password. It was told, whichever it is.
    pub(crate) async fn let_in<S>(&self, stream: &mut S, inbox: &mut Inbox) -> io::Result<bool>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut out = Outbox::default();
        out.sasl(10, "SCRAM-SHA-256\0\0");
        stream.write_all(&out.take()).await?;
        stream.flush().await?;
        // The mechanism's name, a length, and then the client's first message: `n,,n=user,r=nonce`.
        let Some((b'p', first)) = inbox.next(stream).await? else { return Ok(false) };
        let first = String::from_utf8_lossy(&first);
        let Some(bare) = first.find("n=").map(|at| &first[at..]) else { return Ok(false) };
        let Some((_, client_nonce)) = bare.split_once(",r=") else { return Ok(false) };
        let nonce = format!("{client_nonce}{:016x}", rand::random::<u64>());
        let server_first = format!("r={nonce},s={},i={ITERATIONS}", BASE64.encode(SALT));
        out.sasl(11, &server_first);
        stream.write_all(&out.take()).await?;
        stream.flush().await?;

        let Some((b'p', last)) = inbox.next(stream).await? else { return Ok(false) };
        let last = String::from_utf8_lossy(&last);
        let Some((without_proof, proof)) = last.rsplit_once(",p=") else { return Ok(false) };
        let signed = format!("{bare},{server_first},{without_proof}");
        if !without_proof.ends_with(&nonce) || !self.proves(&signed, proof) {
            out.error("28P01", "password authentication failed");
            stream.write_all(&out.take()).await?;
            stream.shutdown().await?;
            return Ok(false);
        }
        let signature = BASE64.encode(keyed(&self.server_key, signed.as_bytes()));
        out.sasl(12, &format!("v={signature}"));
        stream.write_all(&out.take()).await?;
        Ok(true)
    }

    fn proves(&self, signed: &str, proof: &str) -> bool {
        let signature = keyed(&self.stored_key, signed.as_bytes());
        let Ok(proof) = BASE64.decode(proof) else { return false };
        let client_key: Vec<u8> = proof.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        <[u8; 32]>::from(Sha256::digest(client_key)) == self.stored_key
    }
}

fn keyed(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do as a key");
    mac.update(message);
    mac.finalize().into_bytes().into()
}
