//! [`Sandbox`]: a process that uses a GPU for others, whom the machine cannot see.

use core::fmt;

use crate::process::ProcessName;

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

/// What emulators of machines are called, as far as the kernel keeps it.
const MACHINES: [&str; 5] = ["qemu-system-", "qemu-kvm", "firecracker", "cloud-hyperviso", "crosvm"];

impl Sandbox {
    /// The sandbox that a process is by its name and the first of its arguments, if it is one.
    ///
    /// gVisor starts itself anew from an open file, so that the kernel calls it `exe`: its first
    /// argument tells. Both are the process's own choice: they say what it claims to be, and
    /// nothing is charged by them.
    ///
    /// ```
    /// use gpu_core::{ProcessName, Sandbox};
    /// let of = |name: &str, argument: &str| Sandbox::of(&ProcessName::new(name.as_bytes()), argument.as_bytes());
    /// assert_eq!(of("exe", "runsc-sandbox"), Some(Sandbox::Gvisor));
    /// assert_eq!(of("qemu-system-x86", "/usr/bin/qemu-system-x86_64"), Some(Sandbox::VirtualMachine));
    /// assert_eq!(of("python3", "python3"), None);
    /// ```
    #[must_use]
    pub fn of(name: &ProcessName, argument: &[u8]) -> Option<Self> {
        let file = argument.rsplit(|byte| *byte == b'/').next().unwrap_or(argument);
        for called in [name.as_bytes(), file] {
            if called == b"runsc-sandbox" {
                return Some(Self::Gvisor);
            }
            if MACHINES.iter().any(|machine| called.starts_with(machine.as_bytes())) {
                return Some(Self::VirtualMachine);
            }
        }
        None
    }
}

impl fmt::Display for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gvisor => "gVisor sandbox",
            Self::VirtualMachine => "virtual machine",
        })
    }
}
