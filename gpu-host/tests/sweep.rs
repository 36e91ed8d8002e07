//! The process sweep over trees of plain files: who holds which device file, and what DRM's
//! accounting says of it.

#![cfg(unix)]
#[path = "common/proc.rs"]
#[allow(dead_code)] // other tests need the rest
mod proc;

use std::fs;

use gpu_core::{Absence, Bytes, Owner, Pid, PidView, Runtime, Sandbox, SweepRequest};
use proc::{Proc, WANTED, text};

#[test]
fn clients_come_only_when_asked_for_and_only_of_wanted_files() {
    let proc = Proc::new("asked");
    proc.descriptor(10, 3, "/dev/dri/renderD128", Some(&text(1, 64)));
    proc.descriptor(10, 4, "/dev/dri/renderD200", Some(&text(2, 1)));
    proc.descriptor(10, 5, "/dev/null", Some(&text(3, 1)));
    let plain = proc.sweep(&SweepRequest::new(&WANTED, &[]));
    assert!(plain.processes[0].clients.is_empty());
    let sweep = proc.sweep(&SweepRequest::new(&WANTED, &[]).with_clients());
    assert_eq!((sweep.processes.len(), sweep.pids), (1, PidView::Host));
    let [client] = &sweep.processes[0].clients[..] else { panic!("{:?}", sweep.processes) };
    assert_eq!((client.id, client.node), (Some(1), WANTED[0]));
    assert_eq!(client.regions[0].held(), Some(Bytes::kib(64)));
}

/// A descriptor that was copied, and one that a child inherited, are the same client.
#[test]
fn a_client_is_listed_once() {
    let proc = Proc::new("once");
    proc.descriptor(20, 3, "/dev/dri/renderD128", Some(&text(7, 64)));
    proc.descriptor(20, 4, "/dev/dri/renderD128", Some(&text(7, 64)));
    proc.descriptor(20, 5, "/dev/dri/renderD129", Some(&text(8, 2)));
    proc.descriptor(9, 3, "/dev/dri/renderD128", Some(&text(7, 64)));
    let sweep = proc.sweep(&SweepRequest::new(&WANTED, &[]).with_clients());
    let of = |pid| sweep.process(Pid(pid)).unwrap().clients.iter().map(|c| c.id).collect::<Vec<_>>();
    assert_eq!((of(9), of(20)), (vec![Some(7)], vec![Some(8)]));
    assert_eq!(sweep.repeated_clients, 2);
    // Who else holds it is told once, however many copies he has.
    assert_eq!(sweep.process(Pid(9)).unwrap().clients[0].also, [Pid(20)]);
    assert!(sweep.process(Pid(20)).unwrap().clients[0].also.is_empty());
    assert_eq!(sweep.process(Pid(20)).unwrap().holds, WANTED, "it still holds both files");
}

/// A descriptor that is closed while it is looked at, accounting that is none, and accounting that
/// cannot be read: the rest is there.
#[test]
fn what_cannot_be_read_is_counted() {
    let proc = Proc::new("unreadable");
    proc.descriptor(30, 3, "/dev/dri/renderD128", None);
    proc.descriptor(30, 4, "/dev/dri/renderD128", Some("pos: 0\n"));
    proc.descriptor(30, 5, "/dev/dri/renderD128", Some(&text(1, 1)));
    fs::create_dir_all(proc.0.join("30/fdinfo/6")).unwrap();
    proc.descriptor(30, 6, "/dev/dri/renderD128", None);
    let huge = format!("{}{}", text(2, 5), "x".repeat(1 << 20));
    proc.descriptor(31, 3, "/dev/dri/renderD129", Some(&huge));
    let sweep = proc.sweep(&SweepRequest::new(&WANTED, &[]).with_clients());
    assert_eq!(sweep.process(Pid(30)).unwrap().clients.len(), 1);
    assert_eq!(sweep.process(Pid(31)).unwrap().clients[0].id, Some(2), "what is beyond is cut off");
    assert_eq!((sweep.unreadable_clients, sweep.unreadable), (1, 0));
}

/// The last line of a gVisor sandbox's, a machine emulator's and a plain process's folder.
#[test]
fn owners_and_sandboxes_come_only_when_asked_for() {
    let proc = Proc::new("owners");
    let id = "5".repeat(64);
    for pid in [40, 41, 42, 43] {
        proc.descriptor(pid, 3, "/dev/dri/renderD128", None);
        fs::write(proc.process(pid).join("cgroup"), format!("0::/docker/{id}\n")).unwrap();
    }
    fs::write(proc.process(41).join("cmdline"), "runsc-sandbox\0--root=/x\0").unwrap();
    proc.descriptor(42, 4, "/dev/vfio/12", None);
    fs::remove_file(proc.0.join("43/cgroup")).unwrap();
    let request = SweepRequest::new(&WANTED, &[]);
    let plain = proc.sweep(&request);
    assert_eq!((&plain.processes[0].owner, plain.processes[1].sandbox), (&Err(Absence::NotYet), None));
    let sweep = proc.sweep(&request.with_owners());
    let told = |pid| sweep.process(Pid(pid)).unwrap();
    let Ok(Owner::Container(container)) = &told(40).owner else { panic!("{:?}", told(40)) };
    assert_eq!((container.runtime, container.id.as_str()), (Runtime::Docker, id.as_str()));
    let sandboxes = [40, 41, 42].map(|pid| told(pid).sandbox);
    assert_eq!(sandboxes, [None, Some(Sandbox::Gvisor), Some(Sandbox::VirtualMachine)]);
    assert_eq!(told(43).owner.as_ref().unwrap_err().kind(), "not_supported");
}

/// A process that a driver names is described like one that holds a file.
#[test]
fn named_processes_have_owners_too() {
    let proc = Proc::new("named");
    fs::write(proc.process(50).join("cgroup"), "0::/system.slice/x.service\n").unwrap();
    for holders_of in [&WANTED[..], &[]] {
        let sweep = proc.sweep(&SweepRequest::new(holders_of, &[Pid(50), Pid(51)]).with_owners());
        let [named] = &sweep.processes[..] else { panic!("{:?}", sweep.processes) };
        assert_eq!(named.owner.as_ref().unwrap().to_string(), "unit x.service");
    }
}
