//! Waiting for a condition, with a deadline and a name for it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long a scenario waits for what should come soon. Generous, since two busy cores may run four scenarios at once.
pub const PATIENCE: Duration = Duration::from_secs(45);

const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// Asks `condition` again and again until it gives a value; fails with `what` once `deadline` has passed.
pub async fn wait_until<T, F>(what: &str, deadline: Duration, mut condition: F) -> Result<T>
where
    F: AsyncFnMut() -> Result<Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(value) = condition().await? {
            return Ok(value);
        }
        if started.elapsed() >= deadline {
            bail!("waited {deadline:?} in vain until {what}");
        }
        pause(POLL_INTERVAL).await;
    }
}

/// Lets time pass: between two looks at a condition, or where the passing of time itself is what a scenario is about.
pub async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_condition_that_never_holds_fails_with_its_name() {
        let waiting = wait_until("pigs fly", Duration::from_millis(60), async || Ok(None::<()>)).await;
        assert!(waiting.unwrap_err().to_string().contains("until pigs fly"));
    }

    #[tokio::test]
    async fn a_condition_is_asked_until_it_holds() {
        let mut asked = 0;
        let answer = wait_until("the third time", PATIENCE, async || {
            asked += 1;
            Ok((asked == 3).then_some("yes"))
        });
        assert_eq!(answer.await.unwrap(), "yes");
    }
}
