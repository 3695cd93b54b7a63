//! Disks of a test's own, small enough to be filled, and cut off from power without harm.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// What fills the disk.
const BALLAST: &str = "ballast";

/// Says aloud that a scenario does not run since nobody but root can mount a disk; where `CI` is `true`, that is a failure.
/// Whether it is so.
///
/// # Panics
///
/// In continuous integration, which has to run as root.
pub fn cannot_mount(scenario: &str) -> bool {
    let output = Command::new("id").arg("-u").output();
    if output.is_ok_and(|output| output.stdout.trim_ascii() == b"0") {
        return false;
    }
    let line = format!("SKIPPED {scenario}: it mounts a disk, which needs root\n");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{line}");
    // Written past the test runner's capture, so that it shows although the scenario counts as passed.
    io::stderr().write_all(line.as_bytes()).unwrap_or_default();
    true
}

/// A mounted disk; unmounted and removed on drop.
#[derive(Debug)]
pub struct SmallDisk {
    directory: TempDir,
    /// The file that holds an ext4 file system; none in memory.
    image: Option<PathBuf>,
}

impl SmallDisk {
    /// A disk in memory, of so many MiB.
    pub fn in_memory(mebibytes: u32) -> Result<Self> {
        let disk = Self { directory: tempfile::tempdir()?, image: None };
        fs::create_dir(disk.path())?;
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"])
            .arg(disk.path()))?;
        Ok(disk)
    }

    /// A disk in a file, of so many MiB, on which only what is synced is written for the next minutes.
    pub fn in_file(mebibytes: u32) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let image = directory.path().join("image");
        File::create(&image)?.set_len(u64::from(mebibytes) << 20)?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))?;
        let disk = Self { directory, image: Some(image) };
        fs::create_dir(disk.path())?;
        disk.mount()?;
        Ok(disk)
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("mounted")
    }

    /// Takes all the room that is left.
    pub fn fill(&self) -> Result<()> {
        let mut ballast = File::create(self.path().join(BALLAST))?;
        let mut size = 1 << 20;
        while size > 0 {
            match ballast.write_all(&vec![0; size]) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => size /= 2,
                Err(error) => return Err(error).context("filling the disk"),
            }
        }
        Ok(())
    }

    /// Gives the room back.
    pub fn free(&self) -> Result<()> {
        Ok(fs::remove_file(self.path().join(BALLAST))?)
    }

    /// Keeps what a power cut would leave at this moment: what has been given to the disk, and nothing that waits in the
    /// memory of the operating system. Nobody may be in the middle of a sync.
    pub fn keep_as_after_power_cut(&self) -> Result<()> {
        let image = self.image.as_ref().context("a disk in memory has nothing after a power cut")?;
        fs::copy(image, self.kept())?;
        Ok(())
    }

    /// Mounts what was kept in place of what there is now. Nobody may use the disk.
    pub fn go_back_to_what_was_kept(&self) -> Result<()> {
        let image = self.image.as_ref().context("a disk in memory keeps nothing")?;
        run(Command::new("umount").arg(self.path()))?;
        fs::rename(self.kept(), image)?;
        self.mount()
    }

    fn kept(&self) -> PathBuf {
        self.directory.path().join("kept")
    }

    fn mount(&self) -> Result<()> {
        // The file system would write all that waits every five seconds of its own accord.
        let image: &Path = self.image.as_deref().context("no image")?;
        run(Command::new("mount").args(["-o", "loop,commit=300"]).arg(image).arg(self.path()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whoever still holds a file does not keep the folder from being removed.
        run(Command::new("umount").arg("--lazy").arg(self.path())).unwrap_or_default();
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("running {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
