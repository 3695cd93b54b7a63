//! Foreign OPC UA servers, and a broker, that npm and Maven bring, in ignored folders.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context, Result};

use crate::{
    python::attempt,
    shell::{find_program, program, root, run},
};

/// A server that is fetched, and built where it needs to be, by another language's own tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// node-opcua, by npm: the packages that the lock file names.
    NodeOpcua,
    /// Eclipse Milo, by Maven: the packages, and our classes compiled against them.
    Milo,
    /// HiveMQ Community Edition, a broker, in the same way.
    HiveMq,
}

impl Server {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::NodeOpcua, Self::Milo, Self::HiveMq];

    /// What to name aloud where it is missing.
    pub(crate) const fn description(self) -> &'static str {
        match self {
            Self::NodeOpcua => "node-opcua (npm package, tests/peers/node-opcua/package.json)",
            Self::Milo => "milo (Maven package, tests/peers/milo/pom.xml)",
            Self::HiveMq => "hivemq (Maven package, tests/peers/hivemq/pom.xml)",
        }
    }

    /// Whether what is there is what the repository asks for.
    pub(crate) fn is_complete(self) -> bool {
        match self {
            // npm writes this file last.
            Self::NodeOpcua => self.installed("node_modules/.package-lock.json").is_file() && self.has_same_lock(),
            Self::Milo => self.is_compiled_since_changed("TestServer").unwrap_or(false),
            Self::HiveMq => self.is_compiled_since_changed("Broker").unwrap_or(false),
        }
    }

    /// Installs it as far as that is possible: whether it helped is seen by looking again.
    pub(crate) fn install(self) {
        let tool = if self == Self::NodeOpcua { "npm" } else { "mvn" };
        if self.is_complete() || find_program(tool).is_none() {
            return;
        }
        attempt(match self {
            Self::NodeOpcua => self.install_packages(),
            Self::Milo | Self::HiveMq => self.compile(),
        });
    }

    fn install_packages(self) -> Result<()> {
        let folder = self.installed("");
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        for file in ["package.json", "package-lock.json", ".npmrc"] {
            fs::copy(self.source(file), self.installed(file)).with_context(|| format!("copying {file}"))?;
        }
        // None of the packages has a script that the server would need.
        let settings = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        let folder = folder.to_string_lossy();
        run(program("npm", &["ci", "--prefix", &folder]).args(settings))
    }

    fn compile(self) -> Result<()> {
        // What an older source was compiled to must not stand in for this one's.
        let classes = self.installed("classes");
        if classes.is_dir() {
            fs::remove_dir_all(&classes).with_context(|| format!("removing {}", classes.display()))?;
        }
        let output = format!("-Doutput={}", self.installed("").display());
        let file = self.source("pom.xml");
        run(&mut program("mvn", &["-q", "-B", "-f", &file.to_string_lossy(), &output, "process-classes"]))
    }

    fn has_same_lock(self) -> bool {
        let lock = "package-lock.json";
        let (ours, theirs) = (fs::read(self.source(lock)), fs::read(self.installed(lock)));
        matches!((ours, theirs), (Ok(ours), Ok(theirs)) if ours == theirs)
    }

    fn is_compiled_since_changed(self, main_class: &str) -> Result<bool> {
        let compiled = modified(&self.installed(&format!("classes/tagwise/{main_class}.class")))?;
        let mut sources = vec![self.source("pom.xml")];
        for entry in fs::read_dir(self.source("src/tagwise"))? {
            sources.push(entry?.path());
        }
        let changed = sources.iter().map(|path| modified(path)).collect::<Result<Vec<_>>>()?;
        Ok(changed.into_iter().all(|time| time <= compiled))
    }

    fn source(self, name: &str) -> PathBuf {
        root().join("tests/peers").join(self.folder()).join(name)
    }

    fn installed(self, name: &str) -> PathBuf {
        root().join("tests/.peers").join(self.folder()).join(name)
    }

    const fn folder(self) -> &'static str {
        match self {
            Self::NodeOpcua => "node-opcua",
            Self::Milo => "milo",
            Self::HiveMq => "hivemq",
        }
    }
}

fn modified(path: &Path) -> Result<SystemTime> {
    Ok(fs::metadata(path)?.modified()?)
}
