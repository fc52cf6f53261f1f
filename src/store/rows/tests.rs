//! Whatever the core can hold comes back from its row as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;

use super::finding::{Columns, acknowledgement_text, finding, finding_text};
use super::*;
use crate::model::finding::{
    Acknowledgement, Certainty, Claim, Evidence, Fact, Finding, FindingId, Kind, Severity, State,
};

fn any_time() -> impl Strategy<Value = Timestamp> {
    (Timestamp::MIN.as_microsecond()..=Timestamp::MAX.as_microsecond())
        .prop_map(|it| Timestamp::from_microsecond(it).unwrap())
}

fn any_text() -> impl Strategy<Value = Box<str>> {
    any::<String>().prop_map(Into::into)
}

fn any_tenant() -> impl Strategy<Value = TenantId> {
    "[a-z0-9_][a-z0-9._-]{0,30}[a-z0-9]".prop_map(|it| TenantId::parse(&it).unwrap())
}

fn any_digest() -> impl Strategy<Value = Digest256> {
    any::<[u8; 8]>().prop_map(|it| Digest256::of(&it))
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let leaf = prop_oneof![
        any::<String>().prop_map(Fact::Text),
        any::<i64>().prop_map(Fact::Number),
        any::<bool>().prop_map(Fact::Yes),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Fact::List),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(Fact::Map),
        ]
    })
}

prop_compose! {
    fn any_claim()(
        kind in select(Kind::ALL),
        severity in select(Severity::ALL),
        certainty in select(Certainty::ALL),
        tenants in prop::collection::btree_set(any_tenant(), 0..4),
        summary in any::<String>(),
        evidence in prop::collection::btree_map(any::<String>(), any_fact(), 0..4),
        remediation in prop::collection::vec(any::<String>(), 0..3),
    ) -> Claim {
        let (tenants, evidence): (BTreeSet<_>, _) = (tenants, Evidence(evidence));
        Claim { kind, severity, certainty, tenants, summary, evidence, remediation }
    }
}

prop_compose! {
    fn any_acknowledgement()(by in any_text(), reason in any_text(), until in any_time()) -> Acknowledgement {
        Acknowledgement { by, reason, until }
    }
}

prop_compose! {
    fn any_finding()(
        id in any_digest(),
        claim in any_claim(),
        state in select(State::ALL),
        first_seen in any_time(),
        last_seen in any_time(),
        looks in any::<u32>(),
        acknowledgement in prop::option::of(any_acknowledgement()),
        issue_url in any::<Option<String>>(),
    ) -> Finding {
        let id = FindingId(id);
        Finding { id, claim, state, first_seen, last_seen, looks, acknowledgement, issue_url }
    }
}

fn any_planned_kinds() -> impl Strategy<Value = PlannedKinds> {
    let kinds: Vec<Kind> = Kind::ALL.iter().copied().filter(|it| it.may_be_announced()).collect();
    prop::collection::vec(select(kinds), 1..4).prop_map(|it| PlannedKinds::of(it).unwrap())
}

prop_compose! {
    fn any_override()(
        reason in any_text(), by in any_text(), at in any_time(), until in any_time(),
    ) -> Override {
        Override { reason, by, at, until }
    }
}

prop_compose! {
    fn any_change()(
        tenants in prop::collection::vec(any_tenant(), 0..4),
        kinds in any_planned_kinds(),
        reason in any_text(),
        ticket in prop::option::of(any_text()),
        by in any::<String>(),
        from in any_time(),
        until in any_time(),
    ) -> Change {
        Change { tenants, kinds, reason, ticket, by: by.into(), from, until }
    }
}

prop_compose! {
    fn any_identity()(
        system_identifier in any::<Option<u64>>(),
        database_oid in any::<Option<u32>>(),
        database in any_text(),
        timeline in any::<Option<u32>>(),
        project_id in prop::option::of(any_text()),
    ) -> Identity {
        Identity { system_identifier, database_oid, database: database.into(), timeline, project_id }
    }
}

prop_compose! {
    fn any_state()(
        verdict in select(Verdict::ALL),
        health in select(Health::ALL),
        cause in prop::option::of(select(&Cause::ALL[..])),
        fingerprint in prop::option::of(any_digest()),
    ) -> TenantState {
        TenantState { verdict, health, cause, fingerprint }
    }
}

proptest! {
    #[test]
    fn a_finding_comes_back(before in any_finding()) {
        let columns = Columns {
            id: before.id.to_string(),
            kind: before.claim.kind.label().to_owned(),
            state: before.state.label().to_owned(),
            last_seen: micros(before.last_seen),
            body: finding_text(&before).unwrap(),
            acknowledgement: before.acknowledgement.as_ref().map(|it| acknowledgement_text(it).unwrap()),
            issue_url: None,
        };
        prop_assert_eq!(finding(&columns).unwrap(), before);
    }

    #[test]
    fn a_change_comes_back(before in any_change()) {
        prop_assert_eq!(change(&change_text(&before).unwrap()).unwrap(), before);
    }

    #[test]
    fn an_override_comes_back(before in any_override()) {
        prop_assert_eq!(override_row(&override_text(&before).unwrap()).unwrap(), before);
    }

    #[test]
    fn an_identity_comes_back(before in any_identity()) {
        prop_assert_eq!(identity(&identity_text(&before).unwrap()).unwrap(), before);
    }

    #[test]
    fn a_tenants_state_comes_back(before in any_state()) {
        prop_assert_eq!(state(&state_text(&before)).unwrap(), before);
    }

    #[test]
    fn a_summary_comes_back(it in any::<[u32; 7]>()) {
        let [tenants, isolated, breached, unverified, healthy, degraded, unhealthy] =
            it.map(|it| it as usize);
        let before = Summary { tenants, isolated, breached, unverified, healthy, degraded, unhealthy };
        prop_assert_eq!(summary(&summary_text(before).unwrap()).unwrap(), before);
    }

    #[test]
    fn a_time_and_a_duration_come_back(at in any_time(), took in 0..u64::from(u32::MAX)) {
        prop_assert_eq!(time("at", micros(at)).unwrap(), at);
        let took = Duration::from_micros(took);
        prop_assert_eq!(duration("took", duration_micros(took)).unwrap(), took);
    }

    #[test]
    fn no_text_makes_reading_panic(text in any::<String>()) {
        let read = [
            change(&text).is_ok(), identity(&text).is_ok(), state(&text).is_ok(), summary(&text).is_ok(),
            override_row(&text).is_ok(),
        ];
        prop_assert_eq!(read, [false; 5]);
    }
}

#[test]
fn a_change_of_the_first_release_explains_drift() {
    let json = r#"{"tenants":["acme"],"reason":"x","ticket":null,"by":"ada","from":0,"until":1}"#;
    assert_eq!(change(json).unwrap().kinds, PlannedKinds::default());
    let kinds = |kinds: &str| json.replace("\"reason\"", &format!("\"kinds\":{kinds},\"reason\""));
    change(&kinds(r#"["unhealthy"]"#)).unwrap();
    for wrong in ["[]", r#"["shared_database"]"#, r#"["shared_moon"]"#] {
        change(&kinds(wrong)).unwrap_err();
    }
}

#[test]
fn every_trigger_comes_back() {
    for label in ["cli", "schedule", "api", "webhook"] {
        assert_eq!(trigger(label).unwrap().label(), label);
    }
    trigger("moon").unwrap_err();
}

#[test]
fn a_64_bit_identifier_is_text_in_json() {
    let known = Identity {
        system_identifier: Some(u64::MAX),
        database_oid: None,
        database: "acme".into(),
        timeline: None,
        project_id: None,
    };
    let json = identity_text(&known).unwrap();
    assert!(json.contains(r#""system_identifier":"18446744073709551615""#), "{json}");
}

#[test]
fn an_id_that_is_not_normalised_was_not_written_by_us() {
    tenant("acme").unwrap();
    tenant("Acme").unwrap_err();
}

#[test]
fn a_sealed_row_comes_back_and_a_wrong_one_is_not_quoted() {
    let row: BTreeMap<String, u8> = [("a".to_owned(), 1)].into();
    let bytes = sealed_bytes("tenants", &row).unwrap();
    assert_eq!(sealed_row::<BTreeMap<String, u8>>("tenants", &bytes).unwrap(), row);
    let error = sealed_row::<u8>("tenants", b"\"hunter2\"").unwrap_err();
    assert!(!format!("{error:?}").contains("hunter2"));
}
