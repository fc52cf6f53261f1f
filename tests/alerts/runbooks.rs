//! Each alert has its page, and what the page tells a person to type can be typed.

use std::collections::BTreeSet;

use clap::{Command, CommandFactory};
use watertight::cli::Cli;

use crate::{alerts, files, read, rules};

/// What whoever is woken has at hand, beside our own program.
const TOOLS: [&str; 8] =
    ["amtool", "curl", "df", "journalctl", "kubectl", "promtool", "psql", "systemctl"];

const PARTS: [&str; 4] = ["Meaning", "Impact", "Diagnosis", "Mitigation"];

#[test]
fn each_alert_has_a_page_and_each_page_an_alert() {
    assert_eq!(files("alerts/runbooks", ".md"), alerts());
}

#[test]
fn each_page_says_what_it_means_whom_it_hits_what_to_type_first_and_what_to_do() {
    for alert in alerts() {
        let page = read(&format!("alerts/runbooks/{alert}.md"));
        let headings: Vec<&str> = page.lines().filter_map(|it| it.strip_prefix("## ")).collect();
        assert!(page.starts_with(&format!("# {alert}\n")), "{alert}");
        assert_eq!(headings, PARTS, "{alert}");
        for part in page.split("\n## ").skip(1) {
            let (heading, text) = part.split_once('\n').expect("a part has a text");
            assert!(30 < text.trim().len(), "{alert}: {heading} says nothing");
            let typed = text.contains("```console\n$ ");
            assert!(typed || heading != "Diagnosis", "{alert}: there is no first command");
        }
    }
}

/// Every command that is written out, as it stands behind the prompt or between backticks.
fn typed(page: &str) -> Vec<String> {
    let prompts = page.lines().filter_map(|it| it.strip_prefix("$ "));
    let inline = page.split('`').skip(1).step_by(2).filter(|it| it.starts_with("watertight "));
    prompts.chain(inline).map(str::to_owned).collect()
}

/// What is wrong with a command line, if something is.
fn fault(cli: &Command, line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let program = words.next()?;
    if program != "watertight" {
        return (!TOOLS.contains(&program)).then(|| format!("nobody has {program}: {line}"));
    }
    let mut command = cli;
    for word in words {
        if let Some(option) = word.strip_prefix("--") {
            let name = option.split('=').next().unwrap_or_default();
            let arguments = command.get_arguments().chain(cli.get_arguments());
            if !arguments.into_iter().any(|it| it.get_long() == Some(name)) {
                return Some(format!("{} has no --{name}", command.get_name()));
            }
        } else if let Some(inner) = command.find_subcommand(word) {
            command = inner;
        }
    }
    let incomplete = command.get_name() == "watertight" || command.is_subcommand_required_set();
    incomplete.then(|| format!("there is no such command: {line}"))
}

#[test]
fn every_command_that_a_page_or_an_alert_names_exists() {
    let mut cli = Cli::command();
    cli.build();
    let mut seen = BTreeSet::new();
    let pages = alerts().into_iter().map(|it| (read(&format!("alerts/runbooks/{it}.md")), it));
    let told = rules().into_iter().map(|it| (it.annotations["description"].clone(), it.alert));
    for (text, alert) in pages.chain(told) {
        for line in typed(&text) {
            assert_eq!(fault(&cli, &line), None, "{alert}");
            seen.insert(line);
        }
    }
    assert!(30 < seen.len(), "{seen:?}");
}

#[test]
fn a_command_that_does_not_exist_is_found() {
    let mut cli = Cli::command();
    cli.build();
    for wrong in
        ["watertight sacn", "watertight verify --tenants a", "frobnicate", "watertight config"]
    {
        assert!(fault(&cli, wrong).is_some(), "{wrong}");
    }
    for right in ["watertight verify --tenant a", "watertight config check", "df -h"] {
        assert_eq!(fault(&cli, right), None);
    }
}

/// Alerts that other pages send a reader to.
#[test]
fn every_other_alert_that_a_page_names_exists() {
    let alerts = alerts();
    for alert in &alerts {
        let page = read(&format!("alerts/runbooks/{alert}.md"));
        for word in page.split(|it: char| !it.is_alphanumeric()) {
            let is_name = word.starts_with("Watertight") && word != "Watertight";
            assert!(!is_name || alerts.contains(word), "{alert} names {word}");
        }
    }
}
