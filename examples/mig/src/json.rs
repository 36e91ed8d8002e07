//! What `--json` prints, schema 1.
//!
//! ```text
//! always
//! schema       1
//! simulated    true where nothing of it is hardware: a simulated machine or library, a table; or was,
//!              when it was recorded
//! source       machine, simulation, recording or table
//! recorded     when it was recorded and by what, in words, when it is a recording, else null
//! machine      name of the simulated machine in process, else null
//!
//! profiles
//! boards[]     gpu, name, kind, id, mig (on, off, on_after_reset, off_after_reset, none), told_by
//!              (driver, table), problem (why nothing is known, else null), slots,
//!              dimensions[] {name, capacity}, profiles[], live[] {profile, start, size, instance,
//!              in_use}, fragmentation_permille
//! profiles[]   profile, aliases[], index (NVML's), id (the board's), slices, size, starts[], most,
//!              memory_bytes, multiprocessors, needs {dimension: amount}, live, room, source
//!
//! plan; and apply with --dry-run or where it is not feasible, which has done (false) and dry_run
//! feasible     whether every board can hold what it shall
//! placements[] gpu, profile, start, size: what these boards hold when the plan is done
//! keep[]       gpu, profile, start, size, instance: not touched
//! destroy[]    the same, and moves_to: first slot of what is made in its stead, else null
//! create[]     gpu, profile, start, size, compute_instances[] (slices; null: one over the whole)
//! boards[]     gpu, name, kind, id, mig, told_by, slots, set_mig ("on", "off" or null),
//!              fragmentation_permille (when it is done)
//! reason       null, or why it is not feasible, in words; then the lists are empty, and nothing
//!              is planned on any board
//! refusals[]   gpu (null: the node), reason, binding[] (what is short), to_free: how (impossible,
//!              move, destroy, unpin) and instances[] {profile, start, size, instance}
//!
//! apply
//! done         whether every board is as it shall be
//! boards[]     gpu, name, kind, id, finished, set_mig {to, awaits, notes[]} or null,
//!              made[] {id, incarnation, profile, start, size, mig_uuid}, in the order in which
//!              they were made, a GPU instance before its compute instances; destroyed[] {id,
//!              incarnation}; error: null or {kind, why, step, left (untouched, undone, half)};
//!              now[] {id, incarnation, profile, mig_uuid}: the board as it was read back last,
//!              null where it was not
//!
//! export
//! label        the label of the configuration
//! yaml         the configuration of mig-parted
//! notes[]      what it cannot say
//!
//! resources
//! strategy     none, single, mixed
//! resources[]  name, count, devices, shared (null, time_slicing, mps), promise
//! warnings[]   what the configuration has and the plugin does not heed
//! ```
//!
//! A fact that is not known is null. Bad input prints nothing here: it is on standard error.

use gpu_accounting::apply::Left;
use gpu_accounting::plan::{Freeing, Live};
use gpu_accounting::{Known, Made, Partition, Placement};
use gpu_nvidia_mig::formats::SharingKind;
use serde_json::{Value, json};

use crate::apply::{Done, Failure};
use crate::board::{Board, Cut};
use crate::export::Exported;
use crate::plan::{self, BoardPlan, Planned, Refused};
use crate::profiles::{self, Row};
use crate::resources::{self, Resources};
use crate::source::Source;

/// An object with what is always there, and with `more`.
fn report(source: &Source, more: Value) -> Value {
    let mut report = json!({
        "schema": 1,
        "simulated": source.simulated,
        "source": source.kind,
        "recorded": source.node.as_ref().and_then(gpu_accounting::Node::recorded),
        "machine": source.machine(),
    });
    add(&mut report, more);
    report
}

fn add(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

fn board(of: &Board) -> Value {
    let id = of.device.as_ref().map(|device| device.id.to_string());
    json!({ "gpu": of.position, "name": of.name, "kind": of.kind, "id": id, "mig": of.mig.kind() })
}

pub fn profiles(source: &Source, boards: &[&Board]) -> Value {
    let boards = boards.iter().map(|of| {
        let mut board = board(of);
        add(
            &mut board,
            match &of.cut {
                Ok(cut) => offered(of, cut),
                Err(why) => json!({ "problem": why, "told_by": null, "profiles": [], "live": [] }),
            },
        );
        board
    });
    report(source, json!({ "boards": boards.collect::<Vec<_>>() }))
}

fn offered(board: &Board, cut: &Cut) -> Value {
    let live = cut.layout.live.iter().map(|live| {
        let mut object = instance(board, cut, live);
        add(&mut object, json!({ "in_use": live.pinned }));
        object
    });
    json!({
        "problem": null,
        "told_by": cut.told_by,
        "slots": cut.geometry.slots(),
        "dimensions": cut.geometry.dimensions(),
        "profiles": profiles::rows(cut).iter().map(|row| profile(cut, row)).collect::<Vec<_>>(),
        "live": live.collect::<Vec<_>>(),
        "fragmentation_permille": fragmentation(cut, &cut.layout.live),
    })
}

fn fragmentation(cut: &Cut, live: &[Live]) -> Option<u64> {
    let layout = gpu_accounting::plan::Layout::new(cut.layout.fingerprint, live.to_vec());
    cut.geometry.fragmentation(&layout).ok().map(|lost| lost.permille().get())
}

fn profile(cut: &Cut, row: &Row<'_>) -> Value {
    let of = row.profile;
    let needs = cut.geometry.dimensions().iter().zip(&row.needs);
    let needs: serde_json::Map<String, Value> =
        needs.map(|(dimension, need)| (dimension.name.clone(), json!(need))).collect();
    json!({
        "profile": of.name.to_string(),
        "aliases": of.aliases.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "index": of.index.0,
        "id": of.id.value().map(|id| id.0),
        "slices": of.slices,
        "size": row.size,
        "starts": row.starts,
        "most": of.most,
        "memory_bytes": number(&of.memory, |memory| memory.get()),
        "multiprocessors": number(&of.multiprocessors, |count| count.get()),
        "needs": needs,
        "live": row.live,
        "room": row.room,
        "source": of.source,
    })
}

fn number<T>(known: &Known<T>, number: impl Fn(&T) -> u64) -> Option<u64> {
    known.value().map(number)
}

/// An instance that is live.
fn instance(board: &Board, cut: &Cut, live: &Live) -> Value {
    json!({
        "gpu": board.position,
        "profile": cut.name(live.profile),
        "start": live.placement.start,
        "size": live.placement.size,
        "instance": live.tag,
    })
}

pub fn plan(source: &Source, planned: &Planned, applied: Option<bool>) -> Value {
    let feasible = planned.refused.is_empty();
    let mut lists = Lists::default();
    // A node is cut as a whole or not at all: a part of a plan is none.
    if feasible {
        planned.plans.iter().for_each(|of| lists.take(source, of));
    }
    let reason: Vec<String> = planned.refused.iter().map(|refused| refused.told(source)).collect();
    let mut plan = json!({
        "feasible": feasible,
        "placements": lists.placements,
        "keep": lists.keep,
        "destroy": lists.destroy,
        "create": lists.create,
        "boards": lists.boards,
        "reason": (!feasible).then(|| reason.join("; ")),
        "refusals": planned.refused.iter().map(|of| refusal(source, of)).collect::<Vec<_>>(),
    });
    if let Some(dry_run) = applied {
        add(&mut plan, json!({ "done": false, "dry_run": dry_run }));
    }
    report(source, plan)
}

#[derive(Default)]
struct Lists {
    placements: Vec<Value>,
    keep: Vec<Value>,
    destroy: Vec<Value>,
    create: Vec<Value>,
    boards: Vec<Value>,
}

impl Lists {
    fn take(&mut self, source: &Source, of: &BoardPlan) {
        let position = of.target.position;
        let Some(on) = source.board(position) else { return };
        let mut object = board(on);
        let set_mig = of.target.switch.map(|to| if to { "on" } else { "off" });
        add(&mut object, json!({ "set_mig": set_mig }));
        if let Ok(cut) = &on.cut {
            let result: Vec<Live> = (0..)
                .zip(of.plan.result())
                .map(|(tag, (profile, placement))| Live::new(profile, placement, tag))
                .collect();
            let (slots, lost) = (cut.geometry.slots(), fragmentation(cut, &result));
            add(
                &mut object,
                json!({ "told_by": cut.told_by, "slots": slots, "fragmentation_permille": lost }),
            );
            let placed = |profile, at: Placement| {
                let name = cut.name(profile);
                json!({ "gpu": position, "profile": name, "start": at.start, "size": at.size })
            };
            self.placements.extend(of.plan.result().map(|(profile, at)| placed(profile, at)));
            self.keep.extend(of.plan.keep.iter().map(|live| instance(on, cut, live)));
            self.destroy.extend(of.plan.destroy.iter().zip(plan::moves(&of.plan)).map(|(live, to)| {
                let mut object = instance(on, cut, live);
                add(&mut object, json!({ "moves_to": to }));
                object
            }));
            let mut parts = of.parts.clone();
            self.create.extend(of.plan.create.iter().map(|new| {
                let mut object = placed(new.profile, new.placement);
                let at = parts.iter().position(|part| part.0 == new.profile);
                add(&mut object, json!({ "compute_instances": at.map(|at| parts.remove(at).1) }));
                object
            }));
        }
        self.boards.push(object);
    }
}

fn refusal(source: &Source, of: &Refused) -> Value {
    let on = of.position.and_then(|position| source.board(position));
    let cut = on.and_then(|board| Some((board, board.cut.as_ref().ok()?)));
    let instances = |live: &[Live]| -> Vec<Value> {
        let (board, cut) = match cut {
            Some(cut) => cut,
            None => return Vec::new(),
        };
        live.iter().map(|live| instance(board, cut, live)).collect()
    };
    let to_free = of.infeasible.as_ref().map(|infeasible| match &infeasible.to_free {
        Freeing::Move(live) => json!({ "how": "move", "instances": instances(live) }),
        Freeing::Destroy(live) => json!({ "how": "destroy", "instances": instances(live) }),
        Freeing::Unpin(live) => json!({ "how": "unpin", "instances": instances(live) }),
        _ => json!({ "how": "impossible", "instances": [] }),
    });
    let binding = of.infeasible.as_ref().map(|infeasible| &infeasible.binding);
    json!({ "gpu": of.position, "reason": of.told(source), "binding": binding, "to_free": to_free })
}

pub fn apply(source: &Source, done: &[Done]) -> Value {
    let boards = done.iter().filter_map(|of| {
        let mut object = board(source.board(of.position)?);
        if let Value::Object(object) = &mut object {
            // As it was found; what it is now is below.
            object.remove("mig");
        }
        add(&mut object, one(of));
        Some(object)
    });
    let all = done.iter().all(Done::is_finished);
    report(source, json!({ "done": all, "boards": boards.collect::<Vec<_>>() }))
}

fn one(of: &Done) -> Value {
    let set_mig = of.switched.as_ref().map(|(to, change)| {
        json!({ "to": if *to { "on" } else { "off" }, "awaits": change.awaits, "notes": change.notes })
    });
    let applied = of.applied.as_ref();
    let made = applied.iter().flat_map(|applied| &applied.made).map(made);
    let destroyed = applied.iter().flat_map(|applied| &applied.destroyed);
    let destroyed = destroyed.map(|(id, life)| json!({ "id": id, "incarnation": life }));
    let now = of.state().map(|state| state.device.all_partitions().map(part).collect::<Vec<_>>());
    let error = of.kind().map(|kind| {
        let (step, left) = match &of.failure {
            Some(Failure::Applied(error)) => (Some(error.step.to_string()), left(&error.left)),
            _ => (None, None),
        };
        json!({ "kind": kind, "why": of.why(), "step": step, "left": left })
    });
    json!({
        "finished": of.is_finished(),
        "set_mig": set_mig,
        "made": made.collect::<Vec<_>>(),
        "destroyed": destroyed.collect::<Vec<_>>(),
        "error": error,
        "now": now,
    })
}

const fn left(left: &Left) -> Option<&'static str> {
    match left {
        Left::Untouched => Some("untouched"),
        Left::Undone(_) => Some("undone"),
        Left::Half { .. } => Some("half"),
        _ => None,
    }
}

fn made(of: &Made) -> Value {
    json!({
        "id": of.id,
        "incarnation": of.incarnation,
        "profile": of.profile,
        "start": of.placement.map(|at| at.start),
        "size": of.placement.map(|at| at.size),
        "mig_uuid": of.vendor_name,
    })
}

fn part(of: &Partition) -> Value {
    json!({
        "id": of.id,
        "incarnation": of.incarnation,
        "profile": of.profile.value(),
        "mig_uuid": of.vendor_name.value(),
    })
}

pub fn export(source: &Source, of: &Exported) -> Value {
    report(source, json!({ "label": of.label, "yaml": of.config.to_string(), "notes": of.notes }))
}

pub fn resources(source: &Source, of: &Resources) -> Value {
    let resources = of.offered.iter().map(|one| {
        let shared = one.shared.map(|kind| match kind {
            SharingKind::TimeSlicing => "time_slicing",
            SharingKind::Mps => "mps",
        });
        json!({
            "name": one.name,
            "count": one.count,
            "devices": one.devices,
            "shared": shared,
            "promise": resources::promise(one.shared),
        })
    });
    let resources: Vec<Value> = resources.collect();
    report(source, json!({ "strategy": of.strategy, "resources": resources, "warnings": of.warnings }))
}
