//! Operations on the status page: found, seen, turned back and settled.

use reqwest::StatusCode;
use watertight::clock;
use watertight::http::role::Role;
use watertight::model::fingerprint::Digest256;
use watertight::model::operation::{
    Event, Happened, OperationId, OperationKind, OperationState, Step,
};
use watertight::model::tenant::TenantId;
use watertight::saga;
use watertight::store::operations::{Begun, NewOperation};

use crate::house::House;
use crate::page::{Browser, location};

/// An operation that nobody carries out.
pub(crate) fn begin(house: &House, number: u128, tenant: &str) -> OperationId {
    let id = OperationId::of(number);
    let new = NewOperation {
        id: id.clone(),
        kind: OperationKind::Provision,
        tenant: TenantId::parse(tenant).unwrap(),
        key: None,
        request: Digest256::of(tenant.as_bytes()),
        at: clock::now(),
    };
    assert_eq!(house.daemon.store().begin_operation(&new, &()).unwrap(), Begun::New);
    id
}

fn note(house: &House, id: &OperationId, happened: Vec<Happened>) {
    for happened in happened {
        let event = Event { at: clock::now(), happened };
        let judge = |kind, log: &[Event]| Some(saga::state(kind, log));
        assert!(house.daemon.store().note_operation(id, &event, judge).unwrap());
    }
}

fn state(house: &House, id: &OperationId) -> OperationState {
    house.daemon.store().operation(id).unwrap().unwrap().state
}

/// Of the first step alone, which can be neither done nor undone.
fn stick(house: &House, id: &OperationId) {
    let step = Step::Reserve;
    let why: Box<str> = "<b>no</b> room".into();
    let failed = Happened::Failed(step, why.clone());
    let undo = [Happened::UndoStarted(step), Happened::UndoFailed(step, why)];
    note(house, id, [Happened::Started(step), failed].into_iter().chain(undo).collect());
    assert_eq!(state(house, id), OperationState::Stuck);
}

#[tokio::test]
async fn operations_are_found_by_tenant_kind_and_state_a_page_at_a_time() {
    let house = House::new().await;
    for number in 0..60 {
        let id = begin(&house, number, &format!("tenant-{number:02}"));
        if number % 20 == 0 {
            stick(&house, &id);
        }
    }
    let browser = Browser::login(&house, Role::Viewer).await;
    let shown = async |query: &str| {
        let page = browser.see(&format!("/operations{query}")).await;
        let rows = page.split("<a href=\"/operations/").skip(1);
        let tenants = rows.map(|it| it.split(['>', '<']).nth(1).unwrap().to_owned());
        tenants.map(|it| it.replace("New tenant: tenant-", "")).collect::<Vec<_>>()
    };
    let first = shown("").await;
    assert_eq!((first.len(), &*first[0], &*first[49]), (50, "59", "10"));
    assert_eq!(shown("?page=2").await.len(), 10);
    assert_eq!(shown("?page=99").await, shown("?page=2").await, "past the last one, the last");
    assert_eq!(shown("?state=stuck").await, ["40", "20", "00"]);
    assert_eq!(shown("?state=stuck&q=-2").await, ["20"]);
    assert_eq!(shown("?kind=rehome").await, Vec::<String>::new());
    assert_eq!(shown("?kind=provision&q=TENANT-07").await, ["07"]);
    house.leave().await;
}

#[tokio::test]
async fn a_provisioner_turns_an_operation_back_once_and_nobody_else_does() {
    let house = House::new().await;
    let id = begin(&house, 7, "acme");
    let path = format!("/operations/{id}");
    for role in [Role::Viewer, Role::Operator] {
        let browser = Browser::login(&house, role).await;
        let page = browser.see(&path).await;
        assert!(!page.contains("/cancel\""), "no form that would be refused");
        let form = format!("csrf={}&back={path}", browser.csrf().await);
        let answer = browser.post(&format!("{path}/cancel"), &form).send().await.unwrap();
        assert_eq!(location(&answer), format!("{path}?notice=not-allowed"));
    }
    assert_eq!(state(&house, &id), OperationState::Running);
    let browser = Browser::login(&house, Role::Provisioner).await;
    assert!(browser.see(&path).await.contains("/cancel\""));
    let send = async |csrf: &str, path: &str| {
        let form = format!("csrf={csrf}&back=/operations/{id}");
        browser.post(path, &form).send().await.unwrap()
    };
    let cancel = format!("{path}/cancel");
    let answer = send("AAAA", &cancel).await;
    assert_eq!(location(&answer), format!("{path}?notice=form-expired"));
    assert_eq!(state(&house, &id), OperationState::Running);
    let csrf = browser.csrf().await;
    let answer = send(&csrf, &cancel).await;
    assert_eq!(location(&answer), format!("{path}?notice=turned-back"));
    assert_eq!(state(&house, &id), OperationState::RolledBack);
    let answer = send(&csrf, &cancel).await;
    assert_eq!(location(&answer), format!("{path}?notice=too-late"));
    let nobody = format!("/operations/{}/cancel", OperationId::of(8));
    assert_eq!(send(&csrf, &nobody).await.status(), StatusCode::NOT_FOUND);
    for path in ["/operations/zz", &format!("/operations/{}", OperationId::of(8))] {
        let answer = browser.get(path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    house.leave().await;
}

#[tokio::test]
async fn a_stuck_operation_is_settled_with_a_reason_that_is_not_lost() {
    let house = House::new().await;
    let id = begin(&house, 9, "acme");
    let path = format!("/operations/{id}");
    let browser = Browser::login(&house, Role::Provisioner).await;
    let csrf = browser.csrf().await;
    let settle = async |reason: &str| {
        let form = format!("csrf={csrf}&back={path}&reason={reason}");
        browser.post(&format!("{path}/settle"), &form).send().await.unwrap()
    };
    let answer = settle("early").await;
    assert_eq!(location(&answer), format!("{path}?notice=too-late"), "it is not stuck");
    stick(&house, &id);
    let page = browser.see(&path).await;
    assert!(
        page.contains("/settle\"") && page.contains("&#60;b&#62;no&#60;/b&#62; room"),
        "{page}"
    );
    let answer = settle("%20%07").await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().await.unwrap().contains("Reason: it must be one line"));
    let answer = settle("deleted%0D%0Aby%20hand").await;
    assert_eq!(location(&answer), format!("{path}?notice=settled"));
    let page = browser.see(&path).await;
    assert!(page.contains("by provisioner: deleted by hand"), "{page}");
    assert!(!page.contains("/settle\""), "it is settled");
    house.leave().await;
}
