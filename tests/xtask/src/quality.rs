//! `cargo xtask quality`: the detectors beside PyOD's, and the tables in the model crate's README.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::{
    peers::{self, PYOD},
    python::Environment,
    shell::{cargo, program, root, run, say},
};

/// What PyOD's autoencoder needs besides, in the same environment.
const TORCH: Environment = Environment {
    folder: PYOD.folder,
    requirements: "tests/quality/requirements-autoencoder.txt",
    modules: &["torch", "tqdm"],
};
const REFERENCE: &str = "tests/quality/pyod_reference.py";

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Folder with `tabular/*.csv` (label in the last column) and `nab/`.
    #[arg(long)]
    data: PathBuf,
    /// Also PyOD's autoencoder, which needs torch: 3 GB to download, and some minutes to run.
    #[arg(long)]
    autoencoder: bool,
    /// Takes PyOD's figures from the last run instead of measuring them again.
    #[arg(long)]
    reuse: bool,
    /// Only these tabular data sets, by name and separated by commas.
    #[arg(long)]
    sets: Option<String>,
    /// Seeds for detectors that draw random numbers.
    #[arg(long, default_value_t = 10)]
    seeds: u32,
}

/// Runs PyOD, then ours, and says whether both ran.
pub(crate) fn measure(options: &Options) -> bool {
    let result = try_measure(options);
    if let Err(error) = &result {
        say(&format!("FAILED: {error:#}"));
    }
    result.is_ok()
}

fn try_measure(options: &Options) -> Result<()> {
    let data = fs::canonicalize(&options.data).with_context(|| format!("opening {}", options.data.display()))?;
    let reference = root().join("target/quality/pyod.json");
    if options.reuse {
        ensure!(reference.is_file(), "there are no figures of an earlier run; leave out --reuse");
    } else {
        install(options.autoencoder)?;
        run_pyod(options, &data.join("tabular"), &reference)?;
    }
    let mut arguments = vec!["bench", "-p", "tagwise-model", "--bench", "quality", "--"];
    let readme = root().join("model/README.md");
    let paths = [&data, &reference, &readme].map(|path| path.to_string_lossy().into_owned());
    for (name, path) in ["--data", "--reference", "--readme"].into_iter().zip(&paths) {
        arguments.extend([name, path]);
    }
    arguments.extend(options.sets.iter().flat_map(|sets| ["--sets", sets]));
    run(&mut cargo(&arguments))
}

fn install(with_torch: bool) -> Result<()> {
    let environments = if with_torch { vec![PYOD, TORCH] } else { vec![PYOD] };
    for environment in environments {
        peers::install_environment(environment);
        if let Some(module) = environment.missing().next() {
            bail!("{module} could not be installed from {}", environment.requirements);
        }
    }
    Ok(())
}

fn run_pyod(options: &Options, tabular: &Path, reference: &Path) -> Result<()> {
    let mut command = program(PYOD.python(), &[REFERENCE]);
    command.arg(tabular).arg(reference).arg("--seeds").arg(options.seeds.to_string());
    command.args(options.sets.iter().flat_map(|sets| ["--sets", sets]));
    if !options.autoencoder {
        command.arg("--no-autoencoder");
    }
    // One core for both sides: times are compared.
    run(command.env("OMP_NUM_THREADS", "1").env("OPENBLAS_NUM_THREADS", "1"))
}
