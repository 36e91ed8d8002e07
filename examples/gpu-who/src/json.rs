//! What `--json` prints, schema 1: one object a look, on one line with `--watch`, else indented.
//!
//! ```text
//! schema           1
//! simulated        true where anything of it is simulated
//! machine          what is simulated, in words, else null
//! recorded         when it was recorded and by what, in words, when it is a recording, else null
//! vendors[]        vendor, outcome, detail (in words)
//! containers[]     id, runtime, pod_uid, qos (guaranteed, burstable, best_effort), user (whose
//!                  rootless runtime it is), name, image, pod, namespace; units[]
//! jobs[]           Slurm's: job, step, task, user; units[]
//! others[]         owner (in words), kind (unit, session, machine, hidden, unknown); units[]
//! units[] of them  unit, role (program, mps_server, sandbox), sandbox (gvisor, virtual_machine),
//!                  memory_bytes, memory_basis, system_memory_bytes, occupied_units (a hint of this
//!                  moment, never to be added up), engines[], untold (null, or why there is
//!                  work that is in none of them), processes[] {pid, name, start_ns},
//!                  missing_memory (processes without a number), shared_with[] (owners, in words),
//!                  entitlement {standing (not_asked, unknown, entitled, unrestricted, not_entitled),
//!                  strength, source, memory_limit_bytes}
//! engines[]        engine, share_permille, time_ns, covered_ns, basis, missing
//! balances[]       unit; memory {total, reserved, attributed, unattributed, excess, free} in
//!                  bytes; shader {the same} in thousandths of the time; unscaled_permille
//! ended[]          processes that ended since the look before, each told once: unit, owner (in
//!                  words), pid, name, began_ns, lasted_ns, memory_peak_bytes, time_ns, unseen_ns (of
//!                  that time, what is in no earlier look), basis
//! kernel_memory    accounts[] {owner, device, region, current_bytes, peak_bytes, max_bytes (null: no
//!                  limit), min_bytes, low_bytes}, or null; compared[] {owner, device, kernel_bytes,
//!                  processes_bytes, only_kernel_bytes, only_processes_bytes}
//! contradictions[] owner (in words), unit, kind
//! unresolved[]     owner (in words), source, text, why: given, and names nothing that is here
//! unreadable       processes that could not be looked into
//! problems[]       vendor, at, kind, detail
//! ```
//!
//! A fact that is not known is null, and `absent` beside it has its name and the reason. A basis is
//! {"measured": source}, {"estimated": source} or {"apportioned": rule}.

use gpu_accounting::attribution::{
    Attributed, Balance, EndedUse, EngineUse, Line, LineProcess, Role, Standing, UnitBalance,
};
use gpu_accounting::{
    Absence, Bytes, Container, KernelMemory, Known, Label, MemoryComparison, Owner, SlurmJob, VendorOutcome,
};
use serde_json::{Value, json};

use crate::facts::Facts;
use crate::report::Report;

/// The whole report, with a newline at its end; on one line where it is one of many.
pub fn report(report: &Report<'_>, on_one_line: bool) -> Result<String, serde_json::Error> {
    let attribution = report.attribution;
    let odds = attribution
        .contradictions
        .iter()
        .map(|of| json!({"owner": of.owner.to_string(), "unit": of.unit, "kind": of.kind}));
    let unresolved = report.unresolved.iter().map(
        |of| json!({"owner": of.owner.to_string(), "source": of.source, "text": of.text, "why": of.why}),
    );
    let value = json!({
        "schema": 1,
        "simulated": report.simulated.is_some(),
        "machine": report.simulated,
        "recorded": report.recorded,
        "vendors": report.node.outcomes().iter().map(vendor).collect::<Vec<_>>(),
        "containers": containers(report),
        "jobs": jobs(report),
        "others": others(report),
        "balances": attribution.balances.iter().map(balance).collect::<Vec<_>>(),
        "ended": attribution.ended.iter().map(ended).collect::<Vec<_>>(),
        "kernel_memory": kernel_memory(report),
        "contradictions": odds.collect::<Vec<_>>(),
        "unresolved": unresolved.collect::<Vec<_>>(),
        "unreadable": report.unreadable(),
        "problems": report.problems,
    });
    let text = if on_one_line { serde_json::to_string(&value) } else { serde_json::to_string_pretty(&value) };
    text.map(|text| text + "\n")
}

fn vendor(of: &VendorOutcome) -> Facts {
    Facts::default()
        .with("vendor", of.vendor)
        .with("outcome", of.outcome.kind())
        .with("detail", of.outcome.to_string())
}

fn containers(report: &Report<'_>) -> Vec<Facts> {
    report
        .attribution
        .by_container()
        .map(|(container, lines)| container_facts(report, container, &lines))
        .collect()
}

fn container_facts(report: &Report<'_>, container: &Container, lines: &[&Line]) -> Facts {
    let labels = report.labels(&Owner::Container(*container));
    let mut facts = Facts::default()
        .with("id", container.id)
        .with("runtime", container.runtime)
        .with("pod_uid", container.pod.map(|pod| pod.uid))
        .with("qos", container.pod.map(|pod| pod.qos))
        .with("user", container.user);
    let not_read = Known::unsupported("not read");
    let label = |of: Option<&Known<Label>>| of.unwrap_or(&not_read).get().map(ToString::to_string);
    facts = facts
        .result("name", label(labels.map(|of| &of.container)))
        .result("image", label(labels.map(|of| &of.image)))
        .result("pod", label(labels.map(|of| &of.pod)))
        .result("namespace", label(labels.map(|of| &of.namespace)));
    facts.with("units", units(lines))
}

/// Steps and tasks of a job apart, as their cgroups tell them apart.
fn jobs(report: &Report<'_>) -> Vec<Facts> {
    let job = |owner: &Owner| match owner {
        Owner::Slurm(job) => Some(*job),
        _ => None,
    };
    by_owner(report, |owner| job(owner).is_some())
        .into_iter()
        .map(|(owner, lines)| {
            let SlurmJob { job, step, task, user, .. } =
                owner.and_then(job).unwrap_or_else(|| SlurmJob::new(None));
            Facts::default()
                .with("job", job)
                .with("step", step.map(|step| step.to_string()))
                .with("task", task)
                .with("user", user)
                .with("units", units(&lines))
        })
        .collect()
}

fn others(report: &Report<'_>) -> Vec<Facts> {
    let is_other = |owner: &Owner| !matches!(owner, Owner::Container(_) | Owner::Slurm(_));
    let mut others: Vec<Facts> = by_owner(report, is_other)
        .into_iter()
        .map(|(owner, lines)| {
            let kind = match owner {
                Some(Owner::Unit(_)) => "unit",
                Some(Owner::Session { .. }) => "session",
                Some(Owner::Hidden) => "hidden",
                _ => "machine",
            };
            let owner = owner.map(ToString::to_string);
            Facts::default().with("owner", owner).with("kind", kind).with("units", units(&lines))
        })
        .collect();
    for line in report.attribution.lines.iter().filter(|line| line.holder.owner().is_none()) {
        let unknown = Facts::default().with("owner", line.holder.to_string()).with("kind", "unknown");
        others.push(unknown.with("units", units(&[line])));
    }
    others
}

/// The lines of each owner that `wanted` takes.
fn by_owner<'a>(
    report: &Report<'a>,
    wanted: impl Fn(&Owner) -> bool,
) -> Vec<(Option<&'a Owner>, Vec<&'a Line>)> {
    let mut groups: Vec<(Option<&Owner>, Vec<&Line>)> = Vec::new();
    for line in &report.attribution.lines {
        let Some(owner) = line.holder.owner().filter(|owner| wanted(owner)) else { continue };
        match groups.iter_mut().find(|(known, _)| *known == Some(owner)) {
            Some((_, lines)) => lines.push(line),
            None => groups.push((Some(owner), vec![line])),
        }
    }
    groups
}

fn units(lines: &[&Line]) -> Vec<Facts> {
    lines.iter().map(|line| unit(line)).collect()
}

fn unit(line: &Line) -> Facts {
    let (role, sandbox) = match line.role {
        Role::MpsServer => ("mps_server", None),
        Role::Sandbox(sandbox) => ("sandbox", Some(sandbox)),
        _ => ("program", None),
    };
    let bytes = |fact: Result<Attributed<Bytes>, Absence>| fact.map(|of| of.value);
    Facts::default()
        .with("unit", line.unit)
        .with("role", role)
        .with("sandbox", sandbox)
        .result("memory_bytes", bytes(line.memory))
        .with("memory_basis", line.memory.ok().map(|of| of.basis))
        .with("missing_memory", line.memory.map_or(0, |of| of.missing))
        .result("system_memory_bytes", bytes(line.system_memory))
        .result("occupied_units", line.occupied_units.map(|of| of.value))
        .with("engines", line.engines.iter().map(engine).collect::<Vec<_>>())
        .with("untold", line.untold.map(|why| why.to_string()))
        .with("processes", line.processes.iter().map(process).collect::<Vec<_>>())
        .with("shared_with", line.shared_with.iter().map(ToString::to_string).collect::<Vec<_>>())
        .with("entitlement", entitlement(line.standing))
}

fn engine(of: &EngineUse) -> Facts {
    Facts::default()
        .with("engine", of.engine)
        .with("share_permille", of.share)
        .result("time_ns", of.time)
        .result("covered_ns", of.covered)
        .with("basis", of.basis)
        .with("missing", of.missing)
}

fn process(of: &LineProcess) -> Facts {
    Facts::default().with("pid", of.pid).result("name", of.name).result("start_ns", of.start)
}

fn entitlement(standing: Standing) -> Value {
    let (strength, source, limit) = match standing {
        Standing::Entitled { strength, source, memory_limit } => (Some(strength), Some(source), memory_limit),
        _ => (None, None, None),
    };
    let standing = match standing {
        Standing::NotAsked => "not_asked",
        Standing::Entitled { .. } => "entitled",
        Standing::Unrestricted => "unrestricted",
        Standing::NotEntitled => "not_entitled",
        _ => "unknown",
    };
    json!({"standing": standing, "strength": strength, "source": source, "memory_limit_bytes": limit})
}

fn ended(of: &EndedUse) -> Facts {
    Facts::default()
        .with("unit", of.device)
        .with("owner", of.holder.to_string())
        .with("pid", of.pid)
        .with("name", of.name)
        .result("began_ns", of.began)
        .result("lasted_ns", of.lasted)
        .result("memory_peak_bytes", of.memory_peak)
        .result("time_ns", of.time)
        .result("unseen_ns", of.unseen)
        .with("basis", of.basis)
}

fn kernel_memory(report: &Report<'_>) -> Facts {
    let account = |of: &KernelMemory| {
        json!({
            "owner": of.owner.to_string(),
            "device": of.device,
            "region": of.region,
            "current_bytes": of.current,
            "peak_bytes": of.peak,
            "max_bytes": of.max,
            "min_bytes": of.min,
            "low_bytes": of.low,
        })
    };
    let comparison = |of: &MemoryComparison| {
        json!({
            "owner": of.owner.to_string(),
            "device": of.device,
            "kernel_bytes": of.kernel,
            "processes_bytes": of.processes,
            "only_kernel_bytes": of.only_kernel(),
            "only_processes_bytes": of.only_processes(),
        })
    };
    let accounts = report.kernel_memory.map(|all| all.iter().map(account).collect::<Vec<_>>());
    let compared = report.attribution.memory_accounts.iter().map(comparison).collect::<Vec<_>>();
    Facts::default().result("accounts", accounts).with("compared", compared)
}

fn balance(of: &UnitBalance) -> Facts {
    let parts = |balance: Balance| {
        json!({
            "total": balance.total,
            "reserved": balance.reserved,
            "attributed": balance.attributed,
            "unattributed": balance.unattributed,
            "excess": balance.excess,
            "free": balance.free,
        })
    };
    Facts::default()
        .with("unit", of.unit)
        .result("memory", of.memory.map(parts))
        .result("shader", of.shader.map(parts))
        .with("unscaled_permille", of.unscaled_shares)
}
