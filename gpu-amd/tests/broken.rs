//! Trees with holes and hindrances: each is named, everything else is reported.

use std::fs;
use std::path::Path;

use gpu_core::{Absence, Backend, BackendExt, ErrorKind, Mode, Need, UnitId, conformance};
use gpu_sim::{Bystander, Silicon, World};

#[path = "common/machine.rs"]
mod machine;

use machine::{Folder, few, machine};

const NODES: &str = "sys/class/kfd/kfd/topology/nodes";

/// A file that exists, and that the kernel lets nobody read, root neither: a sysctl that is only
/// written.
const WRITE_ONLY: &str = "/proc/sys/vm/compact_memory";

#[cfg(unix)]
fn forbid(path: &Path) {
    fs::remove_file(path).unwrap();
    std::os::unix::fs::symlink(WRITE_ONLY, path).unwrap();
    let refused = fs::read(path).unwrap_err().kind();
    assert_eq!(refused, std::io::ErrorKind::PermissionDenied, "{WRITE_ONLY} can be read here");
}

/// A machine whose trees are changed before anyone looks.
fn changed(
    name: &str,
    described: gpu_sim::Machine,
    change: impl FnOnce(&Path),
) -> (Folder, World, Box<dyn Backend>) {
    let folder = Folder::new(name);
    let world = World::new(described);
    let tree = world.write_tree(&folder.0).unwrap();
    change(&folder.0);
    let backend = machine::backend(&world, &tree);
    (folder, world, backend)
}

/// AMD's own driver spells the platform devices of partitions with a dot.
#[test]
fn partitions_are_found_under_both_spellings() {
    let rename = |root: &Path| {
        let platform = root.join("sys/devices/platform");
        for entry in fs::read_dir(&platform).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let other = name.replace("amdgpu_xcp_", "amdgpu_xcp.");
            // Links lead to the old name.
            fs::rename(platform.join(&name), platform.join(&other)).unwrap();
            for node in fs::read_dir(platform.join(&other).join("drm")).unwrap() {
                let node = node.unwrap().file_name().into_string().unwrap();
                let (link, drm) = (root.join("sys/class/drm").join(&node), platform.join(&other).join("drm"));
                fs::remove_file(&link).unwrap();
                std::os::unix::fs::symlink(drm.join(&node), &link).unwrap();
                fs::remove_file(drm.join(&node).join("device")).unwrap();
                std::os::unix::fs::symlink(platform.join(&other), drm.join(&node).join("device")).unwrap();
            }
        }
    };
    let (_plain, _world, mainline) = machine(few("mi300x-8-cpx", 1));
    let (_folder, _world, dotted) = changed("dotted", few("mi300x-8-cpx", 1), rename);
    let names = |backend: &dyn Backend| -> Vec<(Option<String>, Option<String>)> {
        let device = backend.inventory().unwrap().devices.remove(0);
        let name = |known: &gpu_core::Known<String>| known.value().cloned();
        device.partitions.iter().map(|part| (name(&part.vendor_name), name(&part.legacy_name))).collect()
    };
    let (one, other) = (names(&*mainline), names(&*dotted));
    assert_eq!(one.len(), 8);
    for (number, ((name, legacy), (dotted, undotted))) in one.iter().zip(&other).enumerate().skip(1) {
        assert!(name.as_ref().unwrap().starts_with("amdgpu_xcp_"), "{number}: {name:?}");
        assert_eq!((name, legacy), (undotted, dotted), "{number}");
    }
    let nodes = |backend: &dyn Backend| {
        let device = backend.inventory().unwrap().devices.remove(0);
        device.partitions.iter().map(|part| part.nodes.clone()).collect::<Vec<_>>()
    };
    assert_eq!(nodes(&*mainline), nodes(&*dotted));
}

/// A node whose file refuses this caller is named, and the rest is there.
#[test]
fn a_node_that_may_not_be_read_is_named_and_hides_nobody() {
    let (_folder, _world, backend) = changed("forbidden", few("mi300x-8-cpx", 2), |root| {
        forbid(&root.join(NODES).join("4/properties"));
    });
    let inventory = backend.inventory().unwrap();
    let parts: Vec<usize> = inventory.devices.iter().map(|device| device.partitions.len()).collect();
    assert_eq!(parts, [7, 8]);
    let problem = inventory.problems.iter().find(|problem| problem.kind == ErrorKind::NotPermitted).unwrap();
    assert!(problem.at.ends_with("nodes/4/properties"), "{:?}", inventory.problems);
    conformance::run(&*backend);
}

/// A hole among the partitions: those behind it stay where they are.
#[test]
fn a_hole_leaves_its_place_empty() {
    let (_folder, _world, backend) = changed("hole", few("mi300x-8-cpx", 1), |root| {
        fs::remove_dir_all(root.join(NODES).join("5")).unwrap(); // partition 3
    });
    let device = backend.inventory().unwrap().devices.remove(0);
    let places: Vec<u32> =
        device.partitions.iter().map(|part| part.placement.value().unwrap().start).collect();
    assert_eq!(places, [0, 1, 2, 4, 5, 6, 7]);
    let sample = backend.sample().unwrap();
    assert!(device.partitions.iter().all(|part| sample.reading(part.id).busy.is_ok()));
    conformance::run(&*backend);
}

/// A partition that goes away after it was listed, as a mode change makes it.
#[test]
fn a_partition_that_vanishes_takes_nobody_with_it() {
    let (folder, world, backend) = machine(few("mi300x-8-cpx", 1));
    let device = backend.inventory().unwrap().devices.remove(0);
    world.change(|machine| {
        if let Silicon::Amd(amd) = &mut machine.gpus[0].silicon {
            amd.partitions.truncate(1);
            amd.compute_mode = Some("SPX".to_owned());
        }
        machine.workloads.clear();
    });
    fs::remove_dir_all(&folder.0).unwrap();
    world.write_tree(&folder.0).unwrap();
    // Before the next look the old partitions are sampled: nothing panics.
    let before = backend.sample().unwrap();
    assert!(before.reading(device.id).power.is_ok());
    let after = backend.inventory().unwrap();
    assert!(after.devices[0].partitions.is_empty());
    assert_ne!(after.devices[0].fingerprint(), device.fingerprint());
    let gone: UnitId = device.partitions[3].id.into();
    assert_eq!(backend.capabilities(gone).unwrap_err().kind(), ErrorKind::UnknownUnit);
    assert!(backend.sample().unwrap().reading(device.id).power.is_ok());
}

/// EPERM from a GPU that has fallen asleep is no missing permission; from one that is awake it is.
#[test]
fn a_refusal_is_sleep_when_the_gpu_sleeps() {
    let (folder, world, backend) = machine(few("mi300x-8", 2));
    let device = backend.inventory().unwrap().devices[0].id;
    forbid(&folder.attribute(&world, "gpu_metrics"));
    forbid(&folder.attribute(&world, "gpu_busy_percent"));
    let sample = backend.sample().unwrap();
    let reading = sample.reading(device);
    assert_eq!(reading.energy, Err(Absence::NotPermitted { needs: Need::Access("gpu_metrics") }));
    assert!(matches!(reading.busy, Err(Absence::NotPermitted { .. })), "{:?}", reading.busy);
    assert!(reading.power.is_ok(), "its own file can be read");
    fs::write(folder.attribute(&world, "power/runtime_status"), "suspended\n").unwrap();
    let sample = backend.sample().unwrap();
    assert_eq!(sample.reading(device).energy, Err(Absence::Asleep));
    assert_eq!(sample.reading(device).busy, Err(Absence::Asleep));
}

/// A file that the kernel lets be opened, and answers EPERM about when it is read: what runs in a
/// user namespace of its own may look at no process outside.
const ANSWERS_EPERM: &str = "/proc/1/syscall";

/// Set for the test below when it is in that namespace.
const INSIDE: &str = "GPU_AMD_TEST_INSIDE";

/// EPERM is the driver's own answer: of a node of the compute driver, that it is not this caller's;
/// of a sensor, that the GPU sleeps or resets. Neither is a missing permission.
#[test]
#[ignore = "starts itself in a user namespace of its own, which not every machine lets one make"]
fn a_drivers_own_refusal_is_no_missing_permission() {
    if std::env::var_os(INSIDE).is_none() {
        let this = std::env::current_exe().unwrap();
        let name = "a_drivers_own_refusal_is_no_missing_permission";
        let mut unshare = std::process::Command::new("unshare");
        unshare.args(["--user", "--map-root-user"]).arg(this).args(["--exact", name, "--ignored"]);
        assert!(unshare.env(INSIDE, "1").status().unwrap().success());
        return;
    }
    let refuse = |path: &Path| {
        fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink(ANSWERS_EPERM, path).unwrap();
        assert_eq!(fs::read(path).unwrap_err().raw_os_error(), Some(1), "{ANSWERS_EPERM} can be read here");
    };
    let (folder, world, backend) = machine(few("mi300x-8-cpx", 1));
    refuse(&folder.0.join(NODES).join("4/properties"));
    let inventory = backend.inventory().unwrap();
    assert_eq!(inventory.devices[0].partitions.len(), 7);
    let hidden = inventory.problems.iter().find(|problem| problem.kind == ErrorKind::NotPermitted).unwrap();
    assert!(hidden.detail.starts_with("1 GPU nodes are not allowed"), "{:?}", inventory.problems);

    let device = inventory.devices[0].id;
    for name in ["gpu_metrics", "gpu_busy_percent"] {
        refuse(&folder.attribute(&world, name));
    }
    let sample = backend.sample().unwrap();
    let reading = sample.reading(device);
    assert_eq!(reading.busy, Err(Absence::Failed { at: "gpu_busy_percent", code: Some(1) }), "it resets");
    assert_eq!(reading.energy, Err(Absence::Failed { at: "gpu_metrics", code: Some(1) }));
    assert!(reading.memory_used.is_ok());
    fs::write(folder.attribute(&world, "power/runtime_status"), "suspended\n").unwrap();
    assert_eq!(backend.sample().unwrap().reading(device).busy, Err(Absence::Asleep));
}

/// A partition that is listed and gone when it is read.
#[test]
fn a_partition_that_vanishes_between_listing_and_reading_is_named() {
    let (_folder, _world, backend) = changed("vanished", few("mi300x-8-cpx", 1), |root| {
        fs::remove_file(root.join(NODES).join("5/properties")).unwrap();
    });
    let inventory = backend.inventory().unwrap();
    assert_eq!(inventory.devices[0].partitions.len(), 7);
    let problem = inventory.problems.iter().find(|problem| problem.at.ends_with("nodes/5/properties"));
    assert_eq!(problem.map(|problem| problem.kind), Some(ErrorKind::NotFound), "{:?}", inventory.problems);
}

/// Modes never heard of are the driver's own text; files may end without a newline or with NULs.
#[test]
fn texts_are_taken_as_they_are() {
    let (folder, world, backend) = machine(few("mi300x-8-cpx", 1));
    fs::write(folder.attribute(&world, "current_compute_partition"), "HEXA").unwrap();
    fs::write(folder.attribute(&world, "available_compute_partition"), "SPX, HEXA").unwrap();
    let mut padded = b"0 1 2 3 7 x 0\n".to_vec();
    padded.resize(4096, 0);
    fs::write(folder.attribute(&world, "enforce_isolation"), padded).unwrap();
    let device = backend.inventory().unwrap().devices.remove(0);
    let mode = device.mode(Mode::COMPUTE_PARTITION).unwrap();
    assert_eq!(mode.current.value().map(String::as_str), Some("HEXA"));
    assert_eq!(mode.available.value().unwrap(), &["SPX", "HEXA"]);
    let isolation: Vec<_> =
        device.partitions.iter().map(|part| part.process_isolation.value().copied()).collect();
    let (yes, no) = (Some(true), Some(false));
    assert_eq!(
        isolation,
        [no, yes, yes, yes, None, None, no, None],
        "7 and x are not known, the last is missing"
    );
    assert!(device.process_isolation.absence().is_some(), "each partition has its own");
}

/// A BMC is card 0, and numbers of cards have holes.
#[test]
fn a_bmc_before_the_gpus_is_not_one_of_them() {
    let mut described = few("mi210-8", 2);
    described.bystanders.push(Bystander {
        pci: "0000:02:00.0".parse().unwrap(),
        pci_id: gpu_core::PciId { vendor: 0x1a03, device: 0x2000, subvendor: 0, subdevice: 0 },
        class: 0x03_0000,
        driver: Some("ast".to_owned()),
        card: Some(0),
    });
    if let Some(drm) = &mut described.gpus[1].drm {
        (drm.card, drm.render) = (17, 145);
    }
    if let Silicon::Amd(amd) = &mut described.gpus[1].silicon {
        (amd.partitions[0].drm.card, amd.partitions[0].drm.render) = (17, 145);
    }
    let (folder, _world, backend) = machine(described);
    assert!(folder.0.join("sys/class/drm/card0").exists());
    let inventory = backend.inventory().unwrap();
    assert_eq!(inventory.devices.len(), 2);
    let paths: Vec<&str> =
        inventory.devices.iter().flat_map(|device| &device.nodes).map(|node| node.path.as_str()).collect();
    assert_eq!(paths, ["/dev/dri/card1", "/dev/dri/renderD129", "/dev/dri/card17", "/dev/dri/renderD145"]);
    conformance::run(&*backend);
}
