//! Answers of every status, and what is told of them.

use super::*;

/// The verdict in a few words.
fn judged(status: u16, body: &str, effect: Effect) -> String {
    let received = Received {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: Ok(body.as_bytes().to_vec()),
    };
    let (token, password) = (Secret::new("sbp_token"), Secret::new("hunter2hunter2"));
    match received.judge(Operation::CreateProject, effect, &[&token, &password]) {
        Ok(Some(_)) => "well".to_owned(),
        Ok(None) => "absent".to_owned(),
        Err(ProviderError::Refused { refusal, told, .. }) => format!("{}: {told}", refusal.label()),
        Err(error) => format!("{error:?}").split([' ', '{']).next().unwrap().to_owned(),
    }
}

#[track_caller]
fn check(status: u16, body: &str, read: &str, write: &str) {
    assert_eq!(judged(status, body, Effect::Read), read, "{status} to a read");
    assert_eq!(judged(status, body, Effect::Write), write, "{status} to a write");
}

#[test]
fn a_status_decides_what_is_done_next() {
    check(200, "[]", "well", "well");
    check(401, r#"{"message":"Unauthorized"}"#, "denied: Unauthorized", "denied: Unauthorized");
    check(403, "no", "denied: no", "denied: no");
    check(402, r#"{"message":"pay"}"#, "plan: pay", "plan: pay");
    check(404, "", "absent", "absent");
    check(406, "", "absent", "absent");
    check(409, "", "Busy", "Busy");
    check(429, "", "Busy", "Busy");
    check(
        422,
        "",
        "invalid: it answered with the status 422",
        "invalid: it answered with the status 422",
    );
    check(302, "", "Unreadable", "Unknown");
    check(408, "", "Unreachable", "Unknown");
    check(500, "", "Unreachable", "Unknown");
    check(504, "", "Unreachable", "Unknown");
}

#[test]
fn a_refusal_tells_its_reason_in_each_of_the_forms_that_it_comes_in() {
    let told = |body| judged(400, body, Effect::Write);
    assert_eq!(told(r#"{"message":"name is too long","new":1}"#), "invalid: name is too long");
    assert_eq!(told(r#""not allowed to configure it""#), "invalid: not allowed to configure it");
    assert_eq!(told("plain\u{7}\ntext"), "invalid: plain  text");
    assert_eq!(told(r#"{"error":{"code":"bad"}}"#), r#"invalid: {"error":{"code":"bad"}}"#);
    assert_eq!(told(&"x".repeat(10_000)), format!("invalid: {}", "x".repeat(300)));
}

#[test]
fn the_quota_is_known_by_its_words_whatever_the_status_and_names_nobody() {
    let text = r#"{"message":"The following organization members have reached their maximum limits for the number of active free projects within organizations where they are an administrator or owner: Jane Doe (2 project limit)."}"#;
    let told = "quota: the limit of active free projects is reached";
    check(400, text, told, told);
    check(403, text, told, told);
    check(500, text, "Unreachable", "Unknown");
}

#[test]
fn an_answer_that_repeats_a_secret_is_told_without_it() {
    let body = r#"{"message":"db_pass hunter2hunter2 is weak for sbp_token"}"#;
    assert_eq!(judged(400, body, Effect::Write), "invalid: db_pass *** is weak for ***");
    let error = json::<Vec<u8>>(br#"{"db_pass":"hunter2hunter2"}"#).unwrap_err();
    assert_eq!(&*error, "it is not the JSON that was expected (line 1, column 0)");
}

#[test]
fn a_body_that_did_not_come_leaves_a_refusal_a_refusal_and_a_write_in_doubt() {
    let judged = |status: u16, effect| {
        let body = Err(BodyError::TooLong { most: 1 });
        let status = StatusCode::from_u16(status).unwrap();
        let received = Received { status, headers: HeaderMap::new(), body };
        received.judge(Operation::CreateProject, effect, &[])
    };
    assert!(matches!(judged(201, Effect::Write), Err(ProviderError::Unknown { .. })));
    assert!(matches!(judged(200, Effect::Read), Err(ProviderError::Unreachable { .. })));
    assert!(matches!(judged(403, Effect::Write), Err(ProviderError::Refused { .. })));
}
