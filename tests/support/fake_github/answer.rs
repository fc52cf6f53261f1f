//! A request as the fake reads it, and an answer in GitHub's words.

use axum::body::Body;
use axum::extract::Query;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::{Value, json};

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the prefix of GitHub Enterprise, and in segments.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) token: Option<String>,
    pub(crate) agent: Option<String>,
    /// `X-GitHub-Api-Version`.
    pub(crate) version: Option<String>,
    /// `None` where it is no JSON.
    pub(crate) body: Option<Value>,
}

impl Request {
    pub(crate) fn read(head: &Parts, body: &[u8]) -> Self {
        let path = head.uri.path();
        let path = path.strip_prefix("/api/v3").unwrap_or(path);
        let header = |name: &str| {
            head.headers.get(name).and_then(|it| it.to_str().ok()).map(ToOwned::to_owned)
        };
        let token = header("authorization").and_then(|it| {
            let (scheme, token) = it.split_once(' ')?;
            let known =
                scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token");
            known.then(|| token.to_owned())
        });
        let query = Query::<Vec<(String, String)>>::try_from_uri(&head.uri);
        Self {
            method: head.method.to_string(),
            path: path.split('/').filter(|it| !it.is_empty()).map(unescaped).collect(),
            query: query.map(|it| it.0).unwrap_or_default(),
            token,
            agent: header("user-agent"),
            version: header("x-github-api-version"),
            body: if body.is_empty() {
                Some(Value::Null)
            } else {
                serde_json::from_slice(body).ok()
            },
        }
    }

    pub(crate) fn asked(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    pub(crate) fn whole_path(&self) -> String {
        format!("/{}", self.path.join("/"))
    }

    /// A field of the body; `Null` where it is not given.
    pub(crate) fn field(&self, name: &str) -> &Value {
        const ABSENT: &Value = &Value::Null;
        self.body.as_ref().and_then(|it| it.get(name)).unwrap_or(ABSENT)
    }

    pub(crate) fn gives(&self, name: &str) -> bool {
        self.body.as_ref().is_some_and(|it| it.get(name).is_some())
    }

    pub(crate) fn is_write(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD")
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Value>,
}

impl Answer {
    pub(crate) fn of(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Some(body) }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None }
    }

    pub(crate) fn refusal(status: u16, message: &str) -> Self {
        let body = json!({
            "message": message,
            "documentation_url": "https://docs.github.com/rest",
            "status": status.to_string(),
        });
        Self::of(status, body)
    }

    /// 422 about one field of a resource.
    pub(crate) fn invalid(resource: &str, field: &str, code: &str, message: &str) -> Self {
        let mut error = json!({ "resource": resource, "field": field, "code": code });
        if !message.is_empty() {
            error["message"] = message.into();
        }
        let mut answer = Self::refusal(422, "Validation Failed");
        if let Some(body) = &mut answer.body {
            body["errors"] = json!([error]);
        }
        answer
    }

    /// A fault of GitHub's own, which comes as a page.
    pub(crate) fn failure(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Some(Value::from("<html>Unicorn!</html>")) }
    }

    pub(crate) fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.headers.push((name.to_owned(), format!("{value}")));
        self
    }

    fn text(&self) -> String {
        match &self.body {
            None => String::new(),
            Some(Value::String(page)) => page.clone(),
            Some(body) => body.to_string(),
        }
    }

    fn response(&self, text: String) -> Response {
        let mut response = Response::builder().status(self.status);
        match &self.body {
            None => {}
            Some(Value::String(_)) => response = response.header("content-type", "text/html"),
            Some(_) => {
                response = response.header("content-type", "application/json; charset=utf-8");
            }
        }
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        response.body(Body::from(text)).expect("our own headers are fit to send")
    }

    pub(crate) fn into_response(self) -> Response {
        self.response(self.text())
    }

    /// Whole for HTTP, and half of the JSON.
    pub(crate) fn truncated(self) -> Response {
        let text = self.text();
        let half = (0..=text.len() / 2).rev().find(|it| text.is_char_boundary(*it)).unwrap_or(0);
        self.response(text[..half].to_owned())
    }
}

fn unescaped(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        let decoded = pair.and_then(|it| u8::from_str_radix(it, 16).ok());
        match decoded {
            Some(decoded) if *first == b'%' => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
