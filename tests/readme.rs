//! What the README says is held against the program: commands, exit codes, keys and defaults, examples, links.
//!
//! Why a test: whoever meets this program first reads that page and nothing else, and nobody notices when it stops being
//! true.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::CommandFactory;
use watertight::cli::Cli;
use watertight::config::Config;
use watertight::config::keys::{Key, Need, ROOT, Shape};
use watertight::detect::lifecycle::judged;
use watertight::model::finding::Kind;
use watertight::model::observation::Cause;
use watertight::registry::row;
use watertight::report::explain::{meaning, usual_severity};
use watertight::report::judge::Exit;

const README: &str = include_str!("../README.md");

/// The sections, whose every key has a line of its own.
const USED: [&str; 16] = [
    "store",
    "policy",
    "probe",
    "schedule",
    "log",
    "http",
    "metrics",
    "gate",
    "github",
    "provider",
    "provision",
    "routing",
    "webhooks",
    "secrets",
    "sources",
    "tenants",
];

/// What stands between each pair of the marks.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    text.split(open).skip(1).filter_map(|it| Some(it.split_once(close)?.0)).collect()
}

/// The rows of the table under that heading, each as its cells.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let section = README.split_once(heading).expect("the heading is there").1;
    let section = section.split("\n#").next().unwrap_or_default();
    let rows = section.lines().filter(|it| it.starts_with('|')).skip(2);
    rows.map(|it| it.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// The words in backticks.
fn code(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_command_is_named_and_every_named_command_exists() {
    let mut cli = Cli::command();
    cli.build();
    let rows = table("\n## Commands\n");
    for command in cli.get_subcommands().filter(|it| it.get_name() != "help") {
        let name = command.get_name();
        let row = rows.iter().find(|it| {
            code(it[0]).iter().any(|it| it.trim_start_matches("watertight ").starts_with(name))
        });
        let row = row.unwrap_or_else(|| panic!("`watertight {name}` is not in the table"));
        for inner in command.get_subcommands().filter(|it| it.get_name() != "help") {
            let named =
                code(row[0]).iter().any(|it| it.split(' ').any(|it| it == inner.get_name()));
            assert!(named, "`watertight {name} {}` is not in the table", inner.get_name());
        }
    }
    for mark in ["`watertight ", "$ watertight "] {
        for named in README.split(mark).skip(1) {
            let word = named.split([' ', '`', '\n']).next().unwrap_or_default();
            assert!(cli.find_subcommand(word).is_some(), "`watertight {word}` is no command");
        }
    }
}

#[test]
fn every_option_that_is_named_exists() {
    let mut cli = Cli::command();
    cli.build();
    let section = README.split_once("\n## Commands\n").expect("the heading is there").1;
    let section = section.split("\n### ").next().unwrap_or_default();
    let options: Vec<&str> = code(section)
        .into_iter()
        .filter_map(|it| it.split_once("--")?.1.split([' ', ']']).next())
        .collect();
    assert!(4 < options.len(), "{options:?}");
    for option in options {
        let known = cli
            .get_subcommands()
            .any(|it| it.get_arguments().any(|it| it.get_long() == Some(option)));
        assert!(known, "--{option}");
    }
}

#[test]
fn the_exit_codes_are_those_of_the_program() {
    let told: Vec<u8> =
        table("\n### Exit codes\n").iter().map(|it| it[0].parse().expect("a number")).collect();
    let judged = [Exit::Clean, Exit::Findings, Exit::Unverified].map(Exit::code);
    let mut expected = [judged.as_slice(), &[2, 70]].concat();
    expected.sort_unstable();
    assert_eq!(told, expected);
}

#[test]
fn the_findings_and_causes_are_those_of_the_program() {
    let mut expected: Vec<_> = Kind::ALL.iter().copied().filter(|it| judged(*it)).collect();
    expected.sort_by_key(|it| std::cmp::Reverse(usual_severity(*it)));
    let expected: Vec<_> = expected
        .iter()
        .map(|it| [format!("`{it}`"), usual_severity(*it).to_string(), meaning(*it).to_owned()])
        .collect();
    assert_eq!(table("\n## Findings\n"), expected);
    let causes = README.split_once("names one cause:").expect("the sentence is there").1;
    let causes = code(causes.split("\n#").next().unwrap_or_default());
    assert_eq!(causes, Cause::ALL.map(Cause::label));
}

/// Each key as it is written in the table, with whether it must be there.
fn keys(path: &str, keys: &[Key], found: &mut BTreeMap<String, Need>) {
    for key in keys {
        let path =
            if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
        match key.shape {
            Shape::Table(inner) | Shape::Tables(inner) => self::keys(&path, inner, found),
            Shape::Rows => found.extend(row::KEYS.iter().map(|it| {
                let required = matches!(*it, "id" | "database_url");
                (format!("{path}.{it}"), if required { Need::Required } else { Need::Optional })
            })),
            _ => drop(found.insert(path, key.need)),
        }
    }
}

#[test]
fn every_key_of_the_used_sections_is_in_the_table_and_no_other() {
    let used: Vec<Key> = ROOT.iter().filter(|it| USED.contains(&it.name)).copied().collect();
    let mut expected = BTreeMap::new();
    keys("", &used, &mut expected);
    let rows = table("\n## Configuration\n");
    let told: BTreeSet<&str> = rows.iter().flat_map(|it| code(it[0])).collect();
    assert_eq!(told, expected.keys().map(String::as_str).collect());
    for row in &rows {
        for key in code(row[0]) {
            let login = key.starts_with("probe.login");
            let kind = key == "sources.kind";
            let required = kind || expected[key] == Need::Required && !login;
            assert_eq!(row[1] == "required", required, "{key}");
        }
    }
    for section in ROOT {
        assert!(USED.contains(&section.name), "{} has no lines", section.name);
    }
}

#[test]
fn the_defaults_are_those_of_the_program() {
    let defaults =
        Config::parse("defaults", "", &BTreeMap::new()).expect("nothing is needed").show();
    let defaults: toml::Table = defaults.parse().expect("what is shown is TOML");
    for row in table("\n## Configuration\n") {
        for key in code(row[0]) {
            let (section, name) = key.rsplit_once('.').expect("every key stands in a section");
            let section =
                section.split('.').try_fold(&defaults, |it, part| it.get(part)?.as_table());
            let Some(value) = section.and_then(|it| it.get(name)) else { continue };
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(row[1], format!("`{shown}`"), "{key}");
        }
    }
}

#[test]
fn every_example_of_a_configuration_loads() {
    let secrets = tempfile::tempdir().unwrap();
    for name in ["globex", "watertight"] {
        std::fs::write(secrets.path().join(name), "a secret").unwrap();
    }
    let roots = secrets.path().join("roots.pem");
    std::fs::write(&roots, "").unwrap();
    let environment = BTreeMap::from([
        ("ACME_PASSWORD".to_owned(), "x".to_owned()),
        ("PLATFORM_DATABASE_URL".to_owned(), "postgres://u@h/d".to_owned()),
        ("SUPABASE_ACCESS_TOKEN".to_owned(), "x".to_owned()),
    ]);
    let examples = between(README, "```toml\n", "```");
    assert_eq!(examples.len(), 5);
    for example in examples {
        let text = example
            .replace("/run/secrets", &secrets.path().to_string_lossy())
            .replace("file-of-roots.pem", &roots.to_string_lossy());
        if let Err(problems) = Config::parse("README.md", &text, &environment) {
            panic!("{example}\n{problems:?}");
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let links = between(README, "](", ")");
    assert!(!links.is_empty());
    for link in links {
        if let Some(heading) = link.strip_prefix('#') {
            let headings = README.lines().filter(|it| it.starts_with('#'));
            let mut anchors = headings
                .map(|it| it.trim_start_matches('#').trim().to_lowercase().replace(' ', "-"));
            assert!(anchors.any(|it| it == heading), "{link}");
        } else if !link.starts_with("https://") {
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(link).exists(), "{link}");
        }
    }
}
