//! Looks at the node again and again, and adds what the meter closes to the file.

use std::error::Error;
use std::time::Duration;

use gpu_accounting::meter::{Held, Meter, Moment, Observation, Rules, Statement};
use gpu_accounting::{BootTime, Count, Inventory, Node, Watch};

use crate::args::Collect;
use crate::file::Out;
use crate::given;
use crate::source::Source;

pub fn collect(args: &Collect) -> Result<(), Box<dyn Error>> {
    let source = Source::open(args)?;
    let (mut out, before) = Out::open(&args.out)?;
    resume(&source, &before);
    if source.simulated {
        eprintln!("gpu-bill: SIMULATED node {}: nothing that is collected is hardware", source.name);
    }
    let inventory = source.node.inventory();
    if inventory.devices.is_empty() {
        for of in source.node.outcomes() {
            eprintln!("gpu-bill: {}: {}", of.vendor, of.outcome);
        }
    }
    let rules = with_slices(args.rules.clone(), &source.node, &inventory);
    let rules = rules.longest_step(gpu_accounting::Nanoseconds(nanoseconds(args.every).saturating_mul(5)));
    let mut meter = Meter::new(source.name, rules);
    let mut watch = source.node.watch();
    let (mut held, mut statement) = (Vec::new(), Statement::new(source.name));
    let began = source.node.clock().boot_now();
    let (mut next, mut closed) = (Duration::ZERO, Duration::ZERO);
    let mut closes = 0;
    loop {
        look(&source.node, &mut watch, &mut meter, &mut held)?;
        let now = Duration::from_nanos(source.node.clock().boot_now().since(began).get());
        let is_over = now >= args.length;
        if is_over || now.saturating_sub(closed) >= args.close {
            closed = now;
            meter.close_into(&mut statement);
            statement.simulated |= source.simulated;
            // A program that writes what does not add up is not to be believed in anything.
            statement.check()?;
            if !statement.spans.is_empty() {
                out.add(&statement)?;
                closes += 1;
            }
        }
        if is_over {
            eprintln!("gpu-bill: {closes} statements added to {}", args.out.display());
            return Ok(());
        }
        // Looks that took too long are left out: the next is on its time again.
        while next <= now {
            next += args.every;
        }
        source.wait(next.min(args.length).saturating_sub(now));
    }
}

fn look(
    node: &Node,
    watch: &mut Watch<'_>,
    meter: &mut Meter,
    held: &mut Vec<Held>,
) -> Result<(), Box<dyn Error>> {
    let attribution = watch.look();
    let at = Moment::now(node.clock());
    let observation = Observation::new(at, watch.inventory(), watch.sample(), &attribution);
    let observation = match watch.evidence() {
        Some(evidence) => {
            given::held(evidence, watch.inventory(), held);
            observation.held(held)
        }
        None => observation,
    };
    meter.observe(&observation)?;
    let owners = attribution.lines.iter().filter_map(|line| line.holder.owner());
    for owner in owners.chain(held.iter().filter_map(|held| held.owner.as_ref())) {
        if let Some(facts) = watch.facts(owner) {
            meter.call(owner, &facts.labels);
        }
    }
    Ok(())
}

/// A simulation begins anew at every start: where it is of the boot of the file's last statement, it
/// goes on from there.
fn resume(source: &Source, before: &[Statement]) {
    if !source.is_world() {
        return;
    }
    let boot = source.node.clock().boot_id();
    let spans = before.iter().filter(|of| of.node == source.name).flat_map(|of| &of.spans);
    let last = spans.filter(|span| span.boot == boot).map(|span| span.to).max().unwrap_or(BootTime(0));
    source.wait(Duration::from_nanos(last.since(source.node.clock().boot_now()).get()));
}

/// How many slices devices have, as their drivers tell who would cut them: what an instance is a part
/// of where nobody tells how many compute units the device has.
fn with_slices(rules: Rules, node: &Node, inventory: &Inventory) -> Rules {
    let unknown = inventory.devices().filter(|device| device.compute_units.value().is_none());
    unknown.fold(rules, |rules, device| {
        let board = node.partitioner(device.id).ok().and_then(|cutter| cutter.board(device.id).ok());
        let slices = board.and_then(|board| {
            let dimensions = board.geometry.dimensions();
            dimensions.iter().find(|of| of.name == "compute slices").map(|of| of.capacity)
        });
        match slices {
            Some(slices) => rules.device_slices(device.id, Count(slices)),
            None => rules,
        }
    })
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
