//! Databases in a small notation, and what is chosen of each.

use super::super::objects::RelationKind;
use super::*;

/// `schema of owner` and `schema.table of owner`, by the role `acme`. A schema of an extension is written with `[name]`.
fn objects(text: &str) -> Objects {
    let mut objects = Objects { role: "acme".into(), ..Objects::default() };
    for line in text.split(", ") {
        let (what, owner) = line.split_once(" of ").unwrap();
        if let Some((schema, name)) = what.split_once('.') {
            objects.relations.push(Relation {
                schema: schema.into(),
                name: name.into(),
                kind: RelationKind::Table,
                owner: owner.into(),
                bytes: 8192,
                rows: None,
            });
            continue;
        }
        let (name, extension) = match what.split_once('[') {
            Some((name, rest)) => (name, rest.strip_suffix(']')),
            None => (what, None),
        };
        let extension = extension.map(Into::into);
        objects.schemas.push(Schema { name: name.into(), owner: owner.into(), extension });
    }
    objects
}

const SHARED: &str = "acme of acme, globex of globex, public of pg_database_owner, \
     acme.orders of acme, globex.orders of globex, public.acme_log of acme, public.globex_log of globex";

/// What is moved and, after a bar, what stays in the same schemas; or the first objection.
#[track_caller]
fn check(text: &str, wish: &Wish, company: Company, expected: &str) {
    let told = match choose(&objects(text), wish, company) {
        Ok(chosen) => {
            let moved: Vec<String> =
                chosen.relations.iter().map(|it| format!("{}.{}", it.schema, it.name)).collect();
            let left: Vec<String> =
                chosen.left.iter().map(|it| format!("{}.{}", it.0, it.1)).collect();
            format!("{}: {} | {}", chosen.schemas.join(" "), moved.join(" "), left.join(" "))
        }
        Err(against) => against[0].clone(),
    };
    assert_eq!(told, expected);
}

fn schemas(names: &[&str]) -> Wish {
    Wish::Schemas(names.iter().map(|it| (*it).into()).collect())
}

fn tables(patterns: &[&str]) -> Wish {
    Wish::Tables(patterns.iter().map(|it| (*it).into()).collect())
}

#[test]
fn whoever_is_alone_takes_everything_but_what_the_provider_has() {
    check(
        "public of pg_database_owner, auth of supabase_auth_admin, cron[pg_cron] of postgres, \
         public.orders of acme, auth.users of supabase_auth_admin",
        &Wish::Own,
        Company::Alone,
        "public: public.orders | ",
    );
    check("public of pg_database_owner", &Wish::Own, Company::Alone, "public:  | ");
}

#[test]
fn a_shared_database_is_divided_by_owner() {
    check(
        SHARED,
        &Wish::Own,
        Company::Shared,
        "acme public: acme.orders public.acme_log | public.globex_log",
    );
    let only = "globex of globex, globex.orders of globex";
    let told =
        "nothing in it belongs to the role acme: name what is to be moved with --schema or --table";
    check(only, &Wish::Own, Company::Shared, told);
}

#[test]
fn a_role_whose_name_ends_like_ours_stands_against_it() {
    let mut objects = objects(SHARED);
    objects.namesake = Some("not acme".into());
    let told = choose(&objects, &Wish::Own, Company::Shared).unwrap_err();
    assert!(told[0].contains("cannot be told from the role not acme"), "{told:?}");
    assert!(choose(&objects, &Wish::Own, Company::Alone).is_ok());
}

#[test]
fn where_no_owner_tells_it_somebody_has_to() {
    let one_role = "public of acme, public.a_orders of acme, public.g_orders of acme";
    let told = choose(&objects(one_role), &Wish::Own, Company::SameRole).unwrap_err();
    assert!(told[0].contains("--schema or --table"), "{told:?}");
    assert!(told.iter().any(|it| it.contains("public.g_orders of acme, 8192 bytes")), "{told:?}");
    assert!(choose(&objects(one_role), &Wish::Own, Company::Unknown).is_err());
    for company in [Company::SameRole, Company::Unknown, Company::Alone] {
        check(one_role, &tables(&["a_*"]), company, "public: public.a_orders | public.g_orders");
        check(
            one_role,
            &tables(&["public.g_?rders"]),
            company,
            "public: public.g_orders | public.a_orders",
        );
    }
}

#[test]
fn what_is_named_must_be_there() {
    check(SHARED, &schemas(&["acme"]), Company::SameRole, "acme: acme.orders | ");
    check(
        SHARED,
        &schemas(&["acne"]),
        Company::Shared,
        "there is no schema acne of the application's in it",
    );
    check(
        SHARED,
        &tables(&["order"]),
        Company::Shared,
        "no table, view or sequence in it is called order",
    );
}

#[test]
fn a_schema_is_the_providers_by_its_owner_its_extension_or_its_name_there() {
    let mut objects =
        objects("auth of acme, extensions of postgres, storage of supabase_storage_admin");
    let told = |objects: &Objects| -> Vec<bool> {
        objects.schemas.iter().map(|it| provider_owned(it, objects).is_some()).collect()
    };
    assert_eq!(told(&objects), [false, false, true]);
    objects.is_supabase = true;
    assert_eq!(told(&objects), [true, true, true]);
}

#[test]
fn a_star_takes_any_letters() {
    for (pattern, name, expected) in [
        ("*", "", true),
        ("a*c", "abbc", true),
        ("a*c", "abbd", false),
        ("*a*b", "xaxxb", true),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("abc", "abcd", false),
    ] {
        assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
    }
}
