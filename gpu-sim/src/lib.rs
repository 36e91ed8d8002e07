//! Simulated GPU nodes: test a GPU tool on a machine that you do not have.
//!
//! A [`Machine`] describes a node as data: take a [preset](Machine::preset), build one by hand,
//! or read it from JSON. A [`World`] is a machine with a clock that a test drives; it tells what
//! every GPU and process shows at a time.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use gpu_core::{Backend, BackendExt, Nanoseconds, Vendor};
//!
//! let world = gpu_sim::World::new(gpu_sim::Machine::preset("mixed")?);
//! let amd = gpu_sim::SimBackend::new(world.clone(), Vendor::AMD);
//! let gpu = amd.inventory()?.devices[0].id;
//! let before = amd.sample()?.reading(gpu).energy.expect("it counts");
//! world.clock().advance(Nanoseconds::from_secs(60));
//! let after = amd.sample()?.reading(gpu).energy.expect("it counts");
//! assert!(after.value > before.value);
//!
//! world.lose(2); // position in the description: the MI300X falls off the bus
//! assert!(amd.sample()?.reading(gpu).energy.is_err());
//! # Ok(())
//! # }
//! ```
//!
//! Everything that comes from here says that it is simulated: values by their source, a node by
//! `Node::simulated`.

#![forbid(unsafe_code)]

mod amd;
mod backend;
mod capability;
mod clock;
mod description;
mod events;
mod evidence;
mod fault;
mod gpu;
mod health;
mod intel;
mod inventory;
mod kernel_memory;
pub mod library;
mod machine;
mod mig;
pub mod mig_tables;
mod partitioner;
mod presets;
mod reading;
mod scene;
mod tree;
mod workload;
mod world;

pub use amd::AmdUse;
pub use amd::ModeRefusal;
pub use backend::{SimBackend, SimSweeper};
pub use clock::SimClock;
pub use description::DescriptionError;
pub use fault::Fault;
pub use gpu::{
    AmdMetricsForm, AmdPowerFile, AmdSpec, ClockSpec, ComputeInstanceSpec, EccSpec, Gpu, GpuInstanceSpec,
    IntelDriver, IntelSpec, MemorySpec, MigProfile, MigSpec, NvidiaSpec, PcieSpec, PowerSpec, Silicon,
    ThermalSpec, TileSpec, VfProvision, VfSpec, XcpSpec,
};
pub use health::{FabricSpec, HealthSpec};
pub use intel::IntelTile;
pub use machine::{Bystander, DrmNumbers, LinkKindSpec, LinkSpec, Machine, NumaSpec, NvidiaDriver};
pub use mig::{COMPUTE_SLICES, MigRefusal};
pub use partitioner::{SimPartitioner, VfQuota};
pub use scene::{Account, GpuState, Scene, UseState};
pub use tree::{Damage, Tree};
pub use workload::{Curve, Descriptor, Part, Use, UseKind, Workload};
pub use world::World;
