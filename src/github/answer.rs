//! What GitHub answered: received within bounds, and judged.
//!
//! Why the judgement is a function over status, headers and text: it decides whether a write is repeated, so every case of
//! it is a test without a server.

use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use jiff::{SignedDuration, Timestamp};
use octocrab::Octocrab;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::{GitHubError, Trouble};

/// In bytes. A page of thirty issues of the longest text, every character of it escaped, fits.
const LARGEST: usize = 16 << 20;

/// Characters of what GitHub says.
const LONGEST: usize = 300;

/// Of the limits, those that we can meet. Each is a series for ever.
const RESOURCES: [&str; 3] = ["core", "search", "graphql"];

#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// What GitHub says of its limits.
pub(super) struct Budget {
    pub(super) resource: &'static str,
    pub(super) limit: u32,
    pub(super) remaining: u32,
    pub(super) reset: Timestamp,
}

pub(super) async fn receive(
    crab: &Octocrab,
    request: Request<String>,
) -> Result<Answer, GitHubError> {
    let failed = |source| GitHubError::ambiguous(Trouble::Connection { source: Box::new(source) });
    let response = crab.execute(request).await.map_err(failed)?;
    let (parts, body) = response.into_parts();
    let body = match Limited::new(body, LARGEST).collect().await {
        Ok(body) => body.to_bytes().to_vec(),
        // A refusal stays one, whatever became of its reasons.
        Err(_) if parts.status.is_client_error() => Vec::new(),
        Err(_) => return Err(GitHubError::ambiguous(Trouble::Body { most: LARGEST })),
    };
    Ok(Answer { status: parts.status, headers: parts.headers, body })
}

impl Answer {
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Trouble> {
        serde_json::from_slice(&self.body).map_err(|source| Trouble::NotJson { source })
    }

    pub(super) fn budget(&self) -> Option<Budget> {
        let resource = self.text("x-ratelimit-resource").unwrap_or("core");
        Some(Budget {
            resource: RESOURCES.into_iter().find(|it| *it == resource).unwrap_or("other"),
            limit: self.number("x-ratelimit-limit")?.try_into().ok()?,
            remaining: self.number("x-ratelimit-remaining")?.try_into().ok()?,
            reset: Timestamp::from_second(self.number("x-ratelimit-reset")?).ok()?,
        })
    }

    /// Itself where it is a success.
    pub(super) fn judge(self, now: Timestamp) -> Result<Self, GitHubError> {
        let status = self.status;
        if status.is_success() {
            return Ok(self);
        }
        if let Some(until) = self.limited(now) {
            return Err(GitHubError::Limited { until });
        }
        let what = self.said();
        let locked = what.to_ascii_lowercase().contains("locked");
        Err(match status.as_u16() {
            401 => GitHubError::Unauthorized,
            423 => GitHubError::Locked,
            403 | 422 if locked => GitHubError::Locked,
            403 => GitHubError::Forbidden { what },
            404 => GitHubError::NotFound,
            410 => GitHubError::Gone,
            300..=399 => GitHubError::Moved,
            400..=499 => GitHubError::Unprocessable { what },
            status => GitHubError::ambiguous(Trouble::Status { status }),
        })
    }

    /// Until when we are to wait, where it says so: the very moment where it does not say how long.
    fn limited(&self, now: Timestamp) -> Option<Timestamp> {
        if !matches!(self.status, StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) {
            return None;
        }
        if let Some(seconds) = self.number("retry-after") {
            let wait = SignedDuration::from_secs(seconds.max(1));
            return Some(now.saturating_add(wait).unwrap_or(Timestamp::MAX));
        }
        if self.number("x-ratelimit-remaining") == Some(0)
            && let Some(reset) = self.number("x-ratelimit-reset")
        {
            return Some(Timestamp::from_second(reset).unwrap_or(now).max(now));
        }
        let told = self.said().to_ascii_lowercase();
        let limited = self.status == StatusCode::TOO_MANY_REQUESTS
            || told.contains("rate limit")
            || told.contains("abuse detection");
        limited.then_some(now)
    }

    /// Its reasons, short and printable.
    fn said(&self) -> Box<str> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Reasons {
            message: String,
            errors: Vec<serde_json::Value>,
        }
        let reasons: Reasons = serde_json::from_slice(&self.body).unwrap_or_default();
        let errors = reasons.errors.iter().map(ToString::to_string);
        let told: Vec<String> = std::iter::once(reasons.message).chain(errors).collect();
        let told = told.join("; ");
        let told: String = told.chars().filter(|it| !it.is_control()).take(LONGEST).collect();
        if told.is_empty() { self.status.as_str().into() } else { told.into() }
    }

    fn text(&self, header: &str) -> Option<&str> {
        self.headers.get(header)?.to_str().ok()
    }

    fn number(&self, header: &str) -> Option<i64> {
        self.text(header)?.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// The verdict in one word, of an answer at second 100.
    #[track_caller]
    fn check(status: u16, headers: &[(&'static str, &str)], message: &str, expected: &str) {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()));
        let body = serde_json::json!({ "message": message }).to_string().into_bytes();
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, headers: headers.collect(), body };
        let told = match answer.judge(at(100)) {
            Ok(_) => "well".to_owned(),
            Err(GitHubError::Limited { until }) => format!("until {}", until.as_second()),
            Err(error) => format!("{error:?}").split([' ', '{']).next().unwrap().to_owned(),
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn a_status_decides_what_is_done_next() {
        check(201, &[], "", "well");
        check(401, &[], "Bad credentials", "Unauthorized");
        check(403, &[], "Resource not accessible by integration", "Forbidden");
        check(404, &[], "Not Found", "NotFound");
        check(410, &[], "Issues are disabled for this repo", "Gone");
        check(301, &[], "Moved Permanently", "Moved");
        check(422, &[], "Validation Failed", "Unprocessable");
        check(403, &[], "Unable to create comment because issue is locked.", "Locked");
        check(500, &[], "", "Ambiguous");
        check(502, &[], "", "Ambiguous");
    }

    #[test]
    fn a_limit_is_known_by_its_headers_or_by_its_words() {
        check(429, &[("retry-after", "7")], "", "until 107");
        check(403, &[("retry-after", "7")], "", "until 107");
        check(403, &[("retry-after", "0")], "", "until 101");
        let spent = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "160")];
        check(403, &spent, "API rate limit exceeded", "until 160");
        check(403, &[], "You have exceeded a secondary rate limit", "until 100");
        check(429, &[], "", "until 100");
        let left = [("x-ratelimit-remaining", "9"), ("x-ratelimit-reset", "160")];
        check(403, &left, "Must have admin rights", "Forbidden");
        check(404, &spent, "Not Found", "NotFound");
    }
}
