//! The form for a new tenant: who is shown it, what is refused, and that one form begins one operation.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Response, StatusCode};
use tempfile::TempDir;
use watertight::http::role::Role;
use watertight::model::operation::Operation;
use watertight::provider::local::{Local, LocalOptions};
use watertight::provision::backup::BackupOptions;
use watertight::provision::options::{Equipment, ProvisionOptions};
use watertight::stamp::key::StampKeyRefs;

use crate::house::{House, Plan};
use crate::page::{Browser, location};

const PATH: &str = "/operations/new";

/// A house with a provider on this machine, and no tenant.
async fn house() -> (House, TempDir) {
    let home = tempfile::tempdir().unwrap();
    // The servers may run as another account, which must come through.
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(home.path(), open).unwrap();
    let local = LocalOptions { directory: home.path().join("clusters") };
    let options = ProvisionOptions {
        quota: None,
        ready_timeout: Duration::from_mins(1),
        fresh: Duration::from_mins(10),
        setup: None,
        stamp: false,
        stamp_keys: StampKeyRefs::default(),
        backup: BackupOptions { directory: None, limit: Duration::from_mins(1) },
        roots: None,
    };
    let provider = Arc::new(Local::open(&local).await.unwrap());
    let equipment = Some(Arc::new(Equipment { provider, options }));
    let plan = Plan { registry: "", before: None, equipment, ..Plan::default() };
    (House::of(plan).await, home)
}

/// A form as the page drew it.
struct Drawn {
    csrf: String,
    nonce: String,
}

impl Drawn {
    async fn by(browser: &Browser<'_>) -> Self {
        Self::of(&browser.see(PATH).await)
    }

    fn of(page: &str) -> Self {
        let hidden = |name: &str| {
            let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).expect(name);
            rest.split('"').next().unwrap().to_owned()
        };
        Self { csrf: hidden("csrf"), nonce: hidden("nonce") }
    }

    fn filled(&self, fields: &str) -> String {
        format!("csrf={}&nonce={}&back={PATH}&{fields}", self.csrf, self.nonce)
    }
}

async fn send(browser: &Browser<'_>, form: &str) -> Response {
    browser.post(PATH, form).send().await.unwrap()
}

fn operations(house: &House) -> Vec<Operation> {
    house.daemon.store().operations(10).unwrap()
}

#[tokio::test]
async fn a_form_that_is_sent_twice_begins_one_operation() {
    let (house, _home) = house().await;
    let browser = Browser::login(&house, Role::Provisioner).await;
    let drawn = Drawn::by(&browser).await;
    let form =
        drawn.filled("subdomain=acme&name=Acme&environment=&labels=tier%3Dgold&database_url=");
    let (one, other) = tokio::join!(send(&browser, &form), send(&browser, &form));
    assert_eq!((one.status(), other.status()), (StatusCode::SEE_OTHER, StatusCode::SEE_OTHER));
    assert_eq!(location(&one), location(&other));
    let begun = operations(&house);
    assert_eq!(begun.len(), 1);
    assert_eq!(begun[0].tenant.as_str(), "acme");
    let path = format!("/operations/{}?notice=tenant-asked", begun[0].id);
    assert_eq!(location(&one), path);
    assert!(browser.see(&path).await.contains("The tenant is being made."));
    let later = send(&browser, &form).await;
    assert_eq!(location(&later), path, "however late");

    // The same form with something else in it is no repetition.
    let other = drawn.filled("subdomain=globex&name=Globex");
    let answer = send(&browser, &other).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    assert!(page.contains(&format!("href=\"/operations/{}\"", begun[0].id)), "{page}");
    let again = Drawn::of(&page);
    assert_ne!(again.nonce, drawn.nonce, "what is drawn anew can be sent");
    let answer = send(&browser, &again.filled("subdomain=globex&name=Globex")).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(operations(&house).len(), 2);
    house.leave().await;
}

#[tokio::test]
async fn what_stands_against_a_tenant_is_told_and_what_was_typed_is_kept_but_for_the_url() {
    let (house, _home) = house().await;
    let browser = Browser::login(&house, Role::Provisioner).await;
    let drawn = Drawn::by(&browser).await;
    let form = drawn.filled(
        "subdomain=www&name=B%C3%BCcher+%3Cb%3E&environment=production&labels=tier%3Dgold\
         &database_url=postgres%3A%2F%2Fapp%3Ahunter2hunter2%40127.0.0.1%3A1%2Fx",
    );
    let answer = send(&browser, &form).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    for kept in [
        "value=\"www\"",
        "value=\"Bücher &#60;b&#62;\"",
        "value=\"production\"",
        "tier=gold</textarea>",
        "it is a word that a platform keeps for itself",
        "please type it once more",
    ] {
        assert!(page.contains(kept), "{kept}: {page}");
    }
    assert!(!page.contains("hunter2") && !page.contains("postgres://app"), "{page}");
    let about_it = page.matches("m-against").count();
    assert!(4 <= about_it, "the subdomain, and each check of the database: {page}");

    let answer = send(&browser, &drawn.filled("subdomain=acme&name=Acme&labels=gold")).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    assert!(page.contains("this line is no name=value: gold"), "{page}");
    let forged = format!("csrf={}&nonce=abc&subdomain=acme&name=Acme", drawn.csrf);
    assert_eq!(send(&browser, &forged).await.status(), StatusCode::BAD_REQUEST);
    assert!(operations(&house).is_empty());
    house.leave().await;
}

#[tokio::test]
async fn nobody_but_a_provisioner_is_shown_the_form_or_heard() {
    let (house, _home) = house().await;
    for role in [Role::Viewer, Role::Operator] {
        let browser = Browser::login(&house, role).await;
        for path in ["/", "/operations"] {
            assert!(!browser.see(path).await.contains(PATH), "{path}");
        }
        let form = browser.get(PATH).send().await.unwrap();
        assert_eq!(form.status(), StatusCode::FORBIDDEN);
        assert!(!form.text().await.unwrap().contains("name=\"nonce\""));
        let sent = format!("csrf={}&back=/operations&subdomain=acme", browser.csrf().await);
        assert_eq!(location(&send(&browser, &sent).await), "/operations?notice=not-allowed");
    }
    let browser = Browser::login(&house, Role::Provisioner).await;
    assert!(browser.see("/operations").await.contains(PATH));
    let drawn = Drawn::by(&browser).await;
    for csrf in ["", "AAAA"] {
        let forged = Drawn { csrf: csrf.to_owned(), nonce: drawn.nonce.clone() };
        let answer = send(&browser, &forged.filled("subdomain=acme&name=Acme")).await;
        assert_eq!(location(&answer), format!("{PATH}?notice=form-expired"));
    }
    assert!(operations(&house).is_empty());
    house.leave().await;
}

#[tokio::test]
async fn without_provisioning_there_is_no_form() {
    let house = House::new().await;
    let browser = Browser::login(&house, Role::Provisioner).await;
    assert!(!browser.see("/operations").await.contains(PATH));
    let form = browser.get(PATH).send().await.unwrap();
    assert_eq!(form.status(), StatusCode::NOT_FOUND);
    let sent = format!("csrf={}&subdomain=acme&name=Acme", browser.csrf().await);
    assert_eq!(send(&browser, &sent).await.status(), StatusCode::NOT_FOUND);
    assert!(operations(&house).is_empty());
    house.leave().await;
}
