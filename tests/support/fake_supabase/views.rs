//! Answers as Supabase's document has them.

use super::answer::{Answer, Request};
use super::projects::{Fate, Project};
use super::world::World;
use super::{ORGANIZATION, REGION};
use serde_json::{Value, json};

/// For transactions, as Supabase's own says it.
const POOLER: u16 = 6543;

impl World {
    /// As the lists know it, which may be behind.
    pub(super) fn listed(&self) -> Vec<Project> {
        let times = self.rules.times();
        let seen = |it: &&Project| {
            let leaves = times.going_down.max(times.lag);
            times.lag <= it.born.elapsed() && it.deleted.is_none_or(|at| at.elapsed() < leaves)
        };
        let as_then = |it: &Project| {
            let mut project = it.clone();
            project.deleted = it.deleted.filter(|at| times.lag <= at.elapsed());
            project
        };
        self.projects.values().filter(seen).map(as_then).collect()
    }

    pub(super) fn shown_list(listed: &[Project], offset: usize, limit: usize) -> Answer {
        let page: Vec<Value> = listed.iter().skip(offset).take(limit).map(in_list).collect();
        let pagination = json!({ "count": listed.len(), "limit": limit, "offset": offset });
        Answer::of(200, &json!({ "projects": page, "pagination": pagination }))
    }

    pub(super) fn shown_creation(&mut self, reference: &str) -> Answer {
        Answer::of(201, &by_itself(self.project(reference)))
    }

    pub(super) fn shown_deletion(&mut self, reference: &str) -> Answer {
        let name = self.project(reference).name.clone();
        Answer::of(200, &json!({ "id": 1, "ref": reference, "name": name }))
    }

    pub(super) fn show_project(&mut self, reference: &str) -> Answer {
        let mut project = by_itself(self.project(reference));
        project["database"] = json!({
            "host": format!("db.{reference}.localhost"),
            "version": "15.1.0.147",
            "postgres_engine": "15",
            "release_channel": "ga",
        });
        Answer::of(200, &project)
    }

    pub(super) fn show_regions(&self, request: &Request) -> Answer {
        if request.asked("organization_slug") != Some(ORGANIZATION) {
            return Answer::refusal(404, "Organization not found");
        }
        let group = json!({ "name": "EMEA", "code": "emea", "type": "smartGroup" });
        let specific = self.regions.iter().map(|(code, closed)| {
            let mut region =
                json!({ "name": code, "code": code, "type": "specific", "provider": "AWS" });
            if let Some(closed) = closed {
                region["status"] = json!(closed);
            }
            region
        });
        let specific: Vec<Value> = specific.collect();
        let all = json!({ "smartGroup": [group.clone()], "specific": specific });
        let recommendations = json!({ "smartGroup": group, "specific": [] });
        Answer::of(200, &json!({ "recommendations": recommendations, "all": all }))
    }

    pub(super) fn show_health(&mut self, reference: &str, services: &str) -> Answer {
        let times = self.rules.times();
        let project = self.project(reference);
        project.looks += 1;
        let flaps = project.fate == Fate::Flapping && project.looks % 2 == 1;
        let (is_up, is_pooled) = (project.up.is_some(), project.is_pooled(&times));
        let one = |name: &str| match name {
            "pooler" if is_up && !is_pooled => {
                service(name, "UNHEALTHY", Some(r#"{"error":"not found"}"#))
            }
            _ if flaps => service(name, "UNHEALTHY", Some("failed to retrieve health")),
            _ if is_up => service(name, "ACTIVE_HEALTHY", None),
            _ => service(name, "COMING_UP", None),
        };
        Answer::of(200, &services.split(',').map(one).collect())
    }

    pub(super) fn show_pooler(&mut self, reference: &str) -> Answer {
        let pooler = self.pooler_of(reference);
        Answer::of(200, &Value::Array(pooler.into_iter().collect()))
    }

    pub(crate) fn pooler_of(&self, reference: &str) -> Option<Value> {
        let project = self.projects.get(reference)?;
        if !project.is_pooled(&self.rules.times()) {
            return None;
        }
        let port = project.cluster.as_deref().and_then(|it| it.port().ok()).unwrap_or(POOLER);
        let host = if let Fate::Host(host) = project.fate { host } else { "127.0.0.1" };
        let user = match project.fate {
            Fate::OtherUser => "postgres.zzzzzzzzzzzzzzzzzzzz".to_owned(),
            _ => project.user(),
        };
        let text = format!("postgresql://{user}:[YOUR-PASSWORD]@{host}:{port}/postgres");
        Some(json!({
            "identifier": reference,
            "database_type": "PRIMARY",
            "is_using_scram_auth": true,
            "db_user": user,
            "db_host": host,
            "db_port": port,
            "db_name": "postgres",
            "connection_string": text,
            "connectionString": text,
            "default_pool_size": 15,
            "max_client_conn": 200,
            "pool_mode": "transaction",
        }))
    }
}

fn by_itself(project: &Project) -> Value {
    json!({
        "id": project.reference,
        "ref": project.reference,
        "organization_id": ORGANIZATION,
        "organization_slug": ORGANIZATION,
        "name": project.name,
        "region": project.region,
        "created_at": project.created_at.to_string(),
        "status": project.status(),
    })
}

fn in_list(project: &Project) -> Value {
    json!({
        "ref": project.reference,
        "name": project.name,
        "cloud_provider": "AWS",
        "region": project.region,
        "is_branch": project.branch,
        "status": project.status(),
        "inserted_at": project.created_at.to_string(),
        "databases": [{
            "identifier": project.reference,
            "type": "PRIMARY",
            "status": "UNKNOWN",
            "region": REGION,
            "cloud_provider": "AWS",
        }],
    })
}

fn service(name: &str, status: &str, error: Option<&str>) -> Value {
    let mut service =
        json!({ "name": name, "healthy": status == "ACTIVE_HEALTHY", "status": status });
    if let Some(error) = error {
        service["error"] = json!(error);
    }
    service
}
