//! Who stands in the way of a change.

use gpu_core::{DeviceNumber, Need, PartitionId, PartitionKind, PidView, Sweep, SweepRequest, Sweeper, User};
use gpu_host::{ProcSweeper, cgroup, pid_namespace};

use crate::backend::IntelBackend;
use crate::board::Board;

/// Who is on a GPU, as far as this process can see.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) users: Vec<User>,
    /// What it would need to see all of them, where it does not: nobody else asks whether a GPU is idle
    /// before virtual functions are made.
    pub(super) needs: Option<Need>,
}

/// What reading the descriptors of others takes.
const OF_OTHERS: Need = Need::Capability("CAP_SYS_PTRACE");

impl IntelBackend {
    /// The processes that hold a device file of the GPU open, or of one of its virtual functions:
    /// DRM's, or the one under which a guest's program holds it.
    pub(super) fn users(&self, board: &Board) -> Seen {
        let files = files(board);
        let roots = self.roots();
        let view = pid_namespace::view(&roots.proc, roots.proc_is_usual());
        let sweeper = ProcSweeper::new(roots.proc.clone(), self.clock()).counting_in(view);
        let numbers: Vec<DeviceNumber> = files.iter().map(|(number, _)| *number).collect();
        let mut sweep = Sweep::default();
        if sweeper.sweep_into(&SweepRequest::new(&numbers, &[]), &mut sweep).is_err() {
            return Seen { users: Vec::new(), needs: Some(Need::Other("the list of processes")) };
        }
        let needs = match view {
            PidView::Host if sweep.unreadable > 0 => Some(OF_OTHERS),
            PidView::Host => None,
            // Processes outside of its namespace are not in such a list.
            _ => Some(Need::HostPids),
        };
        let mut users = Vec::new();
        for process in &sweep.processes {
            let held = files.iter().filter(|(number, _)| process.holds.contains(number));
            let mut parts: Vec<PartitionId> = held.map(|(_, part)| *part).collect();
            parts.sort_unstable();
            parts.dedup();
            users.extend(parts.into_iter().map(|part| User::new(part, process.key.pid, view)));
        }
        cgroup::name_owners(roots, &mut users);
        Seen { users, needs }
    }
}

/// The device files with what each opens; those of the GPU itself stand for its first tile.
fn files(board: &Board) -> Vec<(DeviceNumber, PartitionId)> {
    let first = board.id.partition(PartitionKind::TILE, 0);
    let own = board.drm.iter().filter_map(|node| Some((node.number?, first)));
    let functions = board.virtual_functions.iter().flat_map(|function| {
        let id = board.function_id(function);
        let drm = function.drm.iter().filter_map(|node| node.number);
        drm.chain(function.vfio).map(move |number| (number, id))
    });
    own.chain(functions).collect()
}
