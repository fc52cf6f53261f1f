//! What Supabase's words for a project and its services mean for us.
//!
//! Why three ways and not two: a word that leads nowhere ends the wait, and one that is new to us must not: the list of
//! words grows, and a project that is on its way would be thrown away.

use super::answer::plain;
use super::wire::Health;
use crate::provider::{ProjectState, Readiness};

pub(super) fn state(status: &str) -> ProjectState {
    match status {
        "ACTIVE_HEALTHY" | "ACTIVE_UNHEALTHY" => ProjectState::Active,
        "COMING_UP" | "RESTORING" | "UPGRADING" | "RESTARTING" | "RESIZING" | "PROMOTING" => {
            ProjectState::Coming
        }
        "INACTIVE" | "PAUSING" => ProjectState::Paused,
        "GOING_DOWN" | "REMOVED" => ProjectState::Going,
        "INIT_FAILED" | "RESTORE_FAILED" | "PAUSE_FAILED" => ProjectState::Failed,
        other => ProjectState::Other(plain(other).into()),
    }
}

/// `None` where the services decide.
pub(super) fn before_health(status: &str) -> Option<Readiness> {
    let told = || format!("its status is {}", plain(status)).into();
    match state(status) {
        ProjectState::Active if status == "ACTIVE_HEALTHY" => None,
        ProjectState::Going => Some(Readiness::Absent),
        ProjectState::Failed => Some(Readiness::Failed(told())),
        ProjectState::Paused if status == "INACTIVE" => {
            Some(Readiness::Failed("it is paused".into()))
        }
        ProjectState::Active
        | ProjectState::Coming
        | ProjectState::Paused
        | ProjectState::Other(_) => Some(Readiness::Coming(told())),
    }
}

/// The pooler learns of a project later than the database, and says that it does not exist until then.
pub(super) fn readiness(wanted: &[&str], services: &[Health]) -> Readiness {
    let missing = wanted.iter().find_map(|name| {
        let service = services.iter().find(|it| it.name.as_deref() == Some(*name));
        match service {
            Some(service) if service.status.as_deref() == Some("ACTIVE_HEALTHY") => None,
            Some(service) => Some(format!("{name}: {}", service.told())),
            None => Some(format!("nothing is said of {name}")),
        }
    });
    missing.map_or(Readiness::Ready, |it| Readiness::Coming(it.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_ends_the_wait_or_not_and_an_unknown_one_never_does() {
        let words = [
            ("COMING_UP", "Some(Coming(\"its status is COMING_UP\"))"),
            ("ACTIVE_UNHEALTHY", "Some(Coming(\"its status is ACTIVE_UNHEALTHY\"))"),
            ("PROMOTING", "Some(Coming(\"its status is PROMOTING\"))"),
            ("UNKNOWN", "Some(Coming(\"its status is UNKNOWN\"))"),
            ("HIBERNATING\n", "Some(Coming(\"its status is HIBERNATING\"))"),
            ("", "Some(Coming(\"its status is \"))"),
            ("PAUSING", "Some(Coming(\"its status is PAUSING\"))"),
            ("INACTIVE", "Some(Failed(\"it is paused\"))"),
            ("INIT_FAILED", "Some(Failed(\"its status is INIT_FAILED\"))"),
            ("RESTORE_FAILED", "Some(Failed(\"its status is RESTORE_FAILED\"))"),
            ("GOING_DOWN", "Some(Absent)"),
            ("REMOVED", "Some(Absent)"),
            ("ACTIVE_HEALTHY", "None"),
        ];
        for (word, expected) in words {
            assert_eq!(format!("{:?}", before_health(word)), expected, "{word}");
        }
        assert_eq!(state("HIBERNATING"), ProjectState::Other("HIBERNATING".into()));
    }

    #[track_caller]
    fn check(services: &str, expected: &str) {
        let services: Vec<Health> = serde_json::from_str(services).unwrap();
        assert_eq!(format!("{:?}", readiness(&["db", "pooler"], &services)), expected);
    }

    #[test]
    fn every_service_must_be_well_and_what_is_waited_for_is_told() {
        let well = r#"{"name":"db","healthy":true,"status":"ACTIVE_HEALTHY"}"#;
        let pooler = |rest: &str| format!(r#"[{well},{{"name":"pooler",{rest}}}]"#);
        check(&pooler(r#""status":"ACTIVE_HEALTHY""#), "Ready");
        check(&pooler(r#""status":"COMING_UP""#), "Coming(\"pooler: COMING_UP\")");
        let written = r#""status":"UNHEALTHY","error":"{\"error\":\"not found\"}""#;
        check(&pooler(written), "Coming(\"pooler: not found\")");
        let plain = r#""status":"UNHEALTHY","error":"failed to retrieve health""#;
        check(&pooler(plain), "Coming(\"pooler: failed to retrieve health\")");
        check(&pooler(r#""status":"DOZING","info":{"new":1}"#), "Coming(\"pooler: DOZING\")");
        check(&pooler(r#""healthy":true"#), "Coming(\"pooler: \")");
        check(&format!("[{well}]"), "Coming(\"nothing is said of pooler\")");
        check("[]", "Coming(\"nothing is said of db\")");
    }
}
