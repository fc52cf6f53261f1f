//! The status page: what a person sees who is paged at night, or who wants to know before a release.
//!
//! Why pure: every view is a function from values to text. The server above it reads, judges who may do what and
//! answers; here nothing waits, nothing is looked up, and the same values give the same page, byte for byte.
//!
//! Invariants:
//! - unknown is never green: without a fresh scan of the whole fleet no verdict is shown as isolated;
//! - every text from outside is escaped by the templates, made visible and cut; no template passes text through unescaped;
//! - no view needs a script, and none holds a script, a style or an event handler of its own: the strictest content policy
//!   is satisfied;
//! - what a view costs is bounded by its page, not by the fleet.
//!
//! Each view has a value with all that it needs and a function `render`.

pub mod asset;
pub mod badge;
pub mod finding;
pub mod findings;
pub mod frame;
pub mod live;
pub mod login;
pub mod map;
pub mod newcomer;
pub mod operation;
pub mod operations;
pub mod overview;
pub mod problem;
pub mod query;
pub mod reference;
pub mod tenant;
pub mod verdict;

mod blast;
mod choice;
mod course;
pub mod history;
mod identity;
mod moment;
mod paging;
mod rows;
mod schema;
mod table;
pub mod trend;
mod vocabulary;
mod words;

/// The policy under which every view works: nothing from elsewhere, nothing inline.
pub const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Of this program, as the foot of every view tells it.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Every route that a view leads to: method and pattern. A page that links elsewhere fails its test.
pub const ROUTES: &[(&str, &str)] = &[
    ("GET", "/"),
    ("GET", "/map"),
    ("GET", "/tenants/{id}"),
    ("GET", "/tenants/{id}/badge.svg"),
    ("GET", "/findings"),
    ("GET", "/findings/{id}"),
    ("POST", "/findings/{id}/acknowledge"),
    ("GET", "/operations"),
    ("GET", "/operations/new"),
    ("POST", "/operations/new"),
    ("GET", "/operations/{id}"),
    ("POST", "/operations/{id}/cancel"),
    ("POST", "/operations/{id}/settle"),
    ("POST", "/scan"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("POST", "/logout"),
    ("GET", "/live"),
    ("GET", "/badge.svg"),
    ("GET", "/assets/{name}"),
    ("GET", "/api"),
    // Of the API.
    ("GET", "/api/v1/openapi.json"),
    ("GET", "/api/v1/scans/latest"),
    ("GET", "/api/v1/tenants/{id}"),
    ("GET", "/api/v1/findings/{id}"),
    ("GET", "/api/v1/operations/{id}"),
    ("POST", "/api/v1/tenants/validate"),
];
