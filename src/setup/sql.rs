//! Runs the SQL files of a setup, each as one transaction on a connection of its own.
//!
//! Why a connection for each: what a file sets for its session must not change what the next one means, and the bound of
//! what a server may answer then holds for each.
//!
//! Why the transaction's own time is looked at before it is committed: a file that ended the transaction and began
//! another one, in whatever way, is not whole or nothing any more. It fails, and it is said why.

use std::time::Duration;

use tokio::time::Instant;

use super::SetupError;
use super::files::SqlFile;
use super::mask::Mask;
use crate::model::tenant::TenantId;
use crate::probe::Prober;
use crate::probe::errand::Errand;
use crate::probe::session::{Session, Trouble};
use crate::secret::Secret;

/// A transaction keeps this time from its beginning to its end. As a number, because a file may set how times are shown.
const BEGUN: &str = "SELECT pg_catalog.int8(pg_catalog.date_part('epoch', pg_catalog.now()) OPERATOR(pg_catalog.*) 1000000)";

/// The class of errors whose messages quote the values that they reject.
const QUOTING: &str = "22";

pub(super) async fn run(
    files: &[SqlFile],
    prober: &Prober,
    url: &Secret,
    tenant: &TenantId,
    mask: &Mask,
    limit: Duration,
) -> Result<Vec<String>, SetupError> {
    let errand = Errand::by_url(tenant, url)?;
    let end = Instant::now() + limit;
    let mut done = Vec::with_capacity(files.len());
    for file in files {
        let opened = errand.open(prober).await;
        let mut session =
            opened.map_err(|failure| SetupError::Reach { detail: mask.apply(&failure.detail) })?;
        let began = Instant::now();
        let ran = whole(&mut session, file, end.saturating_duration_since(began)).await;
        session.close().await;
        ran.map_err(|it| failed(file, &it, mask))?;
        tracing::info!(%tenant, file = %file.name, took = ?began.elapsed(), "a setup's file is done");
        done.push(file.name.clone());
    }
    Ok(done)
}

/// What went wrong with a file.
enum Wrong {
    /// Around the file.
    Frame(Trouble),
    Within(Trouble),
    LeftItsTransaction,
}

async fn whole(session: &mut Session, file: &SqlFile, limit: Duration) -> Result<(), Wrong> {
    let millis = limit.as_millis().clamp(1, i32::MAX as u128);
    // The server ends what we can no longer end.
    let begin = format!(
        "BEGIN; SET LOCAL statement_timeout = {millis}; \
         SET LOCAL idle_in_transaction_session_timeout = {millis}; {BEGUN}"
    );
    let opened = session.run(&begin, limit).await.map_err(Wrong::Frame)?;
    session.run(&file.text, limit).await.map_err(Wrong::Within)?;
    let ending = session.run(BEGUN, limit).await.map_err(Wrong::Frame)?;
    if opened.is_empty() || opened != ending {
        return Err(Wrong::LeftItsTransaction);
    }
    session.run("COMMIT", limit).await.map(drop).map_err(Wrong::Frame)
}

fn failed(file: &SqlFile, wrong: &Wrong, mask: &Mask) -> SetupError {
    let (trouble, line) = match wrong {
        Wrong::LeftItsTransaction => {
            return SetupError::Sql {
                file: file.name.clone(),
                line: None,
                detail: "it ended its transaction, and each file is one: remove what ends it"
                    .to_owned(),
            };
        }
        Wrong::Frame(trouble) => (trouble, None),
        Wrong::Within(trouble) => (trouble, trouble.position.map(|it| line(&file.text, it))),
    };
    let detail = match &trouble.code {
        Some(code) if code.starts_with(QUOTING) => {
            format!("the server says {code}, and its message would quote a value")
        }
        _ => mask.apply(&trouble.failure.detail),
    };
    SetupError::Sql { file: file.name.clone(), line, detail }
}

/// `position` counts characters from 1.
fn line(text: &str, position: u32) -> usize {
    let before = usize::try_from(position).unwrap_or(usize::MAX).saturating_sub(1);
    1 + text.chars().take(before).filter(|it| *it == '\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_in_characters_is_a_line() {
        let text = "ää\nbb\ncc";
        assert_eq!([1, 2, 4, 7, 900].map(|it| line(text, it)), [1, 1, 2, 3, 3]);
    }
}
