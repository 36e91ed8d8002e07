//! What NVIDIA GPUs there are.

use std::path::Path;

use gpu_core::{
    Absence, BootId, Bytes, Device, DeviceNode, DeviceNumber, Driver, Inventory, Known, MemoryKind, NodeRole,
    Problem, Vendor,
};

use crate::board::{Board, Boards};
use crate::error::Code;
use crate::ffi::Library;
use crate::{partition, topology};

/// The major number of `/dev/nvidia0` and the like (kernel: `Documentation/admin-guide/devices.txt`).
pub(crate) const MAJOR: u32 = 195;

/// The inventory that `boards` are.
pub(crate) fn inventory(library: &Library, path: &Path, boards: &Boards, boot: BootId) -> Inventory {
    let mut inventory = Inventory::new();
    inventory.problems.extend(boards.errors.iter().map(|error| Problem::new(Vendor::NVIDIA, error)));
    inventory.drivers.push(driver(library, path));
    for (index, board) in (0..).zip(&boards.boards) {
        let mut device = device(library, board, boot);
        device.index = index;
        inventory.devices.push(device);
    }
    inventory.links = topology::links(library, &boards.boards);
    inventory
}

fn driver(library: &Library, path: &Path) -> Driver {
    let mut driver = Driver::new(Vendor::NVIDIA, "nvidia");
    driver.version = known(library.driver_version(), "nvmlSystemGetDriverVersion");
    driver.library = known(library.library_version(), "nvmlSystemGetNVMLVersion")
        .map(|version| format!("NVML {version} ({})", path.display()));
    driver.compute_api = known(library.cuda_version(), "nvmlSystemGetCudaDriverVersion_v2")
        .map(|version| format!("CUDA {}.{}", version / 1000, version % 1000 / 10));
    driver
}

fn known<T>(answer: Result<T, Code>, at: &'static str) -> Known<T> {
    answer.map_err(|code| code.absence(at)).into()
}

pub(crate) fn device(library: &Library, board: &Board, boot: BootId) -> Device {
    let handle = board.handle;
    let name = library.name(handle).unwrap_or_else(|_| "NVIDIA GPU".to_owned());
    let mut device = Device::new(board.id, name);
    let no_pci = Absence::NotSupported { why: "NVML does not tell where it sits" };
    device.pci = board.address.ok_or(no_pci).into();
    device.pci_id = board.pci_id.ok_or(no_pci).into();
    let function = board.function.as_ref();
    device.numa =
        function.map_or(Known::unsupported("its PCI function is not in sysfs"), |function| function.numa);
    device.vendor_name = board.uuid.clone().into();
    device.serial = known(library.serial(handle), "nvmlDeviceGetSerial");
    device.board_part = known(library.board_part(handle), "nvmlDeviceGetBoardPartNumber");
    device.architecture = Known::from(board.architecture).map(architecture);
    device.firmware = known(library.vbios(handle), "nvmlDeviceGetVbiosVersion");
    device.driver = match board.function.as_ref().and_then(|function| function.driver.clone()) {
        Some(driver) => driver.into(),
        None => Known::unsupported("its PCI function is not in sysfs, or has no driver"),
    };
    let memory = library.memory(handle).map(|memory| memory.total);
    let gpu_mib = memory.ok().map(|bytes| bytes >> 20);
    device.memory_kind = match memory {
        Err(Code::NOT_SUPPORTED) => MemoryKind::System.into(),
        Ok(_) if is_numa_node(board) => MemoryKind::NumaNode.into(),
        Ok(_) => MemoryKind::Dedicated.into(),
        Err(code) => Known::absent(code.absence("nvmlDeviceGetMemoryInfo")),
    };
    device.memory_total = known(memory.map(Bytes), "nvmlDeviceGetMemoryInfo");
    device.compute_units = Known::unsupported("NVML counts them in MIG instances only");
    device.modes = partition::modes(board);
    device.partitions = partition::partitions(board, gpu_mib, boot);
    device.nodes = library.minor(handle).ok().map(node).into_iter().collect();
    device
}

pub(crate) fn node(minor: u32) -> DeviceNode {
    DeviceNode {
        path: format!("/dev/nvidia{minor}"),
        number: Some(DeviceNumber { major: MAJOR, minor }),
        role: NodeRole::Device,
    }
}

/// GH200, whose memory the operating system manages as a NUMA node.
fn is_numa_node(board: &Board) -> bool {
    board.pci_id.is_some_and(|id| matches!(id.device, 0x2342 | 0x2348))
}

/// `NVML_DEVICE_ARCH_*`.
fn architecture(number: u32) -> String {
    let name = match number {
        2 => "Kepler",
        3 => "Maxwell",
        4 => "Pascal",
        5 => "Volta",
        6 => "Turing",
        7 => "Ampere",
        8 => "Ada",
        9 => "Hopper",
        10 => "Blackwell",
        number => return format!("NVML architecture {number}"),
    };
    name.to_owned()
}
