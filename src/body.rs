//! What an HTTP server answered, received whole or not at all.
//!
//! Why a bound: whatever answers at an address need not be what we think it is, and a body without end would fill the
//! memory.
//!
//! Invariant: no error shows the address, which may carry somebody's key, or anything of the body.

use reqwest::Response;

#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("the answer is longer than {most} bytes")]
    TooLong { most: usize },
    #[error("the answer broke off")]
    Broken(#[source] reqwest::Error),
}

/// The body, of at most so many bytes. The request's own deadline holds for it too.
pub async fn whole(mut response: Response, most: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    let broken = |error: reqwest::Error| BodyError::Broken(error.without_url());
    while let Some(piece) = response.chunk().await.map_err(broken)? {
        if most - body.len() < piece.len() {
            return Err(BodyError::TooLong { most });
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}
