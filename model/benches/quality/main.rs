//! How good the detectors are: beside PyOD on tables, by NAB's rule on streams, and how fast.
//!
//! `cargo xtask quality --data FOLDER` runs it, after PyOD has left its figures in a file, and it writes what it found
//! between the two markers in the crate's README. FOLDER holds `tabular/*.csv` (label in the last column) and `nab/`
//! (the benchmark's series and windows). Nothing of it is copied here.

mod agreement;
mod catalogue;
mod ours;
mod readme;
mod reference;
mod speed;
mod streams;
mod table;
mod tabular;

use std::env;
use std::error::Error;
use std::path::PathBuf;

use tagwise_model::Registry;

/// What can go wrong here ends the run with its message.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Tells whoever runs it.
#[expect(clippy::print_stderr, reason = "a measurement talks to whoever runs it")]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

struct Arguments {
    data: PathBuf,
    reference: PathBuf,
    readme: PathBuf,
    /// Names of tabular data sets; all that the reference has when empty.
    sets: Vec<String>,
}

impl Arguments {
    /// `None` when it was not called to measure quality, as by a plain `cargo bench`.
    fn parse() -> Result<Option<Self>> {
        let mut words = env::args().skip(1);
        let (mut data, mut reference, mut readme, mut sets) = (None, None, None, Vec::new());
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--data" => data = Some(PathBuf::from(value()?)),
                "--reference" => reference = Some(PathBuf::from(value()?)),
                "--readme" => readme = Some(PathBuf::from(value()?)),
                "--sets" => sets = value()?.split(',').map(str::to_owned).collect(),
                // Cargo's own.
                "--bench" | "--test" => {}
                other => return Err(format!("{other} is not known here").into()),
            }
        }
        Ok(match (data, reference, readme) {
            (Some(data), Some(reference), Some(readme)) => Some(Self { data, reference, readme, sets }),
            _ => None,
        })
    }
}

fn main() -> Result<()> {
    let Some(arguments) = Arguments::parse()? else {
        say("quality: left out; it is run by `cargo xtask quality --data FOLDER`");
        return Ok(());
    };
    let registry = Registry::builtin();
    let reference = reference::read(&arguments.reference)?;
    let entries = catalogue::registered(&registry);
    let sets = tabular::measure(&registry, &entries, &reference, &arguments.data.join("tabular"), &arguments.sets)?;
    let streams = streams::measure(&registry, &arguments.data.join("nab"))?;
    let speed = speed::measure(&registry, &entries, &reference);
    let text = readme::text(&reference, &sets, &streams, &speed);
    readme::write(&arguments.readme, &text)?;
    say(&text);
    Ok(())
}
