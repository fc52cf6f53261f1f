//! As whom we speak to GitHub: with a token, or as an app's installation.
//!
//! Why the secret is compared and not its place: a rotated token stands in the same file, and one that is unchanged must
//! not cost a new connection and a new installation token for each request.

use std::time::Duration;

use octocrab::models::{AppId, InstallationId};
use octocrab::{Octocrab, OctocrabBuilder};

use super::ClientOptions;
use super::error::CredentialsError;
use crate::secret::{Secret, SecretRef};

/// Of one step of a connection; the whole request has its own limit.
const CONNECT: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    Token(SecretRef),
    App { app_id: u64, installation_id: u64, key: SecretRef },
}

impl Credentials {
    pub(super) fn read(&self) -> Result<Secret, CredentialsError> {
        let (Self::Token(place) | Self::App { key: place, .. }) = self;
        Ok(place.read()?)
    }
}

/// Clients that carry the credentials.
pub(super) struct Access {
    secret: Secret,
    /// For everything.
    pub(super) crab: Octocrab,
    /// As the app itself, which may ask who it is and nothing of a repository.
    pub(super) app: Option<Octocrab>,
}

impl Access {
    pub(super) fn is_of(&self, secret: &Secret) -> bool {
        self.secret == *secret
    }

    pub(super) fn build(options: &ClientOptions, secret: Secret) -> Result<Self, CredentialsError> {
        let failed = |source| CredentialsError::Client { source: Box::new(source) };
        let timeout = Some(options.pace.timeout.min(CONNECT));
        let builder = OctocrabBuilder::new()
            .base_uri(&*options.api_url)
            .map_err(failed)?
            .set_connect_timeout(timeout)
            .set_read_timeout(Some(options.pace.timeout))
            .set_write_timeout(timeout);
        match &options.credentials {
            Credentials::Token(_) => {
                let token = secret.expose();
                // octocrab panics on what a header cannot carry.
                if token.is_empty() || !token.bytes().all(|it| it.is_ascii_graphic()) {
                    return Err(CredentialsError::Token);
                }
                let crab = builder.personal_token(token).build().map_err(failed)?;
                Ok(Self { secret, crab, app: None })
            }
            Credentials::App { app_id, installation_id, .. } => {
                let app = builder
                    .app_from_rsa_pem(AppId(*app_id), secret.expose())
                    .map_err(|_| CredentialsError::Key)?
                    .build()
                    .map_err(failed)?;
                let crab = app.installation(InstallationId(*installation_id)).map_err(failed)?;
                Ok(Self { secret, crab, app: Some(app) })
            }
        }
    }
}
