//! One thing that is wrong with the configuration, and how to mend it.
//!
//! Why values and not an error at the first: whoever mends a configuration should not find its faults one run at a time.

use std::fmt;

/// Shows no value of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// A file's path, or the environment variable's name.
    pub file: String,
    /// Counted from 1; `None` where the place has no lines.
    pub line: Option<u32>,
    /// `probe.timeout`, `tenants[3].database_url`; empty for the file as a whole.
    pub key: String,
    pub message: String,
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(formatter, ": {}", self.key)?;
        }
        write!(formatter, ": {}; {}", self.message, self.remedy)
    }
}
