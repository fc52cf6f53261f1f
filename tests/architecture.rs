//! The house rules that a compiler does not know: who may name whom, what the core must not do, how files look.
//!
//! Why a test and not a page: a rule that nothing checks is true until the first hurried change. Every rule is a pure
//! function over sources, and for each there is a planted violation that it must find.

#[path = "architecture/sources.rs"]
mod sources;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::{Command, Stdio};

use sources::{Source, code, read_all, used_modules};

/// A module, then the other modules that it names. Each names only what stands above it, so that the arrows lead in no
/// circle; and each arrow is one that is gone, so that the table describes the house and not a plan.
///
/// Adapters do not name each other, with one exception: `probe` takes from `registry` how a target is reached. What the
/// engine and a visit share (`patience`), or a visit and a read of the registry (`tls`), is plumbing for that reason.
const MAY_USE: &[(&str, &[&str])] = &[
    // Plumbing that knows no other module.
    ("body", &[]),
    ("clock", &[]),
    ("leash", &[]),
    ("patience", &[]),
    ("secret", &[]),
    ("tasks", &[]),
    ("telemetry", &[]),
    ("local", &["secret"]),
    // The core.
    ("model", &[]),
    ("detect", &["model"]),
    ("standing", &["model"]),
    ("gate", &["model", "standing"]),
    ("news", &["model", "standing"]),
    ("saga", &["model"]),
    // Plumbing that speaks of addresses.
    ("dsn", &["model", "secret"]),
    ("tls", &["dsn"]),
    ("dump", &["dsn", "leash", "local", "secret"]),
    // The pipeline.
    ("registry", &["clock", "dsn", "model", "secret", "tls"]),
    ("scan", &["dsn", "model", "patience"]),
    ("probe", &["clock", "detect", "dsn", "model", "patience", "registry", "secret", "tls"]),
    ("store", &["clock", "model", "secret"]),
    ("stamp", &["model", "probe", "secret"]),
    ("report", &["gate", "model"]),
    ("page", &["model", "report", "saga", "standing"]),
    ("issues", &["model", "report", "standing"]),
    (
        "monitor",
        &[
            "clock", "detect", "model", "probe", "registry", "report", "scan", "secret", "stamp",
            "store",
        ],
    ),
    // Where a user belongs.
    ("route", &["body", "model"]),
    ("setup", &["dsn", "leash", "model", "probe", "secret"]),
    ("moving", &["dsn", "dump", "model", "probe", "secret"]),
    // What goes on while the daemon runs.
    ("metrics", &["model", "route", "standing"]),
    // Where databases come from.
    ("provider", &["body", "clock", "dsn", "local", "metrics", "secret", "tls"]),
    ("inventory", &["clock", "model", "provider"]),
    ("schedule", &["clock", "model"]),
    ("github", &["clock", "metrics", "secret"]),
    (
        "daemon",
        &[
            "clock",
            "dsn",
            "inventory",
            "metrics",
            "model",
            "monitor",
            "probe",
            "registry",
            "report",
            "schedule",
            "standing",
            "store",
        ],
    ),
    (
        "filing",
        &[
            "clock", "daemon", "github", "issues", "metrics", "model", "monitor", "report",
            "schedule", "standing", "store",
        ],
    ),
    ("checks", &["daemon", "github", "model"]),
    (
        "deliveries",
        &["clock", "daemon", "filing", "gate", "github", "issues", "model", "report", "schedule"],
    ),
    ("webhooks", &["clock", "daemon", "model", "news", "report", "secret", "standing", "store"]),
    // Tenants that are made, moved and taken away.
    (
        "provision",
        &[
            "clock",
            "daemon",
            "dsn",
            "dump",
            "inventory",
            "model",
            "moving",
            "probe",
            "provider",
            "registry",
            "saga",
            "schedule",
            "secret",
            "setup",
            "stamp",
            "store",
        ],
    ),
    // The edges.
    (
        "http",
        &[
            "clock",
            "daemon",
            "deliveries",
            "gate",
            "model",
            "monitor",
            "moving",
            "page",
            "provision",
            "registry",
            "report",
            "route",
            "saga",
            "schedule",
            "secret",
            "standing",
            "store",
        ],
    ),
    ("client", &["body", "model", "registry", "report", "secret"]),
    ("config", &["dsn", "issues", "model", "provider", "registry", "schedule", "secret"]),
    ("cli", &["issues", "model", "report", "saga", "secret", "telemetry"]),
    ("demo", &["local", "secret"]),
    // The composition root joins them all.
    (
        "app",
        &[
            "checks",
            "cli",
            "client",
            "clock",
            "config",
            "daemon",
            "deliveries",
            "demo",
            "dsn",
            "filing",
            "gate",
            "github",
            "http",
            "inventory",
            "issues",
            "metrics",
            "model",
            "monitor",
            "moving",
            "news",
            "probe",
            "provider",
            "provision",
            "registry",
            "report",
            "route",
            "saga",
            "scan",
            "schedule",
            "secret",
            "setup",
            "stamp",
            "store",
            "tasks",
            "telemetry",
            "webhooks",
        ],
    ),
    ("main", &[]),
];

/// Decisions over values, and what they must not contain in any spelling.
const PURE: &[&str] = &["model", "detect", "standing", "gate", "news", "saga", "issues"];
const EFFECTS: &[&str] = &[
    "async ",
    ".await",
    "tokio",
    "futures",
    "serde",
    "tracing",
    "rand::",
    "std::fs",
    "std::io",
    "std::env",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "SystemTime",
    "TcpStream",
    "UdpSocket",
    "ToSocketAddrs",
    "now()",
    "println!",
    "clock::",
];

/// A name that excludes nothing will grow.
const SHAPELESS: &[&str] = &[
    "util", "utils", "common", "helpers", "helper", "manager", "service", "handler", "handlers",
    "types", "misc",
];

/// Of a file without its inline tests; of a function from its first line to its last. A file of tests is a list of
/// cases, and as long as it has cases.
const LONGEST_FILE: usize = 400;
const LONGEST_FUNCTION: usize = 80;

/// Providers and wrappers of TLS beside the one that we have chosen.
const OTHER_TLS: &[&str] =
    &["ring", "openssl", "openssl-sys", "native-tls", "boring", "boring-sys"];

fn arrows(source: &Source) -> Vec<String> {
    if source.area() != "src" {
        return Vec::new();
    }
    let module = source.module();
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
        return if module == "lib" {
            Vec::new()
        } else {
            vec![format!("{}: {module} is not in the table of arrows", source.path)]
        };
    };
    used_modules(source)
        .into_iter()
        .filter(|used| *used != module && !allowed.contains(&used.as_str()))
        .map(|used| format!("{}: {module} may not name {used}", source.path))
        .collect()
}

fn effects(source: &Source) -> Vec<String> {
    if source.area() != "src" || !PURE.contains(&source.module().as_str()) {
        return Vec::new();
    }
    let code = code(source);
    EFFECTS
        .iter()
        .filter(|effect| code.contains(**effect))
        .map(|effect| format!("{}: the core must not contain `{effect}`", source.path))
        .collect()
}

fn head(source: &Source) -> Vec<String> {
    let opens = source.text.lines().next().is_some_and(|it| it.starts_with("//! "));
    if opens {
        Vec::new()
    } else {
        vec![format!("{}: does not open with what it is for", source.path)]
    }
}

fn lengths(source: &Source) -> Vec<String> {
    if source.area() != "src" {
        return Vec::new();
    }
    let untested = source.without_tests();
    let lines: Vec<&str> = untested.lines().collect();
    let mut told = Vec::new();
    if LONGEST_FILE < lines.len() {
        told.push(format!("{}: {} lines", source.path, lines.len()));
    }
    for (start, line) in lines.iter().enumerate() {
        let body = line.trim_start();
        let is_function = body.split('(').next().is_some_and(|it| {
            let before_name = it.split("fn ").next().unwrap_or_default();
            it.contains("fn ") && !before_name.contains([':', '=', '"', '/', '|'])
        });
        if !is_function {
            continue;
        }
        let indent = &line[..line.len() - body.len()];
        let end = lines[start..].iter().position(|it| **it == format!("{indent}}}"));
        let length = end.map_or(1, |it| it + 1);
        let has_body = lines[start..].iter().take(20).find(|it| it.ends_with(['{', ';', '}']));
        if has_body.is_some_and(|it| it.ends_with('{')) && LONGEST_FUNCTION < length {
            told.push(format!("{}:{}: a function of {length} lines", source.path, start + 1));
        }
    }
    told
}

fn names(source: &Source) -> Vec<String> {
    let stem = source.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
    let shapeless = SHAPELESS.contains(&stem);
    let folded = stem == "mod";
    if shapeless || folded {
        vec![format!("{}: a name that excludes nothing", source.path)]
    } else {
        Vec::new()
    }
}

fn shortcuts(source: &Source) -> Vec<String> {
    if source.area() != "src" {
        return Vec::new();
    }
    let code = code(source);
    [".unwrap()", "pub use ", "unimplemented!", "#[allow(", "#![allow("]
        .into_iter()
        .filter(|it| code.contains(it))
        .map(|it| format!("{}: `{it}` outside tests", source.path))
        .collect()
}

fn workplace(source: &Source) -> Vec<String> {
    // Spelt apart, so that this file does not find itself.
    let words = [concat!("/wo", "rk/"), concat!("/tmp/", "brief")];
    words
        .into_iter()
        .filter(|it| source.text.contains(it))
        .map(|it| format!("{}: names a place of one machine: {it}", source.path))
        .collect()
}

type Rule = fn(&Source) -> Vec<String>;

const RULES: &[(&str, Rule)] = &[
    ("modules name only what the arrows allow", arrows),
    ("the core has no effects", effects),
    ("every file opens with its purpose", head),
    ("files and functions are short", lengths),
    ("every name says what it excludes", names),
    ("no shortcuts outside tests", shortcuts),
    ("nothing names the place where it was written", workplace),
];

/// The packages of a `cargo tree` that bring another TLS provider.
fn other_tls(tree: &str) -> BTreeSet<&str> {
    tree.lines().filter_map(|it| it.split(' ').next()).filter(|it| OTHER_TLS.contains(it)).collect()
}

/// Dependencies of the manifest that no source names: those of the program in `src`, those of the tests anywhere.
fn unused_dependencies(manifest: &str, sources: &[Source]) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().expect("our own manifest is TOML");
    let program: String = sources.iter().filter(|it| it.area() == "src").map(code).collect();
    let all: String = sources.iter().map(|it| it.text.as_str()).collect();
    let mut unused = unnamed(&manifest, "dependencies", &program);
    unused.extend(unnamed(&manifest, "dev-dependencies", &all));
    unused
}

fn unnamed(manifest: &toml::Table, section: &str, all: &str) -> Vec<String> {
    let dependencies = manifest.get(section).and_then(toml::Value::as_table);
    dependencies
        .into_iter()
        .flat_map(toml::Table::keys)
        .filter(|name| {
            let name = name.replace('-', "_");
            !all.contains(&format!("{name}::")) && !all.contains(&format!("{name}!"))
        })
        .cloned()
        .collect()
}

#[test]
fn the_house_rules_hold() {
    let sources = read_all();
    assert!(20 < sources.len(), "the sources were not found");
    let mut told = String::new();
    for (name, rule) in RULES {
        for line in sources.iter().flat_map(rule) {
            writeln!(told, "{name}: {line}").expect("a string takes everything");
        }
    }
    assert!(told.is_empty(), "\n{told}");
}

#[test]
fn one_tls_provider_is_in_the_tree() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--locked", "--offline", "--edges", "all", "--prefix", "none"])
        .args([
            "--format",
            "{p}",
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(tree.contains("aws-lc-rs v"), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(other_tls(&tree), BTreeSet::new());
}

#[test]
fn every_dependency_is_used() {
    let manifest = include_str!("../Cargo.toml");
    assert_eq!(unused_dependencies(manifest, &read_all()), Vec::<String>::new());
}

/// Arrows that lead upwards in the table, and arrows that nobody goes.
fn untrue_arrows(table: &[(&str, &[&str])], sources: &[Source]) -> Vec<String> {
    let mut told = Vec::new();
    for (place, (module, allowed)) in table.iter().enumerate() {
        let files = sources.iter().filter(|it| it.area() == "src" && it.module() == *module);
        let used: BTreeSet<String> = files.flat_map(used_modules).collect();
        for target in *allowed {
            if !table[..place].iter().any(|(above, _)| above == target) {
                told.push(format!("{module} -> {target} does not lead to a module above"));
            }
            if !used.contains(*target) {
                told.push(format!("{module} -> {target} is allowed, and nobody goes it"));
            }
        }
    }
    told
}

#[test]
fn the_table_of_arrows_has_no_circle_and_no_arrow_that_nobody_goes() {
    assert_eq!(untrue_arrows(MAY_USE, &read_all()), Vec::<String>::new());
    let planted: &[(&str, &[&str])] = &[("scan", &["probe"]), ("probe", &["scan"])];
    assert_eq!(untrue_arrows(planted, &[]).len(), 3);
}

/// Every rule finds what it is there to find, and is silent on the same file without it.
#[test]
fn a_planted_violation_fails_its_rule() {
    let long_function = format!("//! Long.\nfn long() {{\n{}}}\n", "    step();\n".repeat(80));
    let long_file = format!("//! Long.\n{}", "const A: u8 = 1;\n".repeat(400));
    let planted: &[(usize, &str, &str)] = &[
        (0, "src/detect/sharing.rs", "//! S.\nuse crate::store::Store;\n"),
        (0, "src/detect/sharing.rs", "//! S.\nuse crate::{model::tenant::Tenant, store::Store};\n"),
        (0, "src/detect/sharing.rs", "//! S.\nuse super::super::store::Store;\n"),
        (0, "src/report.rs", "//! R.\nfn a() { super::store::open(); }\n"),
        (0, "src/novelty.rs", "//! N.\n"),
        (1, "src/model/tenant.rs", "//! T.\nuse std::fs::File;\n"),
        (1, "src/detect.rs", "//! D.\nasync fn detect() {}\n"),
        (1, "src/detect.rs", "//! D.\nlet now = Timestamp::now();\n"),
        (2, "src/model/tenant.rs", "use std::fmt;\n"),
        (3, "src/scan.rs", &long_function),
        (3, "src/scan.rs", &long_file),
        (4, "src/probe/util.rs", "//! U.\n"),
        (4, "src/probe/mod.rs", "//! U.\n"),
        (5, "src/probe.rs", "//! P.\nfn a() { b().unwrap(); }\n"),
        (5, "src/probe.rs", "//! P.\npub use crate::model::tenant::Tenant;\n"),
        (6, "tests/x.rs", concat!("//! X.\nconst A: &str = \"/wo", "rk/main\";\n")),
    ];
    for (rule, path, text) in planted {
        let source = Source { path: (*path).to_owned(), text: (*text).to_owned() };
        let (name, check) = RULES[*rule];
        assert!(!check(&source).is_empty(), "{name}: not found in {path}:\n{text}");
    }
    let found: BTreeSet<usize> = planted.iter().map(|it| it.0).collect();
    assert_eq!(found.len(), RULES.len(), "each rule has a planted violation");
    assert_eq!(other_tls("watertight v0.1.0\nring v0.17.14\nrustls v0.23.1"), ["ring"].into());
    let unused = unused_dependencies(
        "[dependencies]\nserde-sarif = '1'\ntokio = '1'\n[dev-dependencies]\nregex = '1'",
        &[Source {
            path: "src/a.rs".to_owned(),
            text: "//! serde_sarif::\nuse tokio::time;".to_owned(),
        }],
    );
    assert_eq!(unused, ["serde-sarif", "regex"]);
}

#[test]
fn what_only_looks_like_a_violation_is_none() {
    let innocent = [
        (
            "src/detect.rs",
            "//! D.\n// crate::store is where it goes.\nuse crate::model::tenant::Tenant;\n",
        ),
        (
            "src/detect/sharing.rs",
            "//! S.\nuse super::candidates::groups;\nuse super::super::model;\n",
        ),
        (
            "src/scan.rs",
            "//! S.\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() { c().unwrap(); }\n}\n",
        ),
        ("src/detect/cases.rs", "//! C.\n\n#![cfg(test)]\n\nfn b() { c().unwrap(); }\n"),
    ];
    for (path, text) in innocent {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        let told: Vec<String> = RULES.iter().flat_map(|(_, rule)| rule(&source)).collect();
        assert_eq!(told, Vec::<String>::new(), "{path}");
    }
}
