//! Whether a `/proc` counts processes as the machine itself does.

use std::path::Path;

use gpu_core::PidView;

/// The inode number of the kernel's first pid namespace (`PROC_PID_INIT_INO`, `proc_ns.h`).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// The namespace in which the processes of the `/proc` at `root` are counted.
///
/// The process that a `/proc` shows as number 1 is in the namespace that it was mounted for.
/// Reading its namespace needs `CAP_SYS_PTRACE` or the same user; without, the answer comes from
/// the reader's own namespace when `root` is the usual place, and is [`PidView::Unknown`]
/// elsewhere.
#[must_use]
pub fn view(root: &Path, root_is_usual: bool) -> PidView {
    let namespace = |process: &str| std::fs::read_link(root.join(process).join("ns/pid")).ok();
    let is_first = |link: std::path::PathBuf| link.as_os_str() == FIRST_PID_NAMESPACE;
    match namespace("1") {
        Some(link) if is_first(link.clone()) => PidView::Host,
        Some(_) if root_is_usual => PidView::Caller,
        // Somebody else's namespace, mounted here.
        Some(_) => PidView::Unknown,
        None if root_is_usual => match namespace("self") {
            Some(link) if is_first(link.clone()) => PidView::Host,
            Some(_) => PidView::Caller,
            None => PidView::Unknown,
        },
        None => PidView::Unknown,
    }
}
