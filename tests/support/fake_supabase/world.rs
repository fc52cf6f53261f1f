//! What is there at Supabase, and what a test may look at and change.
//!
//! Invariant: a reference is never used twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use tokio::time::Instant;
use watertight::clock;
use watertight::local::cluster::Cluster;

use super::REGION;
use super::answer::{Answer, Request};
use super::faults::{Fault, Faults};
use super::limits::{self, Limits};
use super::projects::{Base, Fate, Project};

/// Supabase's own times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// From the creation until the project is active.
    pub(crate) coming_up: Duration,
    /// From then until the pooler knows it.
    pub(crate) pooler: Duration,
    /// From the deletion until it is listed no more.
    pub(crate) going_down: Duration,
    /// The lists are so far behind what is there.
    pub(crate) lag: Duration,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Of every time and window; 1 is Supabase's own time.
    pub(crate) scale: f64,
    pub(crate) unscaled: Times,
    /// Projects, at most.
    pub(crate) quota: Option<usize>,
}

impl Rules {
    pub(crate) fn times(&self) -> Times {
        let Times { coming_up, pooler, going_down, lag } = self.unscaled;
        Times {
            coming_up: coming_up.mul_f64(self.scale),
            pooler: pooler.mul_f64(self.scale),
            going_down: going_down.mul_f64(self.scale),
            lag: lag.mul_f64(self.scale),
        }
    }
}

pub(crate) struct World {
    pub(crate) rules: Rules,
    /// By reference, those that are gone included.
    pub(crate) projects: BTreeMap<String, Project>,
    /// With why it takes nobody, where it does not.
    pub(crate) regions: Vec<(&'static str, Option<&'static str>)>,
    pub(crate) limits: Limits,
    pub(crate) faults: Faults,
    /// What was asked and what it was answered, oldest first.
    pub(crate) asked: Vec<Asked>,
    /// Made by the last request, and not yet on their way up.
    pub(super) born: Vec<String>,
    /// Left by the last request.
    pub(super) fallen: Vec<Arc<Cluster>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) request: Request,
    /// 0 where none was given.
    pub(crate) status: u16,
}

impl World {
    pub(crate) fn new(scale: f64) -> Self {
        let unscaled = Times {
            coming_up: Duration::from_mins(1),
            pooler: Duration::from_secs(10),
            going_down: Duration::from_secs(20),
            lag: Duration::ZERO,
        };
        Self {
            rules: Rules { scale, unscaled, quota: None },
            projects: BTreeMap::new(),
            regions: vec![("eu-central-1", None), (REGION, None), ("us-east-1", None)],
            limits: Limits::default(),
            faults: Faults::default(),
            asked: Vec::new(),
            born: Vec::new(),
            fallen: Vec::new(),
        }
    }

    /// Judges, applies and answers one request.
    pub(crate) fn answer(&mut self, request: &Request, fault: Option<&Fault>) -> Answer {
        let (left, admitted) = self.limits.admit(request, self.rules.scale);
        let answer = match admitted {
            Ok(()) => self.route(request, fault),
            Err(refusal) => refusal,
        };
        self.note(request, answer.status);
        answer
            .with("x-ratelimit-limit", 120)
            .with("x-ratelimit-remaining", left.remaining)
            .with("x-ratelimit-reset", left.reset)
    }

    /// From now on this sort of request is refused, for so many of Supabase's seconds.
    pub(crate) fn limited(&mut self, request: &Request, reset: u64) -> Answer {
        self.limits.silence(request, reset, self.rules.scale);
        self.note(request, 429);
        limits::refusal()
            .with("x-ratelimit-limit", 120)
            .with("x-ratelimit-remaining", 0)
            .with("x-ratelimit-reset", reset)
    }

    /// The fault that a request meets, if it meets one.
    pub(super) fn meet(&mut self, request: &Request) -> Option<Fault> {
        let fault = self.faults.next(request)?;
        match fault {
            Fault::LostBefore | Fault::Hang | Fault::DoneLate(_) => self.note(request, 0),
            Fault::ErrorBefore(status) | Fault::Says(status, _) => self.note(request, status),
            Fault::Redirected(_) => self.note(request, 307),
            Fault::Endless => self.note(request, 200),
            _ => (),
        }
        Some(fault)
    }

    /// A request that got no further.
    pub(super) fn note(&mut self, request: &Request, status: u16) {
        self.asked.push(Asked { request: request.clone(), status });
    }

    /// A new project. Two may have one name.
    pub(crate) fn add(&mut self, name: &str, region: &str, password: &str) -> String {
        let mut random = rand::rng();
        let reference: String =
            (0..20).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect();
        let project = Project {
            reference: reference.clone(),
            name: name.to_owned(),
            region: region.to_owned(),
            password: password.to_owned(),
            created_at: clock::now(),
            born: Instant::now(),
            fate: Fate::Well,
            branch: false,
            deleted: None,
            cluster: None,
            up: None,
            looks: 0,
        };
        self.projects.insert(reference.clone(), project);
        reference
    }

    /// Those that are there, on their way out included.
    pub(crate) fn present(&self) -> impl Iterator<Item = &Project> {
        let times = self.rules.times();
        self.projects.values().filter(move |it| !it.is_removed(&times))
    }

    /// Those that somebody pays for.
    pub(crate) fn living(&self) -> impl Iterator<Item = &Project> {
        self.projects.values().filter(|it| it.deleted.is_none())
    }

    pub(crate) fn project(&mut self, reference: &str) -> &mut Project {
        self.projects.get_mut(reference).unwrap_or_else(|| panic!("no project {reference}"))
    }

    pub(crate) fn cluster(&self, reference: &str) -> Option<Arc<Cluster>> {
        self.projects.get(reference)?.cluster.clone()
    }

    /// Deletes a project, and with it the database that it stands on.
    pub(crate) fn delete(&mut self, reference: &str) {
        let Some(project) = self.projects.get_mut(reference) else { return };
        project.deleted.get_or_insert_with(Instant::now);
        let Some(cluster) = project.cluster.take() else { return };
        for other in self.projects.values_mut() {
            if other.cluster.as_ref().is_some_and(|it| Arc::ptr_eq(it, &cluster)) {
                self.fallen.extend(other.cluster.take());
            }
        }
        self.fallen.push(cluster);
    }

    /// `None` where a project is to come to nothing.
    pub(super) fn base(&self, reference: &str) -> Option<Base> {
        let project = self.projects.get(reference).filter(|it| it.comes_up())?;
        let other = match &project.fate {
            Fate::Host(_) | Fate::OtherUser => return Some(Base::Nowhere),
            Fate::InUse(other) => self.projects.get(other),
            _ => None,
        };
        let taken = other.and_then(|it| it.cluster.clone());
        Some(match taken {
            Some(cluster) => Base::Of(project.role(other), cluster),
            None => Base::New(project.role(None)),
        })
    }

    /// It is up. What nobody wants any more comes back.
    pub(super) fn put_on(
        &mut self,
        reference: &str,
        cluster: Option<Arc<Cluster>>,
    ) -> Option<Arc<Cluster>> {
        let Some(project) = self.projects.get_mut(reference).filter(|it| it.comes_up()) else {
            return cluster;
        };
        (project.cluster, project.up) = (cluster, Some(Instant::now()));
        None
    }

    pub(super) fn end(&mut self) -> Vec<Arc<Cluster>> {
        self.projects.values_mut().filter_map(|it| it.cluster.take()).collect()
    }

    /// Requests so far that were to make a project.
    pub(crate) fn creations(&self) -> usize {
        self.asked.iter().filter(|it| it.request.method == "POST").count()
    }
}
