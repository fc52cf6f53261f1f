//! The binary: hands the command line to the library and its answer to the operating system.
//!
//! Why nothing else: whatever is decided here could not be tested.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(watertight::app::run())
}
