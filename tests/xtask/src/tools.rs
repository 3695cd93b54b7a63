//! Tools that Cargo installs, into the ignored folder `target/tools`.

use anyhow::{Result, bail};

use crate::{
    runner::Done,
    shell::{cargo, is_ci, program, root, run, say},
};

const MACHETE: &str = "cargo-machete";
const MACHETE_VERSION: &str = "0.9.2";

/// Looks for dependencies that nothing uses.
pub(crate) fn unused_dependencies(may_install: bool) -> Result<Done> {
    let tool = root().join("target/tools/bin").join(MACHETE);
    if !tool.is_file() && may_install {
        let package = format!("{MACHETE}@{MACHETE_VERSION}");
        let install = run(&mut cargo(&["install", "--quiet", "--locked", "--root", "target/tools", &package]));
        install.unwrap_or_else(|error| say(&format!("{error:#}")));
    }
    if !tool.is_file() {
        if is_ci() {
            bail!("{MACHETE} could not be installed");
        }
        return Ok(Done::Skipped(format!("{MACHETE} is not installed")));
    }
    // With metadata it knows that the library of async-opcua is called opcua, and that serde_yaml is a renamed package.
    run(&mut program(tool, &["--with-metadata", "--skip-target-dir", "."]))?;
    Ok(Done::Passed)
}
