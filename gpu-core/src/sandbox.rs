//! [`Sandbox`]: a process that uses a GPU for others, whom the machine cannot see.

use core::fmt;

/// What a process is that holds a GPU for programs inside it, which the machine's kernel does not
/// see as processes. What is used is named as the sandbox's; nobody inside is guessed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Sandbox {
    /// gVisor's kernel in user space (`runsc-sandbox`).
    Gvisor,
    /// A virtual machine (QEMU, Firecracker, Cloud Hypervisor), Kata's among them.
    VirtualMachine,
}

impl fmt::Display for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gvisor => "gVisor sandbox",
            Self::VirtualMachine => "virtual machine",
        })
    }
}
