//! [`Conductor`]: keeps the schedule, orders, waits until the deadline, publishes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use gpu_core::{
    Absence, Error, ErrorKind, Evidence, Inventory, Nanoseconds, Problem, Reading, Sample, UnitId, Vendor,
};

use super::keeper::{Finished, KeepAnswer, KeepOrder, KeepTask};
use super::observed::{Answer, Cost, Observed, VendorLook, span};
use super::published::Published;
use super::reader::{ReadAnswer, ReadOrder};
use super::schedule::Schedule;
use super::worker::Worker;
use crate::node::Node;

/// What the conductor is told.
#[derive(Debug)]
pub(super) enum Event {
    Read(Box<ReadAnswer>),
    Kept(KeepAnswer),
    /// A vendor's backend panicked, at that position.
    ReaderFell(usize),
    /// The sweep, or what interprets it, panicked.
    KeeperFell,
    /// What the embedder knows of who was given what.
    Know(Vec<Evidence>),
    /// To end, and until when to wait for calls that hang.
    Stop(Instant),
}

/// The conductor was told to stop, and how long to wait for calls that hang.
struct Stopped(Instant);

/// When and how often.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rhythm {
    pub(super) period: Duration,
    pub(super) deadline: Duration,
    /// Every so many looks what there is is listed anew.
    pub(super) inventory_every: u64,
}

/// One vendor, as the conductor sees it.
#[derive(Debug)]
pub(super) struct VendorState {
    pub(super) vendor: Vendor,
    pub(super) worker: Worker<ReadOrder>,
    /// What it listed last, for looks that it does not answer.
    units: Vec<UnitId>,
    /// Its answer to the look that is going on.
    fresh: Option<Box<ReadAnswer>>,
    /// Its sample between two looks.
    sample: Option<Sample>,
    /// What it has listed and the keeper does not know yet.
    inventory: Option<Result<Inventory, Error>>,
}

impl VendorState {
    pub(super) const fn new(vendor: Vendor, worker: Worker<ReadOrder>) -> Self {
        Self { vendor, worker, units: Vec::new(), fresh: None, sample: None, inventory: None }
    }

    fn took(&mut self, mut answer: Box<ReadAnswer>, look: u64) {
        self.worker.answered();
        if let Some(inventory) = answer.inventory.take() {
            if let Ok(inventory) = &inventory {
                self.units.clear();
                self.units.extend(inventory.units());
            }
            self.inventory = Some(inventory);
        }
        if answer.look == look {
            self.fresh = Some(answer);
        } else if let Some((sample, _)) = answer.sample {
            // Too late for its look; how far it has read stays true.
            self.sample = Some(sample);
        }
    }

    /// What came of asking it at this look.
    fn looked(&self, now: Instant, since: Instant) -> VendorLook {
        let absent = |answer| VendorLook {
            vendor: self.vendor,
            answer,
            late: Nanoseconds::ZERO,
            took: Nanoseconds::ZERO,
            processor: Nanoseconds::ZERO,
        };
        match self.fresh.as_deref() {
            Some(ReadAnswer { late, took, processor, .. }) => {
                let (answer, vendor) = (Answer::InTime, self.vendor);
                VendorLook { vendor, answer, late: *late, took: *took, processor: *processor }
            }
            None => match self.worker.busy() {
                Some(busy) if busy < since => absent(Answer::Hanging(span(busy, now))),
                _ => absent(Answer::TooLate),
            },
        }
    }
}

#[derive(Debug)]
pub(super) struct Conductor {
    pub(super) node: Arc<Node>,
    pub(super) rhythm: Rhythm,
    pub(super) events: Receiver<Event>,
    pub(super) vendors: Vec<VendorState>,
    pub(super) keeper: Worker<KeepOrder>,
    pub(super) published: Arc<Published>,
    pub(super) state: Looking,
}

/// The look that is going on.
#[derive(Debug, Default)]
pub(super) struct Looking {
    look: u64,
    known: Option<Vec<Evidence>>,
    swept: Option<KeepAnswer>,
    finished: Option<Box<Finished>>,
    inventory: Arc<Inventory>,
    has_fallen: bool,
}

impl Conductor {
    /// Looks turn after turn until it is told to stop; hands back the vendors whose calls hang.
    pub(super) fn run(mut self) -> Vec<Vendor> {
        let Err(Stopped(until)) = self.looks();
        // Nothing is asked any more: only what hangs is waited for.
        let is_idle = |this: &Self| {
            this.keeper.busy().is_none() && this.vendors.iter().all(|of| of.worker.busy().is_none())
        };
        let _ = self.wait(until, is_idle);
        self.published.end();
        let hangs = self.vendors.iter().filter(|of| of.worker.busy().is_some()).map(|of| of.vendor).collect();
        for vendor in self.vendors {
            vendor.worker.end();
        }
        self.keeper.end();
        hangs
    }

    fn looks(&mut self) -> Result<std::convert::Infallible, Stopped> {
        self.prime()?;
        let schedule = Schedule::new(Instant::now(), self.rhythm.period);
        let (mut turn, mut missed) = (0, 0);
        loop {
            let at = schedule.at(turn);
            self.wait(at, |_| false)?;
            self.look(turn, at, missed)?;
            let next = schedule.after(turn, Instant::now());
            missed = next - turn - 1;
            turn = next;
        }
    }

    /// Lists what there is, so that the first look knows whose processes to look for. What a vendor
    /// takes longer for than the deadline is its own delay.
    fn prime(&mut self) -> Result<(), Stopped> {
        let now = Instant::now();
        // No look has this number: its answers are in time for none.
        self.state.look = u64::MAX;
        for vendor in &mut self.vendors {
            let order =
                ReadOrder { look: u64::MAX, scheduled: now, inventory: true, sample: None, sweep: None };
            vendor.worker.order(order, now);
        }
        let all = |this: &Self| this.vendors.iter().all(|of| of.worker.busy().is_none());
        self.wait(now + self.rhythm.deadline, all)
    }

    fn look(&mut self, turn: u64, at: Instant, missed: u64) -> Result<(), Stopped> {
        let began = Instant::now();
        let (taken_at, wall) = (self.node.clock().boot_now(), self.node.clock().wall_now());
        let Rhythm { period, deadline, .. } = self.rhythm;
        self.state.look = turn;
        self.state.swept = None;
        self.state.finished = None;
        for vendor in &mut self.vendors {
            if let Some((sample, _)) = vendor.fresh.take().and_then(|answer| answer.sample) {
                vendor.sample = Some(sample);
            }
        }
        let (sweep, swept_in) = self.sweep(at + deadline / 2)?;
        self.read(turn, at, sweep.as_ref().ok())?;
        let sample = self.sample();
        let now = Instant::now();
        let vendors: Vec<VendorLook> = self.vendors.iter().map(|of| of.looked(now, at)).collect();
        let finished = self.finish(sample, sweep.ok(), at + (deadline + period) / 2)?;
        let processor =
            swept_in.saturating_add(finished.as_ref().map_or(Nanoseconds::ZERO, |of| of.processor));
        let cost = Cost { late: span(at, began), took: span(at, Instant::now()), processor, missed };
        let boot = self.node.clock().boot_id();
        let observation = match finished {
            Some(finished) => {
                let Finished { inventory, sample, sweep, attribution, labels, .. } = *finished;
                self.state.inventory = Arc::clone(&inventory);
                let attribution = Ok(attribution);
                Observed {
                    number: turn,
                    taken_at,
                    wall,
                    boot,
                    inventory,
                    sample,
                    sweep,
                    attribution,
                    labels,
                    vendors,
                    cost,
                }
            }
            None => Observed {
                number: turn,
                taken_at,
                wall,
                boot,
                inventory: Arc::clone(&self.state.inventory),
                sample: self.sample(),
                sweep: Err(Absence::TimedOut),
                attribution: Err(Absence::TimedOut),
                labels: Arc::default(),
                vendors,
                cost,
            },
        };
        self.published.publish(Arc::new(observation));
        Ok(())
    }

    /// The processes on the GPUs, unless the process list hangs.
    fn sweep(
        &mut self,
        until: Instant,
    ) -> Result<(Result<Arc<gpu_core::Sweep>, Absence>, Nanoseconds), Stopped> {
        if !self.order(KeepTask::Sweep) {
            return Ok((Err(Absence::TimedOut), Nanoseconds::ZERO));
        }
        self.wait(until, |this| this.state.swept.is_some() || this.state.has_fallen)?;
        Ok(match self.state.swept.take() {
            Some(KeepAnswer::Swept { sweep, processor, .. }) => (sweep, processor),
            _ => (Err(Absence::TimedOut), Nanoseconds::ZERO),
        })
    }

    /// Has every vendor read that does not hang, and waits for all of them until the deadline.
    fn read(&mut self, turn: u64, at: Instant, sweep: Option<&Arc<gpu_core::Sweep>>) -> Result<(), Stopped> {
        // What has been primed just now is not listed again.
        let inventory = turn > 0 && turn % self.rhythm.inventory_every == 0;
        for vendor in &mut self.vendors {
            if vendor.worker.busy().is_some() {
                continue;
            }
            let sample = Some(vendor.sample.take().unwrap_or_default());
            let sweep = sweep.map(Arc::clone);
            vendor
                .worker
                .order(ReadOrder { look: turn, scheduled: at, inventory, sample, sweep }, Instant::now());
        }
        // Who hung before this look is not waited for.
        let answered = move |this: &Self| {
            this.vendors.iter().all(|of| of.fresh.is_some() || of.worker.busy().is_none_or(|busy| busy < at))
        };
        self.wait(at + self.rhythm.deadline, answered)
    }

    /// What the vendors have read, put together, with an absence for each unit of those that have
    /// not.
    fn sample(&self) -> Sample {
        let mut all = Sample::new();
        for vendor in &self.vendors {
            match vendor.fresh.as_ref().and_then(|answer| answer.sample.as_ref()) {
                Some((sample, done)) => {
                    all.units.extend_from_slice(&sample.units);
                    all.processes.extend_from_slice(&sample.processes);
                    all.ended.extend_from_slice(&sample.ended);
                    all.problems.extend_from_slice(&sample.problems);
                    if let Err(error) = done {
                        all.problems.push(Problem::new(vendor.vendor, error));
                    }
                }
                None => {
                    for unit in &vendor.units {
                        all.push(*unit, Reading::absent(Absence::TimedOut));
                    }
                    let error = Error::new(
                        ErrorKind::TimedOut,
                        vendor.worker.name(),
                        "no answer before the deadline",
                    );
                    all.problems.push(Problem::new(vendor.vendor, &error));
                }
            }
        }
        all
    }

    fn finish(
        &mut self,
        sample: Sample,
        sweep: Option<Arc<gpu_core::Sweep>>,
        until: Instant,
    ) -> Result<Option<Box<Finished>>, Stopped> {
        if !self.order(KeepTask::Finish { sample: Box::new(sample), sweep }) {
            return Ok(None);
        }
        self.wait(until, |this| this.state.finished.is_some() || this.state.has_fallen)?;
        Ok(self.state.finished.take())
    }

    /// Orders something of the machine's side, with what is new; says whether it takes orders.
    fn order(&mut self, task: KeepTask) -> bool {
        if self.keeper.busy().is_some() {
            return false;
        }
        self.state.has_fallen = false;
        let new = self.vendors.iter_mut().enumerate();
        let inventories = new.filter_map(|(at, of)| Some((at, of.inventory.take()?))).collect();
        let known = self.state.known.take();
        self.keeper.order(KeepOrder { look: self.state.look, inventories, known, task }, Instant::now())
    }

    /// Takes in what comes until that time, or until `is_done`.
    fn wait(&mut self, until: Instant, is_done: impl Fn(&Self) -> bool) -> Result<(), Stopped> {
        while !is_done(self) {
            let left = until.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(Event::Stop(until)) => return Err(Stopped(until)),
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                // Nobody is left who could stop it: so it stops.
                Err(RecvTimeoutError::Disconnected) => return Err(Stopped(Instant::now())),
            }
        }
        Ok(())
    }

    fn take(&mut self, event: Event) {
        let look = self.state.look;
        match event {
            Event::Read(answer) => self.vendors[answer.vendor].took(answer, look),
            Event::ReaderFell(vendor) => self.vendors[vendor].took(Box::new(fallen(vendor, look)), look),
            Event::Kept(answer) => {
                self.keeper.answered();
                match answer {
                    KeepAnswer::Swept { look: of, .. } if of == look => self.state.swept = Some(answer),
                    KeepAnswer::Finished { look: of, finished } if of == look => {
                        self.state.finished = Some(finished);
                    }
                    KeepAnswer::Swept { .. } | KeepAnswer::Finished { .. } => {}
                }
            }
            Event::KeeperFell => {
                self.keeper.answered();
                self.state.has_fallen = true;
            }
            Event::Know(known) => self.state.known = Some(known),
            // `wait` takes it.
            Event::Stop(_) => {}
        }
    }
}

/// The answer of a backend that panicked.
fn fallen(vendor: usize, look: u64) -> ReadAnswer {
    let error = Error::new(ErrorKind::Library, "backend", "it panicked");
    let zero = Nanoseconds::ZERO;
    let sample = Some((Sample::new(), Err(error)));
    ReadAnswer { vendor, look, inventory: None, sample, late: zero, took: zero, processor: zero }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a call tells too late is not used for the look that goes on; what it listed, and how far
    /// it has read, is.
    #[test]
    fn an_answer_to_an_earlier_look_is_not_this_ones() {
        let (events, _inbox) = std::sync::mpsc::channel::<()>();
        let worker = Worker::start("gpu-test", events, |_: ReadOrder| (), || ()).unwrap();
        let mut state = VendorState::new(Vendor::NVIDIA, worker);
        let answer = |look| {
            let zero = Nanoseconds::ZERO;
            let (inventory, sample) = (Some(Ok(Inventory::new())), Some((Sample::new(), Ok(()))));
            Box::new(ReadAnswer {
                vendor: 0,
                look,
                inventory,
                sample,
                late: zero,
                took: zero,
                processor: zero,
            })
        };
        state.took(answer(3), 4);
        assert!(state.fresh.is_none() && state.sample.is_some() && state.inventory.is_some());
        state.took(answer(4), 4);
        assert!(state.fresh.is_some());
        state.worker.end();
    }
}
