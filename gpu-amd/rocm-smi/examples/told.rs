//! Everything that the library tells of this machine, a line each: `unit name value`.

use gpu_amd_rocm_smi::{Options, RocmSmiBackend};
use gpu_core::{Backend, BackendExt};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let backend = RocmSmiBackend::new(&Options::default())?;
    for line in told(&backend)?.into_iter().chain(only_here(&backend)?) {
        println!("{line}");
    }
    Ok(())
}

include!("told/lines.rs");
