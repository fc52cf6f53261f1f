//! Trying again, in time: what a provider or a database does not do at once it may do in a moment.
//!
//! Why every wait has an end: a project that comes up for ever, a provider that is away for a day, and an operation that
//! waits for either without saying so all look the same to a customer.

use std::time::Duration;

use tokio::time::Instant;

use super::options::Equipment;
use crate::provider::{Answer, ProviderError};

/// Time that is left, and the next wait.
pub(super) struct Patience {
    until: Instant,
    pause: Duration,
    longest: Duration,
}

impl Patience {
    pub(super) fn new(equipment: &Equipment, limit: Duration) -> Self {
        let (pause, longest) = equipment.options.looks();
        Self { until: Instant::now() + limit, pause, longest }
    }

    pub(super) fn is_over(&self) -> bool {
        self.until <= Instant::now()
    }

    /// Waits a little longer each time, with jitter. `false` where no time is left.
    pub(super) async fn wait(&mut self) -> bool {
        self.wait_for(Duration::ZERO).await
    }

    async fn wait_for(&mut self, at_least: Duration) -> bool {
        if self.is_over() {
            return false;
        }
        // Operations that began together must not ask together for ever.
        let jittered = self.pause.mul_f64(rand::random_range(0.7..1.3));
        let wake = Instant::now() + jittered.max(at_least);
        tokio::time::sleep_until(wake.min(self.until)).await;
        self.pause = (self.pause * 3 / 2).min(self.longest);
        true
    }

    /// Whether to ask again after this answer; waits for as long as it asks for, and no longer than there is time.
    pub(super) async fn outlasts(&mut self, error: &ProviderError) -> bool {
        error.passes() && self.wait_for(error.after().unwrap_or_default()).await
    }
}

/// Reads, and reads again, while the error is one that passes and time is left.
pub(super) async fn read<'a, T>(
    patience: &mut Patience,
    mut ask: impl FnMut() -> Answer<'a, T>,
) -> Result<T, ProviderError> {
    loop {
        match ask().await {
            Err(error) if patience.outlasts(&error).await => {
                tracing::debug!("the provider is asked again: {:#}", anyhow::Error::new(error));
            }
            answered => return answered,
        }
    }
}
