//! Reads the command line, and words what is wrong with it.
//!
//! Why not clap's own way out: its messages repeat what was typed, and what was typed in the wrong place may be a
//! connection URL with its password. Nothing that looks like one is repeated.

use std::ffi::OsString;

use clap::Parser;

use super::Cli;

/// What to print instead of running a command: wrong usage, or the help that was asked for.
#[derive(Debug)]
pub struct Shown {
    pub text: String,
    /// For standard output; wrong usage goes to standard error.
    pub is_result: bool,
    /// 0, or 2 for wrong usage.
    pub code: u8,
}

/// `arguments` begins with the program's name.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, Shown> {
    let arguments: Vec<OsString> = arguments.collect();
    Cli::try_parse_from(&arguments).map_err(|error| Shown {
        text: masked(error.to_string(), &arguments),
        is_result: !error.use_stderr(),
        code: u8::try_from(error.exit_code()).unwrap_or(2),
    })
}

fn masked(text: String, arguments: &[OsString]) -> String {
    let suspects = arguments.iter().skip(1).map(|it| it.to_string_lossy());
    suspects.filter(|it| it.contains("://") || it.contains("password")).fold(text, |text, it| {
        // clap repeats the whole of it, or what it takes for the value of `--option=value` or of `-ovalue`.
        let value = it.split_once('=').map_or("", |(_, value)| value);
        let attached = it.strip_prefix('-').and_then(|it| it.get(1..)).unwrap_or_default();
        [&*it, value, attached]
            .into_iter()
            .filter(|it| !it.is_empty())
            .fold(text, |text, secret| text.replace(secret, "***"))
    })
}
