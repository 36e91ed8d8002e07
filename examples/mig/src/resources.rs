//! [`Resources`]: what a Kubernetes node would offer with NVIDIA's device plugin.

use gpu_nvidia_mig::formats::{MigStrategy, Offered, PluginConfig, PluginGpu, SharingKind};

use crate::args::Args;
use crate::export;
use crate::source::Source;
use crate::target;

pub struct Resources {
    pub strategy: &'static str,
    pub offered: Vec<Offered>,
    pub warnings: Vec<String>,
}

const STRATEGIES: [(&str, MigStrategy); 3] =
    [("none", MigStrategy::None), ("single", MigStrategy::Single), ("mixed", MigStrategy::Mixed)];

impl Resources {
    /// What all boards together offer as they are.
    pub fn of(source: &Source, args: &Args) -> Result<Self, String> {
        let config = config(args)?;
        let gpus = source.boards.iter().map(|board| {
            let parts = board.device.iter().flat_map(|device| device.partitions());
            let mut instances = export::instances(board)?;
            if let Some(instances) = &mut instances {
                // A GPU instance without a compute instance is no device.
                for part in parts.filter(|part| part.partitions.is_empty()) {
                    let name = part.profile.value().and_then(|name| name.parse().ok());
                    let at = instances.iter().position(|instance| Some(instance) == name.as_ref());
                    at.map(|at| instances.remove(at));
                }
            }
            Ok(PluginGpu { product: board.name.clone(), instances })
        });
        let offered = config.offered(&gpus.collect::<Result<Vec<_>, String>>()?);
        let offered =
            offered.map_err(|error| format!("the device plugin would refuse this node: {error}"))?;
        let named = STRATEGIES.iter().find(|(_, strategy)| *strategy == config.mig_strategy);
        let strategy = named.map_or("none", |(name, _)| name);
        Ok(Self { strategy, offered, warnings: config.warnings })
    }
}

fn config(args: &Args) -> Result<PluginConfig, String> {
    if let Some(file) = &args.config {
        let config = PluginConfig::from_yaml(&target::read(file)?);
        return config.map_err(|error| format!("{}: {error}", file.display()));
    }
    let name = args.strategy.as_deref().unwrap_or("mixed");
    let found = STRATEGIES.iter().find(|(known, _)| *known == name);
    let (_, mig_strategy) = found.ok_or_else(|| format!("no strategy {name:?}: none, single or mixed"))?;
    Ok(PluginConfig { mig_strategy: *mig_strategy, ..PluginConfig::default() })
}

/// What sharing promises, in words.
pub const fn promise(shared: Option<SharingKind>) -> &'static str {
    match shared {
        None => "each is one container's",
        Some(SharingKind::TimeSlicing) => "in turn: no guarantee of time, and no wall between memories",
        Some(SharingKind::Mps) => "side by side, each with its part of memory and threads",
    }
}
