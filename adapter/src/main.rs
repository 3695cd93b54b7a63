//! The `tagwise` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    tagwise::cli::main()
}
