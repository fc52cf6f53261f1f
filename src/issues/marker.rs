//! The hidden lines by which we know our own issues and comments again.
//!
//! Why only for recovery: the ledger says which issue is whose. Only when it cannot, because an answer or the ledger itself
//! was lost, are our own issues listed and their markers read.
//!
//! Why only the last line counts: whatever a tenant's server says stands above it, and could hold a line that looks the
//! same.

use crate::model::issue::Subject;

const ISSUE: &str = "<!-- watertight:issue v1";
const REMARK: &str = "<!-- watertight:remark v1";
const END: &str = " -->";

/// `instance` is a word of the configuration: letters, digits, `-`, `_` and `.`.
pub fn of_issue(subject: Subject, instance: &str) -> String {
    format!("{ISSUE} instance={instance} subject={subject}{END}")
}

pub fn of_remark(key: &str, instance: &str) -> String {
    format!("{REMARK} instance={instance} key={key}{END}")
}

/// What the issue with that body is about, where it is one of this instance's.
pub fn subject(body: &str, instance: &str) -> Option<Subject> {
    let prefix = format!("{ISSUE} instance={instance} subject=");
    let rest = last_line(body)?.strip_prefix(&*prefix)?;
    Subject::parse(rest.strip_suffix(END)?)
}

/// Whether the comment is the one of that key.
pub fn is_remark(body: &str, key: &str, instance: &str) -> bool {
    last_line(body) == Some(&of_remark(key, instance))
}

/// GitHub keeps line ends as they came, and people's editors add more.
fn last_line(body: &str) -> Option<&str> {
    body.trim_end().lines().next_back().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::{FindingId, Kind};

    #[test]
    fn a_marker_is_read_back_and_only_from_the_last_line() {
        let finding = Subject::Finding(FindingId::first(Kind::SharedDatabase, None));
        for subject in [finding, Subject::Summary, Subject::Umbrella, Subject::Daily] {
            let marker = of_issue(subject, "production");
            assert_eq!(
                self::subject(&format!("text\r\n{marker}\r\n\n"), "production"),
                Some(subject)
            );
            assert_eq!(self::subject(&format!("{marker}\ntext"), "production"), None);
            assert_eq!(self::subject(&marker, "staging"), None);
        }
        assert_eq!(subject("", "production"), None);
        let remark = of_remark("2:resolved", "production");
        assert!(is_remark(&format!("Gone.\n\n{remark}"), "2:resolved", "production"));
        assert!(!is_remark(&format!("Gone.\n\n{remark}"), "2:resolve", "production"));
        assert_eq!(subject(&remark, "production"), None);
    }
}
