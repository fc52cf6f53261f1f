//! `config check` and `config show`.
//!
//! Why a missing file is refused here and nowhere else: whoever asks whether the configuration is right wants to know
//! that there is none.

use super::{Ended, platform, print};
use crate::cli::{ConfigCommand, Global};
use crate::config::NoFile;

pub(super) fn run(global: &Global, command: ConfigCommand) -> anyhow::Result<Ended> {
    let config = match platform::configuration(global, NoFile::Refused) {
        Ok(config) => config,
        Err(refused) => return Ok(refused),
    };
    match command {
        ConfigCommand::Check => {
            print(|out| writeln!(out, "{}: everything can be used", config.file))?;
        }
        ConfigCommand::Show => print(|out| write!(out, "{}", config.show()))?,
    }
    Ok(Ended::Well)
}
