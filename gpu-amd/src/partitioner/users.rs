//! Who stands in the way of a change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gpu_core::{
    DeviceNumber, Need, PartitionId, PartitionKind, Pid, PidView, Sweep, SweepRequest, Sweeper, User,
};
use gpu_host::{Folder, ProcSweeper, cgroup, pid_namespace};

use crate::backend::AmdBackend;
use crate::board::{Board, Boards};
use crate::process::Holdings;

/// A process, before it is asked on whose behalf it runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Holder {
    partition: PartitionId,
    pid: Pid,
    pid_view: PidView,
}

impl Holder {
    const fn user(self) -> User {
        User::new(self.partition, self.pid, self.pid_view)
    }
}

/// Who is on a GPU, as far as this process can see.
#[derive(Debug, Default)]
pub(super) struct Users {
    pub(super) users: Vec<User>,
    /// What it would need to see all of them, where it does not. The driver asks for contexts of its compute
    /// part alone; nobody else asks whether somebody draws.
    pub(super) needs: Option<Need>,
}

/// What reading the descriptors of others takes.
const OF_OTHERS: Need = Need::Capability("CAP_SYS_PTRACE");

impl AmdBackend {
    /// The processes on a GPU: those with a context of the compute driver, whether they hold
    /// anything there or not (the driver asks no more than that, `kgd2kfd_check_and_lock_kfd`),
    /// and those that hold a DRM node of it open.
    pub(super) fn users(&self, boards: &Boards, board: &Board) -> Users {
        let mut users = computing(&boards.processes, board);
        let known: BTreeSet<Pid> = users.iter().map(|user| user.pid).collect();
        let (mut holders, needs) = self.holders(board);
        // Numbers of another namespace cannot be compared. Where the driver names somebody, that
        // is enough.
        holders.retain(|user| match user.pid_view {
            PidView::Host => !known.contains(&user.pid),
            _ => known.is_empty(),
        });
        users.extend(holders);
        let mut users: Vec<User> = users.into_iter().map(Holder::user).collect();
        cgroup::name_owners(self.roots(), &mut users);
        Users { users, needs }
    }

    /// Who holds a DRM node open, and what it would take to see everybody who does.
    fn holders(&self, board: &Board) -> (Vec<Holder>, Option<Need>) {
        let roots = self.roots();
        let view = pid_namespace::view(&roots.proc, roots.proc_is_usual());
        let sweeper = ProcSweeper::new(roots.proc.clone(), self.clock()).counting_in(view);
        let numbers: Vec<DeviceNumber> = board.drm.iter().filter_map(|drm| drm.number).collect();
        let mut sweep = Sweep::default();
        // Without /proc nobody is seen: not the same as that there is nobody.
        if sweeper.sweep_into(&SweepRequest::new(&numbers, &[]), &mut sweep).is_err() {
            return (Vec::new(), Some(Need::Other("the list of processes")));
        }
        let needs = match view {
            PidView::Host if sweep.unreadable > 0 => Some(OF_OTHERS),
            PidView::Host => None,
            // Processes outside of its namespace are not in such a list.
            _ => Some(Need::HostPids),
        };
        let of = |number: &DeviceNumber| partition_of(board, *number);
        let users = sweep.processes.iter().filter_map(|process| {
            let partition = of(process.holds.first()?);
            Some(Holder { partition, pid: process.key.pid, pid_view: view })
        });
        (users.collect(), needs)
    }
}

/// Who has a context on a GPU: on the partitions where it holds something, or on the first where
/// it holds nothing (the driver makes a context for every partition that a process may reach).
fn computing(folder: &Path, board: &Board) -> BTreeSet<Holder> {
    let mut holdings = Holdings::default();
    holdings.look(folder);
    let user = |pid: Pid, gpu_id: u32| {
        let node = board.nodes.iter().find(|node| node.gpu_id == Some(gpu_id))?;
        Some(Holder { partition: board.partition_id(node), pid, pid_view: PidView::Host })
    };
    let mut users: BTreeSet<Holder> =
        holdings.all.iter().filter_map(|holding| user(holding.pid, holding.gpu_id)).collect();
    let holding: BTreeSet<Pid> = users.iter().map(|user| user.pid).collect();
    let mut idle: BTreeMap<Pid, Holder> = BTreeMap::new();
    for (pid, gpu_id) in contexts(folder).into_iter().filter(|(pid, _)| !holding.contains(pid)) {
        if let Some(user) = user(pid, gpu_id) {
            let first = idle.entry(pid).or_insert(user);
            *first = user.min(*first);
        }
    }
    users.extend(idle.into_values());
    users
}

/// The partition that a device file is of; the first has the GPU's own.
fn partition_of(board: &Board, number: DeviceNumber) -> PartitionId {
    let node = board.nodes.iter().find(|node| board.is_of(node, number));
    node.map_or_else(
        || board.id.partition(PartitionKind::COMPUTE_PARTITION, 0),
        |node| board.partition_id(node),
    )
}

/// Every context of the compute driver: whose, and on which GPU. Newer kernels nest those after
/// a process' first.
fn contexts(folder: &Path) -> BTreeSet<(Pid, u32)> {
    let mut found = BTreeSet::new();
    let Ok(processes) = Folder::open(folder) else { return found };
    // A list that breaks off is as long as it is.
    let _ = processes.each(|name| {
        let (Ok(pid), Ok(process)) = (name.parse(), processes.folder(name)) else { return };
        let mut nested = Vec::new();
        let mut file = |name: &str| {
            let gpu_id = name.strip_prefix("vram_").and_then(|id| id.parse().ok());
            found.extend(gpu_id.map(|gpu_id| (Pid(pid), gpu_id)));
        };
        let _ = process.each(|name| match name.strip_prefix("context_") {
            Some(_) => nested.extend(process.folder(name)),
            None => file(name),
        });
        for context in nested {
            let _ = context.each(&mut file);
        }
    });
    found
}
