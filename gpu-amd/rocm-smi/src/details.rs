//! What only the library tells, beside what every backend does.

use gpu_core::{DeviceId, Known};

use crate::board::Board;
use crate::error::Answer;
use crate::ffi::{self, Library};

/// What only the library tells of one GPU.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Details {
    /// The name under which the board is sold.
    pub brand: Known<String>,
    /// Who made its memory.
    pub memory_vendor: Known<String>,
    /// The number of the xGMI hive.
    pub xgmi_hive: Known<u64>,
    /// Its number in the hive.
    pub xgmi_physical_id: Known<u16>,
    /// Errors on xGMI since they were last asked for: 0 none, 1 one, 2 several.
    pub xgmi_errors: Known<u32>,
    /// The performance level that is set, by the header's numbers: 0 is automatic.
    pub performance_level: Known<u32>,
    /// The firmware of its blocks, as far as they tell.
    pub firmware: Vec<Firmware>,
}

/// The firmware of one block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Firmware {
    /// The block, by its name in `rocm_smi.h`: `SMC`, `SDMA`, `MEC`…
    pub block: &'static str,
    /// Its version, as the driver has it.
    pub version: u64,
}

/// What the library tells of the path between two GPUs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PathDetails {
    /// One end: the smaller identifier.
    pub a: DeviceId,
    /// The other end.
    pub b: DeviceId,
    /// Steps on the way, as the library counts them.
    pub hops: u64,
    /// True over xGMI.
    pub is_xgmi: bool,
    /// Least and most bandwidth, in MB/s.
    pub bandwidth: Known<(u64, u64)>,
}

/// Blocks in the order of `rsmi_fw_block_t`.
const BLOCKS: [&str; 23] = [
    "ASD", "CE", "DMCU", "MC", "ME", "MEC", "MEC2", "MES", "MES_KIQ", "PFP", "RLC", "RLC_SRLC", "RLC_SRLG",
    "RLC_SRLS", "SDMA", "SDMA2", "SMC", "SOS", "TA_RAS", "TA_XGMI", "UVD", "VCE", "VCN",
];

pub(crate) fn of(library: &Library, board: &Board) -> Details {
    fn known<T>(answer: Answer<T>) -> Known<T> {
        answer.map_err(|refused| refused.absence()).into()
    }
    let index = board.index();
    let firmware = (0..).zip(BLOCKS);
    let firmware = firmware.filter_map(|(number, block)| {
        library.firmware(index, number).ok().map(|version| Firmware { block, version })
    });
    Details {
        brand: known(library.brand(index)),
        memory_vendor: known(library.memory_vendor(index)),
        xgmi_hive: known(library.xgmi_hive(index)),
        xgmi_physical_id: known(library.xgmi_physical_id(index)),
        xgmi_errors: known(library.xgmi_errors(index)),
        performance_level: known(library.performance_level(index)),
        firmware: firmware.collect(),
    }
}

pub(crate) fn paths(library: &Library, boards: &[Board]) -> Vec<PathDetails> {
    let mut paths = Vec::new();
    for (at, one) in boards.iter().enumerate() {
        for other in &boards[at + 1..] {
            let Ok(path) = library.path(one.index(), other.index()) else { continue };
            let bandwidth = library.bandwidth(one.index(), other.index());
            paths.push(PathDetails {
                a: one.id.min(other.id),
                b: one.id.max(other.id),
                hops: path.hops,
                is_xgmi: path.kind == ffi::XGMI,
                bandwidth: bandwidth.map_err(|refused| refused.absence()).into(),
            });
        }
    }
    paths
}
