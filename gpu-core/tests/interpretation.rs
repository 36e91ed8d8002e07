//! Device files and rules, interpreted over simulated machines: which units they reach.

use gpu_core::{
    Backend, Bundle, CdiDevice, Container, ContainerFacts, DeviceFile, DeviceNumber, DeviceRules,
    EvidenceList, EvidenceSource, GresDevice, Inventory, Known, Owner, Pid, Runtime, Strength, UnitId,
    Vendor,
};
use gpu_sim::{Machine, SimBackend, World};

fn machine(preset: &str, vendor: Vendor) -> (SimBackend, Inventory) {
    let backend = SimBackend::new(World::new(Machine::preset(preset).unwrap()), vendor);
    let inventory = backend.inventory().unwrap();
    (backend, inventory)
}

fn facts() -> ContainerFacts {
    let id = "c".repeat(64).parse().unwrap();
    let mut facts = ContainerFacts::new(Owner::Container(Container::new(Runtime::Docker, id)), Pid(7));
    facts.own_dev = true.into();
    facts
}

fn files(nodes: &[(&str, u32, u32)]) -> Vec<DeviceFile> {
    let number = |major, minor| Some(DeviceNumber { major, minor });
    nodes.iter().map(|(path, major, minor)| DeviceFile::new(*path, number(*major, *minor))).collect()
}

/// Unit below its device, source, strength.
type Given = (String, EvidenceSource, Strength);

fn given(list: &EvidenceList) -> Vec<Given> {
    let part = |unit: UnitId| match unit {
        UnitId::Device(_) => "whole".to_owned(),
        unit => unit.to_string().split_once('/').unwrap().1.to_owned(),
    };
    list.evidence.iter().map(|one| (part(one.unit), one.source, one.strength)).collect()
}

fn interpret(backend: &SimBackend, inventory: &Inventory, facts: &ContainerFacts) -> EvidenceList {
    let mut list = EvidenceList::new();
    backend.evidence(facts, inventory, &mut list).unwrap();
    list
}

fn left(list: &EvidenceList) -> Vec<(&str, &str)> {
    list.unresolved.iter().map(|one| (one.text.as_str(), one.why)).collect()
}

/// The preset's first GPU is cut into instances 1 (4g slot), 3 or so: whatever they are called.
fn capability(inventory: &Inventory, at: usize, inner: Option<usize>) -> (String, u32, u32) {
    let outer = &inventory.devices[0].partitions[at];
    let node = match inner {
        Some(inner) => &outer.partitions[inner].nodes[0],
        None => &outer.nodes[0],
    };
    let number = node.number.unwrap();
    (node.path.clone(), number.major, number.minor)
}

#[test]
fn a_whole_gpu_by_its_own_file() {
    let (backend, inventory) = machine("hgx-h100-8", Vendor::NVIDIA);
    let mut facts = facts();
    // A name says nothing: this is GPU 2, whatever the container calls it.
    facts.device_files = files(&[("/dev/nvidia0", 195, 2), ("/dev/nvidiactl", 195, 255)]).into();
    let list = interpret(&backend, &inventory, &facts);
    assert_eq!(list.evidence.len(), 1);
    assert_eq!(list.evidence[0].unit, inventory.devices[2].id.into());
    assert_eq!(list.evidence[0].strength, Strength::Enforced);
    assert_eq!(left(&list), []);
}

#[test]
fn a_gpu_that_is_cut_needs_capability_files() {
    let (backend, inventory) = machine("mixed", Vendor::NVIDIA);
    let (one, inside) = (capability(&inventory, 0, None), capability(&inventory, 0, Some(0)));
    let mut facts = facts();
    let parent = ("/dev/nvidia0", 195, 0);
    let nodes = [parent, (&one.0, one.1, one.2), (&inside.0, inside.1, inside.2)];
    facts.device_files = files(&nodes).into();
    let outer = inventory.devices[0].partitions[0].id;
    let list = interpret(&backend, &inventory, &facts);
    assert_eq!(list.evidence.len(), 1, "{list:?}");
    let evidence = &list.evidence[0];
    assert_eq!((evidence.unit, evidence.source), (outer.into(), EvidenceSource::Capability));

    // The parent's file alone reaches nothing, and a capability alone neither.
    facts.device_files = files(&[parent]).into();
    let list = interpret(&backend, &inventory, &facts);
    assert_eq!((list.evidence.len(), list.unresolved.len()), (0, 1), "{list:?}");
    assert!(left(&list)[0].1.contains("capability"));
    facts.device_files = files(&nodes[1..]).into();
    let list = interpret(&backend, &inventory, &facts);
    assert_eq!((list.evidence.len(), list.unresolved.len()), (0, 1), "{list:?}");

    // The instance's file without one of what lies in it.
    facts.device_files = files(&nodes[..2]).into();
    assert_eq!(given(&interpret(&backend, &inventory, &facts)), []);
}

#[test]
fn some_of_the_compute_instances_are_not_the_gpu_instance() {
    let mut machine = Machine::preset("hgx-h100-8").unwrap();
    let backend = {
        use gpu_sim::{ComputeInstanceSpec, GpuInstanceSpec, Silicon};
        let Silicon::Nvidia(nvidia) = &mut machine.gpus[0].silicon else { panic!("NVIDIA's") };
        let mig = nvidia.mig.as_mut().unwrap();
        (mig.enabled, mig.pending) = (true, true);
        let uuid = |n: u8| gpu_core::Uuid([n; 16]);
        let inside =
            |id, slices| ComputeInstanceSpec { id, slices, start: id, uuid: uuid(id as u8 + 1), life: 1 };
        mig.instances = vec![GpuInstanceSpec {
            id: 2,
            profile: "3g.40gb".to_owned(),
            start: 0,
            compute_instances: vec![inside(0, 1), inside(1, 2)],
            life: 1,
        }];
        SimBackend::new(World::new(machine), Vendor::NVIDIA)
    };
    let inventory = backend.inventory().unwrap();
    let (outer, first) = (capability(&inventory, 0, None), capability(&inventory, 0, Some(0)));
    let second = capability(&inventory, 0, Some(1));
    let mut facts = facts();
    let file = |(path, major, minor): &(String, u32, u32)| (path.clone(), *major, *minor);
    let mut all = vec![("/dev/nvidia0".to_owned(), 195, 0), file(&outer), file(&first)];
    let as_files = |all: &[(String, u32, u32)]| {
        files(&all.iter().map(|(path, major, minor)| (path.as_str(), *major, *minor)).collect::<Vec<_>>())
    };
    facts.device_files = as_files(&all).into();
    let part = |list: &EvidenceList| given(list).into_iter().map(|(part, ..)| part).collect::<Vec<_>>();
    assert_eq!(part(&interpret(&backend, &inventory, &facts)), ["gi:2/ci:0"]);
    all.push(file(&second));
    facts.device_files = as_files(&all).into();
    assert_eq!(part(&interpret(&backend, &inventory, &facts)), ["gi:2"]);
}

#[test]
fn partitions_and_not_the_gpu_whose_first_one_has_its_files() {
    let (backend, inventory) = machine("mi300x-8-cpx", Vendor::AMD);
    let mut facts = facts();
    let first = inventory.devices[0].nodes[1].number.unwrap();
    let third = inventory.devices[0].partitions[3].nodes[1].number.unwrap();
    facts.device_files =
        files(&[("/dev/dri/renderD128", 226, first.minor), ("/dev/dri/renderD129", 226, third.minor)]).into();
    let list = interpret(&backend, &inventory, &facts);
    let parts: Vec<String> = given(&list).into_iter().map(|(part, ..)| part).collect();
    assert_eq!(parts, ["xcp:0", "xcp:3"]);
}

#[test]
fn rules_of_a_device_cgroup() {
    let (backend, inventory) = machine("hgx-h100-8", Vendor::NVIDIA);
    let mut facts = facts();
    let mut rules = |text: &str| {
        facts.device_rules = DeviceRules::of_list(text).0.into();
        interpret(&backend, &inventory, &facts)
    };
    let list = rules("c 1:3 rwm\nc 195:255 rw\nc 195:1 rw\nc 195:2 m\n");
    assert_eq!(given(&list), [("whole".to_owned(), EvidenceSource::DeviceCgroup, Strength::Enforced)]);
    assert_eq!(list.evidence[0].unit, inventory.devices[1].id.into());
    assert_eq!(rules("c 195:* rw\n").evidence.len(), 8);
    // A GPU that is not there any more.
    assert_eq!(left(&rules("c 195:77 rw\n")), [("c 195:77 rw", "no GPU here has this device file")]);
    // Nothing is kept from it: it was given nothing.
    for everything in ["a *:* rwm\n", "c 1:3 rwm\nc *:* rwm\n"] {
        let list = rules(everything);
        assert_eq!((list.evidence.len(), list.unrestricted.len()), (0, 1), "{everything}");
    }
    // To make device files is not to open them.
    let list = rules("c *:* m\nb *:* m\n");
    assert_eq!((list.evidence.len(), list.unrestricted.len(), list.unresolved.len()), (0, 0, 0));
}

#[test]
fn files_that_the_cgroup_refuses_are_declared() {
    let (backend, inventory) = machine("hgx-h100-8", Vendor::NVIDIA);
    let mut facts = facts();
    facts.device_rules = DeviceRules::of_list("c 195:0 rw\n").0.into();
    facts.device_files = files(&[("/dev/nvidia0", 195, 0), ("/dev/nvidia1", 195, 1)]).into();
    let list = interpret(&backend, &inventory, &facts);
    let strengths: Vec<_> =
        list.evidence.iter().map(|one| (one.unit.device(), one.source, one.strength)).collect();
    let (zero, one) = (inventory.devices[0].id, inventory.devices[1].id);
    assert_eq!(
        strengths,
        [
            (zero, EvidenceSource::DeviceCgroup, Strength::Enforced),
            (zero, EvidenceSource::DeviceFiles, Strength::Enforced),
            (one, EvidenceSource::DeviceFiles, Strength::Declared),
        ]
    );
    // Whose /dev it is cannot be told.
    facts.device_rules = Known::unsupported("version 2");
    facts.own_dev = Known::unsupported("not read");
    let list = interpret(&backend, &inventory, &facts);
    assert!(list.evidence.iter().all(|one| one.strength == Strength::Declared));
    // The machine's own.
    facts.own_dev = false.into();
    let list = interpret(&backend, &inventory, &facts);
    assert_eq!((list.evidence.len(), list.unrestricted.len()), (0, 1));
}

#[test]
fn specifications_are_declared() {
    let (backend, inventory) = machine("mi300x-8", Vendor::AMD);
    let nodes = |at: usize| &inventory.devices[at].nodes;
    let mut facts = facts();
    let mut bundle = Bundle::default();
    let render = &nodes(0)[1];
    bundle.devices = vec![DeviceFile::new("/dev/dri/renderD200", render.number)];
    facts.bundle = bundle.into();
    // By the path on the machine, where a specification has no number.
    let by_path = vec![DeviceFile::new(nodes(1)[1].path.clone(), None)];
    facts.cdi = vec![CdiDevice::new("example.com/mine=a", by_path.clone().into())];
    let gone = vec![DeviceFile::new("/dev/dri/renderD999", None)];
    let unknown = Known::unsupported("gres.conf names no files");
    facts.gres = vec![
        GresDevice::new(2, vec![DeviceFile::new(nodes(2)[0].path.clone(), None)].into()),
        GresDevice::new(3, gone.into()),
        GresDevice::new(4, unknown),
    ]
    .into();
    let list = interpret(&backend, &inventory, &facts);
    let found: Vec<_> =
        list.evidence.iter().map(|one| (one.unit.device(), one.source, one.strength)).collect();
    let device = |at: usize| inventory.devices[at].id;
    assert_eq!(
        found,
        [
            (device(0), EvidenceSource::OciBundle, Strength::Declared),
            (device(1), EvidenceSource::Cdi, Strength::Declared),
            (device(2), EvidenceSource::Slurm, Strength::Declared),
        ]
    );
}

/// What a world says of its own containers is what its processes use.
#[test]
fn a_world_gives_what_is_used() {
    let mut machine = Machine::preset("mixed").unwrap();
    for (at, workload) in machine.workloads.iter_mut().enumerate() {
        workload.cgroup = match at {
            4 => "/system.slice/render.service".to_owned(),
            5 => "/system.slice/slurmstepd.scope/job_4711/step_0/user/task_3".to_owned(),
            at => format!("/docker/{:064x}", at + 1),
        };
    }
    let world = World::new(machine);
    let mut list = EvidenceList::new();
    let mut all = Inventory::new();
    let backends = [Vendor::NVIDIA, Vendor::AMD, Vendor::INTEL].map(|v| SimBackend::new(world.clone(), v));
    for backend in &backends {
        all.append(backend.inventory().unwrap());
    }
    for facts in world.container_facts() {
        for backend in &backends {
            backend.evidence(&facts, &all, &mut list).unwrap();
        }
    }
    assert_eq!(list.unresolved, []);
    assert_eq!(list.evidence.len(), 5, "{:?}", list.evidence);
    // The kernel keeps nothing from the job and the service; the job was given something all the same.
    let unrestricted: Vec<String> = list.unrestricted.iter().map(ToString::to_string).collect();
    assert_eq!(unrestricted, ["slurm 4711.0", "unit render.service"]);
    let parts: Vec<String> = given(&list).into_iter().map(|(part, ..)| part).collect();
    assert_eq!(parts, ["gi:1", "gi:13", "whole", "whole", "xcp:3"]);
    let job = list.evidence.last().unwrap();
    assert_eq!((job.source, job.strength), (EvidenceSource::Slurm, Strength::Declared));
}
