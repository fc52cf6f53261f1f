//! Where a user belongs: from a verified token to a tenant, and from the tenant to its database. Nothing else decides.
//!
//! Why the claim alone: a subdomain, a header or a query is typed by whoever asks. The one thing that they cannot write
//! themselves is what the platform's issuer signed, so whatever else names a tenant may agree with it or is refused.
//!
//! Why only proven keys are named: every trick on signed tokens (no algorithm, another family of keys, a key that the token
//! brings along) lets the token choose how it is checked. Here the issuer's published key chooses.
//!
//! Invariants:
//! - no token, no password and no URL is in an error, a log line or a `Debug`;
//! - a decision visits nobody: it reads what the last scan left, so that it costs microseconds and holds while the fleet,
//!   the store or the issuer is away;
//! - who is under a proven and critical finding of sharing is led nowhere, acknowledged or not.

mod claims;
pub mod decision;
pub mod keyring;
pub mod keys;
pub mod token;
