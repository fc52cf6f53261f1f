//! The signature of an event: who sent it, and when.
//!
//! Why the time is signed with it: a body that somebody recorded is refused by a receiver that looks at its age.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

pub const HEADER: &str = "watertight-signature";

/// `t=…,v1=…`: seconds since 1970, and the HMAC-SHA-256 of `t.body` in hexadecimal.
pub fn sign(secret: &Secret, second: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(format!("{second}.").as_bytes());
    mac.update(body.as_bytes());
    let digest = mac.finalize().into_bytes();
    let mut text = format!("t={second},v1=");
    digest.iter().for_each(|it| text.push_str(&format!("{it:02x}")));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret`.
    #[test]
    fn it_is_the_hmac_of_time_and_body() {
        let signed = sign(&Secret::new("secret"), 1_700_000_000, r#"{"a":1}"#);
        let expected = "49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686";
        assert_eq!(signed, format!("t=1700000000,v1={expected}"));
    }
}
