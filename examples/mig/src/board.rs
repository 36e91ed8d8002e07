//! [`Board`]: one GPU, what it can be cut into, and how it is cut.

use std::fmt;

use gpu_accounting::plan::{Geometry, Layout, Live, ProfileKey};
use gpu_accounting::{Device, Mode, Node, Partition, PciId, User};
use gpu_nvidia_mig::{Board as Table, Profile, ProfileIndex, Profiles};

/// MIG mode of a board.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mig {
    On,
    Off,
    /// Off, and on after a reset.
    AwaitsOn,
    /// On, and off after a reset.
    AwaitsOff,
    /// There is none, or nobody tells.
    Untold(String),
}

impl Mig {
    /// A short constant name, for JSON.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::AwaitsOn => "on_after_reset",
            Self::AwaitsOff => "off_after_reset",
            Self::Untold(_) => "none",
        }
    }

    pub const fn is_on(&self) -> bool {
        matches!(self, Self::On | Self::AwaitsOff)
    }

    fn of(device: &Device) -> Self {
        let Some(mode) = device.mode(Mode::MIG) else {
            return Self::Untold("the board has no MIG".to_owned());
        };
        match (mode.current.get(), mode.pending.get()) {
            (Ok(now), Ok(next)) => match (now == "enabled", next == "enabled") {
                (true, true) => Self::On,
                (false, false) => Self::Off,
                (false, true) => Self::AwaitsOn,
                (true, false) => Self::AwaitsOff,
            },
            (Err(absence), _) | (_, Err(absence)) => Self::Untold(format!("MIG mode: {absence}")),
        }
    }
}

impl fmt::Display for Mig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::On => "MIG is on",
            Self::Off => "MIG is off",
            Self::AwaitsOn => "MIG is off, and comes on with the next reset",
            Self::AwaitsOff => "MIG is on, and goes off with the next reset",
            Self::Untold(why) => why,
        })
    }
}

/// What a board can be cut into, and how it is cut.
pub struct Cut {
    pub profiles: Profiles,
    pub geometry: Geometry,
    pub layout: Layout,
    pub users: Vec<User>,
    /// `driver` or `table`.
    pub told_by: &'static str,
}

impl Cut {
    /// The name of a profile.
    pub fn name(&self, key: ProfileKey) -> &str {
        self.geometry.profile(key).map_or("?", |profile| profile.name())
    }

    fn of_table(table: &Table, layout: Layout) -> Result<Self, String> {
        let (profiles, geometry) = (table.profiles(), table.geometry().map_err(|error| error.to_string())?);
        Ok(Self { profiles, geometry, layout, users: Vec::new(), told_by: "table" })
    }
}

pub struct Board {
    /// Among NVIDIA's GPUs of the node.
    pub position: u32,
    pub name: String,
    /// Key of its table, where one has it.
    pub kind: Option<&'static str>,
    pub pci_id: PciId,
    pub mig: Mig,
    /// Why it cannot be planned, where it cannot.
    pub cut: Result<Cut, String>,
    /// As the inventory has it; a board of the tables is none.
    pub device: Option<Device>,
}

impl Board {
    /// A GPU of a node.
    pub fn of(node: &Node, position: u32, device: Device) -> Self {
        let pci_id = device.pci_id.value().copied().unwrap_or_default();
        let table = Table::of_pci_device(pci_id.device);
        let mig = Mig::of(&device);
        let cut = match &mig {
            Mig::Untold(why) => Err(why.clone()),
            Mig::On | Mig::AwaitsOff if node.recorded().is_some() => recorded(node, &device, table),
            Mig::On | Mig::AwaitsOff => driven(node, &device, table),
            Mig::Off | Mig::AwaitsOn => match table {
                // What the driver offers it tells under MIG alone.
                Some(table) => Cut::of_table(table, Layout::default()),
                None => Err("MIG is off, and no table has the board".to_owned()),
            },
        };
        let (name, kind) = (device.name.clone(), table.map(Table::key));
        Self { position, name, kind, pci_id, mig, cut, device: Some(device) }
    }

    /// A board of the tables, under MIG.
    pub fn of_table(table: &'static Table, position: u32) -> Self {
        let pci_id = PciId {
            vendor: 0x10de,
            device: table.pci_devices().first().copied().unwrap_or_default(),
            ..PciId::default()
        };
        Self {
            position,
            name: table.title().to_owned(),
            kind: Some(table.key()),
            pci_id,
            mig: Mig::On,
            cut: Cut::of_table(table, Layout::default()),
            device: None,
        }
    }

    /// True when this text names it: its number, its id, or NVIDIA's name for it.
    pub fn is_called(&self, text: &str) -> bool {
        let device = self.device.as_ref();
        text == self.position.to_string()
            || device.is_some_and(|device| text == device.id.to_string())
            || device.and_then(|device| device.vendor_name.value()).is_some_and(|name| text == name)
    }

    /// The live instance of a layout, as the inventory has it.
    pub fn part(&self, live: &Live) -> Option<&Partition> {
        self.device.as_ref()?.partitions().find(|part| part.id.index() == live.tag)
    }

    /// The number, name and kind of the board.
    pub fn title(&self) -> String {
        let kind = self.kind.map_or_else(String::new, |kind| format!("  ({kind})"));
        format!("GPU {}  {}{kind}", self.position, self.name)
    }
}

/// How a board was cut when it was recorded. What it can be cut into only its driver could tell, and
/// the table stands in for it.
fn recorded(node: &Node, device: &Device, table: Option<&'static Table>) -> Result<Cut, String> {
    let table = table.ok_or("what it can be cut into was not recorded, and no table has the board")?;
    let mut cut = Cut::of_table(table, Layout::default())?;
    let sample = node.sample();
    let live = device.partitions().map(|part| {
        let name = part.profile.get().map_err(|absence| format!("{}: profile: {absence}", part.id))?;
        let name = name.parse().map_err(|error| format!("{}: {error}", part.id))?;
        let profile = cut.profiles.find(&name).map_err(|error| format!("{}: {error}", part.id))?;
        let place = part.placement.get().map_err(|absence| format!("{}: its place: {absence}", part.id))?;
        let live = Live::new(profile.index.into(), *place, part.id.index());
        // What was in use is taken to be so still.
        let is_used = sample.processes.iter().any(|process| process.unit.lies_in(part.id));
        Ok(if is_used { live.pinned() } else { live })
    });
    let live = live.collect::<Result<Vec<_>, String>>()?;
    cut.layout = Layout::new(device.fingerprint(), live);
    let fits = cut.geometry.room(&cut.layout).map(drop);
    fits.map_err(|error| format!("what was recorded is not what its table knows: {error}"))?;
    Ok(cut)
}

fn driven(node: &Node, device: &Device, table: Option<&'static Table>) -> Result<Cut, String> {
    let partitioner = node.partitioner(device.id).map_err(|absence| absence.to_string())?;
    let state = partitioner.board(device.id).map_err(|refusal| refusal.to_string())?;
    let profiles = told(&state.geometry, table, &device.name);
    let (geometry, layout, users) = (state.geometry, state.layout, state.users);
    Ok(Cut { profiles, geometry, layout, users, told_by: "driver" })
}

/// The driver's profiles. What a geometry does not have, memory and other names, is the table's,
/// where that knows a profile of the same index and name.
pub fn told(geometry: &Geometry, table: Option<&'static Table>, name: &str) -> Profiles {
    let rows = table.map(Table::profiles);
    let profile = |of: &gpu_accounting::plan::Profile| {
        let index = ProfileIndex::from(of.key());
        let mut profile = Profile::new(of.name().parse().ok()?, index, of.maximum(), "the driver");
        profile.places = of.places().collect::<Vec<_>>().into();
        let row = rows.as_ref().and_then(|rows| rows.with_index(index));
        if let Some(row) = row.filter(|row| row.name == profile.name) {
            profile.id = row.id;
            profile.memory = row.memory;
            profile.multiprocessors = row.multiprocessors;
            profile.aliases = row.aliases.clone();
        }
        Some(profile)
    };
    let kind = table.map_or(name, |table| table.key());
    Profiles::new(kind, geometry.profiles().iter().filter_map(profile).collect())
}
