//! Completions and manual pages, made from the same definitions as the help.
//!
//! Why everything is gathered before it is written: the generators panic when a pipe closes.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;

pub fn completions(shell: Shell, out: &mut dyn Write) -> io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "watertight", &mut script);
    out.write_all(&script)
}

/// One page for each command, one after another.
pub fn man(out: &mut dyn Write) -> io::Result<()> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    page(&command, out)
}

fn page(command: &clap::Command, out: &mut dyn Write) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .title(name.to_uppercase())
        .source(concat!("watertight ", env!("CARGO_PKG_VERSION")))
        .manual("Watertight")
        .render(&mut page)?;
    out.write_all(&page)?;
    command.get_subcommands().filter(|it| !it.is_hide_set()).try_for_each(|it| self::page(it, out))
}
