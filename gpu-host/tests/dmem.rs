//! The kernel's account of device memory: read, limited and compared over simulated trees, and asked
//! for on this machine.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};

use gpu_core::{
    Absence, Backend, Bytes, Container, ContainerReader, ErrorKind, Inventory, KernelMemory, Owner, Pid,
    Runtime, Vendor, compare_memory,
};
use gpu_host::dmem::{LimitRefusal, parse};
use gpu_host::{Dmem, ProcContainers, Roots};
use gpu_sim::{Machine, SimBackend, Tree, World};

struct Ground {
    folder: PathBuf,
    world: World,
    tree: Tree,
    inventory: Inventory,
}

impl Ground {
    fn new(name: &str, preset: &str, vendor: Vendor) -> Self {
        let mut machine = Machine::preset(preset).unwrap();
        // Two containers, one of them nested in a part of its own, and a step of a job.
        for (at, workload) in machine.workloads.iter_mut().enumerate() {
            workload.cgroup = match at % 4 {
                0 => format!("/system.slice/docker-{:064x}.scope", 10),
                1 => format!("/machine.slice/libpod-{:064x}.scope/container", 11),
                2 => "/system.slice/slurmstepd.scope/job_4711/step_0/user/task_0".to_owned(),
                _ => "/system.slice/nvidia-dcgm.service".to_owned(),
            };
        }
        let world = World::new(machine);
        let folder = std::env::temp_dir().join(format!("gpu-host-dmem-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let tree = world.write_tree(&folder).unwrap();
        let inventory = SimBackend::new(world.clone(), vendor).inventory().unwrap();
        Self { folder, world, tree, inventory }
    }

    fn roots(&self) -> Roots {
        Roots::default().cgroup(self.tree.cgroup()).proc(self.tree.proc())
    }

    fn dmem(&self) -> Dmem {
        Dmem::find(&self.roots()).unwrap()
    }

    fn docker(&self) -> PathBuf {
        self.tree.cgroup().join(format!("system.slice/docker-{:064x}.scope", 10))
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn docker() -> Owner {
    Owner::Container(Container::new(Runtime::Docker, format!("{:064x}", 10).parse().unwrap()))
}

fn of<'a>(memory: &'a [KernelMemory], owner: &str) -> Vec<&'a KernelMemory> {
    memory.iter().filter(|one| one.owner.to_string().starts_with(owner)).collect()
}

#[test]
fn accounts_of_containers_and_jobs() {
    let ground = Ground::new("read", "mi300x-8", Vendor::AMD);
    let dmem = ground.dmem();
    assert_eq!(dmem.capacity(&ground.inventory).len(), 8);
    let accounts = dmem.read(&ground.inventory);
    assert_eq!(accounts.problems, []);
    // The simulated kernel's own account, but for jobs as wholes, which only the tree has.
    let expected = ground.world.kernel_memory();
    assert!(!expected.is_empty());
    for account in &expected {
        assert!(accounts.memory.contains(account), "{account:?} in {:?}", accounts.memory);
    }
    let sum = |accounts: Vec<&KernelMemory>| accounts.iter().map(|one| one.current.get()).sum::<u64>();
    assert!(sum(of(&accounts.memory, "podman")) > 0, "the scope counts for what lies in it");
    // A service is neither.
    assert!(of(&accounts.memory, "unit").is_empty());
    // A job has its steps' memory, a step its tasks'.
    let jobs = of(&accounts.memory, "slurm");
    assert!(jobs.iter().any(|one| matches!(&one.owner, Owner::Slurm(job) if job.step.is_none())));
    let pid = ground.world.machine().workloads[1].pid;
    let mine = dmem.read_of(pid, &ground.inventory).unwrap();
    assert_eq!(mine.memory.iter().collect::<Vec<_>>(), of(&accounts.memory, "podman"));
    let (cgroup, _) = dmem.cgroup_of(pid).unwrap();
    assert!(cgroup.ends_with(format!("libpod-{:064x}.scope", 11)), "the outermost: {}", cgroup.display());
    assert_eq!(dmem.cgroup_of(Pid(1)).unwrap_err().kind(), ErrorKind::NotFound);
    let service = ground.world.machine().workloads[3].pid;
    assert_eq!(dmem.cgroup_of(service).unwrap_err().kind(), ErrorKind::NotSupported);
}

#[test]
fn tiles_of_xe_are_regions() {
    let mut machine = Machine::preset("b60-2").unwrap();
    machine.workloads[0].cgroup = format!("/docker/{:064x}", 10);
    let world = World::new(machine);
    let folder = std::env::temp_dir().join(format!("gpu-host-dmem-xe-{}", std::process::id()));
    let tree = world.write_tree(&folder).unwrap();
    let inventory = SimBackend::new(world.clone(), Vendor::INTEL).inventory().unwrap();
    let dmem = Dmem::find(&Roots::default().cgroup(tree.cgroup()).proc(tree.proc())).unwrap();
    let accounts = dmem.read(&inventory);
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(accounts.memory, world.kernel_memory());
    assert_eq!(accounts.memory[0].region.as_str(), "vram0");
}

#[test]
fn both_accounts_side_by_side() {
    let ground = Ground::new("compare", "mi300x-8", Vendor::AMD);
    let kernel = ground.dmem().read(&ground.inventory).memory;
    let machine = ground.world.machine();
    let mut processes = Vec::new();
    for (position, device) in ground.inventory.devices.iter().enumerate() {
        for of in ground.world.uses(position) {
            let workload = machine.workloads.iter().find(|workload| workload.pid == of.pid).unwrap();
            processes.push((
                gpu_core::cgroup::owner(&format!("0::{}", workload.cgroup)),
                device.id,
                of.memory,
            ));
        }
    }
    let compared = compare_memory(&kernel, processes.clone());
    let ours: Vec<_> = compared.iter().filter(|one| one.owner == docker()).collect();
    assert!(!ours.is_empty());
    assert!(ours.iter().all(|one| one.kernel.is_some() && one.kernel == one.processes), "{ours:?}");
    // A process that is not seen: the kernel's is larger.
    processes.retain(|(owner, ..)| *owner != docker());
    let one = (docker(), ground.inventory.devices[0].id, Bytes(1));
    let compared = compare_memory(&kernel, processes.into_iter().chain([one]));
    let first = compared.iter().find(|one| one.owner == docker()).unwrap();
    assert_eq!(first.only_kernel().get(), first.kernel.unwrap().get() - 1);
    // The service has no account.
    assert!(compared.iter().any(|one| one.kernel.is_none() && one.processes.is_some()));
}

#[test]
fn limits_are_set_changed_and_lifted() {
    let ground = Ground::new("limit", "mi300x-8", Vendor::AMD);
    let (dmem, device) = (ground.dmem(), ground.inventory.devices[0].id);
    let region = "vram".parse().unwrap();
    let limit = |to| dmem.limit(&ground.docker(), &ground.inventory, device, region, to);
    let set = limit(Some(Bytes::gib(8))).unwrap();
    assert_eq!((set.before, set.now), (None, Some(Bytes::gib(8))));
    let accounts = dmem.read(&ground.inventory);
    let limited = accounts.memory.iter().find(|one| one.max.is_some()).expect("a limit is told");
    let evidence = limited.evidence(&ground.inventory).unwrap();
    assert_eq!((evidence.owner, evidence.unit), (docker(), device.into()));
    assert_eq!(evidence.memory_limit, Some(Bytes::gib(8)));
    let lower = limit(Some(Bytes(4096))).unwrap();
    assert_eq!(lower.before, Some(Bytes::gib(8)));
    // The kernel takes nothing back.
    assert!(lower.current > Bytes(4096) && lower.is_exceeded(), "{lower:?}");
    let lifted = limit(None).unwrap();
    assert_eq!((lifted.before, lifted.now, lifted.is_exceeded()), (Some(Bytes(4096)), None, false));
}

#[test]
fn limits_are_refused_with_the_reason() {
    let ground = Ground::new("refuse", "mi300x-8", Vendor::AMD);
    let (dmem, device) = (ground.dmem(), ground.inventory.devices[0].id);
    let limit = |cgroup: &Path, region: &str| {
        let region = region.parse().unwrap();
        dmem.limit(cgroup, &ground.inventory, device, region, Some(Bytes::gib(1))).unwrap_err()
    };
    assert_eq!(limit(&ground.docker(), "vram7").kind(), "unknown_region");
    assert_eq!(limit(&ground.tree.cgroup().join("gone"), "vram").kind(), "no_cgroup");
    // Not handed down: the parent that is to be asked is named.
    let slice = ground.tree.cgroup().join("system.slice");
    fs::write(slice.join("cgroup.subtree_control"), "cpu memory\n").unwrap();
    for name in ["current", "max", "min", "low", "peak"] {
        fs::remove_file(ground.docker().join(format!("dmem.{name}"))).unwrap();
    }
    let refusal = limit(&ground.docker(), "vram");
    assert_eq!(refusal, LimitRefusal::Off { parent: slice.clone() });
    assert!(refusal.to_string().contains("system.slice/cgroup.subtree_control"), "{refusal}");
    // Reading names it too, once for all that lie below.
    let accounts = dmem.read(&ground.inventory);
    let named = |error: &&gpu_core::Error| error.kind() == ErrorKind::NotSupported;
    assert_eq!(accounts.problems.iter().filter(named).count(), 1, "{:?}", accounts.problems);
    assert!(accounts.memory.iter().all(|one| one.owner != docker()));
}

#[test]
fn where_there_is_no_controller() {
    let folder = std::env::temp_dir().join(format!("gpu-host-dmem-none-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("unified")).unwrap();
    let roots = Roots::default().cgroup(&folder);
    let why = || {
        let error = Dmem::find(&roots).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupported, "{error}");
        assert!(matches!(error.absence("dmem"), Absence::NotSupported { .. }));
        let reader = ProcContainers::new(&roots);
        let absence = reader.kernel_memory(&Inventory::new()).unwrap_err();
        assert!(absence.to_string().contains(error.detail()), "{absence}: {error}");
        error.to_string()
    };
    assert!(why().contains("version 2"), "{}", why());
    // Both versions are mounted, and the controller is not there.
    fs::write(folder.join("unified/cgroup.controllers"), "hugetlb\n").unwrap();
    assert!(why().contains("6.14"), "{}", why());
    fs::write(folder.join("unified/cgroup.controllers"), "hugetlb dmem\n").unwrap();
    fs::write(folder.join("unified/dmem.capacity"), "").unwrap();
    assert!(why().contains("no driver registers a region"), "{}", why());
    fs::write(folder.join("unified/dmem.capacity"), "drm/0000:03:00.0/vram0 x\n").unwrap();
    assert_eq!(Dmem::find(&roots).unwrap_err().kind(), ErrorKind::Malformed);
    fs::write(folder.join("unified/dmem.capacity"), "drm/0000:03:00.0/vram0 4096\n").unwrap();
    let dmem = Dmem::find(&roots).unwrap();
    // A region of no GPU that is here.
    let id = format!("{:064x}", 12);
    let cgroup = folder.join("unified/docker").join(&id);
    fs::create_dir_all(&cgroup).unwrap();
    fs::write(cgroup.join("dmem.current"), "drm/0000:03:00.0/vram0 1024\n").unwrap();
    let accounts = dmem.read(&Inventory::new());
    assert_eq!((accounts.memory.len(), accounts.problems.len()), (0, 1));
    fs::write(cgroup.join("dmem.current"), "drm/0000:03:00.0/vram0\n").unwrap();
    let problems = dmem.read(&Inventory::new()).problems;
    assert_eq!(problems[0].kind(), ErrorKind::Malformed);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn lines_that_are_none() {
    for bad in ["x", "drm/0000:03:00.0/vram0 -1", "drm/0000:03:00.0/vram0 18446744073709551616", "a b c\nd"] {
        assert!(parse(bad).is_err(), "{bad:?}");
    }
    let others = "other/region 5\ndrm/0000:03:00.0/ 5\ndrm/x/vram 5\n";
    assert_eq!(parse(others).unwrap(), [], "regions of other kinds of devices");
}

/// The kernel of the machine that runs this: whatever it answers has a reason or adds up.
#[test]
#[ignore = "needs Linux 6.14 or later, to mean anything"]
fn this_machine() {
    match Dmem::find(&Roots::default()) {
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotSupported, "{error}");
            let controllers = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
                .iter()
                .find_map(|root| fs::read_to_string(format!("{root}/cgroup.controllers")).ok());
            let has = controllers.is_some_and(|names| names.split_whitespace().any(|name| name == "dmem"));
            assert_eq!(error.to_string().contains("no driver registers a region"), has, "{error}");
        }
        Ok(dmem) => {
            let accounts = dmem.read(&Inventory::new());
            assert!(accounts.memory.is_empty(), "no GPU is listed, so nothing is told of one");
        }
    }
}
