//! [`PluginConfig`]: the configuration of NVIDIA's Kubernetes device plugin.

use std::collections::BTreeMap;
use std::fmt;

use super::error::FormatError;
use super::yaml::{Fields, Value, read};
use crate::name::ProfileName;
use crate::resource::ResourceName;

/// What MIG devices are called.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum MigStrategy {
    /// GPUs are offered whole, whether MIG is on or not.
    #[default]
    None,
    /// All GPUs are cut alike; instances are offered as `nvidia.com/gpu`.
    Single,
    /// Instances are offered by profile.
    Mixed,
}

/// How a resource is shared.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SharingKind {
    /// In turn. Two replicas are not twice the time, and nobody's memory is safe from the others.
    TimeSlicing,
    /// Side by side, through the MPS server, each with its part of memory and threads.
    Mps,
}

/// Devices that match a pattern are offered under a name.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ResourceRule {
    /// `*` stands for any text: of the product's name, or of the profile's.
    pub pattern: String,
    /// The resource, with its domain.
    pub name: String,
}

/// A resource that is offered several times over.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Replicated {
    /// The resource, with its domain.
    pub name: String,
    /// How many times: at least twice.
    pub replicas: u32,
}

/// Which resources are shared, and how.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Sharing {
    /// In turn or side by side.
    pub kind: SharingKind,
    /// Shared resources have `.shared` after their name.
    pub rename: bool,
    /// More than one replica for one container is refused.
    pub one_each: bool,
    /// The resources.
    pub resources: Vec<Replicated>,
}

/// A configuration of the device plugin (`version: v1`), as far as it decides what a node offers.
/// Everything else is checked for its keys and left aside.
///
/// ```
/// use gpu_nvidia_mig::formats::{PluginConfig, PluginGpu};
/// let config = PluginConfig::from_yaml("
/// version: v1
/// flags: { migStrategy: mixed }
/// sharing:
///   timeSlicing:
///     renameByDefault: true
///     resources: [{ name: nvidia.com/gpu, replicas: 4 }]
/// ")?;
/// let whole = PluginGpu { product: "NVIDIA H100 80GB HBM3".into(), instances: None };
/// let cut = PluginGpu { instances: Some(vec!["3g.40gb".parse()?, "1g.10gb+me".parse()?]), ..whole.clone() };
/// let offered: Vec<String> = config.offered(&[whole, cut])?.iter().map(ToString::to_string).collect();
/// assert_eq!(
///     offered,
///     ["4 nvidia.com/gpu.shared", "1 nvidia.com/mig-1g.10gb.me", "1 nvidia.com/mig-3g.40gb"]
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PluginConfig {
    /// What MIG devices are called.
    pub mig_strategy: MigStrategy,
    /// Names for whole GPUs, by product; the first that matches counts.
    pub gpus: Vec<ResourceRule>,
    /// Names for MIG devices, by profile; the first that matches counts.
    pub migs: Vec<ResourceRule>,
    /// Which resources are shared.
    pub sharing: Option<Sharing>,
    /// What the plugin reads and does not heed, in words.
    pub warnings: Vec<String>,
}

/// A GPU as the plugin sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PluginGpu {
    /// Its product name.
    pub product: String,
    /// Its MIG devices; `None` with MIG off.
    pub instances: Option<Vec<ProfileName>>,
}

/// A resource of a node, as kubelet sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offered {
    /// Its name.
    pub name: String,
    /// How many are offered: devices times replicas.
    pub count: u64,
    /// How many devices stand behind it.
    pub devices: u64,
    /// How they are shared; `None` where each is one container's.
    pub shared: Option<SharingKind>,
}

impl fmt::Display for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.count, self.name)
    }
}

/// A node on which the plugin would not start, or would refuse its configuration.
///
/// ```
/// use gpu_nvidia_mig::formats::{PluginConfig, PluginGpu};
/// let config = PluginConfig::from_yaml("version: v1\nflags: {migStrategy: single}")?;
/// let bare = PluginGpu { product: "NVIDIA H100 80GB HBM3".into(), instances: Some(Vec::new()) };
/// let refused = config.offered(&[bare]).unwrap_err();
/// assert_eq!(refused.to_string(), "GPU 0 has MIG on and no instance");
/// # Ok::<(), gpu_nvidia_mig::formats::FormatError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfferError(String);

impl fmt::Display for OfferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OfferError {}

const DOMAIN: &str = "nvidia.com/";
const GPU: &str = "nvidia.com/gpu";

const FLAGS: &[&str] = &[
    "migStrategy",
    "failOnInitError",
    "mpsRoot",
    "nvidiaDriverRoot",
    "nvidiaDevRoot",
    "gdrcopyEnabled",
    "gdsEnabled",
    "mofedEnabled",
    "useNodeFeatureAPI",
    "deviceDiscoveryStrategy",
    "plugin",
    "gfd",
];
const PLUGIN: &[&str] = &[
    "passDeviceSpecs",
    "deviceListStrategy",
    "deviceIDStrategy",
    "cdiAnnotationPrefix",
    "nvidiaCTKPath",
    "containerDriverRoot",
    "sharedDevicesAllocationPolicy",
];
const GFD: &[&str] = &["oneshot", "noTimestamp", "sleepInterval", "outputFile", "machineTypeFile"];

impl PluginConfig {
    /// The configuration in this text.
    ///
    /// # Errors
    /// The first thing that is wrong, with line and column.
    pub fn from_yaml(text: &str) -> Result<Self, FormatError> {
        let node = read(text)?;
        let root = Value::root(&node).fields(&["version", "flags", "resources", "sharing", "imex"])?;
        root.version()?;
        let mut config = Self::default();
        if let Some(flags) = root.get("flags") {
            config.mig_strategy = strategy(&flags.fields(FLAGS)?)?;
        }
        if let Some(resources) = root.get("resources") {
            let resources = resources.fields(&["gpus", "migs"])?;
            config.gpus = rules(&resources, "gpus")?;
            config.migs = rules(&resources, "migs")?;
        }
        if let Some(sharing) = root.get("sharing") {
            config.share(&sharing.fields(&["timeSlicing", "mps"])?)?;
        }
        Ok(config)
    }

    fn share(&mut self, fields: &Fields<'_>) -> Result<(), FormatError> {
        for (key, kind) in [("timeSlicing", SharingKind::TimeSlicing), ("mps", SharingKind::Mps)] {
            let Some(value) = fields.get(key) else { continue };
            let sharing = sharing(kind, &value, &mut self.warnings)?;
            // Read last, MPS goes before time-slicing.
            if self.sharing.replace(sharing).is_some() {
                self.warnings.push("sharing.timeSlicing is not heeded beside sharing.mps".to_owned());
            }
        }
        Ok(())
    }

    /// What a node offers under this configuration, by name.
    ///
    /// # Errors
    /// When the plugin would refuse: with strategy `single`, GPUs that are not cut alike or have
    /// no instance; MPS on MIG devices.
    pub fn offered(&self, gpus: &[PluginGpu]) -> Result<Vec<Offered>, OfferError> {
        let mut devices: BTreeMap<String, u64> = BTreeMap::new();
        let mut cut: Vec<String> = Vec::new();
        for name in self.names(gpus)? {
            let (name, is_mig) = name;
            *devices.entry(name.clone()).or_default() += 1;
            if is_mig && !cut.contains(&name) {
                cut.push(name);
            }
        }
        let mut offered = Vec::new();
        for (name, devices) in devices {
            let shared = self.replicas(&name);
            if shared.is_some_and(|(kind, ..)| kind == SharingKind::Mps) && cut.contains(&name) {
                return Err(OfferError(format!("{name} are MIG devices, which MPS cannot share")));
            }
            offered.push(match shared {
                Some((kind, replicas, rename)) => {
                    let name = if rename { format!("{name}.shared") } else { name };
                    Offered { name, count: devices * u64::from(replicas), devices, shared: Some(kind) }
                }
                None => Offered { name, count: devices, devices, shared: None },
            });
        }
        Ok(offered)
    }

    fn replicas(&self, name: &str) -> Option<(SharingKind, u32, bool)> {
        let sharing = self.sharing.as_ref()?;
        let found = sharing.resources.iter().find(|resource| resource.name == name)?;
        Some((sharing.kind, found.replicas, sharing.rename))
    }

    /// The resource of each device, and whether it is a MIG device.
    fn names(&self, gpus: &[PluginGpu]) -> Result<Vec<(String, bool)>, OfferError> {
        let whole = |gpu: &PluginGpu| (named(&self.gpus, &gpu.product).unwrap_or(GPU.to_owned()), false);
        let cut = |gpu: &&PluginGpu| gpu.instances.is_some();
        match self.mig_strategy {
            MigStrategy::Single if gpus.iter().any(|gpu| cut(&gpu)) => self.names_of_one_kind(gpus),
            MigStrategy::None | MigStrategy::Single => Ok(gpus.iter().map(whole).collect()),
            MigStrategy::Mixed => {
                let mut names: Vec<(String, bool)> = gpus.iter().filter(|gpu| !cut(gpu)).map(whole).collect();
                for profile in gpus.iter().filter_map(|gpu| gpu.instances.as_ref()).flatten() {
                    // Parts of a GPU instance are not offered.
                    let resource = ResourceName::of(profile).map(|resource| resource.to_string());
                    let name = named(&self.migs, &profile.to_string()).filter(|_| !profile.is_partial());
                    names.extend(name.or(resource).map(|name| (name, true)));
                }
                Ok(names)
            }
        }
    }

    fn names_of_one_kind(&self, gpus: &[PluginGpu]) -> Result<Vec<(String, bool)>, OfferError> {
        let mut all: Vec<&ProfileName> = Vec::new();
        for (position, gpu) in gpus.iter().enumerate() {
            match gpu.instances.as_deref() {
                None => return Err(OfferError(format!("GPU {position} has MIG off, and others have it on"))),
                Some([]) => return Err(OfferError(format!("GPU {position} has MIG on and no instance"))),
                Some(instances) => all.extend(instances),
            }
        }
        if let Some(other) = all.iter().find(|other| **other != all[0]) {
            return Err(OfferError(format!("instances differ: {} and {other}", all[0])));
        }
        let name = |profile: &&ProfileName| named(&self.migs, &profile.to_string()).unwrap_or(GPU.to_owned());
        Ok(all.iter().map(|profile| (name(profile), true)).collect())
    }
}

fn named(rules: &[ResourceRule], text: &str) -> Option<String> {
    rules.iter().find(|rule| matches(&rule.pattern, text)).map(|rule| rule.name.clone())
}

/// Whether a text is of the form of a pattern, in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let (Some(first), Some(last)) = (parts.next(), pattern.split('*').next_back()) else { return false };
    if !pattern.contains('*') {
        return pattern == text;
    }
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let inner: Vec<&str> = parts.collect();
    for part in &inner[..inner.len() - 1] {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn strategy(flags: &Fields<'_>) -> Result<MigStrategy, FormatError> {
    for (key, known) in [("plugin", PLUGIN), ("gfd", GFD)] {
        if let Some(value) = flags.get(key) {
            value.fields(known)?;
        }
    }
    let Some(value) = flags.get("migStrategy") else { return Ok(MigStrategy::None) };
    match value.text()? {
        "none" => Ok(MigStrategy::None),
        "single" => Ok(MigStrategy::Single),
        "mixed" => Ok(MigStrategy::Mixed),
        other => Err(value.refuse(format!("{other:?} is no strategy: there are none, single, mixed"))),
    }
}

fn rules(resources: &Fields<'_>, key: &str) -> Result<Vec<ResourceRule>, FormatError> {
    let Some(list) = resources.get(key) else { return Ok(Vec::new()) };
    let rule = |value: &Value<'_>| {
        let fields = value.fields(&["pattern", "name"])?;
        let pattern = fields.required("pattern")?.text()?.to_owned();
        Ok(ResourceRule { pattern, name: resource(&fields.required("name")?)? })
    };
    list.items()?.iter().map(rule).collect()
}

/// A resource's name, with the domain where it has none.
fn resource(value: &Value<'_>) -> Result<String, FormatError> {
    let text = value.text()?;
    let name = text.strip_prefix(DOMAIN).unwrap_or(text);
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let ends = |c: char| c.is_ascii_alphanumeric();
    if !(name.starts_with(ends) && name.ends_with(ends) && name.chars().all(inner)) {
        let what = "letters, digits, '-', '_' and '.' are expected, in the domain nvidia.com";
        return Err(value.refuse(what));
    }
    // The last character is ASCII: bytes are characters.
    if name.len() > 63 {
        return Err(value.refuse(format!("{} characters: at most 63", name.len())));
    }
    Ok(format!("{DOMAIN}{name}"))
}

fn sharing(kind: SharingKind, value: &Value<'_>, warnings: &mut Vec<String>) -> Result<Sharing, FormatError> {
    let fields = value.fields(&["renameByDefault", "failRequestsGreaterThanOne", "resources"])?;
    let list = fields.required("resources")?;
    let resources: Vec<Replicated> =
        list.items()?.iter().map(|value| replicated(value, warnings)).collect::<Result<_, _>>()?;
    if resources.is_empty() {
        return Err(list.refuse("at least one resource"));
    }
    for (position, one) in resources.iter().enumerate() {
        if resources[..position].iter().any(|other| other.name == one.name) {
            return Err(list.refuse(format!("{} is there twice", one.name)));
        }
    }
    let (rename, one_each) =
        (fields.boolean("renameByDefault")?, fields.boolean("failRequestsGreaterThanOne")?);
    Ok(Sharing { kind, rename, one_each, resources })
}

fn replicated(value: &Value<'_>, warnings: &mut Vec<String>) -> Result<Replicated, FormatError> {
    let fields = value.fields(&["name", "rename", "devices", "replicas"])?;
    let name = resource(&fields.required("name")?)?;
    let replicas = fields.required("replicas")?;
    let count = replicas.number()?;
    if count < 2 {
        return Err(replicas.refuse("at least 2 replicas"));
    }
    if let Some(rename) = fields.get("rename") {
        resource(&rename)?;
        warnings.push(format!("{}: the plugin does not heed rename", value.path));
    }
    if let Some(devices) = fields.get("devices") {
        check_devices(&devices)?;
        warnings.push(format!("{}: the plugin does not heed devices", value.path));
    }
    Ok(Replicated { name, replicas: count })
}

/// `all`, a number above 0, or a list of positions (`0`, `0:1`) and UUIDs.
fn check_devices(value: &Value<'_>) -> Result<(), FormatError> {
    if value.is_list() {
        let items = value.items()?;
        if items.is_empty() {
            return Err(value.refuse("at least one device"));
        }
        return items.iter().try_for_each(|item| {
            let text = item.text()?;
            let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let place = text.split_once(':').map_or(number(text), |(gpu, mig)| number(gpu) && number(mig));
            let uuid = text.strip_prefix("GPU-").is_some_and(|uuid| uuid.parse::<gpu_core::Uuid>().is_ok());
            if place || uuid || text.parse::<crate::MigUuid>().is_ok() {
                return Ok(());
            }
            Err(item.refuse("a position (0, or 0:1 for a MIG device) or a UUID is expected"))
        });
    }
    match (value.text(), value.number()) {
        (Ok("all"), _) => Ok(()),
        (_, Ok(1..)) => Ok(()),
        _ => Err(value.refuse("\"all\", a number above 0 or a list is expected")),
    }
}
