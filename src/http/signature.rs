//! GitHub's signature of what it delivers.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub(super) const HEADER: &str = "x-hub-signature-256";

/// Whether `header` is `sha256=` and the body's HMAC. Compared in constant time.
pub(super) fn is_signed(secret: &str, body: &[u8], header: &str) -> bool {
    let Some(digits) = header.strip_prefix("sha256=") else { return false };
    let Some(given) = bytes(digits) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
    mac.update(body);
    mac.verify_slice(&given).is_ok()
}

fn bytes(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        let pair = digits.get(2 * place..2 * place + 2)?;
        *byte = u8::from_str_radix(pair, 16).ok().filter(|_| !pair.starts_with('+'))?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's own documentation.
    #[test]
    fn githubs_own_example_is_signed_and_nothing_near_it_is() {
        let (secret, body) = ("It's a Secret to Everybody", b"Hello, World!");
        let digits = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let signed = |header: &str| is_signed(secret, body, header);
        assert!(signed(&format!("sha256={digits}")));
        assert!(!signed(digits));
        assert!(!signed(&format!("sha1={digits}")));
        assert!(!signed(&format!("sha256={}", &digits[..62])));
        assert!(!signed(&format!("sha256={}8", &digits[..63])));
        assert!(!signed(&format!("sha256=+{}", &digits[1..])));
        assert!(!signed(&format!("sha256={}", "é".repeat(32))));
        assert!(!is_signed("another", body, &format!("sha256={digits}")));
        assert!(!is_signed(secret, b"Hello, World?", &format!("sha256={digits}")));
    }
}
