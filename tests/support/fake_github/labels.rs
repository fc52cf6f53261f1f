//! Labels of a repository and of an issue.
//!
//! A label that is named at an issue and does not exist is made, as GitHub does for whoever may write.

use serde_json::{Value, json};

use super::answer::{Answer, Request};
use super::identity::Caller;
use super::issues::texts;
use super::world::{Label, World};
use watertight::clock;

/// In characters.
const LONGEST_NAME: usize = 50;
const LONGEST_DESCRIPTION: usize = 100;

const USUAL_COLOR: &str = "ededed";

impl World {
    pub(crate) fn unfit_label(name: &str) -> Option<Answer> {
        if name.trim().is_empty() {
            return Some(Answer::invalid("Label", "name", "missing_field", ""));
        }
        (LONGEST_NAME < name.chars().count()).then(|| {
            let message = format!("name is too long (maximum is {LONGEST_NAME} characters)");
            Answer::invalid("Label", "name", "custom", &message)
        })
    }

    pub(crate) fn ensure_label(&mut self, repository: &str, name: &str) {
        let exists =
            self.repository(repository).labels.iter().any(|it| it.name.eq_ignore_ascii_case(name));
        if !exists {
            let id = self.new_id();
            let (name, color) = (name.to_owned(), USUAL_COLOR.to_owned());
            self.repository(repository).labels.push(Label { id, name, color, description: None });
        }
    }

    pub(crate) fn in_labels(&mut self, request: &Request, name: &str, rest: &[&str]) -> Answer {
        match (request.method.as_str(), rest) {
            ("GET", []) => {
                let repository = self.repository(name).clone();
                let views = repository.labels.iter().map(|it| self.label_view(name, it)).collect();
                self.page(request, repository.id, views)
            }
            ("POST", []) => self.create_label(request, name),
            ("GET", [label]) => self.show_label(name, label),
            ("PATCH", [label]) => self.edit_label(request, name, label),
            _ => Answer::refusal(404, "Not Found"),
        }
    }

    fn create_label(&mut self, request: &Request, repository: &str) -> Answer {
        let name = request.field("name").as_str().unwrap_or_default().to_owned();
        if let Some(refusal) = Self::unfit_label(&name).or_else(|| unfit_looks(request)) {
            return refusal;
        }
        let labels = &self.repository(repository).labels;
        if labels.iter().any(|it| it.name.eq_ignore_ascii_case(&name)) {
            return Answer::invalid("Label", "name", "already_exists", "");
        }
        self.ensure_label(repository, &name);
        self.paint(request, repository, &name);
        let answer = self.show_label(repository, &name);
        Answer { status: 201, ..answer }
    }

    fn edit_label(&mut self, request: &Request, repository: &str, name: &str) -> Answer {
        if let Some(refusal) = unfit_looks(request) {
            return refusal;
        }
        self.paint(request, repository, name);
        self.show_label(repository, name)
    }

    fn paint(&mut self, request: &Request, repository: &str, name: &str) {
        let labels = &mut self.repository(repository).labels;
        let Some(label) = labels.iter_mut().find(|it| it.name.eq_ignore_ascii_case(name)) else {
            return;
        };
        if let Some(color) = request.field("color").as_str() {
            color.clone_into(&mut label.color);
        }
        if let Some(description) = request.field("description").as_str() {
            label.description = Some(description.to_owned());
        }
    }

    fn show_label(&mut self, repository: &str, name: &str) -> Answer {
        let labels = self.repository(repository).labels.clone();
        match labels.iter().find(|it| it.name.eq_ignore_ascii_case(name)) {
            Some(label) => Answer::of(200, self.label_view(repository, label)),
            None => Answer::refusal(404, "Not Found"),
        }
    }

    /// As a list of labels, made up where they are not known any more.
    pub(crate) fn label_views(&self, repository: &str, names: &[String]) -> Value {
        let known = self.repositories.get(repository).map(|it| it.labels.as_slice());
        let views = names.iter().map(|name| {
            let label = known.into_iter().flatten().find(|it| it.name.eq_ignore_ascii_case(name));
            label.map_or_else(|| json!({ "name": name }), |it| self.label_view(repository, it))
        });
        views.collect()
    }

    pub(crate) fn issue_labels(&mut self, (name, number): (&str, u64)) -> Answer {
        let labels = self.issue(name, number).labels.clone();
        Answer::of(200, self.label_views(name, &labels))
    }

    /// Adds, or with PUT replaces.
    pub(crate) fn label_issue(
        &mut self,
        caller: &Caller,
        request: &Request,
        (name, number): (&str, u64),
    ) -> Answer {
        let given =
            texts(request.field("labels")).or_else(|| request.body.as_ref().and_then(texts));
        let Some(given) = given else {
            return Answer::invalid("Label", "labels", "invalid", "");
        };
        if let Some(refusal) = given.iter().find_map(|it| Self::unfit_label(it)) {
            return refusal;
        }
        for label in &given {
            self.ensure_label(name, label);
        }
        let issue = self.issue(name, number);
        issue.updated_at = clock::now();
        let mut labels = issue.labels.clone();
        if request.method == "PUT" {
            labels.clear();
        }
        for label in given {
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        self.set_labels((name, number), labels, caller.login());
        self.issue_labels((name, number))
    }

    pub(crate) fn unlabel_issue(
        &mut self,
        caller: &Caller,
        (name, number): (&str, u64),
        label: &str,
    ) -> Answer {
        let mut labels = self.issue(name, number).labels.clone();
        let before = labels.len();
        labels.retain(|it| !it.eq_ignore_ascii_case(label));
        if labels.len() == before {
            return Answer::refusal(404, "Label does not exist");
        }
        self.set_labels((name, number), labels, caller.login());
        self.issue_labels((name, number))
    }

    /// What comes and what goes is noted, with who did it.
    pub(crate) fn set_labels(&mut self, place: (&str, u64), labels: Vec<String>, by: &str) {
        let before = self.issue(place.0, place.1).labels.clone();
        let among =
            |all: &[String], one: &String| all.iter().any(|it| it.eq_ignore_ascii_case(one));
        for label in labels.iter().filter(|it| !among(&before, it)) {
            self.note(place, by, "labeled", Some(label));
        }
        for label in before.iter().filter(|it| !among(&labels, it)) {
            self.note(place, by, "unlabeled", Some(label));
        }
        self.issue(place.0, place.1).labels = labels;
    }
}

fn unfit_looks(request: &Request) -> Option<Answer> {
    let color = request.field("color");
    let hex = |it: &str| it.len() == 6 && it.chars().all(|it| it.is_ascii_hexdigit());
    if !color.is_null() && !color.as_str().is_some_and(hex) {
        return Some(Answer::invalid("Label", "color", "invalid", ""));
    }
    let description = request.field("description").as_str().unwrap_or_default();
    (LONGEST_DESCRIPTION < description.chars().count()).then(|| {
        let message =
            format!("description is too long (maximum is {LONGEST_DESCRIPTION} characters)");
        Answer::invalid("Label", "description", "custom", &message)
    })
}
