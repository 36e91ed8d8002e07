//! The machine's side of the `gpu-accounting` family: the one door to the operating system.
//!
//! | module | what it reads |
//! |---|---|
//! | [`Roots`] | nothing: it says where the trees lie |
//! | [`mod@file`] | small kernel files: one open, one read, one close |
//! | [`Folder`] | a directory held open, for many small files in it |
//! | [`pci`] | functions on the PCI bus, and where two of them meet |
//! | [`dmem`] | device memory as the kernel charges it to cgroups, and its limits: read and set |
//! | [`drm`] | cards and render nodes, with their device numbers |
//! | [`fdinfo`] | DRM's accounting of an open descriptor |
//! | [`hwmon`] | sensor chips of a device |
//! | [`boot`], [`SystemClock`] | which boot, and what time |
//! | [`stat`], [`ProcSweeper`] | processes: name, start time, owner, device files held open |
//! | [`WatchingSweeper`] | the same, but only what can have changed since the last sweep |
//! | [`lock`] | nothing: it keeps writers of this family apart |
//! | [`ProcContainers`] | what containers were given: device files, rules, environment, bundles, names |
//! | [`cgroup`] | nothing: whose container, job or service a cgroup path is |
//! | [`pid_namespace`] | whether a `/proc` counts as the machine itself does |
//!
//! Parsers take text, readers take a root; nothing below [`Roots::default`] knows `/sys` or
//! `/proc`. Nothing is cached but what a [`WatchingSweeper`] says; files of sysfs that are read at
//! every sample stay open, up to 512 of them ([`file::Attribute`]). Nothing is written but lock files,
//! limits that are [set](Dmem::limit) and what a caller hands to [`Roots::write`]; nothing is woken.

#![forbid(unsafe_code)]

pub mod boot;
pub mod cgroup;
mod clock;
mod container;
pub mod dmem;
pub mod drm;
pub mod fdinfo;
pub mod file;
mod folder;
mod follower;
mod held;
pub mod hwmon;
pub mod lock;
pub mod pci;
pub mod pid_namespace;
mod roots;
pub mod stat;
mod sweeper;

pub use clock::{SystemClock, processor_time};
pub use container::ProcContainers;
pub use dmem::Dmem;
pub use folder::Folder;
pub use roots::Roots;
pub use sweeper::{Pace, ProcSweeper, WatchingSweeper};
