//! Who asks: an account by its token, an App by a signed assertion, an installation by the token that it was given.
//!
//! Why the assertion is verified: an App that signs with the wrong key, for too long or without its id is refused by
//! GitHub, and nowhere else would that be found.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, Request};
use super::world::World;
use watertight::clock;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// By a personal token.
    Account(String),
    App,
    /// Its login ends in `[bot]`.
    Installation(String),
}

impl Caller {
    pub(crate) fn login(&self) -> &str {
        match self {
            Self::Account(login) | Self::Installation(login) => login,
            Self::App => "",
        }
    }
}

pub(crate) struct App {
    pub(crate) id: u64,
    pub(crate) slug: String,
    pub(crate) installation: u64,
    /// PEM.
    pub(crate) public_key: String,
    /// Given out, in order.
    pub(crate) given: usize,
    /// How long a token holds.
    pub(crate) holds: SignedDuration,
}

#[derive(Default)]
pub(crate) struct Identities {
    /// By token.
    pub(crate) accounts: BTreeMap<String, String>,
    pub(crate) app: Option<App>,
    /// By token, with the end of each.
    installations: BTreeMap<String, (String, Timestamp)>,
}

#[derive(Deserialize)]
struct Assertion {
    iss: serde_json::Value,
    iat: i64,
    exp: i64,
}

/// GitHub takes no assertion that holds longer.
const LONGEST: i64 = 600;

impl Identities {
    /// Every token that was given to the installation is worth nothing any more.
    pub(crate) fn forget_installations(&mut self) {
        self.installations.clear();
    }

    pub(crate) fn caller(&self, request: &Request, now: i64) -> Result<Caller, Answer> {
        let Some(token) = request.token.as_deref() else {
            return Err(Answer::refusal(401, "Requires authentication"));
        };
        if let Some(login) = self.accounts.get(token) {
            return Ok(Caller::Account(login.clone()));
        }
        let holds = |end: &Timestamp| now < end.as_second();
        if let Some((login, _)) = self.installations.get(token).filter(|it| holds(&it.1)) {
            return Ok(Caller::Installation(login.clone()));
        }
        match &self.app {
            Some(app) if token.split('.').count() == 3 => assert(app, token, now),
            _ => Err(Answer::refusal(401, "Bad credentials")),
        }
    }
}

fn assert(app: &App, token: &str, now: i64) -> Result<Caller, Answer> {
    let refused = |why: &str| Err(Answer::refusal(401, why));
    let key = DecodingKey::from_rsa_pem(app.public_key.as_bytes()).expect("our own key");
    let mut validation = Validation::new(Algorithm::RS256);
    // Looked at below, by the caller's clock and in GitHub's words.
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    let Ok(decoded) = decode::<Assertion>(token, &key, &validation) else {
        return refused("A JSON web token could not be decoded");
    };
    let Assertion { iss, iat, exp } = decoded.claims;
    if iss != json!(app.id) && iss != json!(app.id.to_string()) {
        return refused("Integration not found");
    }
    if now < iat {
        return refused(
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        );
    }
    if exp < now || now + LONGEST < exp {
        return refused("'Expiration time' claim ('exp') is too far in the future");
    }
    Ok(Caller::App)
}

impl World {
    pub(crate) fn user(&self, caller: &Caller) -> Answer {
        match caller {
            Caller::Account(login) => Answer::of(200, self.account(login)),
            _ => Answer::refusal(403, "Resource not accessible by integration"),
        }
    }

    pub(crate) fn app(&self, caller: &Caller) -> Answer {
        let (Caller::App, Some(app)) = (caller, &self.identities.app) else {
            return Answer::refusal(401, "A JSON web token could not be decoded");
        };
        Answer::of(200, self.app_view(app))
    }

    pub(crate) fn give_token(&mut self, caller: &Caller, installation: &str) -> Answer {
        let (Caller::App, Some(app)) = (caller, &mut self.identities.app) else {
            return Answer::refusal(401, "A JSON web token could not be decoded");
        };
        if installation != app.installation.to_string() {
            return Answer::refusal(404, "Not Found");
        }
        app.given += 1;
        let expires = clock::now() + app.holds;
        // Longer than the forty characters that tokens used to have.
        let token = format!("ghs_{:060}", app.given);
        let login = format!("{}[bot]", app.slug);
        self.identities.installations.insert(token.clone(), (login, expires));
        let body = json!({
            "token": token,
            "expires_at": expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "permissions": { "issues": "write", "metadata": "read" },
            "repository_selection": "selected",
        });
        Answer::of(201, body)
    }
}
