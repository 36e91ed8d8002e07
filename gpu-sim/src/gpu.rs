//! [`Gpu`]: the description of one simulated GPU.

use gpu_core::{
    Bytes, Hertz, MemoryKind, Microjoules, Microwatts, Millicelsius, NumaNode, PciAddress, PciId, Uuid,
};
use serde::{Deserialize, Serialize};

use crate::health::HealthSpec;
use crate::machine::DrmNumbers;

/// One simulated GPU: what all vendors have, and the vendor's own part.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpu {
    /// The product's name.
    pub name: String,
    /// Where it sits.
    pub pci: PciAddress,
    /// What it says it is.
    pub pci_id: PciId,
    /// Bridges from the root port down to the board, nearest to the processor first.
    #[serde(default)]
    pub bridges: Vec<PciAddress>,
    /// NUMA node that it hangs on.
    #[serde(default)]
    pub numa: Option<NumaNode>,
    /// PCIe link.
    pub pcie: PcieSpec,
    /// DRM device numbers (with partition 0's on a partitioned AMD GPU); `None` without DRM.
    #[serde(default)]
    pub drm: Option<DrmNumbers>,
    /// Memory.
    pub memory: MemorySpec,
    /// SMs, CUs or Xe cores of the whole GPU.
    pub compute_units: u32,
    /// Power.
    pub power: PowerSpec,
    /// Temperatures.
    pub thermal: ThermalSpec,
    /// Clocks.
    pub clocks: ClockSpec,
    /// Memory errors; `None` when the board does not count them.
    #[serde(default)]
    pub ecc: Option<EccSpec>,
    /// How well it is otherwise.
    #[serde(default)]
    pub health: HealthSpec,
    /// Version of the video BIOS.
    #[serde(default)]
    pub firmware: Option<String>,
    /// Serial number of the board.
    #[serde(default)]
    pub serial: Option<String>,
    /// Part number of the board.
    #[serde(default)]
    pub board_part: Option<String>,
    /// Runtime power management has put it to sleep.
    #[serde(default)]
    pub asleep: bool,
    /// The vendor's own part.
    pub silicon: Silicon,
}

impl Gpu {
    /// The same GPU as number `n` of many: elsewhere on the bus, under other names.
    pub(crate) fn copy(&self, n: u8) -> Self {
        let mut gpu = self.clone();
        let number = u32::from(n);
        gpu.pci = PciAddress::new(number / 32, 0x10 + n % 32, 0, 0);
        gpu.bridges = Vec::new();
        let drm = DrmNumbers { card: number, render: 128 + number };
        gpu.drm = gpu.drm.is_some().then(|| drm.clone());
        match &mut gpu.silicon {
            Silicon::Amd(amd) => {
                amd.unique_id = Some(0x1000 + u64::from(n));
                amd.partitions.truncate(1);
                for part in &mut amd.partitions {
                    (part.gpu_id, part.drm) = (100 + number, drm.clone());
                }
            }
            Silicon::Nvidia(nvidia) => {
                nvidia.minor = number;
                nvidia.uuid.0[15] = n;
            }
            Silicon::Intel(_) => {}
        }
        gpu
    }
}

/// The vendor's own part of a GPU.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Silicon {
    /// NVIDIA.
    Nvidia(NvidiaSpec),
    /// AMD.
    Amd(AmdSpec),
    /// Intel.
    Intel(IntelSpec),
}

/// The PCIe link.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PcieSpec {
    /// Generation in force; 0 for a function inside the processor, which has no link.
    pub generation: u32,
    /// Lanes in force.
    pub width: u32,
}

/// Memory of a GPU.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemorySpec {
    /// All of it.
    pub total: Bytes,
    /// What driver and firmware keep; in neither used nor free.
    #[serde(default)]
    pub reserved: Bytes,
    /// Used without any process (driver, firmware consoles).
    #[serde(default)]
    pub base_used: Bytes,
    /// Whose memory it is.
    pub kind: MemoryKind,
    /// System memory that it may use (AMD's GTT).
    #[serde(default)]
    pub system_total: Option<Bytes>,
}

/// Power of a GPU: linear between idle and full load.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerSpec {
    /// With nothing running.
    pub idle: Microwatts,
    /// With everything busy.
    pub full: Microwatts,
    /// Limit in force.
    pub limit: Microwatts,
    /// Limit as shipped.
    pub limit_default: Microwatts,
    /// Lowest limit.
    pub limit_min: Microwatts,
    /// Highest limit.
    pub limit_max: Microwatts,
    /// Energy counter when the simulation starts.
    #[serde(default)]
    pub energy_at_start: Microjoules,
}

/// Temperatures of a GPU: linear between idle and full load.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThermalSpec {
    /// With nothing running.
    pub idle: Millicelsius,
    /// With everything busy.
    pub full: Millicelsius,
    /// How much hotter the hottest spot is, where there is such a sensor.
    #[serde(default)]
    pub hotspot_above: Option<Millicelsius>,
    /// How much hotter the memory is, where there is such a sensor.
    #[serde(default)]
    pub memory_above: Option<Millicelsius>,
    /// Slows down from here on.
    #[serde(default)]
    pub slowdown: Option<Millicelsius>,
    /// Switches off here.
    #[serde(default)]
    pub shutdown: Option<Millicelsius>,
    /// Fan at full speed, rotations per minute; `None` for a board without fan.
    #[serde(default)]
    pub fan_full_rpm: Option<u64>,
}

/// Clocks of a GPU: idle or maximum, by whether something runs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockSpec {
    /// Graphics (shader) clock with nothing running.
    pub graphics_idle: Hertz,
    /// Highest graphics clock.
    pub graphics_max: Hertz,
    /// Memory clock with nothing running.
    pub memory_idle: Hertz,
    /// Highest memory clock.
    pub memory_max: Hertz,
    /// Video clock.
    #[serde(default)]
    pub video: Option<Hertz>,
}

/// Memory errors so far.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EccSpec {
    /// Corrected since the driver was loaded.
    pub corrected: u64,
    /// Not corrected since the driver was loaded.
    pub uncorrected: u64,
    /// Corrected in the life of the board.
    pub corrected_lifetime: u64,
    /// Not corrected in the life of the board.
    pub uncorrected_lifetime: u64,
    /// Rows replaced after errors that could be corrected; `None` when rows are not remapped.
    pub remapped_corrected: Option<u64>,
    /// Rows replaced after errors that could not be corrected.
    pub remapped_uncorrected: u64,
    /// A row waits for the next reset.
    pub remap_pending: bool,
    /// Replacing a row failed.
    pub remap_failed: bool,
    /// Pages taken out of use (AMD's bad pages, NVIDIA's retired pages where rows are not remapped).
    pub retired_pages: u64,
    /// One of them waits for the next reset.
    pub retired_pending: bool,
}

/// NVIDIA's own part.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NvidiaSpec {
    /// UUID, without `GPU-`.
    pub uuid: Uuid,
    /// N of `/dev/nvidiaN`: by probe order, not by NVML's index.
    pub minor: u32,
    /// NVML's architecture number: 7 Ampere, 8 Ada, 9 Hopper, 10 Blackwell.
    pub architecture: u32,
    /// CUDA compute capability.
    pub compute_capability: (i32, i32),
    /// NVLinks to an NVSwitch, or 0; direct links are in [`Machine::links`](crate::Machine::links).
    #[serde(default)]
    pub nvswitch_links: u32,
    /// Persistence mode.
    #[serde(default)]
    pub persistence: bool,
    /// Accounting mode: the driver remembers processes that have ended.
    #[serde(default)]
    pub accounting: bool,
    /// MIG; `None` when the board cannot.
    #[serde(default)]
    pub mig: Option<MigSpec>,
}

/// MIG state and geometry of a board.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MigSpec {
    /// On now.
    pub enabled: bool,
    /// On after the next reset.
    pub pending: bool,
    /// The GPU instance profiles that the board offers.
    pub profiles: Vec<MigProfile>,
    /// Live instances.
    #[serde(default)]
    pub instances: Vec<GpuInstanceSpec>,
    /// How many instances were made so far: each is another life, though names come back.
    #[serde(default)]
    pub lives: u64,
}

/// One GPU instance profile, as a board offers it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MigProfile {
    /// Name without the `MIG ` prefix: `1g.10gb+me`.
    pub name: String,
    /// Index in NVML's enumeration: argument of `nvmlDeviceGetGpuInstanceProfileInfo`.
    pub index: u32,
    /// GPU instance profile id: `id` of the profile info, `ID` of `mig -lgip`.
    pub id: u32,
    /// Compute slices.
    pub slices: u32,
    /// Multiprocessors.
    pub multiprocessors: u32,
    /// Memory.
    pub memory: Bytes,
    /// Most instances of it at once.
    pub max_instances: u32,
    /// First slots that it may take.
    pub starts: Vec<u32>,
    /// Memory slots that it takes.
    pub size: u32,
    /// Copy engines.
    pub copy_engines: u32,
    /// Video decoders.
    pub decoders: u32,
    /// Video encoders.
    #[serde(default)]
    pub encoders: u32,
    /// JPEG engines.
    pub jpegs: u32,
    /// Optical flow engines.
    pub ofas: u32,
}

/// A live GPU instance.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpuInstanceSpec {
    /// GPU instance id: follows no formula.
    pub id: u32,
    /// Name of its profile.
    pub profile: String,
    /// First memory slot.
    pub start: u32,
    /// Compute instances in it.
    pub compute_instances: Vec<ComputeInstanceSpec>,
    /// Which of the board's lives it is.
    #[serde(default)]
    pub life: u64,
}

/// A live compute instance.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComputeInstanceSpec {
    /// Compute instance id within its GPU instance.
    pub id: u32,
    /// Compute slices.
    pub slices: u32,
    /// First of its slices within the GPU instance.
    #[serde(default)]
    pub start: u32,
    /// UUID of the MIG device, without `MIG-`.
    pub uuid: Uuid,
    /// Which of the board's lives it is.
    #[serde(default)]
    pub life: u64,
}

/// AMD's own part.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmdSpec {
    /// `unique_id`; 0 or `None` on many cards.
    #[serde(default)]
    pub unique_id: Option<u64>,
    /// `gfx_target_version` of KFD: 90402 for gfx942.
    pub gfx_target_version: u32,
    /// Accelerator dies.
    pub xcc: u32,
    /// Compute partition mode (`SPX`…); `None` when the driver has no such file.
    #[serde(default)]
    pub compute_mode: Option<String>,
    /// Compute modes on offer.
    #[serde(default)]
    pub compute_modes: Vec<String>,
    /// Memory partition mode (`NPS1`…); `None` when the driver has no such file.
    #[serde(default)]
    pub memory_mode: Option<String>,
    /// Memory modes on offer.
    #[serde(default)]
    pub memory_modes: Vec<String>,
    /// Memory mode that was asked for: in force when the driver is loaded again.
    #[serde(default)]
    pub memory_request: Option<String>,
    /// xGMI hive; `None` outside one.
    #[serde(default)]
    pub hive_id: Option<u64>,
    /// Partitions: one in SPX. The first keeps the PCI function and the GPU's DRM nodes.
    pub partitions: Vec<XcpSpec>,
    /// Power is in `power1_input` (MI300 and later) rather than `power1_average`; APUs have both.
    #[serde(default)]
    pub power_file: AmdPowerFile,
    /// Power sensor shows the whole card on die 0 and nothing on die 1 (MI250X).
    #[serde(default)]
    pub power_on_other_die: bool,
    /// Which form of `gpu_metrics` the driver writes; `None` when it has no such file.
    #[serde(default)]
    pub gpu_metrics: Option<AmdMetricsForm>,
    /// `enforce_isolation`, a number for each partition; empty when the driver has no such file.
    #[serde(default)]
    pub isolation: Vec<u32>,
}

/// A form of AMD's `gpu_metrics`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AmdMetricsForm {
    /// 1.3: discrete GPUs up to MI250X.
    V1_3,
    /// 1.5: MI300.
    V1_5,
    /// 1.6 as in mainline, of 384 bytes.
    V1_6,
    /// 1.6 as in AMD's own driver, of 1664 bytes, with statistics for each partition.
    V1_6Rocm,
    /// 1.7.
    V1_7,
    /// 1.8.
    V1_8,
}

impl AmdMetricsForm {
    /// True for a form that has statistics for each partition.
    #[must_use]
    pub const fn has_partitions(self) -> bool {
        matches!(self, Self::V1_6Rocm | Self::V1_7 | Self::V1_8)
    }
}

/// Which hwmon file carries AMD's power.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AmdPowerFile {
    /// `power1_average` (older).
    #[default]
    Average,
    /// `power1_input` (MI300 and newer).
    Input,
    /// Both (APUs).
    Both,
}

/// One AMD compute partition: one KFD node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct XcpSpec {
    /// `gpu_id` of KFD.
    pub gpu_id: u32,
    /// Compute units.
    pub compute_units: u32,
    /// Memory.
    pub memory: Bytes,
    /// Its DRM nodes; the first partition's are the GPU's.
    pub drm: DrmNumbers,
}

/// Which of Intel's kernel drivers drives a GPU, and thereby where its files are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntelDriver {
    /// i915 as in mainline.
    I915,
    /// i915 with Intel's backport ("prelim").
    I915Prelim,
    /// xe.
    Xe,
}

/// Intel's own part.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntelSpec {
    /// Kernel driver.
    pub driver: IntelDriver,
    /// Tiles, each with its memory and Xe cores. One for most products; without memory in a
    /// processor, whose graphics computes in the machine's.
    pub tiles: Vec<TileSpec>,
    /// Has a media GT (`gt1`, on xe of tile 0) that is not a tile.
    #[serde(default)]
    pub media_gt: bool,
    /// Compute engines visible (`ccs_mode`), where the driver offers it.
    #[serde(default)]
    pub ccs_mode: Option<u32>,
    /// Compute slices (`num_cslices`); 0 without engines that compute alone, where the one that draws
    /// computes, too (before Xe HPG).
    #[serde(default)]
    pub ccs_slices: u32,
    /// Most virtual functions; 0 without SR-IOV.
    #[serde(default)]
    pub total_vfs: u32,
    /// Virtual functions that are enabled now.
    #[serde(default)]
    pub vfs: Vec<VfSpec>,
    /// What was set by hand for virtual functions, there or not.
    #[serde(default)]
    pub provisions: Vec<VfProvision>,
}

/// What was set by hand for one virtual function; 0 is what the driver decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VfProvision {
    /// Number, from 1.
    pub number: u32,
    /// Memory quota over all tiles.
    #[serde(default)]
    pub memory: Bytes,
    /// What of it is on the second tile, of GPUs that have one and a driver that sets each apart.
    #[serde(default)]
    pub second_tile: Bytes,
    /// Time slice, in milliseconds.
    #[serde(default)]
    pub exec_quantum_ms: u32,
    /// Preemption timeout, in microseconds.
    #[serde(default)]
    pub preempt_timeout_us: u32,
    /// Priority: 0 low, 1 normal, 2 high (xe).
    #[serde(default = "normal")]
    pub priority: u32,
}

impl VfProvision {
    /// Nothing was set.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        let none = Bytes::ZERO;
        Self {
            number,
            memory: none,
            second_tile: none,
            exec_quantum_ms: 0,
            preempt_timeout_us: 0,
            priority: normal(),
        }
    }

    /// What of the memory is on a tile: 1 is the second.
    #[must_use]
    pub const fn on_tile(&self, tile: usize) -> Bytes {
        if tile == 1 { self.second_tile } else { self.memory.saturating_sub(self.second_tile) }
    }
}

const fn normal() -> u32 {
    1
}

/// One Intel tile.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TileSpec {
    /// Memory.
    pub memory: Bytes,
    /// Xe cores.
    pub xe_cores: u32,
}

/// One enabled virtual function.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VfSpec {
    /// Number, from 1.
    pub number: u32,
    /// PCI function.
    pub pci: PciAddress,
    /// Its DRM nodes, where the host's own driver drives it; `None` for one that is left to guests.
    #[serde(default)]
    pub drm: Option<DrmNumbers>,
    /// Memory quota over all tiles.
    pub memory_quota: Bytes,
    /// Time slice, in milliseconds.
    pub exec_quantum_ms: u32,
    /// Preemption timeout, in microseconds.
    pub preempt_timeout_us: u32,
    /// Priority: 0 low, 1 normal, 2 high (xe).
    #[serde(default = "normal")]
    pub priority: u32,
}
