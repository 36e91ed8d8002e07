//! Functions on the PCI bus, and where two of them meet.

use std::path::{Path, PathBuf};

use gpu_core::{Absence, Error, ErrorKind, Known, NumaNode, PciAddress, PciId, PcieAncestor};

use crate::file::{self, Attribute};

/// PCI base class of display controllers.
const DISPLAY: u64 = 0x03;
/// PCI base class of processing accelerators.
const ACCELERATOR: u64 = 0x12;

/// One function on the PCI bus, as sysfs shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PciFunction {
    /// Where it sits.
    pub address: PciAddress,
    /// What it says it is.
    pub id: PciId,
    /// PCI class, such as 0x030200.
    pub class: u32,
    /// Its directory.
    pub path: PathBuf,
    /// The kernel driver bound to it, if one is.
    pub driver: Option<String>,
    /// The NUMA node that it hangs on, or why it is not known: the kernel says −1, or the file
    /// cannot be read.
    pub numa: Known<NumaNode>,
    /// The addresses from the host bridge down to the function, its own last, as the kernel's
    /// tree nests them; the host bridge's bus first (`pci0000:00`).
    pub chain: Vec<String>,
    /// The physical function that this virtual function belongs to, if it is one.
    pub physical: Option<PciAddress>,
}

impl PciFunction {
    /// True for display controllers and processing accelerators: what a GPU may be.
    #[must_use]
    pub const fn may_be_gpu(&self) -> bool {
        let base = (self.class >> 16) as u64;
        base == DISPLAY || base == ACCELERATOR
    }

    /// What runtime power management says now: `active`, `suspended`…
    ///
    /// # Errors
    /// As [`file::read_text`].
    pub fn runtime_status(&self) -> Result<String, Error> {
        file::read_text(&self.path.join("power/runtime_status"))
    }

    /// Where the paths of two functions meet, by the kernel's tree.
    #[must_use]
    pub fn ancestor(&self, other: &Self) -> PcieAncestor {
        if self.address.slot() == other.address.slot() {
            return PcieAncestor::Board;
        }
        let common = self.chain.iter().zip(&other.chain).take_while(|(a, b)| a == b).count();
        match common {
            0 if self.numa.value().is_some() && self.numa == other.numa => PcieAncestor::NumaNode,
            0 => PcieAncestor::System,
            // Only the host bridge's bus, or its root port's: they meet in the root complex.
            1 => PcieAncestor::HostBridge,
            _ => self.through_switches(other, common),
        }
    }

    /// Two functions that meet below a root port. A switch is an upstream port and a downstream
    /// port, two steps of the chain: with one step of their own each, both hang on one switch.
    fn through_switches(&self, other: &Self, common: usize) -> PcieAncestor {
        let own = (self.chain.len() - common).max(other.chain.len() - common);
        if own <= 2 { PcieAncestor::Switch } else { PcieAncestor::Switches }
    }
}

/// Every display controller and accelerator on the bus, in order of address. Functions that
/// cannot be read are named in the second list.
///
/// # Errors
/// When the bus itself cannot be listed; a machine without PCI has an empty list.
pub fn gpu_functions(sysfs: &Path) -> Result<(Vec<PciFunction>, Vec<Error>), Error> {
    let bus = sysfs.join("bus/pci/devices");
    let names = match file::list(&bus) {
        Ok(names) => names,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Vec::new(), Vec::new())),
        Err(error) => return Err(error),
    };
    let (mut functions, mut errors) = (Vec::new(), Vec::new());
    for name in names {
        let Ok(address) = name.parse() else { continue };
        match function_at(&bus.join(&name), address) {
            Ok(function) if function.may_be_gpu() => functions.push(function),
            Ok(_) => {}
            Err(error) => errors.push(error),
        }
    }
    // Of two that claim one address, the one that the kernel would name so is believed.
    let is_odd = |of: &PciFunction| !of.path.ends_with(of.address.to_string());
    functions.sort_by_key(|function| (function.address, is_odd(function)));
    functions.dedup_by(|later, first| {
        let same = later.address == first.address;
        if same {
            let detail = format!("claims to be at {}, as {} does", first.address, first.path.display());
            errors.push(Error::new(ErrorKind::Inconsistent, later.path.display().to_string(), detail));
        }
        same
    });
    Ok((functions, errors))
}

/// The function whose directory (or a link to it) is `path`.
///
/// # Errors
/// When class or ids cannot be read.
pub fn function_at(path: &Path, address: PciAddress) -> Result<PciFunction, Error> {
    let class = narrow(file::read_u64(&path.join("class"))?, &path.join("class"))?;
    let id = |name: &str| -> Result<u16, Error> {
        let file = path.join(name);
        narrow(file::read_u64(&file)?, &file)
    };
    // Subsystem ids are missing on bridges and in old dumps.
    let id = PciId {
        vendor: id("vendor")?,
        device: id("device")?,
        subvendor: id("subsystem_vendor").unwrap_or(0),
        subdevice: id("subsystem_device").unwrap_or(0),
    };
    Ok(PciFunction {
        address,
        id,
        class,
        driver: file::link_name(&path.join("driver")).ok(),
        numa: numa_of(path),
        chain: chain_of(path),
        physical: file::link_name(&path.join("physfn")).ok().and_then(|name| name.parse().ok()),
        path: path.to_path_buf(),
    })
}

/// The NUMA node in a device's directory; the kernel writes −1 where there is only one or the
/// firmware does not tell.
#[must_use]
pub fn numa_of(path: &Path) -> Known<NumaNode> {
    const UNTOLD: &str = "the kernel does not tell (numa_node is -1)";
    match Attribute::new(path.join("numa_node"), "numa_node").read_i64() {
        Ok(-1) => Known::unsupported(UNTOLD),
        Ok(node) => match u32::try_from(node) {
            Ok(node) => NumaNode(node).into(),
            Err(_) => Known::absent(Absence::Failed { at: "numa_node", code: None }),
        },
        Err(Absence::NotSupported { .. }) => Known::unsupported("the kernel has no numa_node for it"),
        Err(absence) => Known::absent(absence),
    }
}

/// The steps of the resolved path from `pciDDDD:BB` on.
fn chain_of(path: &Path) -> Vec<String> {
    let Ok(resolved) = path.canonicalize() else { return Vec::new() };
    let steps = resolved.iter().filter_map(|step| step.to_str()).map(str::to_owned);
    let mut chain: Vec<String> = steps.skip_while(|step| !step.starts_with("pci")).collect();
    // The root ports of one host bridge are below the same `pciDDDD:BB`; a path without it is
    // not in the kernel's tree.
    chain.truncate(64);
    chain
}

fn narrow<T: TryFrom<u64>>(number: u64, path: &Path) -> Result<T, Error> {
    T::try_from(number).map_err(|_| file::malformed(path, "a number too large for a PCI id"))
}

/// Generation and width of a function's link now, from `current_link_speed` and
/// `current_link_width`.
#[must_use]
pub fn generation_of_speed(speed: &str) -> Option<u64> {
    // PCI-SIG's rates by generation, as the kernel writes them (`drivers/pci/probe.c`).
    match speed.split_whitespace().next()? {
        "2.5" => Some(1),
        "5" | "5.0" => Some(2),
        "8" | "8.0" => Some(3),
        "16" | "16.0" => Some(4),
        "32" | "32.0" => Some(5),
        "64" | "64.0" => Some(6),
        _ => None,
    }
}
