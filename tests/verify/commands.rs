//! The other commands on real databases, and every format of a real report.

use watertight::local::ground::Ground;

use crate::program::{Program, Ran, guest, own_database, server, tenant};

async fn run(program: &Program, code: i32, arguments: &[&str]) -> Ran {
    let ran = program.run(arguments).await;
    assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
    ran
}

#[tokio::test]
async fn each_command_tells_of_real_databases_and_ends_with_its_code() {
    let ground = Ground::create().unwrap();
    let (one, two) = (server(&ground, "one").await, server(&ground, "two").await);
    let (acme, globex) = (own_database(&one, "acme").await, own_database(&two, "globex").await);
    let alias = guest(&one, "alias", "acme").await;
    let down = "postgres://app:secret@127.0.0.1:1/app";
    let rows = tenant("acme", &acme, "") + &tenant("globex", &globex, "");
    let program = Program::new(&rows);
    run(&program, 0, &["config", "check"]).await;
    let shown = run(&program, 0, &["config", "show"]).await;
    let secret = acme.split(['/', ':', '@']).nth(4).unwrap();
    assert!(!shown.out.contains(secret), "{shown:?}");
    run(&program, 0, &["verify"]).await;
    run(&program, 0, &["ping"]).await;
    run(&program, 0, &["verify", "--tenant", "acme"]).await;
    run(&program, 2, &["verify", "--tenant", "nobody"]).await;
    run(&program, 2, &["check", "nobody"]).await;
    for target in ["acme", acme.as_str()] {
        let ran = run(&program, 0, &["check", target]).await;
        assert!(ran.out.contains("system identifier") && !ran.out.contains(secret), "{ran:?}");
        let ran = run(&program, 0, &["check", target, "--format", "json"]).await;
        serde_json::from_str::<serde_json::Value>(&ran.out).expect("JSON");
    }
    run(&program, 1, &["check", down]).await;

    program.configure(&(rows.clone() + &tenant("down", down, "")));
    run(&program, 1, &["ping"]).await;
    run(&program, 0, &["ping", "--tenant", "acme"]).await;
    run(&program, 3, &["verify", "--about", "isolation"]).await;
    run(&program, 0, &["verify", "--about", "isolation", "--min-coverage", "0.6"]).await;
    // A store of its own: what was said of a tenant stays when its row goes.
    let program = Program::new(&(rows + &tenant("alias", &alias, "")));
    run(&program, 1, &["verify"]).await;
    run(&program, 0, &["verify", "--about", "health"]).await;
    // Asked about the one, whoever shares with it is looked for all the same.
    run(&program, 1, &["verify", "--tenant", "alias"]).await;
    run(&program, 0, &["verify", "--tenant", "globex"]).await;
    formats(&program, secret).await;
}

async fn formats(program: &Program, secret: &str) {
    for format in ["table", "json", "sarif", "junit", "markdown", "github"] {
        let file = program.path(&format!("report.{format}")).display().to_string();
        let ran = run(program, 1, &["verify", "--format", format, "--output", &file]).await;
        assert!(ran.out.is_empty(), "{format}: {}", ran.out);
        let text = std::fs::read_to_string(&file).expect("the report");
        assert!(text.contains("alias") && !text.contains(secret), "{format}: {text}");
        let begins = match format {
            "json" | "sarif" => {
                let read: serde_json::Value = serde_json::from_str(&text).expect(format);
                let shape = if format == "json" { &read["findings"] } else { &read["runs"] };
                assert!(shape.as_array().is_some_and(|it| !it.is_empty()), "{text}");
                "{"
            }
            "junit" => "<?xml",
            "github" => "::",
            "markdown" => "#",
            _ => "",
        };
        assert!(text.starts_with(begins), "{format}: {text}");
    }
}
