//! A finding's life as stories: what each scan saw, and where the finding stands after it.

use expect_test::{Expect, expect};

use super::super::notation::id;
use super::*;
use crate::model::finding::{Acknowledgement, Certainty, Evidence};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn ids(names: &str) -> BTreeSet<TenantId> {
    names.split_whitespace().map(id).collect()
}

fn claim(text: &str) -> Claim {
    let (kind, names) = text.split_once(' ').unwrap_or((text, ""));
    let kind = Kind::parse(kind).unwrap();
    Claim {
        kind,
        severity: if kind == Kind::ClonedLineage { Severity::Low } else { Severity::High },
        certainty: Certainty::Proven,
        tenants: ids(names),
        summary: String::new(),
        evidence: Evidence::default(),
        remediation: Vec::new(),
    }
}

/// One scan: what it claims, and who was seen how.
#[derive(Default)]
struct Look<'a> {
    claims: &'a [&'a str],
    apart: &'a str,
    serving: &'a str,
    healthy: &'a str,
    mass_failure: bool,
    partial: bool,
}

/// The scans of a life, one a second.
struct Life {
    findings: Vec<Finding>,
    clock: i64,
    lines: String,
}

impl Life {
    fn new() -> Self {
        Self { findings: Vec::new(), clock: 0, lines: String::new() }
    }

    fn scan(&mut self, look: &Look<'_>) -> &mut Self {
        self.clock += 1;
        let examined = Examined {
            apart: ids(look.apart),
            serving: ids(look.serving),
            healthy: ids(look.healthy),
            registered: ids("a b c d e"),
            mass_failure: look.mass_failure,
            partial: look.partial,
            ..Examined::default()
        };
        let claims = look.claims.iter().map(|it| claim(it)).collect();
        let before = std::mem::take(&mut self.findings);
        self.findings = advance(before, claims, &examined, &Policy::default(), at(self.clock));
        self.tell()
    }

    fn tell(&mut self) -> &mut Self {
        self.lines.push_str(&format!("{}:\n", self.clock));
        for finding in &self.findings {
            let names: Vec<&str> = finding.claim.tenants.iter().map(TenantId::as_str).collect();
            self.lines.push_str(&format!(
                "  {} {} {} {}x since {} last {} {}\n",
                &finding.id.to_string()[..4],
                finding.state,
                finding.claim.kind,
                finding.looks,
                finding.first_seen.as_second(),
                finding.last_seen.as_second(),
                names.join(" ")
            ));
        }
        self
    }

    fn acknowledge(&mut self, until: i64) -> &mut Self {
        for finding in &mut self.findings {
            finding.state = State::Acknowledged;
            finding.acknowledgement = Some(Acknowledgement {
                by: "someone".into(),
                reason: "known".into(),
                until: at(until),
            });
        }
        self
    }
}

#[track_caller]
fn check(life: &Life, expected: &Expect) {
    expected.assert_eq(&life.lines);
}

#[test]
fn sharing_opens_at_once_and_is_resolved_when_all_were_verified_apart() {
    let mut life = Life::new();
    life.scan(&Look { claims: &["shared_database a b"], apart: "a b", ..Look::default() })
        .scan(&Look { apart: "a", ..Look::default() })
        .scan(&Look { apart: "a b", ..Look::default() })
        .scan(&Look { apart: "a b", ..Look::default() });
    check(
        &life,
        &expect![[r#"
        1:
          8ba7 open shared_database 1x since 1 last 1 a b
        2:
          8ba7 open shared_database 1x since 1 last 1 a b
        3:
          8ba7 resolved shared_database 1x since 1 last 1 a b
        4:
    "#]],
    );
}

#[test]
fn a_resolved_finding_that_returns_keeps_its_id_and_begins_anew() {
    let mut life = Life::new();
    life.scan(&Look { claims: &["shared_database a b"], ..Look::default() })
        .scan(&Look { apart: "a b", ..Look::default() })
        .scan(&Look { claims: &["shared_database a b"], ..Look::default() });
    check(
        &life,
        &expect![[r#"
        1:
          8ba7 open shared_database 1x since 1 last 1 a b
        2:
          8ba7 resolved shared_database 1x since 1 last 1 a b
        3:
          8ba7 open shared_database 1x since 3 last 3 a b
    "#]],
    );
}

#[test]
fn health_waits_for_several_looks_and_clears_when_the_database_serves() {
    let mut life = Life::new();
    life.scan(&Look { claims: &["unhealthy a"], ..Look::default() })
        .scan(&Look { claims: &["unhealthy a"], ..Look::default() })
        .scan(&Look { apart: "a", ..Look::default() })
        .scan(&Look { serving: "a", ..Look::default() });
    check(
        &life,
        &expect![[r#"
        1:
          237e pending unhealthy 1x since 1 last 1 a
        2:
          237e open unhealthy 2x since 1 last 2 a
        3:
          237e open unhealthy 2x since 1 last 2 a
        4:
          237e resolved unhealthy 2x since 1 last 2 a
    "#]],
    );
}

#[test]
fn a_limit_is_cleared_only_by_a_healthy_look() {
    let mut life = Life::new();
    life.scan(&Look { claims: &["degraded a"], serving: "a", ..Look::default() })
        .scan(&Look { serving: "a", apart: "a", ..Look::default() })
        .scan(&Look { serving: "a", healthy: "a", ..Look::default() });
    check(
        &life,
        &expect![[r#"
        1:
          9e6c pending degraded 1x since 1 last 1 a
        2:
          9e6c pending degraded 1x since 1 last 1 a
        3:
          9e6c resolved degraded 1x since 1 last 1 a
    "#]],
    );
}

#[test]
fn a_growing_and_a_shrinking_group_keep_their_id() {
    let mut life = Life::new();
    life.scan(&Look { claims: &["shared_cluster b c"], apart: "a b c", ..Look::default() })
        .scan(&Look { claims: &["shared_cluster a b c"], apart: "a b c", ..Look::default() })
        .scan(&Look { claims: &["shared_cluster a c"], apart: "a b c", ..Look::default() });
    check(
        &life,
        &expect![[r#"
        1:
          a69f open shared_cluster 1x since 1 last 1 b c
        2:
          a69f open shared_cluster 2x since 1 last 2 a b c
        3:
          a69f open shared_cluster 3x since 1 last 3 a c
    "#]],
    );
}

#[test]
fn a_member_that_was_not_verified_apart_stays_in_the_finding() {
    let mut life = Life::new();
    life.scan(&Look { claims: &["shared_cluster a b c"], ..Look::default() }).scan(&Look {
        claims: &["shared_cluster a b"],
        apart: "a b",
        ..Look::default()
    });
    check(
        &life,
        &expect![[r#"
        1:
          cd37 open shared_cluster 1x since 1 last 1 a b c
        2:
          cd37 open shared_cluster 2x since 1 last 2 a b c
    "#]],
    );
}

#[test]
fn of_two_findings_that_grow_into_one_the_older_goes_on() {
    let mut life = Life::new();
    life.scan(&Look { claims: &["shared_cluster c d"], ..Look::default() })
        .scan(&Look { claims: &["shared_cluster a b", "shared_cluster c d"], ..Look::default() })
        .scan(&Look { claims: &["shared_cluster a b c d"], ..Look::default() });
    check(
        &life,
        &expect![[r#"
        1:
          b0f7 open shared_cluster 1x since 1 last 1 c d
        2:
          cd37 open shared_cluster 1x since 2 last 2 a b
          b0f7 open shared_cluster 2x since 1 last 2 c d
        3:
          cd37 resolved shared_cluster 1x since 2 last 2 a b
          b0f7 open shared_cluster 3x since 1 last 3 a b c d
    "#]],
    );
}

#[test]
fn of_a_group_that_splits_the_larger_part_goes_on() {
    let mut life = Life::new();
    life.scan(&Look {
        claims: &["shared_cluster a b c d e"],
        apart: "a b c d e",
        ..Look::default()
    })
    .scan(&Look {
        claims: &["shared_cluster a b", "shared_cluster c d e"],
        apart: "a b c d e",
        ..Look::default()
    });
    check(
        &life,
        &expect![[r#"
        1:
          cd37 open shared_cluster 1x since 1 last 1 a b c d e
        2:
          a69f open shared_cluster 1x since 2 last 2 a b
          cd37 open shared_cluster 2x since 1 last 2 c d e
    "#]],
    );
}

#[test]
fn findings_with_the_same_smallest_member_have_ids_of_their_own() {
    let claims: &[&str] = &[
        "shared_database a b",
        "shared_database a c",
        "shared_database b c",
        "shared_database a b c",
    ];
    let mut life = Life::new();
    life.scan(&Look { claims, ..Look::default() }).scan(&Look { claims, ..Look::default() });
    let ids: BTreeSet<FindingId> = life.findings.iter().map(|it| it.id).collect();
    assert_eq!(ids.len(), 4);
    assert!(life.findings.iter().all(|it| it.looks == 2), "{}", life.lines);
}

#[test]
fn an_acknowledgement_ends_at_its_date() {
    let mut life = Life::new();
    life.scan(&Look { claims: &["shared_database a b"], ..Look::default() })
        .acknowledge(3)
        .scan(&Look { claims: &["shared_database a b"], ..Look::default() })
        .scan(&Look::default());
    check(
        &life,
        &expect![[r#"
        1:
          8ba7 open shared_database 1x since 1 last 1 a b
        2:
          8ba7 acknowledged shared_database 2x since 1 last 2 a b
        3:
          8ba7 open shared_database 2x since 1 last 2 a b
    "#]],
    );
}

#[test]
fn an_acknowledgement_ends_at_its_date_while_the_trouble_lasts() {
    let sharing = Look { claims: &["shared_database a b"], ..Look::default() };
    let mut life = Life::new();
    life.scan(&sharing).acknowledge(3).scan(&sharing);
    assert_eq!(life.findings[0].state, State::Acknowledged);
    life.scan(&sharing);
    assert_eq!(life.findings[0].state, State::Open);
}

#[test]
fn trouble_that_was_silenced_while_it_was_pending_is_not_opened_by_the_end_of_silence() {
    let mut life = Life::new();
    life.scan(&Look { claims: &["unhealthy a", "unhealthy b"], ..Look::default() })
        .acknowledge(3)
        .scan(&Look::default())
        .scan(&Look { claims: &["unhealthy b"], ..Look::default() });
    check(
        &life,
        &expect![[r#"
        1:
          237e pending unhealthy 1x since 1 last 1 a
          c714 pending unhealthy 1x since 1 last 1 b
        2:
          237e acknowledged unhealthy 1x since 1 last 1 a
          c714 acknowledged unhealthy 1x since 1 last 1 b
        3:
          237e pending unhealthy 1x since 1 last 1 a
          c714 open unhealthy 2x since 1 last 3 b
    "#]],
    );
}

#[test]
fn an_acknowledgement_does_not_cover_a_new_member() {
    let mut life = Life::new();
    life.scan(&Look { claims: &["shared_database a b", "cloned_lineage a b"], ..Look::default() })
        .acknowledge(9)
        .scan(&Look {
            claims: &["shared_database a b c", "cloned_lineage a b c"],
            ..Look::default()
        });
    check(
        &life,
        &expect![[r#"
        1:
          8ba7 open shared_database 1x since 1 last 1 a b
          27d3 open cloned_lineage 1x since 1 last 1 a b
        2:
          8ba7 open shared_database 2x since 1 last 2 a b c
          27d3 acknowledged cloned_lineage 2x since 1 last 2 a b c
    "#]],
    );
}

#[test]
fn a_tenant_that_left_the_registry_keeps_sharing_open_and_not_a_conflict_of_rows_or_its_health() {
    let mut life = Life::new();
    let claims: &[&str] = &["shared_database a gone", "registry_conflict a gone", "unhealthy gone"];
    life.scan(&Look { claims, ..Look::default() })
        .scan(&Look { apart: "a b c d e", ..Look::default() });
    check(
        &life,
        &expect![[r#"
            1:
              8ba7 open shared_database 1x since 1 last 1 a gone
              30c0 open registry_conflict 1x since 1 last 1 a gone
              eda7 pending unhealthy 1x since 1 last 1 gone
            2:
              8ba7 open shared_database 1x since 1 last 1 a gone
              30c0 resolved registry_conflict 1x since 1 last 1 a gone
              eda7 resolved unhealthy 1x since 1 last 1 gone
        "#]],
    );
}

#[test]
fn a_fleet_wide_finding_is_cleared_by_a_whole_scan_alone() {
    let mut life = Life::new();
    life.scan(&Look { claims: &["monitor_suspect"], mass_failure: true, ..Look::default() })
        .scan(&Look { claims: &["monitor_suspect"], mass_failure: true, ..Look::default() })
        .scan(&Look { apart: "a", partial: true, ..Look::default() })
        .scan(&Look { apart: "a b c d e", ..Look::default() });
    check(
        &life,
        &expect![[r#"
        1:
          f74e open monitor_suspect 1x since 1 last 1 
        2:
          f74e open monitor_suspect 2x since 1 last 2 
        3:
          f74e open monitor_suspect 2x since 1 last 2 
        4:
          f74e resolved monitor_suspect 2x since 1 last 2 
    "#]],
    );
}

#[test]
fn kinds_that_others_find_are_left_alone() {
    let mut life = Life::new();
    life.scan(&Look { claims: &["data_bridge a", "public_exposure"], ..Look::default() })
        .scan(&Look { apart: "a", serving: "a", healthy: "a", ..Look::default() });
    check(
        &life,
        &expect![[r#"
            1:
              c275 open data_bridge 1x since 1 last 1 a
              4655 open public_exposure 1x since 1 last 1 
            2:
              c275 open data_bridge 1x since 1 last 1 a
              4655 open public_exposure 1x since 1 last 1 
        "#]],
    );
}
