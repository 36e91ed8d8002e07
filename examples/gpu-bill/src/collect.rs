//! Looks at the node again and again, and adds what the meter closes to the file.

use std::error::Error;
use std::time::Duration;

use gpu_accounting::meter::{Held, Meter, Moment, Observation, Statement};
use gpu_accounting::{BootTime, Node, Watch};

use crate::args::Collect;
use crate::ending::Ending;
use crate::file::Out;
use crate::holders::Holders;
use crate::slices;
use crate::source::{Passed, Source};

pub fn collect(args: &Collect) -> Result<(), Box<dyn Error>> {
    let ending = Ending::listen()?;
    let source = Source::open(args)?;
    let mut holders = match &args.ledger {
        Some(file) => Holders::in_ledger(file, source.name)?,
        None => Holders::Machine,
    };
    let (mut out, before) = Out::open(&args.out)?;
    let mut is_told = resume(&source, &before, &ending);
    if let Some(recorded) = source.node.recorded() {
        eprintln!("gpu-bill: RECORDED {recorded}: nothing that is collected is of now");
    }
    if source.simulated {
        eprintln!("gpu-bill: SIMULATED node {}: nothing that is collected is hardware", source.name);
    }
    let inventory = source.node.inventory();
    if inventory.devices.is_empty() {
        for of in source.node.outcomes() {
            eprintln!("gpu-bill: {}: {}", of.vendor, of.outcome);
        }
    }
    let rules = slices::known(args.rules.clone(), &source.node, &inventory);
    let rules = rules.longest_step(gpu_accounting::Nanoseconds(nanoseconds(args.every).saturating_mul(5)));
    let meter = Meter::new(source.name, rules);
    let mut watch = source.node.watch();
    let (mut held, mut books) = (Vec::new(), Books::new(meter, source.simulated));
    let began = source.node.clock().boot_now();
    let (mut next, mut closed) = (Duration::ZERO, Duration::ZERO);
    let passed = loop {
        // Whatever fails here, what is open is written.
        if let Err(error) = look(&source.node, &mut watch, &mut books.meter, (&mut holders, &mut held)) {
            break Passed::Broken(error.to_string());
        }
        let now = Duration::from_nanos(source.node.clock().boot_now().since(began).get());
        if is_told || now >= args.length {
            break Passed::Time;
        }
        if now.saturating_sub(closed) >= args.close {
            closed = now;
            books.close(&mut out)?;
        }
        // Looks that took too long are left out: the next is on its time again.
        while next <= now {
            next += args.every;
        }
        match source.wait(next.min(args.length).saturating_sub(now), &ending) {
            Passed::Time => {}
            // One look more: up to here it is known.
            Passed::Told => is_told = true,
            end @ (Passed::End | Passed::Broken(_)) => break end,
        }
    };
    books.close(&mut out)?;
    eprintln!("gpu-bill: {} statements added to {}", books.closes, args.out.display());
    match passed {
        Passed::Broken(why) => Err(format!("{why}; what comes before it is added").into()),
        _ => Ok(()),
    }
}

/// What is metered, and not in the file yet.
struct Books {
    meter: Meter,
    statement: Statement,
    simulated: bool,
    /// How many statements are in the file.
    closes: u32,
}

impl Books {
    fn new(meter: Meter, simulated: bool) -> Self {
        let statement = meter.open().clone();
        Self { meter, statement, simulated, closes: 0 }
    }

    /// Adds what is open to the file.
    fn close(&mut self, out: &mut Out) -> Result<(), Box<dyn Error>> {
        self.meter.close_into(&mut self.statement);
        self.statement.simulated |= self.simulated;
        // A program that writes what does not add up is not to be believed in anything.
        self.statement.check()?;
        if !self.statement.spans.is_empty() {
            out.add(&self.statement)?;
            self.closes += 1;
        }
        Ok(())
    }
}

fn look(
    node: &Node,
    watch: &mut Watch<'_>,
    meter: &mut Meter,
    (holders, held): (&mut Holders, &mut Vec<Held>),
) -> Result<(), Box<dyn Error>> {
    let attribution = watch.look();
    let at = Moment::now(node.clock());
    let observation = Observation::new(at, watch.inventory(), watch.sample(), &attribution);
    let observation = match holders.held(watch, watch.inventory(), held)? {
        true => observation.held(held),
        false => observation,
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
/// goes on from there. True if this program was told to end meanwhile.
fn resume(source: &Source, before: &[Statement], ending: &Ending) -> bool {
    if !source.is_world() {
        return false;
    }
    let boot = source.node.clock().boot_id();
    let spans = before.iter().filter(|of| of.node == source.name).flat_map(|of| &of.spans);
    let last = spans.filter(|span| span.boot == boot).map(|span| span.to).max().unwrap_or(BootTime(0));
    let time = Duration::from_nanos(last.since(source.node.clock().boot_now()).get());
    matches!(source.wait(time, ending), Passed::Told)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
