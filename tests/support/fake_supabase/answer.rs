//! Requests as they came, and answers in the forms that Supabase gives them.

use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::http::request::Parts;
use axum::response::Response;
use futures_util::stream;
use serde_json::{Value, json};

/// Of an answer that does not end by itself.
const PIECE: usize = 64 * 1024;
const PIECES: usize = 16 * 1024;

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: Vec<String>,
    query: Vec<(String, String)>,
    pub(crate) token: Option<String>,
    /// `None` where it is no JSON.
    pub(crate) body: Option<Value>,
}

impl Request {
    pub(crate) fn read(head: &Parts, body: &[u8]) -> Self {
        let authorization = head.headers.get("authorization").and_then(|it| it.to_str().ok());
        let token = authorization.and_then(|it| it.strip_prefix("Bearer ")).map(str::to_owned);
        let path = head.uri.path().split('/').filter(|it| !it.is_empty());
        let query = Query::<Vec<(String, String)>>::try_from_uri(&head.uri);
        Self {
            method: head.method.to_string(),
            path: path.map(str::to_owned).collect(),
            query: query.map(|it| it.0).unwrap_or_default(),
            token,
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
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    text: String,
}

impl Answer {
    pub(crate) fn of(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), text: body.to_string() }
    }

    /// As it is.
    pub(crate) fn text(status: u16, text: &str) -> Self {
        Self { status, headers: Vec::new(), text: text.to_owned() }
    }

    pub(crate) fn refusal(status: u16, message: &str) -> Self {
        Self::of(status, &json!({ "message": message }))
    }

    /// A fault on the way, which comes as a page.
    pub(crate) fn failure(status: u16) -> Self {
        Self::text(status, "<html>Bad gateway</html>")
    }

    pub(crate) fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.headers.push((name.to_owned(), format!("{value}")));
        self
    }

    fn response(&self, body: Body) -> Response {
        let mut response = Response::builder().status(self.status);
        response = response.header("content-type", "application/json; charset=utf-8");
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        response.body(body).expect("our own headers are fit to send")
    }

    pub(crate) fn into_response(self) -> Response {
        self.response(Body::from(self.text.clone()))
    }

    /// Whole for HTTP, and half of the JSON.
    pub(crate) fn truncated(self) -> Response {
        let half = (0..=self.text.len() / 2).rev().find(|it| self.text.is_char_boundary(*it));
        self.response(Body::from(self.text[..half.unwrap_or(0)].to_owned()))
    }

    /// A gigabyte: more than anybody should take.
    pub(crate) fn endless() -> Response {
        let piece = Bytes::from(vec![b' '; PIECE]);
        let pieces = (0..PIECES).map(move |_| Ok::<_, std::convert::Infallible>(piece.clone()));
        Self::text(200, "").response(Body::from_stream(stream::iter(pieces)))
    }
}
