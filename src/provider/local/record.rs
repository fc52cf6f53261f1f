//! What is kept of a project, in a file of its own in the project's directory.
//!
//! Why it comes before everything else and goes with everything else: a directory that bears a project's reference always
//! says whose it is, so whatever a killed process has left there can be found by its name and removed.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::local::LocalError;
use crate::local::ground::Ground;
use crate::secret::Secret;

const FILE: &str = "project.json";
const UNFINISHED: &str = "project.json.new";
/// In bytes.
const LARGEST: u64 = 64 * 1024;

#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) name: Box<str>,
    pub(super) created_at: Timestamp,
    pub(super) port: u16,
    /// Of the application's role; `None` once its database has been made.
    pub(super) unmade: Option<Secret>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    created_at: String,
    port: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unmade: Option<String>,
}

impl Record {
    /// Whole or not at all.
    pub(super) fn write(&self, plot: &Ground) -> Result<(), LocalError> {
        let written = Written {
            name: self.name.clone().into(),
            created_at: self.created_at.to_string(),
            port: self.port,
            unmade: self.unmade.as_ref().map(|it| it.expose().to_owned()),
        };
        let (unfinished, file) = (plot.path().join(UNFINISHED), plot.path().join(FILE));
        let text = serde_json::to_string_pretty(&written);
        let text = text.expect("texts and a number are JSON");
        plot.write(&unfinished, &text)?;
        fs::rename(&unfinished, &file).map_err(LocalError::file("write", &file))
    }

    /// `None` where it cannot be read.
    pub(super) fn read(plot: &Path) -> Option<Self> {
        let file = plot.join(FILE);
        if LARGEST < fs::metadata(&file).ok()?.len() {
            return None;
        }
        let written: Written = serde_json::from_slice(&fs::read(&file).ok()?).ok()?;
        Some(Self {
            name: written.name.into(),
            created_at: written.created_at.parse().ok()?,
            port: written.port,
            unmade: written.unmade.map(Secret::new),
        })
    }
}
