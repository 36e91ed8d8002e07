//! The page of metrics: what is on it, that nothing is on it twice, and that what adds up in
//! statements adds up there.

use std::collections::{BTreeMap, BTreeSet};

use gpu_accounting::meter::{Dimension, Meter, Moment, Observation, Rules, Statement};
use gpu_accounting::openmetrics::{Decimal, Family, Format, LabelSet, Page, Tally, Text};
use gpu_accounting::{
    Absence, BootTime, Container, Known, Label, LabelSource, Labels, Measured, Nanoseconds, Node, Owner,
    Permille, Reading, Runtime, Sample, Source,
};
use gpu_sim::{Machine, World};

/// One series of a page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    name: String,
    labels: BTreeMap<String, String>,
    value: String,
}

impl Series {
    fn get(&self, label: &str) -> &str {
        self.labels.get(label).map_or("", String::as_str)
    }

    /// In units of ten to the power of minus `places`.
    fn number(&self, places: usize) -> u128 {
        let (whole, part) = self.value.split_once('.').unwrap_or((&self.value, ""));
        assert!(part.len() <= places, "{self:?}");
        format!("{whole}{part:0<places$}").parse().unwrap()
    }
}

/// Reads a page by the grammar of the format's document, without the writer's help.
fn parse(text: &str) -> Vec<Series> {
    text.lines().filter(|line| !line.starts_with('#')).map(line).collect()
}

fn line(line: &str) -> Series {
    let name: String = line.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let mut rest = line[name.len()..].chars().peekable();
    let mut labels = BTreeMap::new();
    if rest.peek() == Some(&'{') {
        rest.next();
        while rest.peek() != Some(&'}') {
            let key: String = std::iter::from_fn(|| rest.next_if(|c| *c != '=')).collect();
            assert_eq!((rest.next(), rest.next()), (Some('='), Some('"')), "{line}");
            let mut value = String::new();
            loop {
                match rest.next().unwrap_or_else(|| panic!("{line}")) {
                    '"' => break,
                    '\\' => value.push(match rest.next() {
                        Some('n') => '\n',
                        Some(other @ ('\\' | '"')) => other,
                        other => panic!("{other:?} is escaped: {line}"),
                    }),
                    other => value.push(other),
                }
            }
            assert!(labels.insert(key.clone(), value).is_none(), "{key} twice: {line}");
            rest.next_if_eq(&',');
        }
        rest.next();
    }
    assert_eq!(rest.next(), Some(' '), "{line}");
    Series { name, labels, value: rest.collect() }
}

/// A simulated machine that was metered for some seconds.
struct Metered {
    node: Node,
    world: World,
    meter: Meter,
    all: Statement,
}

impl Metered {
    fn new(machine: Machine) -> Self {
        let world = World::new(machine);
        let node = Node::builder().machine(world.host()).build();
        let name: gpu_accounting::ledger::NodeName = "node-1".parse().unwrap();
        Self { node, world, meter: Meter::new(name, Rules::new()), all: Statement::new(name) }
    }

    /// Looks once a second, adds each second's statement, and hands out the page of the last look.
    fn page(&mut self, seconds: u32, tally: &mut Tally, format: Format) -> String {
        // A look is later than the one before, also that of an earlier page.
        self.world.clock().advance(Nanoseconds::from_secs(1));
        let mut watch = self.node.watch();
        let mut attribution = watch.look();
        for second in 0..=seconds {
            let at = Moment::now(self.node.clock());
            let look = Observation::new(at, watch.inventory(), watch.sample(), &attribution);
            self.meter.observe(&look).unwrap();
            let statement = self.meter.close();
            statement.check().unwrap();
            tally.add(&statement);
            self.all.add(&statement).unwrap();
            if second < seconds {
                self.world.clock().advance(Nanoseconds::from_secs(1));
                attribution = watch.look();
            }
        }
        let page = Page::new(watch.inventory(), watch.sample()).attribution(&attribution);
        page.tally(tally).simulated(self.node.simulated()).text(format)
    }
}

fn metered(preset: &str, seconds: u32) -> (Metered, Tally, Vec<Series>) {
    let (mut of, mut tally) = (Metered::new(Machine::preset(preset).unwrap()), Tally::new(10_000));
    let page = of.page(seconds, &mut tally, Format::OpenMetrics);
    (of, tally, parse(&page))
}

fn named<'a>(series: &'a [Series], name: &'a str) -> impl Iterator<Item = &'a Series> {
    series.iter().filter(move |of| of.name == name)
}

/// Every series once, under a family that is described before it and whose series are together.
#[test]
fn every_series_is_there_once() {
    for preset in ["mixed", "hgx-h100-8", "mi300x-8-cpx", "max-1550-4", "l40s-4", "empty"] {
        for format in [Format::OpenMetrics, Format::Prometheus] {
            let mut of = Metered::new(Machine::preset(preset).unwrap());
            let page = of.page(2, &mut Tally::new(10_000), format);
            let series = parse(&page);
            let names: BTreeSet<_> = series.iter().map(|of| (&of.name, &of.labels)).collect();
            assert_eq!(names.len(), series.len(), "{preset}");
            let order: Vec<&str> =
                series.chunk_by(|one, other| one.name == other.name).map(|of| &*of[0].name).collect();
            let families: BTreeSet<&str> = order.iter().copied().collect();
            assert_eq!(families.len(), order.len(), "{preset}: families are torn apart");
            let described: BTreeSet<&str> =
                page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
            for family in families {
                let stem = match format {
                    Format::OpenMetrics => family.trim_end_matches("_total").trim_end_matches("_info"),
                    _ => family,
                };
                assert!(described.contains(stem), "{preset}: {family}");
            }
            assert_eq!(page.ends_with("# EOF\n"), format == Format::OpenMetrics);
            assert_eq!(page.matches("simulated=\"true\"").count(), 1, "what is simulated says so");
        }
    }
}

/// The error of exporters that put a device's numbers on every pod of it: on a GPU that three owners
/// share, a sum over power is three times the power, and each owner is charged for all of it.
#[test]
fn a_shared_device_has_one_series_not_one_a_pod() {
    let (_, _, series) = metered("mixed", 3);
    let shared = "nvidia:uuid:5eed26b9-11d0-4b8e-9f8b-000000000100";
    let on = |name: &'static str| named(&series, name).filter(move |of| of.get("hw_id") == shared);
    assert_eq!(on("gpu_owner_memory_usage_bytes").count(), 3, "three owners share it");
    for family in
        ["hw_power_watts", "hw_gpu_memory_usage_bytes", "hw_energy_joules_total", "gpu_power_limit_watts"]
    {
        let [one] = on(family).collect::<Vec<_>>()[..] else { panic!("{family} is there more than once") };
        for label in ["pod", "container", "namespace", "owner", "partition"] {
            assert_eq!(one.get(label), "", "{family} is the device's");
        }
    }
    // Of another name for parts, so that a sum over a name never takes a device and its parts.
    for of in series.iter().filter(|of| !of.get("partition").is_empty()) {
        assert!(of.name.starts_with("gpu_partition_") || of.name.starts_with("gpu_owner_"), "{of:?}");
    }
    let owners: u128 = on("gpu_owner_memory_usage_bytes").map(|of| of.number(0)).sum();
    let device = on("hw_gpu_memory_usage_bytes").next().unwrap().number(0);
    assert!(owners <= device, "{owners} of {device}");
    // What the three used of its energy is no more than what it used, and nobody has all.
    let energy: Vec<u128> = on("gpu_owner_energy_joules_total").map(|of| of.number(6)).collect();
    let accounts: u128 = on("gpu_account_energy_joules_total").map(|of| of.number(6)).sum();
    assert!(
        energy.len() == 3 && energy.iter().all(|of| *of > 0 && *of < accounts),
        "{energy:?} of {accounts}"
    );
    assert!(energy.iter().sum::<u128>() <= accounts);
}

/// Memory of nested parts stands once: at the instance that has it, not at what lies in it.
#[test]
fn nested_partitions_are_not_added_up_twice() {
    let (of, _, series) = metered("mixed", 1);
    let total: u128 = named(&series, "gpu_partition_memory_limit_bytes")
        .filter(|of| of.get("hw_id").starts_with("nvidia"))
        .map(|of| of.number(0))
        .sum();
    let inventory = of.node.inventory();
    let outer = inventory.devices.iter().flat_map(|device| &device.partitions);
    let outer = outer.filter(|part| part.id.to_string().starts_with("nvidia"));
    let wanted: u64 = outer.map(|part| part.memory_total.value().unwrap().get()).sum();
    assert_eq!(total, u128::from(wanted));
}

/// Where a part and what lies in it both show a number, it stands at the outer one alone.
#[test]
fn a_part_hides_what_lies_in_it() {
    let node = Node::builder().machine(Machine::preset("mixed").unwrap()).build();
    let (inventory, mut sample) = (node.inventory(), Sample::new());
    let outer = &inventory.devices[0].partitions[0];
    let busy = |part: u64| {
        let mut reading = Reading::absent(Absence::NotYet);
        reading.busy = Ok(Measured::new(Permille(part), BootTime(1), Source::Simulated));
        reading
    };
    sample.push(outer.partitions[0].id, busy(300));
    let page = |sample: &Sample| parse(&Page::new(&inventory, sample).text(Format::Prometheus));
    let values = |sample: &Sample| -> Vec<String> {
        named(&page(sample), "gpu_partition_utilization_ratio").map(|of| of.value.clone()).collect()
    };
    assert_eq!(values(&sample), ["0.3"], "only the inner one has it");
    sample.push(outer.id, busy(400));
    assert_eq!(values(&sample), ["0.4"]);
}

/// The counters are the statements' numbers, to the last unit, owner by owner and device by device.
#[test]
fn counters_are_what_statements_say() {
    for preset in ["mixed", "hgx-h100-8", "mi300x-8-cpx", "max-1550-4"] {
        let (of, _, series) = metered(preset, 5);
        let mut compared = 0;
        for (family, dimension, places) in [
            ("busy_seconds_total", Dimension::Busy, 9),
            ("memory_byte_seconds_total", Dimension::Memory, 9),
            ("energy_joules_total", Dimension::Energy, 6),
        ] {
            let told = of.all.parts().filter_map(|(_, part)| part.get(dimension).get().ok());
            let owners: u128 =
                named(&series, &format!("gpu_owner_{family}")).map(|of| of.number(places)).sum();
            assert_eq!(owners, told.sum::<u128>(), "{preset} {family}");
            for device in &of.node.inventory().devices {
                let account = of.all.sum(device.id, dimension);
                let id = device.id.to_string();
                for (share, wanted) in [
                    ("attributed", account.attributed),
                    ("idle", account.idle),
                    ("unattributed", account.unattributed),
                ] {
                    let name = format!("gpu_account_{family}");
                    let found =
                        named(&series, &name).find(|of| of.get("hw_id") == id && of.get("share") == share);
                    assert_eq!(
                        found.map(|of| of.number(places)),
                        account.get().is_ok().then_some(wanted),
                        "{id} {share}"
                    );
                    compared += u128::from(found.is_some_and(|of| of.number(places) > 0));
                }
            }
        }
        assert!(compared > 3, "{preset}: only {compared} numbers are more than 0");
    }
}

/// Owners beyond the limit have one series together on each device: sums stay whole, counters grow,
/// and how many they are is told.
#[test]
fn too_many_owners_are_folded_not_lost() {
    let sums = |series: &[Series], name: &str| -> u128 { named(series, name).map(|of| of.number(9)).sum() };
    let names = [
        "gpu_owner_busy_seconds_total",
        "gpu_owner_memory_byte_seconds_total",
        "gpu_owner_memory_usage_bytes",
    ];
    let (_, _, free) = metered("mixed", 4);
    let (mut of, mut tally) = (Metered::new(Machine::preset("mixed").unwrap()), Tally::new(2));
    let tight = parse(&of.page(4, &mut tally, Format::OpenMetrics));
    assert_eq!(tally.folded(), 4, "six owners on their units, of which two have series");
    assert_eq!(named(&tight, "gpu_owners_folded").next().unwrap().value, "4");
    for name in names {
        assert_eq!(sums(&tight, name), sums(&free, name), "{name}");
        assert!(named(&tight, name).filter(|of| of.get("owner_kind") != "other").count() <= 2, "{name}");
        let devices: BTreeSet<&str> = named(&tight, name)
            .filter(|of| of.get("owner_kind") == "other")
            .map(|of| of.get("hw_id"))
            .collect();
        assert!(!devices.is_empty(), "{name}");
    }
    // The same owners are folded later, though there was room for none meanwhile.
    let later = parse(&of.page(3, &mut tally, Format::OpenMetrics));
    for name in &names[..2] {
        for before in named(&tight, name) {
            let after = named(&later, name).find(|of| of.labels == before.labels);
            assert!(after.is_some_and(|of| of.number(9) >= before.number(9)), "{before:?}");
        }
    }
}

/// An owner that has been gone for long makes room, and its series ends.
#[test]
fn owners_that_are_gone_are_forgotten() {
    let (mut of, mut tally) = (Metered::new(Machine::preset("mixed").unwrap()), Tally::new(6));
    let page = of.page(2, &mut tally, Format::OpenMetrics);
    assert!(page.contains("owner=\"render-farm.service\""));
    of.world.change(|machine| machine.workloads.retain(|of| !of.cgroup.contains("render-farm")));
    let page = of.page(300, &mut tally, Format::OpenMetrics);
    assert!(page.contains("owner=\"render-farm.service\""), "a scrape may come late");
    let page = of.page(320, &mut tally, Format::OpenMetrics);
    assert!(!page.contains("owner=\"render-farm.service\""));
    assert!(page.contains("owner=\"4711.0.3\""), "who is there stays");
    // There is room now; who was folded stays folded, so that his numbers stand in one series.
    let (mut of, mut tally) = (Metered::new(Machine::preset("mixed").unwrap()), Tally::new(5));
    of.page(2, &mut tally, Format::OpenMetrics);
    assert_eq!(tally.folded(), 1);
    of.world.change(|machine| machine.workloads.retain(|of| !of.cgroup.contains("render-farm")));
    let page = of.page(700, &mut tally, Format::OpenMetrics);
    assert!(!page.contains("owner=\"render-farm.service\""));
    let series = parse(&page);
    let own =
        named(&series, "gpu_owner_memory_byte_seconds_total").filter(|of| of.get("owner_kind") != "other");
    assert_eq!((own.count(), tally.folded()), (4, 1));
}

/// Names are anybody's: whatever is in them, they are read back, and are labels of nothing else.
#[test]
fn names_of_anybodys_choosing_are_escaped() {
    let odd = "a\"} 1\nhw_power_watts{x=\"\\n\\\\ \u{1f980} \u{0}\u{7f}";
    let (mut of, mut tally) = (Metered::new(Machine::preset("mixed").unwrap()), Tally::new(100));
    let owner = {
        let attribution = of.node.attribution();
        let container = attribution.by_container().next().unwrap().0;
        Owner::Container(*container)
    };
    let mut labels = Labels::unsupported("no more is said");
    labels.container = Known::from(Label::new(odd, LabelSource::Embedder));
    labels.pod = Known::from(Label::new(&"p".repeat(4096), LabelSource::Embedder));
    of.meter.call(&owner, &labels);
    for format in [Format::OpenMetrics, Format::Prometheus] {
        let series = parse(&of.page(2, &mut tally, format));
        let named: Vec<&Series> = series.iter().filter(|of| !of.get("container").is_empty()).collect();
        assert!(named.len() >= 2, "{named:?}");
        for of in named {
            assert!(of.name.starts_with("gpu_owner_"));
            assert_eq!(of.get("container"), odd.replace(['\0', '\u{7f}'], "\u{fffd}"));
            assert!(of.get("pod").len() <= 256);
        }
    }
}

/// Two owners whose names come out the same have one series together, not two.
#[test]
fn owners_that_cannot_be_told_apart_are_one_series() {
    let mut text = Text::new(Format::Prometheus);
    text.family(&Family::gauge("x", "", "X."));
    let labels = LabelSet::new().with("a", "1");
    text.series(&labels, "b=\"2\"", Decimal::from(1));
    text.series(&labels, "b=\"3\"", Decimal::from(2));
    text.series(&labels, "b=\"2\"", Decimal::from(3));
    text.series(&LabelSet::new(), "", Decimal::from(4));
    text.series(&LabelSet::new(), "", Decimal::from(5));
    assert_eq!(text.repeated(), 2);
    assert_eq!(
        text.finish(),
        "# TYPE x gauge\n# HELP x X.\nx{a=\"1\",b=\"2\"} 1\nx{a=\"1\",b=\"3\"} 2\nx 4\n"
    );
    // As containers of two users may be: an id is unique on a machine's root runtimes alone.
    let mut of = Metered::new(Machine::preset("mixed").unwrap());
    of.world.change(|machine| {
        let id = "e".repeat(64);
        machine.workloads[2].cgroup =
            format!("/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{id}.scope");
        machine.workloads[3].cgroup =
            format!("/user.slice/user-1001.slice/user@1001.service/user.slice/docker-{id}.scope");
    });
    let owners: BTreeSet<Owner> =
        of.node.attribution().lines.iter().filter_map(|line| line.holder.owner().cloned()).collect();
    let same =
        owners.iter().filter(|owner| owner.container().is_some_and(|of| of.id.as_str().starts_with("eee")));
    assert_eq!(same.count(), 2, "{owners:?}");
    let mut tally = Tally::new(100);
    let series = parse(&of.page(3, &mut tally, Format::OpenMetrics));
    let told = of.all.parts().filter_map(|(_, part)| part.get(Dimension::Memory).get().ok());
    let owners: u128 = named(&series, "gpu_owner_memory_byte_seconds_total").map(|of| of.number(9)).sum();
    assert_eq!(owners, told.sum::<u128>());
}

/// What is absent has no series, and is counted by its reason.
#[test]
fn what_is_absent_is_not_zero() {
    let (of, _, series) = metered("mixed", 1);
    let inventory = of.node.inventory();
    let sample = of.node.sample();
    for device in &inventory.devices {
        let id = device.id.to_string();
        let has = |name| named(&series, name).any(|of| of.get("hw_id") == id);
        let reading = sample.reading(device.id);
        assert_eq!(has("hw_power_watts"), reading.power.is_ok(), "{id}");
        assert_eq!(has("hw_gpu_memory_usage_bytes"), reading.memory_used.is_ok(), "{id}");
    }
    let asleep: Vec<_> =
        named(&series, "gpu_absent_metrics").filter(|of| of.get("reason") == "asleep").collect();
    assert_eq!(asleep.len(), 1, "{asleep:?}");
    assert_eq!(named(&series, "gpu_owner_held_seconds_total").count(), 0, "nobody keeps a ledger here");
}

/// A container is one owner, by whichever runtime.
#[test]
fn an_owner_is_named_whole() {
    let id = "0123456789abcdef".repeat(4);
    let owner = Owner::Container(Container::new(Runtime::Docker, id.parse().unwrap()));
    assert_ne!(owner.to_string(), id, "people are shown less");
    let mut of = Metered::new(Machine::preset("l40s-4").unwrap());
    of.world.change(|machine| machine.workloads[0].cgroup = format!("/docker/{id}"));
    let series = parse(&of.page(1, &mut Tally::new(100), Format::OpenMetrics));
    assert!(series.iter().any(|of| of.get("owner") == id));
}

/// A fault is told once, where it is; what it makes of the whole and of its parts is told of each.
#[cfg(feature = "health")]
#[test]
fn health_is_told_of_each_unit_and_a_fault_once() {
    use gpu_accounting::health::{Health, Look};
    use gpu_accounting::{Event, EventKind, Vendor};
    let (of, mut health) = (Metered::new(Machine::preset("mixed").unwrap()), Health::default());
    let (inventory, sample, clock) = (of.node.inventory(), of.node.sample(), of.node.clock());
    health.look(&Look {
        inventory: &inventory,
        sample: &sample,
        now: clock.boot_now(),
        boot: clock.boot_id(),
    });
    let cut = inventory.devices().find(|device| device.partitions.len() > 1).expect("one is cut").clone();
    let part = cut.partitions[1].id;
    // Twice, a second apart, and a second ago.
    for _ in 0..2 {
        let now = clock.boot_now();
        health.event(&Event::new(Vendor::NVIDIA, Some(part.into()), EventKind::Xid(94), now, Source::Nvml));
        of.world.clock().advance(Nanoseconds::from_secs(1));
    }
    let report = health.report(clock.boot_now());
    let page = Page::new(&inventory, &sample).health(&report).text(Format::Prometheus);
    let series = parse(&page);
    let names: BTreeSet<_> = series.iter().map(|of| (&of.name, &of.labels)).collect();
    assert_eq!(names.len(), series.len());

    // Each unit is in one state, and there is a series for each state.
    for (name, count) in [
        ("hw_status", inventory.devices().count()),
        ("gpu_partition_status", inventory.devices().map(|device| device.partitions.len()).sum()),
    ] {
        let mut units: BTreeMap<(&str, &str), (u32, u128)> = BTreeMap::new();
        for of in named(&series, name) {
            let (states, sum) = units.entry((of.get("hw_id"), of.get("partition"))).or_default();
            (*states, *sum) = (*states + 1, *sum + of.number(0));
        }
        assert_eq!(units.len(), count, "{name}");
        assert!(units.values().all(|of| *of == (4, 1)), "{name}: {units:?}");
    }
    let state = |name: &'static str, partition: &str| -> String {
        let mut is = named(&series, name).filter(|of| of.get("hw_id") == cut.id.to_string());
        is.find(|of| of.get("partition") == partition && of.value == "1").unwrap().get("hw_state").to_owned()
    };
    let names: Vec<String> = cut.partitions.iter().map(|part| part.id.to_string()).collect();
    let names: Vec<&str> =
        names.iter().map(|name| name.strip_prefix(&format!("{}/", cut.id)).unwrap()).collect();
    assert_eq!(state("gpu_partition_status", names[0]), "ok");
    assert_eq!(state("gpu_partition_status", names[1]), "degraded");

    let faults: Vec<&Series> = named(&series, "gpu_fault").filter(|of| of.get("fault") == "xid").collect();
    let [fault] = faults[..] else { panic!("{faults:?}") };
    assert_eq!((fault.get("hw_id"), fault.get("partition")), (&*cut.id.to_string(), names[1]));
    assert_eq!((fault.get("code"), fault.value.as_str()), ("94", "2"));
    let age = named(&series, "gpu_fault_duration_seconds").find(|of| of.get("fault") == "xid").unwrap();
    assert_eq!(age.number(9), 2_000_000_000);
    assert_eq!(age.labels, fault.labels);
}
