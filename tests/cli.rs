//! The command line as a person meets it: help, wrong usage, completions, manual, and what is printed for `ping`,
//! `check` and the registry.

#[path = "report/sample.rs"]
mod sample;

use clap::{CommandFactory, Parser};
use expect_test::{Expect, ExpectFile, expect, expect_file};
use sample::everything;
use watertight::cli::arguments::CheckTarget;
use watertight::cli::progress::Progress;
use watertight::cli::registry::TenantsCommand;
use watertight::cli::terminal::Surroundings;
use watertight::cli::{Cli, Command, listing, manual, usage};
use watertight::model::finding::Severity;
use watertight::model::tenant::TenantId;
use watertight::report::judge::{About, Judgement};
use watertight::report::{Format, Style, write_check, write_ping};
use watertight::secret::SecretRef;
use watertight::telemetry::Loudness;

fn parse(line: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once(&"watertight").chain(line))
}

#[track_caller]
fn parsed(line: &[&str]) -> Cli {
    parse(line).unwrap_or_else(|error| panic!("{error}"))
}

fn help_of(command: &mut clap::Command, path: &str, text: &mut String) {
    text.push_str(&format!("$ {path} --help\n{}\n\n", command.render_long_help()));
    for subcommand in command.get_subcommands_mut().filter(|it| it.get_name() != "help") {
        let path = format!("{path} {}", subcommand.get_name());
        help_of(subcommand, &path, text);
    }
}

#[test]
fn every_command_explains_itself() {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut text = String::new();
    help_of(&mut command, "watertight", &mut text);
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    expect_file!["cli/help.txt"].assert_eq(&format!("{}\n", lines.join("\n").trim_end()));
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[track_caller]
fn check_wrong(line: &[&str], expected: &Expect) {
    let error = parse(line).expect_err("wrong usage is refused");
    assert_eq!(error.exit_code(), 2);
    expected.assert_eq(&error.to_string());
}

#[test]
fn wrong_usage_names_what_is_wrong_and_what_would_be_right() {
    check_wrong(
        &["verify", "--fail-on", "severe"],
        &expect![[r#"
        error: invalid value 'severe' for '--fail-on <SEVERITY>'
          [possible values: critical, high, medium, low]

        For more information, try '--help'.
    "#]],
    );
    check_wrong(
        &["verify", "--min-coverage", "98"],
        &expect![[r#"
        error: invalid value '98' for '--min-coverage <SHARE>': a number from 0 to 1 is needed, such as 0.98

        For more information, try '--help'.
    "#]],
    );
    check_wrong(
        &["verify", "--min-coverage", "NaN"],
        &expect![[r#"
        error: invalid value 'NaN' for '--min-coverage <SHARE>': a number from 0 to 1 is needed, such as 0.98

        For more information, try '--help'.
    "#]],
    );
    check_wrong(
        &["verify", "--format", "yaml"],
        &expect![[r#"
        error: invalid value 'yaml' for '--format <FORMAT>'
          [possible values: table, json, sarif, junit, markdown, github]

        For more information, try '--help'.
    "#]],
    );
    check_wrong(
        &["verify", "--tenant", "a b"],
        &expect![[r#"
        error: invalid value 'a b' for '--tenant <ID>': "a b" is not a tenant id: 1 to 253 characters of a-z, 0-9, '-', '_' and '.' after lower-casing, not starting with '.' or '-'

        For more information, try '--help'.
    "#]],
    );
    check_wrong(
        &["accept", "acme"],
        &expect![[r#"
        error: the following required arguments were not provided:
          --reason <TEXT>

        Usage: watertight accept --reason <TEXT> <TENANT>...

        For more information, try '--help'.
    "#]],
    );
    check_wrong(
        &["accept", "acme", "--reason", " "],
        &expect![[r#"
        error: invalid value ' ' for '--reason <TEXT>': a reason is needed

        For more information, try '--help'.
    "#]],
    );
    check_wrong(
        &["accept", "acme", "--reason", "x", "--until", "soon"],
        &expect![[r#"
        error: invalid value 'soon' for '--until <TIME>': a time is needed: 2027-01-31T18:00:00Z, 2027-01-31 (its first moment, UTC) or a duration such as 2h or 3d

        For more information, try '--help'.
    "#]],
    );
    check_wrong(
        &["tenants", "list", "--format", "sarif"],
        &expect![[r#"
        error: invalid value 'sarif' for '--format <FORMAT>'
          [possible values: table, json]

        For more information, try '--help'.
    "#]],
    );
    check_wrong(
        &["verfy"],
        &expect![[r#"
        error: unrecognized subcommand 'verfy'

          tip: a similar subcommand exists: 'verify'

        Usage: watertight [OPTIONS] <COMMAND>

        For more information, try '--help'.
    "#]],
    );
    check_wrong(
        &["ping", "--quiet", "--verbose"],
        &expect![[r#"
        error: the argument '--quiet' cannot be used with '--verbose'

        Usage: watertight ping --quiet

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn commands_of_later_versions_are_not_there() {
    for name in ["store"] {
        assert!(parse(&[name]).is_err(), "{name}");
    }
}

#[test]
fn no_message_and_no_debug_line_repeats_a_password() {
    let url = "postgres://app:hun'ter 2@db.example.com/acme";
    let words = "host=db.example.com password=hun'ter";
    for secret in [url, words] {
        for line in [vec!["check", secret], vec!["tenants", "add", "acme", secret]] {
            let debug = format!("{:?}", parsed(&line));
            assert!(!debug.contains("hun"), "{debug}");
        }
        let option = format!("--tenant={secret}");
        let unknown = format!("--{secret}");
        let short = format!("-f{secret}");
        for line in [
            vec![secret],
            vec!["check", "acme", secret],
            vec!["tenants", "add", secret, "acme"],
            vec!["verify", "--tenant", secret],
            vec!["verify", &option],
            vec!["verify", &unknown],
            vec!["verify", &short],
            vec!["verify", "--format", secret],
            vec!["accept", "acme", "--until", secret, "--reason", "x"],
        ] {
            let refused = usage::parse(std::iter::once("watertight").chain(line).map(Into::into))
                .expect_err("wrong usage is refused");
            assert_eq!(refused.code, 2);
            assert!(
                !refused.text.contains("hun") && !refused.text.contains("ter'"),
                "{}",
                refused.text
            );
        }
    }
}

#[test]
fn help_and_version_are_results_and_not_errors() {
    for line in [["--help"], ["--version"]] {
        let line = std::iter::once("watertight").chain(line).map(Into::into);
        let shown = usage::parse(line).expect_err("there is nothing to do");
        assert!(shown.is_result && shown.code == 0 && shown.text.contains("watertight"));
    }
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let Command::Verify(arguments) = parsed(&["verify"]).command else { panic!("no verify") };
    assert_eq!(arguments.judgement(), Judgement::default());
    assert_eq!(arguments.report.format, Format::Table);
    let line = ["verify", "--tenant", "Acme", "--tenant", "globex", "--about", "isolation"];
    let line = [&line[..], &["--fail-on", "low", "--min-coverage", "0.98", "--verbose"]].concat();
    let cli = parsed(&line);
    assert_eq!(cli.global.loudness(), Loudness::Verbose);
    let Command::Verify(arguments) = cli.command else { panic!("no verify") };
    let expected =
        Judgement { fail_on: Severity::Low, about: About::Isolation, min_coverage: 0.98 };
    assert_eq!(arguments.judgement(), expected);
    assert_eq!(
        arguments.tenants.iter().map(TenantId::as_str).collect::<Vec<_>>(),
        ["acme", "globex"]
    );
}

#[test]
fn a_tenant_and_a_url_are_told_apart() {
    let is_url = |text: &str| match parsed(&["check", text]).command {
        Command::Check(arguments) => matches!(arguments.target, CheckTarget::Url(_)),
        _ => panic!("no check"),
    };
    assert!(is_url("postgres://db.example.com/acme") && is_url("host=/run user=app"));
    assert!(!is_url("acme") && !is_url("xn--bcher-kva.example"));
}

#[test]
fn a_password_comes_from_one_place() {
    let add = ["tenants", "add", "acme", "postgres://db/acme"];
    let password = |rest: &[&str]| {
        let line = [&add[..], rest].concat();
        match parse(&line).map(|it| it.command) {
            Ok(Command::Tenants(TenantsCommand::Add(arguments))) => Ok(arguments.password()),
            Ok(_) => panic!("no add"),
            Err(error) => Err(error.exit_code()),
        }
    };
    assert_eq!(password(&[]), Ok(None));
    let variable = SecretRef::Environment("PW".into());
    assert_eq!(password(&["--password-env", "PW"]), Ok(Some(variable)));
    let file = SecretRef::File(std::path::Path::new("/run/pw").into());
    assert_eq!(password(&["--password-file", "/run/pw"]), Ok(Some(file)));
    assert_eq!(password(&["--password-env", "PW", "--password-file", "f"]), Err(2));
}

#[test]
fn colour_and_progress_are_for_a_terminal_that_wants_them() {
    let terminal = Surroundings {
        stdout_is_terminal: true,
        stderr_is_terminal: true,
        no_color: false,
        width: Some(120),
    };
    let pipe = Surroundings {
        stdout_is_terminal: false,
        stderr_is_terminal: false,
        width: None,
        ..terminal
    };
    let no_color = Surroundings { no_color: true, ..terminal };
    for (surroundings, line, expected) in [
        (terminal, &["ping"][..], true),
        (terminal, &["ping", "--no-color"], false),
        (terminal, &["ping", "--quiet"], false),
        (no_color, &["ping"], false),
        (pipe, &["ping"], false),
    ] {
        let global = parsed(line).global;
        assert_eq!(surroundings.style(&global).colour, expected, "{line:?}");
        assert_eq!(surroundings.shows_progress(&global), expected, "{line:?}");
        assert_eq!(surroundings.colours_logs(&global), expected, "{line:?}");
    }
    let global = parsed(&["ping"]).global;
    assert_eq!((terminal.style(&global).width, pipe.style(&global).width), (120, 80));
}

#[test]
fn progress_may_be_told_in_any_order_and_to_nobody() {
    for enabled in [false, true] {
        let progress = Progress::new(enabled);
        progress.advanced(3);
        progress.started(2);
        progress.stage("witness");
        progress.advanced(usize::MAX);
        progress.finished();
        progress.finished();
        progress.advanced(1);
    }
}

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    use clap::ValueEnum;
    for shell in clap_complete::Shell::value_variants() {
        let mut script = Vec::new();
        manual::completions(*shell, &mut script).unwrap();
        let script = String::from_utf8(script).unwrap();
        for word in ["verify", "min-coverage", "import"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let mut manual = Vec::new();
    manual::man(&mut manual).unwrap();
    let manual = String::from_utf8(manual).unwrap();
    let pages: Vec<_> = manual.lines().filter(|it| it.starts_with(".TH ")).collect();
    expect![[r#"
        .TH WATERTIGHT 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-SERVE 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-VERIFY 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-PING 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-CHECK 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-ACCEPT 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-REPORT 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-ISSUES 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-ISSUES-PLAN 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-GATE 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-HEALTHCHECK 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-TENANTS 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-TENANTS-LIST 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-TENANTS-SHOW 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-TENANTS-ADD 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-TENANTS-REMOVE 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-TENANTS-IMPORT 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-PROVISION 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-DEPROVISION 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-REHOME 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-ORPHANS 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-ORPHANS-LIST 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-ORPHANS-ADOPT 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-ORPHANS-DELETE 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-STAMP 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-SETUP 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-CONFIG 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-CONFIG-CHECK 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-CONFIG-SHOW 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-DEMO 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-COMPLETIONS 1  "watertight 0.1.0" Watertight
        .TH WATERTIGHT-MAN 1  "watertight 0.1.0" Watertight"#]]
    .assert_eq(&pages.join("\n"));
    assert!(manual.contains("something could not be verified"));
}

fn printed(print: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    print(&mut out).expect("memory takes it");
    String::from_utf8(out).expect("it is UTF-8")
}

#[track_caller]
fn check_printed(
    expected: &ExpectFile,
    print: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>,
) {
    let text = printed(print);
    assert_eq!(text.chars().find(|it| it.is_control() && *it != '\n'), None);
    expected.assert_eq(&text);
}

#[test]
fn ping_tells_who_answers() {
    let (report, tenants) = everything();
    check_printed(&expect_file!["cli/ping.txt"], |out| {
        write_ping(Format::Table, &report, &tenants, Style::default(), out)
    });
}

#[test]
fn check_tells_everything_that_a_database_says_of_itself() {
    let (mut report, tenants) = everything();
    report.tenants.retain(|it| ["initech", "ill-query-failed"].contains(&it.id.as_str()));
    report.findings.truncate(1);
    check_printed(&expect_file!["cli/check.txt"], |out| {
        write_check(Format::Table, &report, &tenants, Style::default(), out)
    });
}

#[test]
fn the_registry_is_listed_with_the_place_of_each_row() {
    let (_, tenants) = everything();
    check_printed(&expect_file!["cli/tenants.txt"], |out| {
        listing::tenants(&tenants, Format::Table, Style::default(), out)
    });
    check_printed(&expect_file!["cli/tenant.txt"], |out| {
        listing::tenant(&tenants[0], Format::Table, Style::default(), out)
    });
    let json = printed(|out| listing::tenants(&tenants, Format::Json, Style::default(), out));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["tenants"].as_array().unwrap().len(), tenants.len());
    assert_eq!(json["tenants"][0]["line"], 8);
}
