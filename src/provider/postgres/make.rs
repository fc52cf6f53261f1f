//! The statements that make a project and take one away, in the order that leaves nothing unfound.
//!
//! Why the role comes first and goes last: it bears the mark, and what bears the mark is found and removed. A database
//! cannot be made in a transaction, so it is closed until one transaction has put everything right and opens it.

use jiff::Timestamp;
use postgres_protocol::escape::{escape_identifier, escape_literal};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::failure::Broken;
use super::look::{self, Database, KEY, MARK};
use crate::secret::Secret;

/// Connections to one project's database, so that a tenant cannot use up the server's.
const CONNECTIONS: u32 = 30;

pub(super) async fn create(
    client: &Client,
    name: &str,
    verifier: &Secret,
    now: Timestamp,
) -> Result<(), Broken> {
    lock(client, name).await?;
    let (owner, mark) = (escape_identifier(name), escape_literal(&format!("{MARK}{now}")));
    // Several statements in one message are one transaction: there is no role of ours without the mark.
    let mut role = format!(
        "create role {owner} login password {}; comment on role {owner} is {mark}",
        escape_literal(verifier.expose())
    );
    if !is_superuser(client).await? {
        // Only a member of the owner may make its database, and later drop it.
        role.push_str(&format!("; grant {owner} to current_user"));
    }
    client.batch_execute(&role).await?;
    if let Err(error) = database(client, &owner, &mark).await {
        return Err(match remove(client, name).await {
            Ok(()) => Broken::Server(error),
            Err(_) => Broken::HalfDone(error),
        });
    }
    Ok(())
}

/// From the one template that nobody is ever connected to, and that is the same for every tenant.
async fn database(client: &Client, owner: &str, mark: &str) -> Result<(), tokio_postgres::Error> {
    let create = format!(
        "create database {owner} owner {owner} template template0 allow_connections false connection limit {CONNECTIONS}"
    );
    client.batch_execute(&create).await?;
    let open = format!(
        "revoke all on database {owner} from public; comment on database {owner} is {mark}; \
         alter database {owner} allow_connections true; select pg_catalog.pg_advisory_unlock_all()"
    );
    client.batch_execute(&open).await
}

/// What does not bear the mark is none of ours, and so of ours nothing is there.
pub(super) async fn delete(client: &Client, name: &str) -> Result<(), Broken> {
    lock(client, name).await?;
    remove(client, name).await
}

async fn remove(client: &Client, name: &str) -> Result<(), Broken> {
    let Some(found) = look::one(client, name).await? else { return Ok(()) };
    let owner = escape_identifier(name);
    match found.database {
        Database::None | Database::Another => {}
        Database::Open | Database::Closed => {
            // Closed first, so that an application that comes back at once cannot hold it.
            let close = format!("alter database {owner} allow_connections false");
            client.batch_execute(&close).await?;
            let drop = format!("drop database if exists {owner} with (force)");
            client.batch_execute(&drop).await?;
        }
    }
    // It may own things in the database that we are in. In others that admitted it, the server refuses and says so.
    let drop = format!("drop owned by {owner}; drop role if exists {owner}");
    client.batch_execute(&drop).await?;
    Ok(())
}

/// Held until the session ends. Whoever has it before us is waited for, as long as a statement may take.
async fn lock(client: &Client, name: &str) -> Result<(), Broken> {
    let lock = format!("select pg_catalog.pg_advisory_lock({KEY})");
    client.query_typed(&lock, &[(&name, Type::TEXT)]).await?;
    Ok(())
}

async fn is_superuser(client: &Client) -> Result<bool, Broken> {
    let question = "select rolsuper from pg_catalog.pg_roles where rolname = current_user";
    let row = client.query_typed_one(question, &[]).await?;
    Ok(row.try_get(0)?)
}
