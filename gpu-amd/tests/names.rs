//! Names of the ecosystem for simulated machines, and the config manager's profiles.

use gpu_amd::config::{ConfigError, GpuConfigProfile, ProfileConfig};
use gpu_amd::names::{DevicePluginId, NamingStrategy, ResourceName, resources};
use gpu_core::{Backend, Inventory, Mode, UnitId, Vendor};
use gpu_sim::{Machine, SimBackend, World};

fn machine(preset: &str) -> Machine {
    let mut machine = Machine::preset(preset).unwrap();
    machine.workloads.clear();
    machine
}

fn inventory(machine: Machine) -> Inventory {
    SimBackend::new(World::new(machine), Vendor::AMD).inventory().unwrap()
}

fn shown(inventory: &Inventory, strategy: NamingStrategy) -> Vec<(String, usize)> {
    let resources = resources(inventory, strategy).unwrap();
    resources.into_iter().map(|resource| (resource.name.to_string(), resource.devices.len())).collect()
}

/// k8s-device-plugin, `getResourceList`: by strategy, and by whether all GPUs are alike.
#[test]
fn a_node_shows_its_resources() {
    for (preset, single, mixed) in [
        ("mi300x-8", ("amd.com/gpu", 8), ("amd.com/spx_nps1", 8)),
        ("mi300x-8-cpx", ("amd.com/gpu", 64), ("amd.com/cpx_nps1", 64)),
        ("mi210-8", ("amd.com/gpu", 8), ("amd.com/gpu", 8)),
    ] {
        let inventory = inventory(machine(preset));
        let owned = |(name, count): (&str, usize)| vec![(name.to_owned(), count)];
        assert_eq!(shown(&inventory, NamingStrategy::Single), owned(single), "{preset}");
        assert_eq!(shown(&inventory, NamingStrategy::Mixed), owned(mixed), "{preset}");
    }
    let mut differing = machine("mi300x-8");
    differing.set_compute_mode(0, "CPX").unwrap();
    let differing = inventory(differing);
    let refused = resources(&differing, NamingStrategy::Single).unwrap_err();
    assert!(refused.to_string().contains("spx_nps1, cpx_nps1"), "{refused}");
    let mixed = shown(&differing, NamingStrategy::Mixed);
    assert_eq!(mixed, [("amd.com/spx_nps1".to_owned(), 7), ("amd.com/cpx_nps1".to_owned(), 8)]);
    let nvidia = SimBackend::new(World::new(machine("l40s-4")), Vendor::NVIDIA).inventory().unwrap();
    assert_eq!(resources(&nvidia, NamingStrategy::Single), Ok(Vec::new()));
}

/// Every id that the plugin hands out names one unit, each another.
#[test]
fn ids_name_units() {
    let inventory = inventory(machine("mi300x-8-cpx"));
    let resource = &resources(&inventory, NamingStrategy::Mixed).unwrap()[0];
    let mut units: Vec<UnitId> = resource.devices.iter().filter_map(|id| id.unit(&inventory)).collect();
    let parts: Vec<UnitId> = inventory
        .devices
        .iter()
        .flat_map(|device| device.partitions.iter().map(|part| part.id.into()))
        .collect();
    assert_eq!(units, parts);
    units.dedup();
    assert_eq!(units.len(), 64);
    for text in ["amdgpu_xcp_2", "amdgpu_xcp.2"] {
        let id: DevicePluginId = text.parse().unwrap();
        assert_eq!(id.unit(&inventory), Some(parts[1]), "{text}");
    }
    for gone in ["amdgpu_xcp_99", "0000:01:00.0"] {
        assert_eq!(gone.parse::<DevicePluginId>().unwrap().unit(&inventory), None);
    }
    for text in ["amdgpu_xcp", "amdgpu_xcp_", "amdgpu_xcp-2", "amdgpu_xcp_+2", "xcp_2", ""] {
        assert!(text.parse::<DevicePluginId>().is_err(), "{text:?}");
    }
    for text in ["amd.com/CPX_NPS1", "amd.com/", "amd.com/gpu ", "gpu"] {
        assert!(text.parse::<ResourceName>().is_err(), "{text:?}");
    }
}

fn profile(parts: &[(&str, &str, u32)], skipped: &[u32]) -> GpuConfigProfile {
    let profiles = parts.iter().map(|(c, m, n)| ProfileConfig::new(*c, *m, *n)).collect();
    GpuConfigProfile { profiles, skipped_gpus: skipped.to_vec() }
}

/// The example of the config manager's documents: six in CPX, two in SPX, and one with GPUs left
/// out.
#[test]
fn profiles_become_changes() {
    let inventory = inventory(machine("mi300x-8"));
    let devices: Vec<_> = inventory.devices.iter().map(|device| device.id).collect();
    let changes = profile(&[("CPX", "NPS1", 6), ("SPX", "NPS1", 2)], &[]).changes(&inventory).unwrap();
    assert_eq!(changes.iter().map(|change| change.device).collect::<Vec<_>>(), devices[..6]);
    let steps: Vec<_> = changes[0].steps().collect();
    assert_eq!(steps, [(Mode::COMPUTE_PARTITION, "CPX".to_owned())]);

    let changes = profile(&[("CPX", "NPS1", 5)], &[0, 1, 2]).changes(&inventory).unwrap();
    assert_eq!(changes.iter().map(|change| change.device).collect::<Vec<_>>(), devices[3..]);

    let changes = profile(&[("CPX", "NPS4", 8)], &[]).changes(&inventory).unwrap();
    let steps: Vec<_> = changes[0].steps().map(|step| step.0).collect();
    assert_eq!(steps, [Mode::MEMORY_PARTITION, Mode::COMPUTE_PARTITION], "the memory mode first");
}

#[test]
fn profiles_that_cannot_be_are_refused() {
    let inventory = inventory(machine("mi300x-8"));
    let refused = |parts: &[(&str, &str, u32)], skipped: &[u32]| {
        profile(parts, skipped).changes(&inventory).unwrap_err()
    };
    for (parts, skipped, text) in [
        (
            [("CPX", "NPS1", 7)].as_slice(),
            [].as_slice(),
            "7 GPUs are assigned and 0 skipped, and there are 8",
        ),
        (&[("CPX", "NPS1", u32::MAX), ("CPX", "NPS1", 1)], &[], "4294967296 GPUs"),
        (&[("CPX", "NPS1", 7)], &[8], "none of the 8 GPUs"),
        (&[("CPX", "NPS1", 6)], &[1, 1], "1 is there twice"),
        (&[("XPX", "NPS1", 8)], &[], "\"XPX\": a compute mode is"),
        (&[("CPX", "NPSX", 8)], &[], "\"NPSX\": a memory mode is"),
        (&[("cpx", "NPS1", 8)], &[], "\"cpx\": capitals only"),
        (&[("CPX", "NPS1", 4), ("CPX", "NPS4", 4)], &[], "one memory mode"),
        (&[("TPX", "NPS1", 8)], &[], "tpx_nps1: amd:"),
        (&[("SPX", "NPS4", 8)], &[], "spx_nps4: the compute mode does not go with NPS4"),
        (&[("CPX", "NPS2", 8)], &[], "cpx_nps2: amd:"),
        (&[], &[], "0 GPUs are assigned"),
    ] {
        let error = refused(parts, skipped).to_string();
        assert!(error.contains(text), "{error}");
    }
    // A GPU that is skipped is in the hive all the same.
    let error = refused(&[("CPX", "NPS4", 7)], &[7]);
    assert!(
        matches!(error, ConfigError::SkippedInHive { skipped, .. } if skipped == inventory.devices[7].id)
    );
    let whole = SimBackend::new(World::new(machine("mi210-8")), Vendor::AMD).inventory().unwrap();
    let error = profile(&[("SPX", "NPS1", 8)], &[]).changes(&whole).unwrap_err();
    assert!(error.to_string().contains("has no such modes"), "{error}");
}

/// A profile applied to a simulated node: what it said is what is there, and again it says nothing.
#[test]
fn a_profile_is_applied() {
    let world = World::new(machine("mi300x-8"));
    let backend = SimBackend::new(world.clone(), Vendor::AMD);
    let profile = profile(&[("CPX", "NPS4", 8)], &[]);
    let partitioner = backend.partitioner().unwrap();
    let changes = profile.changes(&backend.inventory().unwrap()).unwrap();
    let first = changes[0].device;
    let on = partitioner.board(first).unwrap().fingerprint();
    let (mode, value) = changes[0].steps().next().unwrap();
    let change = partitioner.set_mode(first, on, mode, &value).unwrap();
    assert!(change.awaits.is_some());
    world.change_modes(Machine::reload_amd_driver).unwrap();
    // One request for the hive, and NPS4 pulls the compute mode along.
    assert_eq!(profile.changes(&backend.inventory().unwrap()), Ok(Vec::new()));
}
