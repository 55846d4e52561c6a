//! `crdgen DIR` writes the custom resource definitions of every kind into DIR, one file each.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(dir) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: crdgen DIR");
        return ExitCode::from(2);
    };
    for (file, text) in skep_crds::schema::files() {
        let path = dir.join(file);
        if let Err(error) = std::fs::write(&path, text) {
            eprintln!("crdgen: cannot write {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
