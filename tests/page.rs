//! The status page as a browser gets it: what it says, what it never does, and what it costs.

#[path = "page/fleets.rs"]
mod fleets;
#[path = "report/sample.rs"]
mod sample;
#[path = "page/views.rs"]
mod views;

use std::fs;
use std::path::PathBuf;

#[test]
fn gallery() {
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page");
    for (fleet, standing) in [
        ("demo", Some(fleets::demo())),
        ("everything", Some(fleets::everything())),
        ("large", Some(fleets::large())),
        ("empty", Some(fleets::empty())),
        ("clean", Some(fleets::clean())),
        ("none", None),
    ] {
        for (path, html) in views::all(standing.as_ref()) {
            let file = root
                .join(fleet)
                .join(format!("{}.html", path.trim_start_matches('/').replace('/', "-")));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, html).unwrap();
        }
    }
    let demo = fleets::demo();
    fs::write(
        root.join("demo/running.html"),
        views::overview(views::running(views::frame(Some(&demo))), &Default::default()),
    )
    .unwrap();
}
