//! NVIDIA's MIG as data: the names and numbers that drivers, tools and schedulers use for it, and
//! what each board can be cut into. No driver, no I/O.
//!
//! ```
//! use gpu_core::plan::{Layout, Request};
//! use gpu_nvidia_mig::Board;
//! let board = Board::named("h100-80")?;
//! let geometry = board.geometry()?;
//! let wanted = board.profiles().wanted(["3g.40gb", "2g.20gb", "1g.10gb", "1g.10gb"])?;
//! let plan = geometry.plan(&Layout::default(), &Request::exactly(wanted))?;
//! let made: Vec<String> = plan.create.iter().map(|new| format!("{}@{}", new.name, new.placement)).collect();
//! assert_eq!(made, ["3g.40gb@4:4", "2g.20gb@0:2", "1g.10gb@2:1", "1g.10gb@3:1"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The geometry, drawn
//! Places are in memory slots; where a profile may begin is marked, and how far it reaches. On the
//! boards with seven compute slices (A100, H100, H200, B200 and their like) no `1g` lies at slot 7,
//! and both memory and compute bind: two `3g` take all memory and leave a compute slice that
//! nothing can have.
//! ```text
//! slot        0   1   2   3   4   5   6   7     slices  at most
//! 1g, 1g+me   ■   ■   ■   ■   ■   ■   ■            1      7, 1
//! 1g (×2 GB)  ■━━━    ■━━━    ■━━━    ■━━━         1      4
//! 2g          ■━━━    ■━━━    ■━━━                 2      3
//! 3g          ■━━━━━━━━━━━    ■━━━━━━━━━━━         3      2
//! 4g          ■━━━━━━━━━━━                         4      1
//! 7g          ■━━━━━━━━━━━━━━━━━━━━━━━━━━━         7      1
//! ```
//! The small ones (A30, RTX PRO) have four slots and four compute slices:
//! ```text
//! slot        0   1   2   3     slices  at most
//! 1g          ■   ■   ■   ■        1      4
//! 2g          ■━━━    ■━━━         2      2
//! 4g          ■━━━━━━━━━━━         4      1
//! ```
//! There `+me.all` takes every media engine, so that what lies beside it is `-me`.
//!
//! # Three numbers called profile id
//! | number | type | example: `1g.5gb` of an A100 |
//! |---|---|---|
//! | index in NVML's enumeration, argument of `nvmlDeviceGetGpuInstanceProfileInfo` | [`ProfileIndex`] | 0 |
//! | id that the board gave it, `ID` of `nvidia-smi mig -lgip` | [`GpuInstanceProfileId`] | 19 |
//! | id of a live instance | [`GpuInstanceId`] | 7 to 13 |
//!
//! # How a board of seven slices is cut
//! Places are memory slots, of which there are eight; compute slices are seven, and both bind.
//!
//! ```text
//! slot          0    1    2    3    4    5    6    7
//! 7g         [--------------------------------------]
//! 4g         [------------------]
//! 3g         [------------------][------------------]
//! 2g         [--------][--------][--------]
//! 1g, +me    [---][---][---][---][---][---][---]
//! 1g, double [--------][--------][--------][--------]
//! ```
//!
//! 4g and 3g fill a board. Two 3g take all slots and leave a compute slice that nothing can use;
//! slot 7 is never a 1g's; a 1g at slot 3 leaves no first half for a 3g or 4g.
//!
//! # A name alone is no geometry
//! `1g.35gb` is one of seven on a GB300 and one of four on an H200; `1g.10gb` is one of seven on an
//! H100 and one of four on an A100-40. First the [`Board`], then the name. And where there is a
//! driver, its answers go before every table: [`Profiles`] takes either.
//!
//! # Features
//! - `serde`: `Serialize` and `Deserialize` for names and ids.
//! - `formats`: the `formats` module, configurations of mig-parted and of the device plugin.

#![forbid(unsafe_code)]

mod board;
mod device_name;
#[cfg(feature = "formats")]
pub mod formats;
mod id;
mod name;
mod profile;
mod profiles;
mod resource;
mod text;
mod uuid;

pub use board::{Board, Generation, UnknownBoard};
pub use device_name::DeviceName;
pub use id::{
    ComputeInstanceId, ComputeProfileId, ComputeProfileIndex, GpuInstanceId, GpuInstanceProfileId,
    ProfileIndex,
};
pub use name::ProfileName;
pub use profile::Profile;
pub use profiles::{NoGeometry, Profiles, UnknownProfile};
pub use resource::ResourceName;
pub use uuid::MigUuid;
