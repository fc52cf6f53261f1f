//! A password as PostgreSQL keeps it.
//!
//! Why made here and not by the server: a statement that fails is written to the server's log as it was sent. Of a long
//! random password, what proves that one knows it gives nothing away.

use postgres_protocol::password::scram_sha_256;

use crate::secret::Secret;

/// What `CREATE ROLE … PASSWORD` takes in the password's place. Takes a few milliseconds of the processor.
pub(super) fn verifier(password: &Secret) -> Secret {
    Secret::new(scram_sha_256(password.expose().as_bytes()))
}
