//! Virtual environments for Python packages, in ignored folders.

use std::path::PathBuf;

use anyhow::Result;

use crate::shell::{program, root, run, say, succeeds};

/// A virtual environment, and what has to be in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Environment {
    /// Folder from the root.
    pub(crate) folder: &'static str,
    /// What brings the modules, with pinned versions; from the root.
    pub(crate) requirements: &'static str,
    /// Modules that can be imported once everything is there.
    pub(crate) modules: &'static [&'static str],
}

impl Environment {
    /// Its Python.
    pub(crate) fn python(self) -> PathBuf {
        root().join(self.folder).join("bin/python")
    }

    /// The modules that cannot be imported.
    pub(crate) fn missing(self) -> impl Iterator<Item = &'static str> {
        self.modules.iter().copied().filter(move |module| !self.imports(module))
    }

    /// Whether all modules can be imported.
    pub(crate) fn is_complete(self) -> bool {
        self.missing().next().is_none()
    }

    /// Installs what is missing, as far as that is possible: whether it helped is seen by looking again.
    pub(crate) fn install(self) {
        if self.is_complete() {
            return;
        }
        if !self.python().is_file() {
            let folder = root().join(self.folder);
            attempt(run(&mut program("python3", &["-m", "venv", "--clear", &folder.to_string_lossy()])));
        }
        let arguments = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", self.requirements];
        attempt(run(&mut program(self.python(), &arguments)));
    }

    fn imports(self, module: &str) -> bool {
        succeeds(&mut program(self.python(), &["-c", &format!("import {module}")]))
    }
}

/// Whether `-m venv` works; Debian's python3 comes without what it needs.
pub(crate) fn can_make_environments() -> bool {
    succeeds(&mut program("python3", &["-c", "import venv, ensurepip"]))
}

/// Names what went wrong and goes on.
pub(crate) fn attempt(result: Result<()>) {
    if let Err(error) = result {
        say(&format!("{error:#}"));
    }
}
