//! Whose the time of an MPS server is, on the command line.

use gpu_accounting::attribution::MpsRule;

/// The rule of that name.
pub fn mps(name: &str) -> Result<MpsRule, lexopt::Error> {
    match name {
        "apart" => Ok(MpsRule::KeepApart),
        "equally" => Ok(MpsRule::Equally),
        "memory" => Ok(MpsRule::ByMemory),
        other => Err(format!("no rule {other:?}; there are apart, equally and memory").into()),
    }
}
