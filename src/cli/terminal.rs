//! What may be shown where: colour, width and progress.
//!
//! Why one decision: a program that colours its errors in a log file or draws bars into a pipe breaks the scripts
//! around it.

use std::io::{IsTerminal, stderr, stdout};

use comfy_table::{ContentArrangement, Table};

use super::Global;
use crate::report::Style;

/// What surrounds the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surroundings {
    pub stdout_is_terminal: bool,
    pub stderr_is_terminal: bool,
    /// `NO_COLOR` is set and not empty.
    pub no_color: bool,
    /// In columns; `None` where standard output is no terminal.
    pub width: Option<u16>,
}

impl Surroundings {
    pub fn here() -> Self {
        Self {
            stdout_is_terminal: stdout().is_terminal(),
            stderr_is_terminal: stderr().is_terminal(),
            no_color: std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty()),
            // Some terminals that are none, such as a recorded session, say 0.
            width: Table::new()
                .set_content_arrangement(ContentArrangement::Dynamic)
                .width()
                .filter(|it| 0 < *it),
        }
    }

    /// For what goes to standard output.
    pub fn style(self, global: &Global) -> Style {
        Style {
            colour: self.stdout_is_terminal && self.may_decorate(global),
            // Lines longer than this are hard to follow from one side to the other.
            width: self.width.map_or(Style::default().width, |it| it.min(160)),
            verbose: global.verbose,
        }
    }

    /// For logs on standard error.
    pub fn colours_logs(self, global: &Global) -> bool {
        self.stderr_is_terminal && self.may_decorate(global)
    }

    pub fn shows_progress(self, global: &Global) -> bool {
        self.stderr_is_terminal && self.may_decorate(global)
    }

    const fn may_decorate(self, global: &Global) -> bool {
        !self.no_color && !global.no_color && !global.quiet
    }
}
