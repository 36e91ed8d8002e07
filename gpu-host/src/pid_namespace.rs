//! Whether a `/proc` counts processes as the machine itself does.

use std::path::Path;

use gpu_core::PidView;

use crate::stat;

/// The inode number of the kernel's first pid namespace (`PROC_PID_INIT_INO`, `proc_ns.h`).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// The namespace in which the processes of the `/proc` at `root` are counted.
///
/// The process that a `/proc` shows as number 1 is in the namespace that it was mounted for. Reading
/// its namespace needs `CAP_SYS_PTRACE` or the same user; without, the kernel's own threads tell: they
/// are in the first namespace alone, number 2 is always one of them, and no program can pass for one.
/// Where neither is to be seen (`hidepid`), the answer comes from the reader's own namespace when
/// `root` is the usual place, and is [`PidView::Mounted`] elsewhere.
#[must_use]
pub fn view(root: &Path, root_is_usual: bool) -> PidView {
    let namespace = |process: &str| std::fs::read_link(root.join(process).join("ns/pid")).ok();
    let is_first = |link: &std::path::PathBuf| link.as_os_str() == FIRST_PID_NAMESPACE;
    let elsewhere = if root_is_usual { PidView::Caller } else { PidView::Mounted };
    match namespace("1") {
        Some(link) if is_first(&link) => PidView::Host,
        Some(_) => elsewhere,
        None if has_kernel_threads(root) => PidView::Host,
        None if root_is_usual && namespace("self").as_ref().is_some_and(is_first) => PidView::Host,
        None => elsewhere,
    }
}

fn has_kernel_threads(root: &Path) -> bool {
    std::fs::read(root.join("2/stat")).is_ok_and(|text| stat::is_kernel_thread(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `/proc` with these two processes, and what it is taken for.
    fn of(name: &str, first: Option<&str>, second: Option<&str>) -> PidView {
        let root = std::env::temp_dir().join(format!("gpu-host-namespace-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(root.join("1/ns")).unwrap();
        std::fs::create_dir_all(root.join("2")).unwrap();
        if let Some(link) = first {
            #[cfg(unix)]
            std::os::unix::fs::symlink(link, root.join("1/ns/pid")).unwrap();
        }
        if let Some(stat) = second {
            std::fs::write(root.join("2/stat"), stat).unwrap();
        }
        let view = view(&root, false);
        std::fs::remove_dir_all(&root).unwrap();
        view
    }

    #[cfg(unix)]
    #[test]
    fn the_first_process_or_a_thread_of_the_kernels_tells() {
        let thread = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 21 0 0";
        let program = "2 (kthreadd) S 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0";
        assert_eq!(of("first", Some(FIRST_PID_NAMESPACE), None), PidView::Host);
        assert_eq!(of("inner", Some("pid:[4026532200]"), Some(thread)), PidView::Mounted);
        assert_eq!(of("thread", None, Some(thread)), PidView::Host);
        assert_eq!(of("program", None, Some(program)), PidView::Mounted, "a name is no proof");
        assert_eq!(of("hidden", None, None), PidView::Mounted);
    }

    /// The witness is the kernel: where its threads are to be seen, this is the first namespace.
    #[cfg(target_os = "linux")]
    #[test]
    fn threads_are_seen_where_the_namespace_is_the_first() {
        let own = std::fs::read_link("/proc/self/ns/pid").unwrap();
        let is_first = own.as_os_str() == FIRST_PID_NAMESPACE;
        assert_eq!(has_kernel_threads(Path::new("/proc")), is_first);
    }
}
