//! Names and answers that want to be obeyed: markdown, HTML, mentions, references, markers, and too much of everything.

use proptest::prelude::*;
use watertight::issues::marker;
use watertight::issues::text::{self, Scene};
use watertight::issues::title::title;
use watertight::issues::wanted::wanted;
use watertight::model::finding::{Fact, Finding, Kind};
use watertight::model::issue::Subject;
use watertight::model::tenant::TenantId;

use crate::claims::{of, options};

fn body(finding: Finding) -> String {
    let (options, findings) = (options(), [finding]);
    let wanted = wanted(&findings, &[], &options);
    let scene = Scene { options: &options, standing: None };
    text::body(wanted.values().next().unwrap(), scene, None)
}

/// The same text in every place that somebody else fills.
fn says(text: &str) -> Finding {
    let mut finding = of(Kind::SharedDatabase);
    text.clone_into(&mut finding.claim.summary);
    finding.claim.remediation = vec![text.to_owned(), format!("Run `{text}` now.")];
    let map = Fact::Map([(text.to_owned(), text.into())].into());
    let evidence = std::mem::take(&mut finding.claim.evidence);
    finding.claim.evidence = evidence
        .with(text, text)
        .with("list", vec![text, text])
        .with("grid", vec![map.clone(), map]);
    finding
}

/// Without what is code: between fences, and between backticks of one line, in which nothing escapes.
fn prose(body: &str) -> String {
    let mut prose = String::new();
    let mut fenced = false;
    for line in body.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let (mut code, mut escaped) = (false, false);
        for letter in line.chars().filter(|_| !fenced) {
            match letter {
                '`' if code => code = false,
                '`' if !escaped => code = true,
                letter if !code => prose.push(letter),
                _ => {}
            }
            escaped = !code && letter == '\\' && !escaped;
        }
        prose.push('\n');
    }
    prose
}

#[track_caller]
fn check(text: &str) {
    let body = body(says(text));
    let prose = prose(&body);
    let ours = body.lines().next_back().unwrap();
    assert!(marker::subject(&body, "production").is_some(), "{ours}");
    let inner = prose.replace(ours, "");
    for (place, _) in inner.match_indices('@') {
        let escaped = inner[..place].ends_with('\\') && inner[place + 1..].starts_with('\u{200b}');
        assert!(escaped, "a mention in {inner}");
    }
    for (place, _) in inner.match_indices('<') {
        assert!(inner[..place].ends_with('\\'), "markup in {inner}");
    }
    assert!(!inner.contains("](https://evil"), "a link in {inner}");
}

#[test]
fn nothing_in_a_name_is_obeyed() {
    for text in [
        "@everyone look",
        "<!-- gone",
        "--> <img src=x onerror=alert(1)>",
        "[click](https://evil.example)",
        "```\n# heading\n@team",
        "acme/ops#12 and #13",
        "| a | b |",
        "\u{202e}evil",
        "<!-- watertight:issue v1 instance=production subject=summary -->",
    ] {
        check(text);
    }
}

#[test]
fn a_marker_within_the_text_takes_no_issue_over() {
    let planted = marker::of_issue(Subject::Summary, "production");
    let body = body(says(&format!("x\n{planted}\n")));
    let expected = Some(Subject::Finding(of(Kind::SharedDatabase).id));
    assert_eq!(marker::subject(&body, "production"), expected);
}

#[test]
fn whatever_is_huge_fits_and_keeps_its_remedy() {
    let mut finding = says(&"𝔘@".repeat(20_000));
    let long = |it: i64| TenantId::parse(&format!("{it:05}{}", "a".repeat(248))).unwrap();
    finding.claim.tenants = (0..5_000).map(long).collect();
    let facts = (0..10_000_i64).map(|it| Fact::Text(format!("{it} {}", "|".repeat(300))));
    let evidence = std::mem::take(&mut finding.claim.evidence);
    finding.claim.evidence = evidence.with("many", Fact::List(facts.collect()));
    let body = body(finding.clone());
    // Counted as GitHub may count letters beyond the basic plane.
    assert!(body.encode_utf16().count() < 65_536, "{}", body.encode_utf16().count());
    assert!(body.contains("### What to do"));
    assert!(marker::subject(&body, "production").is_some());
    let (options, findings) = (options(), [finding]);
    let wanted = wanted(&findings, &[], &options);
    let title = title(wanted.values().next().unwrap());
    assert!(title.chars().count() <= 256, "{title}");
}

proptest! {
    #[test]
    fn no_text_is_ever_obeyed(text in "[@<>#`!\\[\\]()|*_~:/a-z\\-\\\\ \n]{1,60}") {
        check(&text);
    }
}
