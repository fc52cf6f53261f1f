//! The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), as values: no stream, no clock, no randomness.
//!
//! Why not the client library's: nine tenths of what a visit costs us is the stretching of the password, and the
//! library keys its HMAC anew in each of the 4 096 rounds, which makes them twice as dear. And a library that is never
//! given a password cannot give it away, whatever a server asks it for.
//!
//! Invariants:
//! - a server is believed only once it has proven that it knows the password's verifier;
//! - a challenge that does not begin with our own nonce is refused before the password is touched.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// As PostgreSQL calls it.
pub const PLAIN: &str = "SCRAM-SHA-256";
/// With the login bound to the encrypted channel.
pub const BOUND: &str = "SCRAM-SHA-256-PLUS";

/// PostgreSQL asks for 4 096 iterations. A hundred thousand cost 12 ms of our processor, which is as much as a server
/// may make us work; it holds one of the permits meanwhile, so the others only wait.
pub const MOST_ITERATIONS: u32 = 100_000;

/// What the login is tied to, so that nobody in between can pass it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// The channel has nothing to bind to, or the URL forbids it.
    Unsupported,
    /// We could have bound it and the server does not offer to. Told, so that whoever took the offer away in between is
    /// found out.
    NotOffered,
    /// `tls-server-end-point`: the digest of the server's certificate.
    EndPoint(Vec<u8>),
}

/// Why a login cannot be completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    #[error("the server's challenge cannot be read")]
    Challenge,
    #[error("the server's challenge is not for us")]
    Nonce,
    #[error("the server asks for more than {MOST_ITERATIONS} password iterations")]
    TooManyIterations,
    #[error("the server cannot prove that it knows the password")]
    Signature,
}

/// A login under way: our first message is made.
#[derive(Clone, Debug)]
pub struct Opening {
    binding: Binding,
    nonce: String,
}

/// The server's challenge, read and found to be for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    text: String,
    nonce: String,
    salt: Vec<u8>,
    iterations: u32,
}

/// Our answer, and what the server must prove in return.
#[derive(Clone, Debug)]
pub struct Proof {
    message: String,
    /// Keyed and fed: what the server's signature must be.
    signature: Hmac<Sha256>,
}

/// A password as SCRAM uses it: from here on nothing is dear.
#[derive(Clone)]
pub struct Keys {
    client: [u8; 32],
    server: [u8; 32],
}

impl Opening {
    /// `nonce` is printable ASCII without a comma, and never used twice.
    pub fn new(binding: Binding, nonce: String) -> Self {
        Self { binding, nonce }
    }

    /// Without the user's name: PostgreSQL takes the one from the start-up packet.
    pub fn message(&self) -> String {
        format!("{}n=,r={}", self.binding.header(), self.nonce)
    }

    pub fn challenge(&self, text: &[u8]) -> Result<Challenge, ScramError> {
        let text = std::str::from_utf8(text).map_err(|_| ScramError::Challenge)?;
        let parts: Vec<&str> = text.split(',').collect();
        let [nonce, salt, iterations] = parts[..] else { return Err(ScramError::Challenge) };
        let value = |part: &'_ str, name: &str| {
            part.strip_prefix(name).map(str::to_owned).ok_or(ScramError::Challenge)
        };
        let nonce = value(nonce, "r=")?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(ScramError::Nonce);
        }
        let salt = BASE64.decode(value(salt, "s=")?).map_err(|_| ScramError::Challenge)?;
        let iterations = count(&value(iterations, "i=")?)?;
        Ok(Challenge { text: text.to_owned(), nonce, salt, iterations })
    }

    pub fn prove(&self, challenge: &Challenge, keys: &Keys) -> Proof {
        let bound = BASE64.encode([self.binding.header().as_bytes(), self.binding.data()].concat());
        let mut message = format!("c={bound},r={}", challenge.nonce);
        let all = format!("n=,r={},{},{message}", self.nonce, challenge.text);
        let stored: [u8; 32] = Sha256::digest(keys.client).into();
        let signature: [u8; 32] = keyed(&stored).chain_update(&all).finalize().into_bytes().into();
        let mut proof = keys.client;
        proof.iter_mut().zip(signature).for_each(|(byte, other)| *byte ^= other);
        message.push_str(",p=");
        BASE64.encode_string(proof, &mut message);
        Proof { message, signature: keyed(&keys.server).chain_update(&all) }
    }
}

impl Proof {
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the server's last word shows that it knows the password too.
    pub fn check(self, last: &[u8]) -> Result<(), ScramError> {
        let told = last.strip_prefix(b"v=").and_then(|it| BASE64.decode(it).ok());
        let told = told.ok_or(ScramError::Signature)?;
        self.signature.verify_slice(&told).map_err(|_| ScramError::Signature)
    }
}

impl Challenge {
    /// The one dear step: some five hundred microseconds at PostgreSQL's 4 096 iterations.
    pub fn stretch(&self, password: &str) -> Keys {
        let prepared = stringprep::saslprep(password);
        // As every client does: what cannot be prepared is taken as it is.
        let password = prepared.as_deref().unwrap_or(password);
        let password = keyed(password.as_bytes());
        let first = password.clone().chain_update(&self.salt).chain_update([0, 0, 0, 1]);
        let mut step = first.finalize().into_bytes();
        let mut salted = step;
        for _ in 1..self.iterations {
            step = password.clone().chain_update(step).finalize().into_bytes();
            salted.iter_mut().zip(step).for_each(|(sum, byte)| *sum ^= byte);
        }
        let key = |name: &str| keyed(&salted).chain_update(name).finalize().into_bytes().into();
        Keys { client: key("Client Key"), server: key("Server Key") }
    }
}

impl Binding {
    const fn header(&self) -> &'static str {
        match self {
            Self::Unsupported => "n,,",
            Self::NotOffered => "y,,",
            Self::EndPoint(_) => "p=tls-server-end-point,,",
        }
    }

    fn data(&self) -> &[u8] {
        match self {
            Self::Unsupported | Self::NotOffered => &[],
            Self::EndPoint(digest) => digest,
        }
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// Digits alone: a sign or a blank is not what any server sends.
fn count(text: &str) -> Result<u32, ScramError> {
    if text.is_empty() || !text.bytes().all(|it| it.is_ascii_digit()) {
        return Err(ScramError::Challenge);
    }
    match text.parse() {
        Ok(0) => Err(ScramError::Challenge),
        Ok(count) if count <= MOST_ITERATIONS => Ok(count),
        Ok(_) | Err(_) => Err(ScramError::TooManyIterations),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const CHALLENGE: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn opening() -> Opening {
        Opening::new(Binding::Unsupported, NONCE.to_owned())
    }

    /// The keys of RFC 7677's example are those of its user; PostgreSQL's messages have none, so the proof differs.
    #[test]
    fn the_keys_are_those_of_the_standard() {
        let keys = opening().challenge(CHALLENGE.as_bytes()).unwrap().stretch("pencil");
        let all = format!(
            "n=user,r={NONCE},{CHALLENGE},c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
        );
        let server = keyed(&keys.server).chain_update(&all).finalize().into_bytes();
        assert_eq!(BASE64.encode(server), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        let stored = Sha256::digest(keys.client);
        let mut proof = keyed(&stored).chain_update(&all).finalize().into_bytes();
        proof.iter_mut().zip(keys.client).for_each(|(byte, key)| *byte ^= key);
        assert_eq!(BASE64.encode(proof), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    }

    #[test]
    fn a_server_that_knows_the_password_is_believed_and_no_other() {
        let opening = opening();
        let challenge = opening.challenge(CHALLENGE.as_bytes()).unwrap();
        let keys = challenge.stretch("pencil");
        let proof = opening.prove(&challenge, &keys);
        let signature = proof.signature.clone().finalize().into_bytes();
        let right = format!("v={}", BASE64.encode(signature));
        assert_eq!(proof.clone().check(right.as_bytes()), Ok(()));
        let other = opening.prove(&challenge, &challenge.stretch("pencils"));
        assert_eq!(other.check(right.as_bytes()), Err(ScramError::Signature));
        for wrong in ["v=", "v=AAAA", "e=invalid-proof", "", &right[..right.len() - 4]] {
            assert_eq!(proof.clone().check(wrong.as_bytes()), Err(ScramError::Signature));
        }
    }

    #[track_caller]
    fn check(challenge: &str, expected: Result<u32, ScramError>) {
        let read = opening().challenge(challenge.as_bytes());
        assert_eq!(read.map(|it| it.iterations), expected, "{challenge}");
    }

    #[test]
    fn a_challenge_that_is_not_ours_or_cannot_be_read_is_refused() {
        check(CHALLENGE, Ok(4096));
        check(&format!("r={NONCE},s=c2FsdA==,i=4096"), Err(ScramError::Nonce));
        check("r=other,s=c2FsdA==,i=4096", Err(ScramError::Nonce));
        check(&format!("r={NONCE}x,s=c2FsdA==,i=1"), Ok(1));
        for unread in ["", "r=", "s=c2FsdA==,i=1", "e=other-error"] {
            check(unread, Err(ScramError::Challenge));
        }
        for rest in ["s=c2FsdA==", "s=%,i=1", "s=c2FsdA==,i=", "s=c2FsdA==,i=0", "s=c2FsdA==,i=-1"]
        {
            check(&format!("r={NONCE}x,{rest}"), Err(ScramError::Challenge));
        }
        check(&format!("r={NONCE}x,s=c2FsdA==,i=1,m=x"), Err(ScramError::Challenge));
    }

    #[test]
    fn an_absurd_amount_of_work_is_refused_and_a_large_one_is_not() {
        let with = |i: &str| format!("r={NONCE}x,s=c2FsdA==,i={i}");
        check(&with("100000"), Ok(100_000));
        check(&with("100001"), Err(ScramError::TooManyIterations));
        check(&with("99999999999999999999"), Err(ScramError::TooManyIterations));
    }

    #[test]
    fn the_channel_is_part_of_what_is_proven() {
        let challenge = opening().challenge(CHALLENGE.as_bytes()).unwrap();
        let keys = challenge.stretch("pencil");
        let message = |binding| {
            let opening = Opening::new(binding, NONCE.to_owned());
            (opening.message(), opening.prove(&challenge, &keys).message)
        };
        let (first, last) = message(Binding::EndPoint(vec![1, 2, 3]));
        assert_eq!(first, format!("p=tls-server-end-point,,n=,r={NONCE}"));
        let bound = BASE64.encode(b"p=tls-server-end-point,,\x01\x02\x03");
        assert!(last.starts_with(&format!("c={bound},r={NONCE}")));
        let (first, last) = message(Binding::NotOffered);
        assert!(first.starts_with("y,,") && last.starts_with("c=eSws,"));
        assert_ne!(last, message(Binding::Unsupported).1);
    }

    #[test]
    fn a_password_is_prepared_as_servers_prepare_it() {
        let challenge = opening().challenge(CHALLENGE.as_bytes()).unwrap();
        let keys = |password: &str| challenge.stretch(password).client;
        // A soft hyphen vanishes and a ligature is taken apart; a control character makes the text unfit, so it stays.
        assert_eq!(keys("pen\u{ad}cil"), keys("pencil"));
        assert_eq!(keys("\u{fb01}sh"), keys("fish"));
        assert_ne!(keys("pen\u{7}cil"), keys("pencil"));
    }
}
