//! Steps in order, each with a heading and its time, and a summary at the end.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::shell::say;

/// How a step that did not fail ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// Everything in it was checked.
    Passed,
    /// Something was left out, and why.
    Skipped(String),
}

#[derive(Debug)]
struct Finished {
    title: String,
    time: Duration,
    result: Result<Done>,
}

/// Runs steps and remembers how they ended; one that fails does not stop the next.
#[derive(Debug, Default)]
pub(crate) struct Runner {
    finished: Vec<Finished>,
}

impl Runner {
    /// Runs one step.
    pub(crate) fn step(&mut self, title: &str, job: impl FnOnce() -> Result<Done>) {
        say(&format!("\n=== {}. {title}", self.finished.len() + 1));
        let started = Instant::now();
        let result = job();
        let time = started.elapsed();
        say(&format!("=== {}: {} in {:.1} s", title, verdict(&result), time.as_secs_f64()));
        self.finished.push(Finished { title: title.to_owned(), time, result });
    }

    /// Runs a step that checks all or fails.
    pub(crate) fn check(&mut self, title: &str, job: impl FnOnce() -> Result<()>) {
        self.step(title, || job().map(|()| Done::Passed));
    }

    /// Prints the summary and says whether nothing failed.
    pub(crate) fn finish(self) -> bool {
        say("\n=== Summary");
        let total: Duration = self.finished.iter().map(|step| step.time).sum();
        for step in &self.finished {
            say(&format!("{:>8.1} s  {:<40} {}", step.time.as_secs_f64(), step.title, verdict(&step.result)));
        }
        let failed = self.finished.iter().filter(|step| step.result.is_err()).count();
        say(&match failed {
            0 => format!("all {} steps passed in {:.0} s", self.finished.len(), total.as_secs_f64()),
            _ => format!("{failed} of {} steps FAILED in {:.0} s", self.finished.len(), total.as_secs_f64()),
        });
        failed == 0
    }
}

fn verdict(result: &Result<Done>) -> String {
    match result {
        Ok(Done::Passed) => "passed".to_owned(),
        Ok(Done::Skipped(reason)) => format!("passed, SKIPPED: {reason}"),
        Err(error) => format!("FAILED: {error:#}"),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_failed_step_fails_the_whole_and_not_the_next() {
        let mut runner = Runner::default();
        let mut ran = 0;
        runner.check("one", || bail!("broken"));
        runner.step("two", || {
            ran += 1;
            Ok(Done::Skipped("no reason".to_owned()))
        });
        assert_eq!(ran, 1);
        assert!(!runner.finish());
    }

    #[test]
    fn what_is_skipped_does_not_fail() {
        let mut runner = Runner::default();
        runner.step("one", || Ok(Done::Skipped("no network".to_owned())));
        runner.check("two", || Ok(()));
        assert!(runner.finish());
    }
}
