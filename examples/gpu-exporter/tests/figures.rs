//! What a scrape and the exporter cost: figures of a release build, on a machine that is quiet.

#[path = "common/exporter.rs"]
mod common;

use std::time::{Duration, Instant};

use common::{Exporter, Folder, get, request};
use gpu_accounting::ledger::NodeName;
use gpu_accounting::meter::{Meter, Moment, Observation, Rules};
use gpu_accounting::openmetrics::{Format, Page, Tally};
use gpu_accounting::{Nanoseconds, Node, Pid, Query, Sample};
use gpu_sim::{Machine, Part, Silicon, World};

/// 8 H100 of 7 instances each, and 200 containers that share these.
fn full() -> Machine {
    let mut machine = Machine::preset("hgx-h100-8").unwrap();
    let template = machine.workloads[0].clone();
    machine.workloads.clear();
    let mut places = Vec::new();
    for gpu in 0..8 {
        assert_eq!(machine.set_mig_mode(gpu, true), Ok(true));
        let Silicon::Nvidia(nvidia) = &machine.gpus[gpu].silicon else { unreachable!() };
        let mut profiles = nvidia.mig.iter().flat_map(|mig| &mig.profiles);
        let profile = profiles.find(|profile| profile.name == "1g.10gb").unwrap();
        let (id, slices) = (profile.id, profile.slices);
        for start in 0..7 {
            let gi = machine.create_gpu_instance(gpu, id, Some(start)).unwrap();
            let ci = machine.create_compute_instance(gpu, gi, slices, None).unwrap();
            places.push((gpu, Part::Mig { gi, ci }));
        }
    }
    assert_eq!(places.len(), 56);
    for n in 0..200_u32 {
        let mut of = template.clone();
        of.pid = Pid(10_000 + n);
        of.cgroup = format!("/system.slice/docker-{n:064x}.scope");
        of.uses.truncate(1);
        (of.uses[0].gpu, of.uses[0].part) = places[n as usize % 56];
        of.uses[0].memory = gpu_sim::Curve::constant(1 << 30);
        machine.workloads.push(of);
    }
    machine
}

/// The fastest of many, in microseconds: what else a machine does only ever slows.
fn fastest(times: usize, mut work: impl FnMut() -> Duration) -> u128 {
    (0..times).map(|_| work().as_micros()).min().unwrap()
}

#[test]
#[ignore = "a figure: wants a release build"]
fn a_scrape_of_8_devices_of_7_instances_and_200_containers_takes_2_ms() {
    let world = World::new(full());
    let node = Node::builder().machine(world.host()).build();
    let name: NodeName = "node-1".parse().unwrap();
    let (mut meter, mut tally, mut watch) = (Meter::new(name, Rules::new()), Tally::new(2000), node.watch());
    let mut attribution = watch.look();
    for _ in 0..3 {
        let at = Moment::now(node.clock());
        let look = Observation::new(at, watch.inventory(), watch.sample(), &attribution);
        meter.observe(&look).unwrap();
        tally.add(&meter.close());
        world.clock().advance(Nanoseconds::from_secs(1));
        attribution = watch.look();
    }
    let page = Page::new(watch.inventory(), watch.sample()).attribution(&attribution).tally(&tally);
    let text = page.text(Format::OpenMetrics);
    let owners = text.lines().filter(|line| line.starts_with("gpu_owner_memory_byte_seconds_total")).count();
    assert_eq!(owners, 200);
    for format in [Format::OpenMetrics, Format::Prometheus] {
        let took = fastest(200, || {
            let began = Instant::now();
            std::hint::black_box(page.text(format));
            began.elapsed()
        });
        println!(
            "a page of {} KB, {} series ({format:?}): {took} µs",
            text.len() / 1000,
            text.lines().count()
        );
        assert!(took <= 2000);
    }
    // By HTTP, connection and all: a page that nobody has asked for yet, and one that is there.
    let folder = Folder::new("figures");
    let file = folder.join("machine.json");
    std::fs::write(&file, full().to_json()).unwrap();
    let exporter = Exporter::start(&["--sim", file.to_str().unwrap(), "--period", "0.05"]);
    let scrape = || {
        let began = Instant::now();
        assert_eq!(get(exporter.address, &request("GET", "/metrics", &[])).status, 200);
        began.elapsed()
    };
    let again = fastest(300, scrape);
    let anew = fastest(100, || {
        // One look later: the page is written for this scrape.
        std::thread::sleep(Duration::from_millis(60));
        scrape()
    });
    println!("a scrape by HTTP: {anew} µs, of a page that is there {again} µs");
    assert!(anew <= 2000);
}

/// Processor time of a process so far, as its threads have it.
fn processor(pid: u32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of = |task: std::io::Result<std::fs::DirEntry>| -> u64 {
        let text = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
        text.split(' ').next().unwrap().parse().unwrap()
    };
    Duration::from_nanos(tasks.map(of).sum())
}

fn resident_kb(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
#[ignore = "a figure: takes 40 s, and wants a release build"]
fn the_exporter_takes_15_mb_and_half_a_percent_of_a_core() {
    const SECONDS: u32 = 40;
    let exporter = Exporter::start(&["--sim", "hgx-h100-8", "--period", "1"]);
    let pid = exporter.process.id();
    // What comes first is paid once.
    std::thread::sleep(Duration::from_secs(3));
    let (from, began) = (processor(pid), Instant::now());
    let world = World::new(Machine::preset("hgx-h100-8").unwrap());
    let node = Node::builder().machine(world.host()).build();
    let mut sample = Sample::new();
    let mut bare = Duration::ZERO;
    for second in 0..SECONDS {
        std::thread::sleep(Duration::from_secs(1));
        // The vendors' calls alone: the same that a look makes.
        let before = of_this_thread();
        sample.clear();
        for backend in node.backends() {
            backend.inventory().unwrap();
            backend.sample_into(&Query::everything().with_ended(), &mut sample).unwrap();
        }
        bare += of_this_thread() - before;
        if second % 15 == 0 {
            assert_eq!(exporter.metrics("application/openmetrics-text").status, 200);
        }
    }
    let (took, elapsed) = (processor(pid) - from, began.elapsed());
    let beyond = took.saturating_sub(bare).as_secs_f64() / elapsed.as_secs_f64() * 100.0;
    let resident = resident_kb(pid);
    println!(
        "{resident} kB resident; {:.3} % of a core, the vendors' calls alone {:.3} %: {beyond:.3} % beyond",
        took.as_secs_f64() / elapsed.as_secs_f64() * 100.0,
        bare.as_secs_f64() / elapsed.as_secs_f64() * 100.0,
    );
    assert!(resident <= 15_000, "{resident} kB");
    assert!(beyond <= 0.5, "{beyond} %");
}

/// Processor time of this thread so far.
fn of_this_thread() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}
