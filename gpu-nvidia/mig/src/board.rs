//! [`Board`]: what boards offer, for planning and simulation without hardware.
//!
//! A driver's own answer beats every row. Each row names its source; what is concluded rather
//! than read is said in [`Profile::inferred`](crate::Profile::inferred), and what neither gives is
//! absent.

mod ampere;
mod blackwell;
mod columns;
mod hopper;

use std::fmt;

use gpu_core::plan::Geometry;
use gpu_core::{Bytes, Count, Known};

use crate::profile::Profile;
use crate::profiles::{NoGeometry, Profiles};

/// How a board treats the MIG mode.
///
/// ```
/// use gpu_nvidia_mig::{Board, Generation};
/// assert_eq!(Board::named("a30-24")?.generation(), Generation::Ampere);
/// # Ok::<(), gpu_nvidia_mig::UnknownBoard>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Generation {
    /// A change of mode waits for a reset, and stays over a reboot.
    Ampere,
    /// A change of mode is immediate, and forgotten when the driver unloads.
    Hopper,
    /// As Hopper.
    Blackwell,
}

/// A kind of board and what it can be cut into.
///
/// ```
/// use gpu_nvidia_mig::Board;
/// let board = Board::of_pci_device(0x2330).expect("an H100 SXM5");
/// assert_eq!((board.key(), board.title()), ("h100-80", "H100 and H800 with 80 GB"));
/// assert_eq!(board.profiles().iter().count(), 7);
/// assert!(Board::named("b100").unwrap_err().to_string().contains("h200-141"));
/// # Ok::<(), gpu_nvidia_mig::UnknownBoard>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Board {
    key: &'static str,
    title: &'static str,
    pci_devices: &'static [u16],
    generation: Generation,
    /// What `nvmlDeviceGetMemoryInfo` calls the total, in MiB.
    memory_mib: Option<u64>,
    multiprocessors: Option<u64>,
    rows: fn() -> Vec<Profile>,
}

const UNTOLD: &str = "no public source tells";

impl Board {
    /// Every board of the tables, by generation and memory.
    ///
    /// ```
    /// assert!(gpu_nvidia_mig::Board::all().iter().any(|board| board.key() == "a30-24"));
    /// ```
    #[must_use]
    pub fn all() -> &'static [Self] {
        ALL
    }

    /// The board of that key.
    ///
    /// # Errors
    /// When there is none; the error lists those that there are.
    pub fn named(key: &str) -> Result<&'static Self, UnknownBoard> {
        ALL.iter().find(|board| board.key == key).ok_or_else(|| UnknownBoard { key: key.to_owned() })
    }

    /// The board with that PCI device id (of vendor 10de).
    #[must_use]
    pub fn of_pci_device(device: u16) -> Option<&'static Self> {
        ALL.iter().find(|board| board.pci_devices.contains(&device))
    }

    /// Its key: `h100-80`.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        self.key
    }

    /// Which products it stands for.
    #[must_use]
    pub const fn title(&self) -> &'static str {
        self.title
    }

    /// PCI device ids of these products, as far as they are public.
    #[must_use]
    pub const fn pci_devices(&self) -> &'static [u16] {
        self.pci_devices
    }

    /// How it treats the MIG mode.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// Memory of the whole board, from which the names of profiles are computed.
    #[must_use]
    pub fn memory(&self) -> Known<Bytes> {
        self.memory_mib.map_or(Known::unsupported(UNTOLD), |mib| Bytes::mib(mib).into())
    }

    /// Multiprocessors of the whole board.
    #[must_use]
    pub fn multiprocessors(&self) -> Known<Count> {
        self.multiprocessors.map_or(Known::unsupported(UNTOLD), |count| Count(count).into())
    }

    /// What it offers.
    #[must_use]
    pub fn profiles(&self) -> Profiles {
        Profiles::new(self.key, (self.rows)())
    }

    /// The geometry to plan with.
    ///
    /// # Errors
    /// When it is not public where its profiles may sit.
    pub fn geometry(&self) -> Result<Geometry, NoGeometry> {
        self.profiles().geometry()
    }
}

/// A key that no board has.
///
/// ```
/// let refused = gpu_nvidia_mig::Board::named("h100").unwrap_err().to_string();
/// assert!(refused.starts_with("\"h100\" is no board of the tables; there are a30-24, "), "{refused}");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownBoard {
    key: String,
}

impl fmt::Display for UnknownBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&str> = ALL.iter().map(|board| board.key).collect();
        write!(f, "{:?} is no board of the tables; there are {}", self.key, keys.join(", "))
    }
}

impl std::error::Error for UnknownBoard {}

const fn board(
    key: &'static str,
    title: &'static str,
    pci_devices: &'static [u16],
    generation: Generation,
    (memory_mib, multiprocessors): (Option<u64>, Option<u64>),
    rows: fn() -> Vec<Profile>,
) -> Board {
    Board { key, title, pci_devices, generation, memory_mib, multiprocessors, rows }
}

use Generation::{Ampere, Blackwell, Hopper};

/// Device ids are mig-parted's groups (mig-parted: deployments/systemd/config-default.yaml). Totals
/// are those of public `nvidia-smi` output.
const ALL: &[Board] = &[
    board("a30-24", "A30", &[0x20b7], Ampere, (None, Some(56)), ampere::a30_24),
    board(
        "a100-40",
        "A100 and A800 with 40 GB",
        &[0x20b0, 0x20b1, 0x20f1, 0x20f6],
        Ampere,
        (Some(40_960), Some(108)),
        ampere::a100_40,
    ),
    board(
        "a100-80",
        "A100 and A800 with 80 GB",
        &[0x20b2, 0x20b5, 0x20f3, 0x20f5],
        Ampere,
        (Some(81_920), Some(108)),
        ampere::a100_80,
    ),
    // Of the Ampere generation by the range of its device id.
    board("pg506-96", "PG506 with 96 GB", &[0x20b6], Ampere, (None, None), ampere::pg506_96),
    board(
        "h100-80",
        "H100 and H800 with 80 GB",
        &[0x2330, 0x2331, 0x2322, 0x2324],
        Hopper,
        (Some(81_559), Some(132)),
        hopper::h100_80,
    ),
    board(
        "h100-94",
        "H100 NVL and H800 NVL",
        &[0x2321, 0x233a],
        Hopper,
        (Some(95_830), Some(132)),
        hopper::h100_94,
    ),
    board("h100-96", "H100 with 96 GB", &[0x233d], Hopper, (None, Some(132)), hopper::h100_96),
    board("gh200-96", "GH200 with 96 GB", &[0x2342], Hopper, (None, Some(132)), hopper::h100_96),
    board("h20-96", "H20 with 96 GB", &[0x2329], Hopper, (None, Some(78)), hopper::h20_96),
    board("gh200-144", "GH200 with 144 GB", &[0x2348], Hopper, (None, Some(132)), hopper::gh200_144),
    board(
        "h200-141",
        "H200, H200 NVL and H20 with 141 GB",
        &[0x2335, 0x233b],
        Hopper,
        (Some(143_771), Some(132)),
        hopper::h200_141,
    ),
    board("b200-180", "B200", &[0x2901], Blackwell, (Some(183_359), Some(148)), blackwell::b200_180),
    board("gb200", "GB200", &[0x2941], Blackwell, (None, None), blackwell::gb200),
    board("b300", "B300", &[0x3182], Blackwell, (None, None), blackwell::b300),
    board("gb300", "GB300", &[0x31c2], Blackwell, (Some(284_208), None), blackwell::gb300),
    board(
        "rtx-pro-6000",
        "RTX PRO 6000 Blackwell",
        &[0x2bb5],
        Blackwell,
        (Some(97_887), Some(188)),
        blackwell::rtx_pro_6000,
    ),
    board("rtx-pro-5000", "RTX PRO 5000 Blackwell", &[], Blackwell, (None, None), blackwell::rtx_pro_5000),
    board("rtx-pro-4500", "RTX PRO 4500 Blackwell", &[], Blackwell, (None, None), blackwell::rtx_pro_4500),
    board("thor", "Jetson Thor", &[], Blackwell, (None, None), blackwell::thor),
];
