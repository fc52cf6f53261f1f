//! Which request asks for what, and what is done about it.

use serde_json::{Value, json};

use super::answer::{Answer, Request};
use super::faults::Fault;
use super::world::World;
use super::{ORGANIZATION, TOKEN};

/// Verbatim, as it was seen.
pub(crate) const QUOTA: &str = "The following organization members have reached their maximum limits for the number of active free projects within organizations where they are an administrator or owner: NAME (2 project limit). To continue, these users will need to either delete, pause or upgrade one or more of these projects.";

const NOT_FOUND: &str = "Project not found";

/// What a creation may say. Anything else is a mistake that Supabase tells.
const CREATION: [&str; 10] = [
    "db_pass",
    "name",
    "organization_slug",
    "organization_id",
    "plan",
    "region",
    "region_selection",
    "desired_instance_size",
    "postgres_engine",
    "release_channel",
];

const LONGEST_NAME: usize = 256;
const PAGE: usize = 100;

impl World {
    pub(super) fn route(&mut self, request: &Request, fault: Option<&Fault>) -> Answer {
        if request.token.as_deref() != Some(TOKEN) {
            return Answer::refusal(401, "Unauthorized");
        }
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        match (request.method.as_str(), path.as_slice()) {
            ("POST", ["v1", "projects"]) => self.create(request, fault),
            ("GET", ["v1", "projects", "available-regions"]) => self.show_regions(request),
            ("GET", ["v1", "organizations", slug, "projects"]) => self.list(request, slug),
            (method, ["v1", "projects", reference, rest @ ..]) => {
                self.in_project(request, method, reference, rest)
            }
            _ => Answer::refusal(404, "Cannot find that"),
        }
    }

    fn in_project(
        &mut self,
        request: &Request,
        method: &str,
        reference: &str,
        rest: &[&str],
    ) -> Answer {
        if !self.present().any(|it| it.reference == reference && !it.branch) {
            return Answer::refusal(404, NOT_FOUND);
        }
        match (method, rest) {
            ("GET", []) => self.show_project(reference),
            ("DELETE", []) => {
                let shown = self.shown_deletion(reference);
                self.delete(reference);
                shown
            }
            ("GET", ["health"]) => match request.asked("services") {
                Some(services) => self.show_health(reference, services),
                None => Answer::refusal(400, "services: Required"),
            },
            ("GET", ["config", "database", "pooler"]) => self.show_pooler(reference),
            _ => Answer::refusal(404, "Cannot find that"),
        }
    }

    fn create(&mut self, request: &Request, fault: Option<&Fault>) -> Answer {
        let (name, region, password) = match self.creation(request.body.as_ref()) {
            Ok(creation) => creation,
            Err(refusal) => return refusal,
        };
        if self.rules.quota.is_some_and(|it| it <= self.living().count()) {
            return Answer::refusal(400, QUOTA);
        }
        let reference = self.add(&name, &region, &password);
        let answer = self.shown_creation(&reference);
        match fault {
            Some(Fault::Forgotten) => {
                self.projects.remove(&reference);
                return answer;
            }
            Some(Fault::Fated(fate)) => self.project(&reference).fate = fate.clone(),
            _ => (),
        }
        self.born.push(reference);
        answer
    }

    /// Name, region and password.
    fn creation(&self, body: Option<&Value>) -> Result<(String, String, String), Answer> {
        let wrong = |message: &str| Err(Answer::refusal(400, message));
        let Some(Value::Object(fields)) = body else { return wrong("Expected object") };
        if let Some(unknown) = fields.keys().find(|it| !CREATION.contains(&it.as_str())) {
            return wrong(&format!("Unrecognized key(s) in object: '{unknown}'"));
        }
        let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        let (Some(name), Some(password)) = (text("name"), text("db_pass")) else {
            return wrong("name, db_pass: Required");
        };
        if name.is_empty() || LONGEST_NAME < name.chars().count() || password.is_empty() {
            return wrong("name: String must contain at most 256 character(s)");
        }
        if text("organization_slug").as_deref() != Some(ORGANIZATION) {
            return Err(Answer::refusal(404, "Organization not found"));
        }
        let selection = fields.get("region_selection").unwrap_or(&Value::Null);
        let code = selection.get("code").and_then(Value::as_str).unwrap_or_default();
        let open = self.regions.iter().any(|(it, closed)| *it == code && closed.is_none());
        if selection.get("type") != Some(&json!("specific")) || !open {
            return wrong("Region is not available");
        }
        Ok((name, code.to_owned(), password))
    }

    fn list(&mut self, request: &Request, slug: &str) -> Answer {
        if slug != ORGANIZATION {
            return Answer::refusal(404, "Organization not found");
        }
        let number =
            |key: &str, usual: usize| request.asked(key).map_or(Some(usual), |it| it.parse().ok());
        let (Some(offset), Some(limit)) = (number("offset", 0), number("limit", PAGE)) else {
            return Answer::refusal(400, "offset, limit: Expected number");
        };
        if !(1..=PAGE).contains(&limit) {
            return Answer::refusal(400, "limit: Number must be less than or equal to 100");
        }
        let search = request.asked("search").unwrap_or_default().to_lowercase();
        let mut listed = self.listed();
        listed.retain(|it| it.name.to_lowercase().contains(&search));
        match request.asked("sort").unwrap_or("name_asc") {
            "created_asc" => listed.sort_by_key(|it| (it.created_at, it.reference.clone())),
            "name_asc" => listed.sort_by_key(|it| (it.name.clone(), it.reference.clone())),
            _ => return Answer::refusal(400, "sort: the fake knows no other"),
        }
        Self::shown_list(&listed, offset, limit)
    }
}
