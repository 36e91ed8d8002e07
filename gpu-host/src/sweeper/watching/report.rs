//! What one sweep tells of the processes that are known or named.

use gpu_core::{Absence, Pid, Sweep, SweptProcess};

use super::look::Look;
use super::{Room, State};
use crate::sweeper::known::Client;
use crate::sweeper::process::{self, Process, Unread};

impl Look<'_> {
    /// Looks at everybody who is known or named, and tells of those who were asked for.
    pub(super) fn report(&mut self, state: &mut State, sweep: &mut Sweep) {
        state.room.named.clear();
        state.room.named.extend_from_slice(self.request.pids);
        state.room.named.sort_unstable();
        state.room.named.dedup();
        self.count_unread(state, sweep);
        let mut clients = core::mem::take(&mut state.known.clients);
        clients.retain_mut(|client| {
            let is_there = self.tell(client, state, sweep);
            if !is_there {
                state.ended.add(self.now, client.ended());
            }
            is_there
        });
        state.known.clients = clients;
        for at in 0..state.room.named.len() {
            let pid = state.room.named[at];
            if state.known.position(pid).is_err() {
                match self.meet(pid, state, sweep) {
                    Err(Unread::Refused) => sweep.unreadable += 1,
                    Ok(()) | Err(Unread::Gone) => {}
                }
            }
        }
    }

    /// Counts who could not be looked into and is not known: who is known is counted with his kind.
    fn count_unread(&self, state: &State, sweep: &mut Sweep) {
        if self.request.holders_of.is_empty() {
            return;
        }
        let State { table, known, room, .. } = state;
        for process in &table.processes {
            let is_told = |pid: Pid| known.position(pid).is_ok() || room.named.binary_search(&pid).is_ok();
            sweep.unreadable += u32::from(process.is_refused && !is_told(process.pid));
            sweep.unwatched += u32::from(process.is_left_out);
        }
        sweep.unwatched = sweep.unwatched.saturating_add(table.unwatched);
    }

    /// Looks at a process that is known, and tells of it if it was asked for. False when it is gone.
    fn tell(&mut self, client: &mut Client, state: &mut State, sweep: &mut Sweep) -> bool {
        let is_named = state.room.named.binary_search(&client.pid()).is_ok();
        let told = Process::open(self.root, self.is_proc, client.pid()).and_then(|process| {
            self.check(&process, client, state, sweep)?;
            if is_named || client.holds_any_of(self.request.holders_of) {
                self.describe(&process, client, &mut state.room)?;
                self.push(&process, client, &mut state.room, sweep);
            }
            Ok(())
        });
        let is_wanted = is_named || !self.request.holders_of.is_empty();
        match told {
            Ok(()) => sweep.unreadable += u32::from(client.is_refused && is_wanted),
            Err(Unread::Refused) => {
                sweep.unreadable += u32::from(is_named || is_wanted && !client.held.is_empty());
            }
            Err(Unread::Gone) => return false,
        }
        true
    }

    /// Whether it is still the same process, and what it holds.
    fn check(
        &mut self,
        process: &Process,
        client: &mut Client,
        state: &mut State,
        sweep: &mut Sweep,
    ) -> Result<(), Unread> {
        let inode = process.inode();
        if !self.is_proc || inode == 0 || inode != client.inode {
            let stat = process.stat(&mut state.room.text)?;
            if stat.start != client.key.start {
                // Somebody else by now: to be met by the next sweep, if he is not named.
                state.table.process_mut(client.pid()).into_iter().for_each(|other| {
                    (other.walked, other.start) = (None, None);
                });
                return Err(Unread::Gone);
            }
            client.inode = inode;
            client.name = stat.name;
        }
        client.seen = self.now;
        if self.request.holders_of.is_empty() || !self.is_to_be_walked(process, client)? {
            return Ok(());
        }
        if self.budget == 0 {
            sweep.postponed += 1;
            client.sign = None;
            // Nobody is told to hold what he may have closed.
            client.held.clear();
            return Ok(());
        }
        match self.walk_known(process, client, &state.wanted, &mut state.room) {
            // Its name and owner may be read all the same.
            Err(Unread::Refused) => Ok(()),
            walked => walked,
        }
    }

    fn is_to_be_walked(&self, process: &Process, client: &Client) -> Result<bool, Unread> {
        let Some(before) = client.sign else { return Ok(true) };
        Ok(self.is_changed(before, process.sign()?) || !process.still_holds(&client.held))
    }

    /// Reads name and sandbox where that is too long ago.
    fn describe(&self, process: &Process, client: &mut Client, room: &mut Room) -> Result<(), Unread> {
        let is_new = |at| self.is_proc && self.now.since(at) < self.limits.pace.count;
        if client.described.is_some_and(is_new) && (client.is_judged || !self.request.owners) {
            return Ok(());
        }
        let stat = process.stat(&mut room.text)?;
        if stat.start != client.key.start {
            // In a tree of plain files a folder may become another's.
            return Err(Unread::Gone);
        }
        let judge = || process.sandbox(&stat, client.runs_machine, &mut room.text);
        let sandbox = self.request.owners.then(judge);
        client.described(&stat, sandbox, self.now);
        Ok(())
    }

    /// Tells of a process.
    fn push(&mut self, process: &Process, client: &mut Client, room: &mut Room, sweep: &mut Sweep) {
        let mut swept = room.spare.pop().unwrap_or_else(|| SweptProcess::new(client.key, client.name));
        (swept.key, swept.name) = (client.key, client.name);
        (swept.owner, swept.sandbox) = (Err(Absence::NotYet), None);
        if self.request.owners {
            swept.owner = client.owner(process, &mut room.text);
            swept.sandbox = client.sandbox;
        }
        let wanted = self.request.holders_of;
        let held = || client.held.iter().filter(|held| wanted.contains(&held.number));
        process::numbers_to(held(), &mut swept.holds);
        swept.clients.clear();
        if self.request.clients {
            process.clients(held(), &mut room.text, &mut self.sleepers, &mut swept.clients).add_to(sweep);
        }
        sweep.processes.push(swept);
    }

    /// Looks at a process that was named and is not known yet, and tells of it.
    fn meet(&mut self, pid: Pid, state: &mut State, sweep: &mut Sweep) -> Result<(), Unread> {
        let process = Process::open(self.root, self.is_proc, pid)?;
        let stat = process.stat(&mut state.room.text)?;
        let key = process::key(self.boot, pid, &stat);
        let mut client = Client::new(key, stat.name, process.inode(), self.now);
        if !self.request.holders_of.is_empty() {
            match self.walk_known(&process, &mut client, &state.wanted, &mut state.room) {
                Err(Unread::Refused) => sweep.unreadable += 1,
                walked => walked?,
            }
        }
        self.describe(&process, &mut client, &mut state.room)?;
        self.push(&process, &mut client, &mut state.room, sweep);
        state.known.put(client);
        Ok(())
    }
}
