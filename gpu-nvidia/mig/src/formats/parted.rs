//! [`MigParted`]: NVIDIA's mig-parted configuration.

use std::fmt;

use gpu_core::PciId;
use gpu_core::plan::Wanted;

use super::error::{At, FormatError};
use super::yaml::{Value, read};
use crate::name::ProfileName;
use crate::profiles::Profiles;

/// A configuration of mig-parted (`version: v1`): labels, and for each how the GPUs of a node
/// shall be cut.
///
/// ```
/// use gpu_core::PciId;
/// use gpu_nvidia_mig::Board;
/// use gpu_nvidia_mig::formats::{MigParted, PartedGpu};
/// let config = MigParted::from_yaml("
/// version: v1
/// mig-configs:
///   all-balanced:
///   - devices: all
///     mig-enabled: true
///     mig-devices: { 1g.10gb: 2, 2g.20gb: 1, 3g.40gb: 1 }
/// ")?;
/// let h100 = PartedGpu {
///     pci_id: PciId { vendor: 0x10de, device: 0x2330, ..PciId::default() },
///     profiles: Some(Board::named("h100-80")?.profiles()),
/// };
/// let targets = config.apply("all-balanced", &[h100])?;
/// assert_eq!(targets[0].as_ref().expect("an entry for it").wanted.total(), 4);
/// assert_eq!(MigParted::from_yaml(&config.to_string())?, config);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MigParted {
    /// Labels and their entries, in the order of the file.
    pub configs: Vec<(String, Vec<PartedEntry>)>,
}

/// Which GPUs an entry is about, by position on the node.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Devices {
    /// All that the filter lets through.
    All,
    /// These.
    Positions(Vec<u32>),
}

/// How some GPUs shall be cut. Where in a file it stands makes no difference to whether two are
/// equal.
///
/// ```
/// use gpu_nvidia_mig::formats::{Devices, MigParted, PartedEntry};
/// let entry = PartedEntry::new(Devices::All, true, vec![("1g.10gb".parse()?, 7)]);
/// let config = MigParted { configs: vec![("all-1g.10gb".to_owned(), vec![entry])] };
/// assert!(config.to_string().contains("devices: all"));
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PartedEntry {
    /// PCI device and vendor (`0x233010DE` is device 2330 of vendor 10de); any GPU where empty.
    pub device_filter: Vec<PciId>,
    /// Positions.
    pub devices: Devices,
    /// MIG on or off.
    pub mig_enabled: bool,
    /// Profiles and how many of each.
    pub mig_devices: Vec<(ProfileName, u32)>,
    at: At,
}

/// A GPU as a configuration sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartedGpu {
    /// What it says it is.
    pub pci_id: PciId,
    /// What it can be cut into; `None` where it cannot.
    pub profiles: Option<Profiles>,
}

/// How one GPU shall be cut.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// MIG on or off.
    pub mig_enabled: bool,
    /// The GPU instances, for a plan of exactly these.
    pub wanted: Wanted,
    /// Compute instances that do not span their GPU instance, and how many of each.
    pub partial: Vec<(ProfileName, u32)>,
}

impl PartialEq for PartedEntry {
    fn eq(&self, other: &Self) -> bool {
        (&self.device_filter, &self.devices, self.mig_enabled, &self.mig_devices)
            == (&other.device_filter, &other.devices, other.mig_enabled, &other.mig_devices)
    }
}

impl Eq for PartedEntry {}

impl PartedEntry {
    /// An entry for these GPUs, of whatever kind.
    #[must_use]
    pub fn new(devices: Devices, mig_enabled: bool, mig_devices: Vec<(ProfileName, u32)>) -> Self {
        Self { device_filter: Vec::new(), devices, mig_enabled, mig_devices, at: At::default() }
    }

    fn is_about(&self, position: u32, gpu: &PartedGpu) -> bool {
        let same = |id: &PciId| (id.vendor, id.device) == (gpu.pci_id.vendor, gpu.pci_id.device);
        let filtered = self.device_filter.is_empty() || self.device_filter.iter().any(same);
        filtered
            && match &self.devices {
                Devices::All => true,
                Devices::Positions(positions) => positions.contains(&position),
            }
    }
}

impl MigParted {
    /// The configuration in this text.
    ///
    /// # Errors
    /// The first thing that is wrong, with line and column: no YAML, unknown, missing or double
    /// keys, a label without entries, a name that is no profile, a count that is no whole number
    /// from 0, counts that are all 0.
    pub fn from_yaml(text: &str) -> Result<Self, FormatError> {
        let node = read(text)?;
        let root = Value::root(&node).fields(&["version", "mig-configs"])?;
        root.version()?;
        let mut configs = Vec::new();
        for (label, value) in root.required("mig-configs")?.entries()? {
            let entries: Vec<PartedEntry> = value.items()?.iter().map(entry).collect::<Result<_, _>>()?;
            if entries.is_empty() {
                return Err(value.refuse("a label has at least one entry"));
            }
            configs.push((label.text.clone(), entries));
        }
        Ok(Self { configs })
    }

    /// What a label means for each GPU of a node, in the order of the node; `None` for a GPU that
    /// no entry is about, which stays as it is. Nothing is planned yet.
    ///
    /// # Errors
    /// When there is no such label, an entry names a GPU that is not there, two entries are about
    /// the same GPU, or a GPU cannot be cut into what its entry names.
    pub fn apply(&self, label: &str, gpus: &[PartedGpu]) -> Result<Vec<Option<Target>>, FormatError> {
        let Some((_, entries)) = self.configs.iter().find(|(other, _)| other == label) else {
            let labels: Vec<&str> = self.configs.iter().map(|(label, _)| label.as_str()).collect();
            let what = format!("there is no label {label:?}: there are {}", labels.join(", "));
            return Err(FormatError::new(At { line: 1, column: 1 }, "mig-configs", what));
        };
        for entry in entries {
            in_range(label, entry, gpus.len())?;
        }
        (0..).zip(gpus).map(|(position, gpu)| target(label, entries, position, gpu)).collect()
    }

    /// A configuration of one label that describes GPUs as they are: for each MIG off (`None`) or
    /// its instances. GPUs that are cut alike share an entry.
    ///
    /// ```
    /// use gpu_nvidia_mig::formats::MigParted;
    /// let cut = Some(vec!["3g.40gb".parse()?, "1g.10gb".parse()?, "1g.10gb".parse()?]);
    /// let text = MigParted::describe("now", &[cut.clone(), None, cut]).to_string();
    /// assert_eq!(text, "\
    /// version: v1
    /// mig-configs:
    ///   now:
    ///   - devices: [0, 2]
    ///     mig-enabled: true
    ///     mig-devices:
    ///       \"1g.10gb\": 2
    ///       \"3g.40gb\": 1
    ///   - devices: [1]
    ///     mig-enabled: false
    ///     mig-devices: {}
    /// ");
    /// # Ok::<(), gpu_core::ParseError>(())
    /// ```
    #[must_use]
    pub fn describe(label: &str, gpus: &[Option<Vec<ProfileName>>]) -> Self {
        let mut entries: Vec<PartedEntry> = Vec::new();
        for (position, gpu) in (0..).zip(gpus) {
            let counts = counted(gpu.as_deref().unwrap_or(&[]));
            let alike =
                |entry: &&mut PartedEntry| entry.mig_enabled == gpu.is_some() && entry.mig_devices == counts;
            match entries.iter_mut().find(alike).map(|entry| &mut entry.devices) {
                Some(Devices::Positions(positions)) => positions.push(position),
                _ => {
                    entries.push(PartedEntry::new(Devices::Positions(vec![position]), gpu.is_some(), counts))
                }
            }
        }
        Self { configs: vec![(label.to_owned(), entries)] }
    }
}

fn counted(names: &[ProfileName]) -> Vec<(ProfileName, u32)> {
    let mut counts = std::collections::BTreeMap::new();
    for name in names {
        *counts.entry(name.clone()).or_default() += 1;
    }
    counts.into_iter().collect()
}

fn entry(value: &Value<'_>) -> Result<PartedEntry, FormatError> {
    let fields = value.fields(&["device-filter", "devices", "mig-enabled", "mig-devices"])?;
    let device_filter = match fields.get("device-filter") {
        // `""` is how files write "no filter".
        Some(filter) if filter.texts()?.iter().all(|one| one.text().is_ok_and(str::is_empty)) => Vec::new(),
        Some(filter) => filter.texts()?.iter().map(filtered).collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    let devices = devices(&fields.required("devices")?)?;
    let mig_enabled = fields.required("mig-enabled")?.boolean()?;
    let mut mig_devices = Vec::new();
    if let Some(value) = fields.get("mig-devices") {
        for (key, count) in value.entries()? {
            let name = key.text.parse().map_err(|error: gpu_core::ParseError| {
                FormatError::new(key.at, &value.path, error.to_string())
            })?;
            if mig_devices.iter().any(|(other, _)| *other == name) {
                return Err(FormatError::new(key.at, &value.path, format!("{name} is there twice")));
            }
            mig_devices.push((name, count.number()?));
        }
        if !mig_devices.is_empty() && mig_devices.iter().all(|(_, count)| *count == 0) {
            return Err(value.refuse("at least one count is above 0"));
        }
    }
    Ok(PartedEntry { device_filter, devices, mig_enabled, mig_devices, at: value.node.at })
}

/// `0x233010DE`: device, then vendor.
fn filtered(value: &Value<'_>) -> Result<PciId, FormatError> {
    let refuse = || value.refuse("0x and eight hexadecimal digits are expected: device, then vendor");
    let text = value.text()?;
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).ok_or_else(refuse)?;
    if digits.len() != 8 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(refuse());
    }
    let part = |range| u16::from_str_radix(&digits[range], 16).map_err(|_| refuse());
    Ok(PciId { device: part(0..4)?, vendor: part(4..8)?, ..PciId::default() })
}

fn devices(value: &Value<'_>) -> Result<Devices, FormatError> {
    if value.is_list() {
        let positions: Vec<u32> = value.items()?.iter().map(Value::number).collect::<Result<_, _>>()?;
        let twice = positions.iter().enumerate().find(|(n, one)| positions[..*n].contains(one));
        return match twice {
            Some((_, one)) => Err(value.refuse(format!("GPU {one} is there twice"))),
            None => Ok(Devices::Positions(positions)),
        };
    }
    match value.text() {
        Ok("all") => Ok(Devices::All),
        _ => Err(value.refuse("\"all\" or a list of positions is expected")),
    }
}

fn in_range(label: &str, entry: &PartedEntry, gpus: usize) -> Result<(), FormatError> {
    let Devices::Positions(positions) = &entry.devices else { return Ok(()) };
    let outside = positions.iter().find(|position| usize::try_from(**position).is_ok_and(|at| at >= gpus));
    outside.map_or(Ok(()), |position| {
        let plural = if gpus == 1 { "" } else { "s" };
        let what = format!("GPU {position} is not there: the node has {gpus} GPU{plural}");
        Err(FormatError::new(entry.at, &format!("mig-configs.{label}"), what))
    })
}

fn target(
    label: &str,
    entries: &[PartedEntry],
    position: u32,
    gpu: &PartedGpu,
) -> Result<Option<Target>, FormatError> {
    let mut about = entries.iter().filter(|entry| entry.is_about(position, gpu));
    let Some(entry) = about.next() else { return Ok(None) };
    let refuse = |entry: &PartedEntry, what: String| {
        FormatError::new(entry.at, &format!("mig-configs.{label}"), format!("GPU {position}: {what}"))
    };
    if let Some(second) = about.next() {
        return Err(refuse(second, format!("the entry in line {} is about it too", entry.at.line)));
    }
    if !entry.mig_enabled {
        return match entry.mig_devices.is_empty() {
            true => Ok(Some(Target { mig_enabled: false, wanted: Wanted::default(), partial: Vec::new() })),
            false => Err(refuse(entry, "instances are listed, and MIG is off".to_owned())),
        };
    }
    let profiles = gpu.profiles.as_ref().ok_or_else(|| refuse(entry, "it cannot be cut".to_owned()))?;
    let mut target = Target { mig_enabled: true, wanted: Wanted::default(), partial: Vec::new() };
    for (name, count) in &entry.mig_devices {
        let whole = name.gpu_instance();
        let profile = profiles.find(&whole).map_err(|error| refuse(entry, error.to_string()))?;
        // As many compute instances share a GPU instance as its slices allow.
        let each = name.slices() / name.compute_slices().max(1);
        target.wanted.add(profile.index.into(), count.div_ceil(each.max(1)));
        if name.is_partial() && *count > 0 {
            target.partial.push((name.clone(), *count));
        }
    }
    Ok(Some(target))
}

/// YAML 1.2, 8.2.2: an implicit key is on one line and at most this long.
const LONGEST_PLAIN_KEY: usize = 1000;

impl fmt::Display for MigParted {
    /// The configuration as YAML, which reads back to the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "version: v1")?;
        if self.configs.is_empty() {
            return writeln!(f, "mig-configs: {{}}");
        }
        writeln!(f, "mig-configs:")?;
        for (label, entries) in &self.configs {
            let label = Quoted(label).to_string();
            // A key before a bare colon may have 1024 characters; a longer one is announced.
            if label.chars().count() > LONGEST_PLAIN_KEY {
                writeln!(f, "  ? {label}\n  :")?;
            } else {
                writeln!(f, "  {label}:")?;
            }
            for entry in entries {
                write_entry(f, entry)?;
            }
        }
        Ok(())
    }
}

fn write_entry(f: &mut fmt::Formatter<'_>, entry: &PartedEntry) -> fmt::Result {
    let filters = entry.device_filter.iter().map(|id| format!("\"0x{:04X}{:04X}\"", id.device, id.vendor));
    let filters: Vec<String> = filters.collect();
    let mut lead = "  - ";
    if !filters.is_empty() {
        writeln!(f, "{lead}device-filter: [{}]", filters.join(", "))?;
        lead = "    ";
    }
    match &entry.devices {
        Devices::All => writeln!(f, "{lead}devices: all")?,
        Devices::Positions(positions) => writeln!(f, "{lead}devices: {positions:?}")?,
    }
    writeln!(f, "    mig-enabled: {}", entry.mig_enabled)?;
    if entry.mig_devices.is_empty() {
        return writeln!(f, "    mig-devices: {{}}");
    }
    writeln!(f, "    mig-devices:")?;
    entry.mig_devices.iter().try_for_each(|(name, count)| writeln!(f, "      \"{name}\": {count}"))
}

/// A text as a YAML key: bare where it is an ordinary label, else in double quotes.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ordinary = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let bare = self.0.starts_with(|c: char| c.is_ascii_alphabetic()) && self.0.chars().all(ordinary);
        if bare && !matches!(self.0, "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n") {
            return f.write_str(self.0);
        }
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                c if c.is_control() || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                    write!(f, "\\U{:08X}", u32::from(c))?;
                }
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}
