//! The status page as a browser meets it: logging in, looking, and the few things that a form does.

use std::time::Duration;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use watertight::http::options::{Limits, Options};
use watertight::http::role::Role;
use watertight::page::ROUTES;

use crate::courses;
use crate::house::{House, LIMIT, Plan, answer, guarded, refused, secret, token, with_limits};

/// A browser with its one cookie.
pub(crate) struct Browser<'a> {
    house: &'a House,
    cookie: String,
}

impl<'a> Browser<'a> {
    pub(crate) async fn login(house: &'a House, role: Role) -> Self {
        let form = format!("token={}&next=/findings?kind=shared_database&csrf=", secret(role));
        let response = post_form(house, "/login", &form).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { house, cookie }
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        page(self.house, path).header(COOKIE, &self.cookie)
    }

    pub(crate) async fn see(&self, path: &str) -> String {
        let response = self.get(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.text().await.unwrap()
    }

    pub(crate) fn post(&self, path: &str, form: &str) -> RequestBuilder {
        post_form(self.house, path, form).header(COOKIE, &self.cookie)
    }

    pub(crate) async fn csrf(&self) -> String {
        let page = self.see("/").await;
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").expect("a form");
        rest.split('"').next().unwrap().to_owned()
    }
}

pub(crate) fn page(house: &House, path: &str) -> RequestBuilder {
    house.ask(Method::GET, path).header("accept", "text/html,*/*;q=0.8")
}

fn post_form(house: &House, path: &str, form: &str) -> RequestBuilder {
    house
        .ask(Method::POST, path)
        .header("accept", "text/html")
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.to_owned())
}

pub(crate) fn location(response: &Response) -> &str {
    response.headers()[LOCATION].to_str().unwrap()
}

#[tokio::test]
async fn whoever_has_no_session_is_led_to_the_login_and_back() {
    let house = House::new().await;
    let response = page(&house, "/tenants/acme?notice=x&a=b").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(location(&response), "/login?next=/tenants/acme%3Fnotice%3Dx%26a%3Db");
    let login = page(&house, location(&response)).send().await.unwrap();
    assert_eq!(login.status(), StatusCode::OK);
    let text = login.text().await.unwrap();
    assert!(text.contains("value=\"/tenants/acme?notice=x&#38;a=b\""), "{text}");
    assert!(!text.contains("globex"), "nothing is told before");
    let asset = text.split("href=\"/assets/").nth(1).unwrap().split('"').next().unwrap();
    let style = page(&house, &format!("/assets/{asset}")).send().await.unwrap();
    assert_eq!(style.status(), StatusCode::OK);
    assert!(style.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    house.leave().await;
}

#[tokio::test]
async fn a_token_is_traded_for_a_cookie_that_no_script_and_no_other_site_gets() {
    let house = House::new().await;
    let form = format!("token={}&next=%2Fmap", secret(Role::Viewer));
    let response = post_form(&house, "/login", &form).send().await.unwrap();
    assert_eq!(location(&response), "/map?notice=logged-in");
    let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
    for part in ["watertight=", "; Path=/;", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains(&secret(Role::Viewer)));
    let elsewhere = format!("token={}&next=https://evil.example/", secret(Role::Viewer));
    let response = post_form(&house, "/login", &elsewhere).send().await.unwrap();
    assert_eq!(location(&response), "/?notice=logged-in");
    house.leave().await;
}

#[tokio::test]
async fn a_wrong_token_is_told_on_the_page_and_too_many_are_told_to_wait() {
    let house = House::of(with_limits(Limits { refusals: 2, ..Limits::default() })).await;
    for _ in 0..2 {
        let response = post_form(&house, "/login", "token=wrong").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(response.headers().get(SET_COOKIE).is_none());
        assert!(response.text().await.unwrap().contains("No such token is configured."));
    }
    let response = post_form(&house, "/login", "token=wrong").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let form = format!("token={}", secret(Role::Router));
    let response = post_form(&house, "/login", &form).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN, "a service's token reads nothing");
    house.leave().await;
}

#[tokio::test]
async fn another_sites_page_logs_nobody_in() {
    let house = House::new().await;
    let form = format!("token={}", secret(Role::Viewer));
    let request = house
        .ask(Method::POST, "/login")
        .header("sec-fetch-site", "cross-site")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    refused(request, StatusCode::FORBIDDEN, "cross-site").await;
    house.leave().await;
}

/// Every route that a view may lead to is there, and shows what it is called.
#[tokio::test]
async fn every_view_is_drawn_for_whoever_may_read() {
    let house = House::new().await;
    let browser = Browser::login(&house, Role::Viewer).await;
    let (_, findings) = answer(house.get("/api/v1/findings?kind=shared_database")).await;
    let finding = findings["findings"][0]["id"].as_str().unwrap();
    let operation = courses::begin(&house, 1, "acme");
    // A viewer is not shown the form for a new tenant.
    let others = ["/live", "/assets/{name}", "/operations/new"];
    for (method, pattern) in ROUTES {
        if *method != "GET" || others.contains(pattern) {
            continue;
        }
        let id = match pattern {
            it if it.contains("findings") => finding,
            it if it.contains("operations") => operation.as_str(),
            _ => "acme",
        };
        let path = pattern.replace("{id}", id);
        let response = browser.get(&path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!(response.headers()["cache-control"], "no-store", "{path}");
        let text = response.text().await.unwrap();
        if kind.starts_with("text/html") {
            let whole = text.trim_start().to_lowercase().starts_with("<!doctype html>");
            assert!(whole && text.trim_end().ends_with("</html>"), "{path}");
        }
        assert!(!text.contains("postgres://"), "{path}");
    }
    let shown = browser.see("/tenants/acme").await;
    assert!(shown.contains("Shared host"), "its findings are told");
    assert!(shown.contains(&format!("/operations/{operation}")), "what is done with it is told");
    house.leave().await;
}

#[tokio::test]
async fn what_is_not_there_looks_like_the_rest_of_the_page() {
    let house = House::new().await;
    let browser = Browser::login(&house, Role::Viewer).await;
    for path in ["/nothing", "/tenants/nobody", "/findings/zz", "/assets/style.css"] {
        let response = browser.get(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let text = response.text().await.unwrap();
        assert!(text.contains(&id), "what the log knows it by");
    }
    let wrong = browser.get("/api/v1/nothing");
    refused(wrong, StatusCode::NOT_FOUND, "no-such-route").await;
    house.leave().await;
}

#[tokio::test]
async fn a_session_asks_for_a_scan_with_its_csrf_token_and_not_without() {
    let house = House::new().await;
    let browser = Browser::login(&house, Role::Operator).await;
    let csrf = browser.csrf().await;
    for wrong in ["", "csrf=", "csrf=AAAA"] {
        let form = format!("{wrong}&back=/?q=acme");
        let response = browser.post("/scan", &form).send().await.unwrap();
        assert_eq!(location(&response), "/?q=acme&notice=form-expired");
    }
    let api = house.ask(Method::POST, "/api/v1/scans").header(COOKIE, &browser.cookie);
    refused(api, StatusCode::FORBIDDEN, "cross-site").await;
    assert_eq!(house.daemon.store().scans(10).unwrap().len(), 1, "nothing was done");
    let form = format!("csrf={csrf}&back=%2F&tenant=acme");
    let response = browser.post("/scan", &form).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(location(&response), "/?notice=scan-asked");
    let api = house.ask(Method::POST, "/api/v1/scans?wait=true");
    let api = api.header(COOKIE, &browser.cookie).header("x-csrf-token", &csrf);
    assert_eq!(api.send().await.unwrap().status(), StatusCode::OK);
    house.leave().await;
}

#[tokio::test]
async fn a_viewer_is_told_that_it_may_not() {
    let house = House::new().await;
    let operator = Browser::login(&house, Role::Operator).await.csrf().await;
    let browser = Browser::login(&house, Role::Viewer).await;
    let page = browser.see("/").await;
    assert!(!page.contains("action=\"/scan\""), "no form that would be refused");
    let csrf = browser.csrf().await;
    assert_ne!(csrf, operator);
    let response = browser.post("/scan", &format!("csrf={csrf}&back=/")).send().await.unwrap();
    assert_eq!(location(&response), "/?notice=not-allowed");
    let response = browser.post("/scan", &format!("csrf={operator}&back=/")).send().await.unwrap();
    assert_eq!(location(&response), "/?notice=form-expired", "another session's token is none");
    house.leave().await;
}

#[tokio::test]
async fn a_finding_is_acknowledged_until_a_day_and_a_refused_reason_is_not_lost() {
    let house = House::new().await;
    let browser = Browser::login(&house, Role::Operator).await;
    let csrf = browser.csrf().await;
    let (_, findings) = answer(house.get("/api/v1/findings?kind=shared_database")).await;
    let path = format!("/findings/{}", findings["findings"][0]["id"].as_str().unwrap());
    let send = async |reason: &str, until: &str| {
        let form = format!("csrf={csrf}&back={path}&reason={reason}&until={until}");
        browser.post(&format!("{path}/acknowledge"), &form).send().await.unwrap()
    };
    let response = send("being%20moved", "2020-01-01").await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let text = response.text().await.unwrap();
    assert!(text.contains("being moved") && text.contains("not in the future"), "{text}");
    let response = send("being%0D%0Amoved", "2026-12-31").await;
    assert_eq!(location(&response), format!("{path}?notice=acknowledged"));
    let shown = browser.see(location(&response)).await;
    assert!(shown.contains("being moved"), "{shown}");
    let (_, finding) = answer(house.get(&format!("/api/v1{path}"))).await;
    assert_eq!(finding["acknowledgement"]["until"], "2026-12-31T00:00:00Z");
    house.leave().await;
}

#[tokio::test]
async fn logging_out_ends_the_session_and_so_does_taking_its_token_away() {
    let house = House::new().await;
    let browser = Browser::login(&house, Role::Viewer).await;
    let form = format!("csrf={}", browser.csrf().await);
    let response = browser.post("/logout", &form).send().await.unwrap();
    assert_eq!(location(&response), "/login?notice=logged-out");
    let gone = response.headers()[SET_COOKIE].to_str().unwrap();
    assert!(gone.contains("Max-Age=0"), "{gone}");
    let response = browser.get("/").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER, "the cookie opens nothing any more");

    let browser = Browser::login(&house, Role::Viewer).await;
    browser.see("/").await;
    let tokens = vec![token(Role::Operator)];
    house.options.send_replace(Options { tokens, ..guarded() }.into());
    let response = browser.get("/").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    house.leave().await;
}

#[tokio::test]
async fn without_any_token_loopback_sees_the_page_and_asks_for_a_scan() {
    let options = Options { tokens: Vec::new(), ..guarded() };
    let house = House::of(Plan { options, ..Plan::default() }).await;
    let response = page(&house, "/").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let response = post_form(&house, "/scan", "csrf=&back=/").send().await.unwrap();
    assert_eq!(location(&response), "/?notice=scan-asked");
    house.leave().await;
}

#[tokio::test]
async fn an_open_page_is_told_when_something_changed() {
    let house = House::new().await;
    let browser = Browser::login(&house, Role::Operator).await;
    let shown = browser.see("/").await;
    let mut stream = browser.get("/live").send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut told = String::new();
    let mut more = async |told: &mut String| {
        let piece = tokio::time::timeout(LIMIT, stream.chunk()).await.unwrap().unwrap().unwrap();
        told.push_str(std::str::from_utf8(&piece).unwrap());
    };
    more(&mut told).await;
    let version = |text: &str| {
        let (_, rest) = text.rsplit_once("\"version\":\"").expect("an event");
        rest.split('"').next().unwrap().to_owned()
    };
    let first = version(&told);
    assert!(shown.contains(&format!("data-version=\"{first}\"")), "{told}");
    let scan = house.post("/api/v1/scans?wait=true", &serde_json::json!({}));
    assert_eq!(scan.send().await.unwrap().status(), StatusCode::OK);
    while version(&told) == first {
        more(&mut told).await;
    }
    let stopped = tokio::time::Instant::now();
    drop(stream);
    house.leave().await;
    assert!(stopped.elapsed() < Duration::from_secs(20));
}
