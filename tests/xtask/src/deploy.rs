//! Checks of `deploy/` that need no container engine: whatever can read a file reads it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    runner::Done,
    shell::{find_program, is_ci, program, root, run, say},
};

/// Who checks a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Checker {
    /// `promtool check config`.
    PrometheusConfig,
    /// `promtool check rules`.
    PrometheusRules,
    /// `systemd-analyze verify`.
    SystemdUnit,
    /// Python's XML parser.
    Xml,
    /// `sh -n`, which reads without running.
    Shell,
}

impl Checker {
    /// The checker for a file, by its name; YAML is parsed by the tidy tests.
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let is_yaml = extension == "yml" || extension == "yaml";
        match extension.as_str() {
            _ if is_yaml && name.contains("rules") => Some(Self::PrometheusRules),
            _ if is_yaml && name.starts_with("prometheus") => Some(Self::PrometheusConfig),
            "service" => Some(Self::SystemdUnit),
            "xml" => Some(Self::Xml),
            "sh" => Some(Self::Shell),
            _ => None,
        }
    }

    const fn program(self) -> &'static str {
        match self {
            Self::PrometheusConfig | Self::PrometheusRules => "promtool",
            Self::SystemdUnit => "systemd-analyze",
            Self::Xml => "python3",
            Self::Shell => "sh",
        }
    }

    fn check(self, path: &Path) -> Result<()> {
        let file = path.to_string_lossy();
        match self {
            Self::PrometheusConfig => run(&mut program("promtool", &["check", "config", &file])),
            Self::PrometheusRules => run(&mut program("promtool", &["check", "rules", &file])),
            Self::SystemdUnit => verify_unit(path),
            Self::Xml => {
                let script = "import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])";
                run(&mut program("python3", &["-c", script, &file]))
            }
            Self::Shell => run(&mut program("sh", &["-n", &file])),
        }
    }
}

/// Checks every file in `deploy/` that something here can read.
pub(crate) fn check() -> Result<Done> {
    let mut missing: Vec<&str> = Vec::new();
    let mut failed = Vec::new();
    for path in files(&root().join("deploy"))? {
        let Some(checker) = Checker::of(&path) else { continue };
        if find_program(checker.program()).is_none() {
            say(&format!("!!! not checked, {} is not installed: {}", checker.program(), path.display()));
            missing.push(checker.program());
        } else if let Err(error) = checker.check(&path) {
            failed.push(format!("{error:#}"));
        }
    }
    missing.dedup();
    if !failed.is_empty() {
        bail!("{}", failed.join("; "));
    }
    match missing.join(", ") {
        names if names.is_empty() => Ok(Done::Passed),
        names if is_ci() => bail!("missing in CI: {names}"),
        names => Ok(Done::Skipped(format!("{names} not installed"))),
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// systemd wants the programs that a unit starts to exist, so a copy that starts `true` is verified.
fn verify_unit(path: &Path) -> Result<()> {
    let folder = root().join("target/xtask/units");
    fs::create_dir_all(&folder)?;
    let name = path.file_name().context("a unit file has a name")?;
    let copy = folder.join(name);
    fs::write(&copy, with_program(&fs::read_to_string(path)?, "/bin/true"))?;
    let mut verify = Command::new("systemd-analyze");
    run(verify.args(["verify", "--man=no", "--recursive-errors=no"]).arg(copy))
}

/// The unit with the program of each `Exec…=` line replaced; prefixes such as `-` and `+` stay.
fn with_program(unit: &str, program: &str) -> String {
    let mut lines = Vec::new();
    for line in unit.lines() {
        let replaced = line.split_once('=').filter(|(key, _)| key.starts_with("Exec")).map(|(key, command)| {
            let start = command.find('/').unwrap_or(0);
            let (prefix, rest) = command.split_at(start);
            let arguments = rest.find(' ').map_or("", |end| rest.split_at(end).1);
            format!("{key}={prefix}{program}{arguments}")
        });
        lines.push(replaced.unwrap_or_else(|| line.to_owned()));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_file_has_its_checker() {
        for (name, expected) in [
            ("deploy/prometheus.yml", Some(Checker::PrometheusConfig)),
            ("deploy/prometheus-rules.yaml", Some(Checker::PrometheusRules)),
            ("deploy/tagwise@.service", Some(Checker::SystemdUnit)),
            ("deploy/edge/config.xml", Some(Checker::Xml)),
            ("deploy/compose.yaml", None),
            ("deploy/Containerfile", None),
        ] {
            assert_eq!(Checker::of(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn only_the_program_of_a_unit_is_replaced() {
        let unit =
            "[Service]\nExecStart=-/usr/bin/tagwise run /etc/tagwise/%i.yaml\nUser=tagwise\nExecReload=/bin/kill\n";
        let expected = "[Service]\nExecStart=-/bin/true run /etc/tagwise/%i.yaml\nUser=tagwise\nExecReload=/bin/true\n";
        assert_eq!(with_program(unit, "/bin/true"), expected);
    }
}
