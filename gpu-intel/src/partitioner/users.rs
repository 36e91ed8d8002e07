//! Who stands in the way of a change.

use gpu_core::{DeviceNumber, PartitionId, PartitionKind, Sweep, SweepRequest, Sweeper, User};
use gpu_host::{ProcSweeper, cgroup, pid_namespace};

use crate::backend::IntelBackend;
use crate::board::Board;

impl IntelBackend {
    /// The processes that hold a device file of the GPU open, or of one of its virtual functions:
    /// DRM's, or the one under which a guest's program holds it.
    pub(super) fn users(&self, board: &Board) -> Vec<User> {
        let files = files(board);
        let roots = self.roots();
        let view = pid_namespace::view(&roots.proc, roots.proc_is_usual());
        let sweeper = ProcSweeper::new(roots.proc.clone(), self.clock()).counting_in(view);
        let numbers: Vec<DeviceNumber> = files.iter().map(|(number, _)| *number).collect();
        let mut sweep = Sweep::default();
        // Without /proc nobody is seen; the driver still refuses what cannot be.
        if sweeper.sweep_into(&SweepRequest::new(&numbers, &[]), &mut sweep).is_err() {
            return Vec::new();
        }
        let mut users = Vec::new();
        for process in &sweep.processes {
            let held = files.iter().filter(|(number, _)| process.holds.contains(number));
            let mut parts: Vec<PartitionId> = held.map(|(_, part)| *part).collect();
            parts.sort_unstable();
            parts.dedup();
            users.extend(parts.into_iter().map(|part| User::new(part, process.key.pid, view)));
        }
        cgroup::name_owners(roots, &mut users);
        users
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
