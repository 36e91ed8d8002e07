//! Whether a library is a simulated one.

use std::path::Path;

/// True for gpu-sim's library, which exports a function of that name; the real one has none.
pub fn is_simulated(path: &Path) -> bool {
    const MARK: &[u8] = b"gpu_sim_is_simulated";
    std::fs::read(path).is_ok_and(|bytes| bytes.windows(MARK.len()).any(|window| window == MARK))
}
