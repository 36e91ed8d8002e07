//! [`ContainerReader`]: reads what containers and jobs were given.

use core::fmt;

use crate::absence::Absence;
use crate::container_facts::ContainerFacts;
use crate::error::Error;
use crate::inventory::Inventory;
use crate::kernel_memory::KernelMemory;
use crate::owner::Owner;
use crate::process::Pid;

/// Reads what containers and jobs were given, and what the kernel charges to them.
/// `gpu_host::ProcContainers` reads the machine; `gpu_sim` tells it of a simulated one.
///
/// *Implementers:* what cannot be read of a container is absent in its facts with the reason, and
/// never hides the rest.
pub trait ContainerReader: Send + Sync + fmt::Debug {
    /// The containers and jobs that have a process now, each with the lowest number of one.
    ///
    /// # Errors
    /// When the process list itself cannot be read.
    fn containers(&self) -> Result<Vec<(Owner, Pid)>, Error>;

    /// True while the process still runs on the owner's behalf. Asked often: one small file of it.
    fn is_current(&self, owner: &Owner, pid: Pid) -> bool;

    /// What the owner of a process was given.
    fn facts(&self, owner: &Owner, pid: Pid) -> ContainerFacts;

    /// Device memory as the kernel charges it to each container and job, on the devices of the
    /// inventory.
    ///
    /// # Errors
    /// Why the kernel keeps no such account here.
    fn kernel_memory(&self, inventory: &Inventory) -> Result<Vec<KernelMemory>, Absence>;
}
