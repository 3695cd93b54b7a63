//! How a bare loop treats its window.

use std::time::Duration;

use clap::Args;

/// How it pauses, refills and acknowledges.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Microseconds from when answers can be read until they are.
    #[arg(long)]
    pub(super) pause_us: u64,
    /// The part of the window that is free before more is written, 0 to 1; 0 is at once.
    #[arg(long)]
    pub(super) refill: f64,
    /// Has the kernel acknowledge what is read at once.
    #[arg(long, default_value_t = false)]
    pub(super) quick_ack: bool,
}

/// What a person may want otherwise than by the window.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Wishes {
    /// Microseconds that the bare loop pauses before it reads; by the window where absent.
    #[arg(long)]
    pause_us: Option<u64>,
    /// The part of the window that is free before the bare loop writes, 0 to 1; by the window where absent.
    #[arg(long)]
    refill: Option<f64>,
    /// Whether the bare loop has the kernel acknowledge at once; by the window where absent.
    #[arg(long)]
    quick_ack: Option<bool>,
}

impl Wishes {
    /// With the settings that were found best for such a window; 0 is one without a limit.
    pub(super) fn within(self, window: u16) -> Settings {
        let best = match window {
            0 | 500.. => Settings { pause_us: 500, refill: 0.0, quick_ack: false },
            50..500 => Settings { pause_us: 200, refill: 0.5, quick_ack: true },
            // So small a window is empty during any pause: only answering at once holds the rate.
            1..50 => Settings { pause_us: 0, refill: 0.0, quick_ack: false },
        };
        Settings {
            pause_us: self.pause_us.unwrap_or(best.pause_us),
            refill: self.refill.unwrap_or(best.refill),
            quick_ack: self.quick_ack.unwrap_or(best.quick_ack),
        }
    }
}

impl Settings {
    /// The same for a child process.
    pub(super) fn arguments(self) -> Vec<String> {
        let Self { pause_us, refill, quick_ack } = self;
        let mut arguments =
            vec!["--pause-us".to_owned(), pause_us.to_string(), "--refill".to_owned(), refill.to_string()];
        arguments.extend(quick_ack.then(|| "--quick-ack".to_owned()));
        arguments
    }

    pub(super) fn pause(self) -> Duration {
        Duration::from_micros(self.pause_us)
    }

    /// Messages of the window that have to be free before more are written.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a window")]
    pub(super) fn refilled(self, window: usize) -> usize {
        ((window as f64 * self.refill) as usize).clamp(1, window.max(1))
    }
}
