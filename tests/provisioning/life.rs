//! One run: customers who ask, change their minds and leave, all at once, and a daemon that is killed under them.
//!
//! Why a cut line is an answer like any other: whoever asked knows no more than that, and may ask again with the same key.

use std::cell::RefCell;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::chance::{Customer, Plan, Then};
use crate::running::Running;
use crate::site::{token, wanted};
use crate::stage::Stage;

/// For all operations to end, once nothing goes wrong any more. Undoing alone is tried for 36 s.
const LIMIT: Duration = Duration::from_mins(3);

/// Of one request.
const ANSWER: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_millis(100);

/// A request with a key whose answer was lost is sent so often again.
const TRIES: usize = 4;

pub(crate) struct Life<'a> {
    pub(crate) stage: &'a Stage,
    /// Where the daemon listens now.
    base: RefCell<String>,
    http: reqwest::Client,
}

impl<'a> Life<'a> {
    /// With its first daemon, which has seen the fleet.
    pub(crate) async fn begin(stage: &'a Stage) -> (Self, Running) {
        let daemon = stage.start().await;
        crate::site::scan(&daemon).await;
        let base = RefCell::new(daemon.base.clone());
        (Self { stage, base, http: reqwest::Client::new() }, daemon)
    }

    /// Until the last one has done what it came for, and nothing runs any more.
    pub(crate) async fn live(&self, plan: &Plan, daemon: Running) -> Running {
        let customers = join_all(plan.customers.iter().map(|it| self.customer(it)));
        let (_, daemon) = tokio::join!(customers, self.kill(&plan.kills, daemon));
        self.stage.fake.world().faults.none();
        self.end().await;
        daemon
    }

    async fn kill(&self, moments: &[Duration], mut daemon: Running) -> Running {
        let begun = Instant::now();
        for moment in moments {
            sleep_until(begun + *moment).await;
            daemon = self.again(daemon).await;
        }
        daemon
    }

    /// Kills it, and starts another.
    pub(crate) async fn again(&self, mut daemon: Running) -> Running {
        daemon.kill().await;
        self.stage.hear(daemon.lines());
        let daemon = self.stage.start().await;
        self.base.borrow_mut().clone_from(&daemon.base);
        daemon
    }

    async fn customer(&self, customer: &Customer) {
        sleep(customer.after).await;
        let asked = (0..customer.sent).map(|_| self.ask_for(customer));
        let ids: Vec<String> = join_all(asked).await.into_iter().flatten().collect();
        if customer.key.is_some() {
            assert!(ids.windows(2).all(|it| it[0] == it[1]), "one key, two operations: {ids:?}");
        }
        let Some(id) = ids.first() else { return };
        match customer.then {
            Then::Cancels(after) => {
                sleep(after).await;
                let path = format!("/api/v1/operations/{id}/cancel");
                self.send(|base| self.http.post(format!("{base}{path}")).json(&json!({}))).await;
            }
            Then::Leaves if self.comes_to_be(id).await => {
                self.leave(&customer.subdomain).await;
            }
            Then::Leaves | Then::Stays => {}
        }
    }

    /// The operation, where one began.
    pub(crate) async fn ask_for(&self, customer: &Customer) -> Option<String> {
        let tries = if customer.key.is_some() { TRIES } else { 1 };
        for _ in 0..tries {
            let answer = self
                .send(|base| {
                    let request = self.http.post(format!("{base}/api/v1/tenants"));
                    let request = request.json(&wanted(&customer.subdomain));
                    match &customer.key {
                        Some(key) => request.header("idempotency-key", key),
                        None => request,
                    }
                })
                .await;
            match answer {
                Some((202, body)) => return Some(body["id"].as_str().unwrap().to_owned()),
                // Refused, or somebody else's.
                Some((409 | 422, _)) => return None,
                Some((status, body)) => panic!("{status}: {body}"),
                None => sleep(PAUSE).await,
            }
        }
        None
    }

    /// The operation, where one began.
    pub(crate) async fn leave(&self, tenant: &str) -> Option<String> {
        let path = format!("/api/v1/tenants/{tenant}?grace=0s");
        let answer = self.send(|base| self.http.delete(format!("{base}{path}"))).await;
        let (_, body) = answer.filter(|(status, _)| *status == 202)?;
        Some(body["id"].as_str().unwrap().to_owned())
    }

    /// Whether it ended with a tenant.
    async fn comes_to_be(&self, id: &str) -> bool {
        loop {
            let path = format!("/api/v1/operations/{id}");
            match self.send(|base| self.http.get(format!("{base}{path}"))).await {
                Some((200, body)) if body["state"] == "succeeded" => return true,
                Some((200, body)) if body["state"] != "running" => return false,
                _ => sleep(PAUSE).await,
            }
        }
    }

    /// `None` where the line was cut, or nobody listens.
    pub(crate) async fn send(
        &self,
        request: impl Fn(&str) -> reqwest::RequestBuilder,
    ) -> Option<(u16, Value)> {
        let base = self.base.borrow().clone();
        let asked = async {
            let response = request(&base).bearer_auth(token("provisioner")).send().await.ok()?;
            let status = response.status().as_u16();
            Some((status, response.text().await.ok()?))
        };
        let (status, body) = timeout(ANSWER, asked).await.expect("answered or cut off")?;
        self.stage.hear([body.clone()]);
        Some((status, serde_json::from_str(&body).unwrap_or(Value::String(body))))
    }

    pub(crate) async fn read(&self, path: &str) -> Value {
        let answer = self.send(|base| self.http.get(format!("{base}{path}"))).await;
        answer.unwrap_or_else(|| panic!("{path} is not answered")).1
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let sent = self.send(|base| self.http.post(format!("{base}{path}")).json(body)).await;
        sent.unwrap_or_else(|| panic!("{path} is not answered")).1
    }

    /// Until no operation runs.
    pub(crate) async fn end(&self) {
        let late = Instant::now() + LIMIT;
        loop {
            let told = self.read("/api/v1/operations").await;
            let operations = told["operations"].as_array().unwrap();
            if operations.iter().all(|it| it["state"] != "running") {
                return;
            }
            assert!(Instant::now() < late, "it does not end: {told:#}");
            sleep(PAUSE).await;
        }
    }
}
