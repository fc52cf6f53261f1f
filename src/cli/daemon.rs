//! The arguments of the commands that ask a running daemon over HTTP.
//!
//! Why no option takes the token itself: what stands on a command line is seen by every user of the machine.

use std::path::PathBuf;

use clap::Args;

use super::words;
use crate::report::Format;

/// Where the token is looked for, if no file is named.
pub const TOKEN_VARIABLE: &str = "WATERTIGHT_TOKEN";

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  \
        watertight gate --url https://watertight.example.com\n  \
        watertight gate --url http://127.0.0.1:9877 --environment production --format json\n\n\
        Exit codes:\n  0   it may go ahead\n  1   it may not: isolation is broken\n  2   wrong usage or token\n  \
        3   nobody can say: the last scan is too old, covers too little, or the daemon does not answer\n  \
        70  a fault of watertight's own",
    after_long_help = "Examples:\n  \
        watertight gate --url https://watertight.example.com\n  \
        watertight gate --url http://127.0.0.1:9877 --environment production --format json\n\n\
        The token is read from --token-file, or from the environment variable WATERTIGHT_TOKEN. It needs the role \
        of a viewer. A daemon that does not answer is asked again, for about a minute in all.\n\n\
        Exit codes:\n  0   it may go ahead\n  1   it may not: isolation is broken\n  2   wrong usage or token\n  \
        3   nobody can say: the last scan is too old, covers too little, or the daemon does not answer\n  \
        70  a fault of watertight's own"
)]
pub struct GateArgs {
    /// Where the daemon listens
    #[arg(long, value_name = "URL", value_parser = url)]
    pub url: String,
    /// Judge only the tenants of this environment
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// File with the token, instead of the environment variable `WATERTIGHT_TOKEN`
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// How the decision is written
    #[arg(long, short, value_name = "FORMAT", default_value = "table", value_parser = words::listing())]
    pub format: Format,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  \
        watertight healthcheck\n  watertight healthcheck --url http://127.0.0.1:9877\n\n\
        Exit codes:\n  0  it is ready\n  1  it is not, or it does not answer\n  2  wrong usage or configuration")]
pub struct HealthcheckArgs {
    /// Where the daemon listens [default: as `http.listen` says]
    #[arg(long, value_name = "URL", value_parser = url)]
    pub url: Option<String>,
}

fn url(text: &str) -> Result<String, &'static str> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match rest {
        Some(rest) if rest.contains('@') => Err("a token or password does not belong into a URL"),
        Some(rest) if !rest.is_empty() => Ok(text.to_owned()),
        _ => Err("write for example https://watertight.example.com"),
    }
}
