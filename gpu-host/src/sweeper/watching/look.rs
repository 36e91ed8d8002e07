//! [`Look`]: one sweep's search for processes that hold a wanted file.

use std::io;

use gpu_core::{BootId, BootTime, Nanoseconds, Sweep, SweepRequest};

use super::{Limits, Room, State, WatchingSweeper};
use crate::folder::Folder;
use crate::sweeper::known::Client;
use crate::sweeper::name::Name;
use crate::sweeper::process::{self, Process, Sign, Unread, Walked};
use crate::sweeper::sleepers::Sleepers;
use crate::sweeper::table::Watched;

/// What a process costs beside its descriptors, in descriptors.
const COST: u32 = 8;

/// Most clients that are remembered, but for those that drivers name.
const MOST_CLIENTS: usize = 1 << 14;

/// One sweep.
pub(super) struct Look<'a> {
    pub(super) root: &'a Folder,
    pub(super) boot: BootId,
    pub(super) request: &'a SweepRequest<'a>,
    pub(super) now: BootTime,
    pub(super) limits: Limits,
    /// It is the kernel's `/proc`.
    pub(super) is_proc: bool,
    pub(super) sleepers: Sleepers<'a>,
    /// Descriptors that may still be looked at.
    pub(super) budget: u32,
}

/// What is to be done with a process.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    Nothing,
    /// Look whether it has opened or closed something.
    Count,
    /// Look at each descriptor, early: it is its turn.
    Walk,
    /// Look at each descriptor: it is new, or its last walk is too long ago.
    WalkNow,
}

impl<'a> Look<'a> {
    pub(super) fn new(
        sweeper: &'a WatchingSweeper,
        root: &'a Folder,
        request: &'a SweepRequest<'a>,
        now: BootTime,
    ) -> Self {
        let (limits, is_proc) = (sweeper.limits, root.is_proc());
        let sleepers = Sleepers::new(sweeper.sysfs.as_deref());
        let (boot, budget) = (sweeper.boot, limits.most_descriptors);
        Self { root, boot, request, now, limits, is_proc, sleepers, budget }
    }

    /// How old a walk may be.
    pub(super) const fn walk_within(&self, is_counted: bool) -> Nanoseconds {
        let pace = self.limits.pace;
        match (self.is_proc, is_counted, self.limits.trusts_folder_times) {
            (true, true, _) | (false, _, true) => pace.walk,
            (true, false, _) => pace.walk_uncounted,
            (false, _, false) => Nanoseconds::ZERO,
        }
    }

    /// True when a folder of descriptors that showed the one now shows the other, and this says
    /// that something was opened or closed.
    pub(super) const fn is_changed(&self, before: Sign, now: Sign) -> bool {
        before.size != now.size || (!self.is_proc && before.change != now.change)
    }

    /// Looks at the list of processes and at those whose turn it is.
    pub(super) fn discover(&mut self, state: &mut State, sweep: &mut Sweep) -> io::Result<()> {
        let is_old = |at: BootTime| !self.is_proc || self.now.since(at) >= self.limits.pace.list;
        if state.listed.is_none_or(is_old) {
            self.list(state)?;
        }
        let elapsed = state.looked.map_or(Nanoseconds(u64::MAX), |at| self.now.since(at));
        let walk_within = self.walk_within(state.is_counted);
        let counts = state.counts.stretch(&state.table, elapsed, self.limits.pace.count);
        let walks = state.walks.stretch(&state.table, elapsed, walk_within);
        let (from, len) =
            (state.resume.map_or(0, |pid| state.table.position(pid)), state.table.processes.len());
        let mut resume = None;
        for at in (from..len).chain(0..from) {
            let process = &state.table.processes[at];
            let mut due = self.due(process, walk_within, walks.contains(at), counts.contains(at));
            // A kernel that tells no numbers is not asked for them.
            if due == Due::Count && self.is_proc && !state.is_counted && !process.is_unsure {
                due = Due::Nothing;
            }
            if due == Due::Nothing {
                continue;
            }
            if self.budget == 0 && due != Due::Count {
                sweep.postponed += u32::from(due == Due::WalkNow);
                resume = resume.or(Some(process.pid));
                continue;
            }
            self.look_at(at, due, state);
        }
        state.resume = resume;
        state.looked = Some(self.now);
        Ok(())
    }

    /// Takes over the list of processes.
    fn list(&self, state: &mut State) -> io::Result<()> {
        let listed = &mut state.room.listed;
        listed.clear();
        // A tree may give a folder's number to the next one that is made.
        let number = |inode: u64| if self.is_proc { inode } else { 0 };
        self.root.each_numbered(|name, inode| {
            listed.extend(crate::sweeper::pid(name).map(|pid| (pid, number(inode))));
        })?;
        state.table.relist(listed, self.limits.most_processes);
        state.listed = Some(self.now);
        Ok(())
    }

    fn due(&self, process: &Watched, walk_within: Nanoseconds, walks: bool, counts: bool) -> Due {
        let Some(walked) = process.walked else { return Due::WalkNow };
        match self.now.since(walked) >= walk_within {
            true => Due::WalkNow,
            false if walks => Due::Walk,
            false if process.is_unsure || counts => Due::Count,
            false if self.now.since(process.counted) >= self.limits.pace.count => Due::Count,
            false => Due::Nothing,
        }
    }

    /// Looks at one process. It may end at any moment: the next list is without it.
    fn look_at(&mut self, at: usize, due: Due, state: &mut State) {
        let State { table, known, room, is_counted, .. } = state;
        let process = &mut table.processes[at];
        let mut is_due = due != Due::Count;
        if process.is_unsure && process.walked.is_some() {
            is_due |= self.is_another(process, room);
        }
        if !is_due {
            let way = Name::descriptors_of(process.pid.0);
            let Ok((size, change)) = self.root.size_and_change(way.as_str()) else { return };
            let sign = Sign { size, change };
            *is_counted |= self.is_proc && size > 0;
            process.counted = self.now;
            // Clients are looked at by every sweep, whose walk is the one that counts.
            is_due = known.position(process.pid).is_err() && self.is_changed(process.sign, sign);
        }
        if is_due {
            if self.budget == 0 {
                // It comes first next time.
                process.walked = None;
                return;
            }
            let walked = self.walk(at, state);
            let process = &mut state.table.processes[at];
            (process.walked, process.counted) = (Some(self.now), self.now);
            process.is_refused = walked == Err(Unread::Refused);
        }
    }

    /// Reads whose number it is by now.
    fn is_another(&self, process: &mut Watched, room: &mut Room) -> bool {
        let stat = Process::open(self.root, self.is_proc, process.pid).and_then(|of| of.stat(&mut room.text));
        process.is_unsure = false;
        let start = stat.ok().map(|stat| stat.start);
        let is_another = start != process.start;
        process.start = start;
        is_another
    }

    /// Walks over a process's descriptors, and remembers it when it holds a wanted file.
    fn walk(&mut self, at: usize, state: &mut State) -> Result<(), Unread> {
        let State { table, known, room, wanted, ended, is_counted, .. } = state;
        let watched = &mut table.processes[at];
        watched.is_left_out = false;
        self.budget = self.budget.saturating_sub(COST);
        let process = Process::open(self.root, self.is_proc, watched.pid)?;
        if watched.is_unsure || watched.start.is_none() {
            // What cannot be read matters once it holds something.
            watched.start = process.stat(&mut room.text).ok().map(|stat| stat.start);
            watched.is_unsure = false;
        }
        // Before the walk: what is opened meanwhile shows as a change.
        watched.sign = process.sign()?;
        *is_counted |= self.is_proc && watched.sign.size > 0;
        let is_same = |client: &&mut Client| watched.start.is_none_or(|start| client.key.start == start);
        let client = known.get_mut(watched.pid).filter(is_same);
        let walked = match process.walk(wanted, &mut room.held) {
            Ok(walked) => walked,
            Err(unread) => {
                client.into_iter().for_each(|client| client.refused(watched.sign));
                return Err(unread);
            }
        };
        self.budget = self.budget.saturating_sub(walked.descriptors);
        if let Some(client) = client {
            client.found(&room.held, walked, watched.sign);
        } else if room.held.is_empty() {
            return if walked.is_whole() { Ok(()) } else { Err(Unread::Refused) };
        } else if known.clients.len() >= MOST_CLIENTS {
            watched.is_left_out = true;
        } else {
            let stat = process.stat(&mut room.text)?;
            let key = process::key(self.boot, watched.pid, &stat);
            let mut client = Client::new(key, stat.name, process.inode(), self.now);
            client.found(&room.held, walked, watched.sign);
            let before = known.put(client);
            before.into_iter().for_each(|before| ended.add(self.now, before.ended()));
        }
        Ok(())
    }

    /// Walks over the descriptors of a process that is known, or was named.
    pub(super) fn walk_known(
        &mut self,
        process: &Process,
        client: &mut Client,
        wanted: &[gpu_core::DeviceNumber],
        room: &mut Room,
    ) -> Result<(), Unread> {
        let sign = process.sign()?;
        let walked: Walked = match process.walk(wanted, &mut room.held) {
            Ok(walked) => walked,
            Err(unread) => {
                client.refused(sign);
                return Err(unread);
            }
        };
        self.budget = self.budget.saturating_sub(COST.saturating_add(walked.descriptors));
        client.found(&room.held, walked, sign);
        Ok(())
    }
}
