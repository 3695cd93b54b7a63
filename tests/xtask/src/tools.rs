//! Tools that Cargo installs, into the ignored folder `target/tools`.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::{
    runner::Done,
    shell::{cargo, is_ci, program, root, run, say},
};

/// A program that Cargo installs, in the version that the chores were written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
}

/// Finds dependencies that nothing uses.
const MACHETE: Tool = Tool { name: "cargo-machete", version: "0.9.2" };
/// Builds and runs fuzz targets.
pub(crate) const FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2" };

impl Tool {
    /// The program, once it is there.
    pub(crate) fn find(self) -> Option<PathBuf> {
        Some(root().join("target/tools/bin").join(self.name)).filter(|program| program.is_file())
    }

    /// The program, installed first if it is not there.
    pub(crate) fn install(self) -> Result<PathBuf> {
        if let Some(program) = self.find() {
            return Ok(program);
        }
        let package = format!("{}@{}", self.name, self.version);
        // They wait for disk or compiler; building them without optimisation takes half the time.
        run(&mut cargo(&["install", "--quiet", "--debug", "--locked", "--root", "target/tools", &package]))?;
        match self.find() {
            Some(program) => Ok(program),
            None => bail!("{package} was installed and has brought no program of that name"),
        }
    }
}

/// Looks for dependencies that nothing uses.
pub(crate) fn unused_dependencies(may_install: bool) -> Result<Done> {
    let tool =
        if may_install { MACHETE.install().map_err(|error| say(&format!("{error:#}"))).ok() } else { MACHETE.find() };
    let Some(tool) = tool else {
        if is_ci() {
            bail!("{} could not be installed", MACHETE.name);
        }
        return Ok(Done::Skipped(format!("{} is not installed", MACHETE.name)));
    };
    // With metadata it knows that the library of async-opcua is called opcua, and that serde_yaml is a renamed package.
    run(&mut program(tool, &["--with-metadata", "--skip-target-dir", "."]))?;
    Ok(Done::Passed)
}
