//! `gate`: asks a running daemon whether a deployment may go ahead.

use std::io::{self, Write};

use super::{Ended, print};
use crate::cli::daemon::{GateArgs, TOKEN_VARIABLE};
use crate::client::remote::{self, Asked};
use crate::report::Format;
use crate::report::gate::DecisionView;
use crate::report::judge::Exit;
use crate::report::visible::visible;
use crate::secret::{Secret, SecretRef};

pub(super) async fn gate(args: &GateArgs) -> anyhow::Result<Ended> {
    let token = match token(args) {
        Ok(token) => token,
        Err(refused) => return Ok(refused),
    };
    let asked = remote::gate(&args.url, args.environment.as_deref(), token.as_ref()).await?;
    let decision = match asked {
        Asked::Decided(decision) => decision,
        Asked::Refused(why) => return Ok(Ended::refused(visible(&why))),
        Asked::NoAnswer(why) => {
            tracing::error!("no decision from {}: {}", args.url, visible(&why));
            return Ok(Ended::Judged(Exit::Unverified));
        }
    };
    print(|out| match args.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &decision)?;
            writeln!(out)
        }
        _ => tell(&decision, out),
    })?;
    Ok(Ended::Judged(match (decision.allow, &*decision.state) {
        (true, _) => Exit::Clean,
        (false, "forbidden") => Exit::Findings,
        (false, _) => Exit::Unverified,
    }))
}

/// `None` where none is named: a daemon on loopback may need none.
fn token(args: &GateArgs) -> Result<Option<Secret>, Ended> {
    let place = match &args.token_file {
        Some(path) => SecretRef::File(path.as_path().into()),
        None if std::env::var_os(TOKEN_VARIABLE).is_none() => return Ok(None),
        None => SecretRef::Environment(TOKEN_VARIABLE.into()),
    };
    match place.read() {
        Ok(token) => Ok(Some(Secret::new(token.expose().trim()))),
        Err(error) => Err(Ended::refused(format!("{:#}", anyhow::Error::new(error)))),
    }
}

fn tell(decision: &DecisionView, out: &mut dyn Write) -> io::Result<()> {
    let state = decision.state.to_uppercase();
    writeln!(out, "{}: {}", visible(&state), visible(&decision.detail))?;
    for finding in &decision.findings {
        let tenants = finding.tenants.join(", ");
        let (severity, kind) = (visible(&finding.severity), visible(&finding.kind));
        writeln!(out, "  {severity} {kind}: {}", visible(&tenants))?;
        writeln!(out, "    {}", visible(&finding.summary))?;
    }
    let left_out = decision.findings_total.saturating_sub(decision.findings.len());
    if 0 < left_out {
        writeln!(out, "  and {left_out} more")?;
    }
    if let Some(scan) = &decision.scan {
        writeln!(out, "scan {}", visible(scan))?;
    }
    Ok(())
}
