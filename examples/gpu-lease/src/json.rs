//! What `--json` prints, schema 1.
//!
//! ```text
//! always
//! schema       1
//! simulated    true where the machine is simulated
//! node         whose ledger it is
//! done         true; false with what the ledger or the store refuses: refusal {kind, outlook ("never",
//!              "not_now", "ask_anew"; null where it is not the ledger's), reason (in words), to_free[]
//!              (holdings)}, and nothing else
//!
//! reserve
//! key          for commit, renew and release, and for reserve again
//! position     of the entry in the ledger
//! holding      as in list
//! environment  {variable: value} that shows programs these units and no others; null where none can,
//!              and why_not
//!
//! commit, renew, release
//! position, holding (its id)
//!
//! list
//! position, history
//! holdings[]   id, state (reserved, held, draining, lost), holder (in words), expiry ("never", {"at":
//!              nanoseconds since 1970}, {"lease": number}), label, reserved_ns, held_ns (since 1970, null
//!              where the entry does not say), units[] {unit, state, right}
//! units[]      unit, memory_bytes, compute_units, profile, by[] (holdings in its way)
//!
//! reconcile
//! clean        true where nothing is left to do
//! lines[]      unit, holding, owner (in words), finding, since_ns
//! repairs[]    entry (id), kind, holding, done (null: not asked for), refusal (in words)
//!
//! verify
//! whole        true, or false and damage (in words)
//! last, compacted, snapshot (positions), records (that were read), compared (the snapshot with what
//! the records before it make), holdings (how many)
//! ```

use gpu_accounting::ledger::{Expiry, Holding, Ledger, Receipt};
use gpu_accounting::reconcile::Finding;
use gpu_accounting::{Inventory, UnitId};
use gpu_store::Verified;
use serde_json::{Value, json};

use crate::args::{Named, Verb};
use crate::grant::Granted;
use crate::reconcile::Reconciled;
use crate::source::Source;
use crate::{key_text, visible};

fn with_head(source: &Source, mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.insert("schema".to_owned(), json!(1));
        fields.insert("done".to_owned(), json!(true));
        fields.insert("simulated".to_owned(), json!(source.simulated.is_some()));
        fields.insert("node".to_owned(), json!(source.name));
    }
    value
}

pub fn granted(source: &Source, inventory: &Inventory, granted: &Granted) -> Value {
    let held = granted.ledger.holding(granted.key.holding());
    let units: Vec<UnitId> = held.iter().flat_map(|held| held.units()).map(|held| held.unit).collect();
    let environment = visible::variables(inventory, &units);
    let value = json!({
        "key": key_text(Named { id: granted.key.id, seen: Some(granted.key.seen) }),
        "position": granted.receipt.position,
        "holding": held.as_ref().map(holding),
        "environment": environment.as_ref().ok(),
        "why_not": environment.as_ref().err(),
    });
    with_head(source, value)
}

fn holding(held: &Holding<'_>) -> Value {
    let units = held.units().map(|of| json!({"unit": of.unit, "state": of.state, "right": of.right}));
    json!({
        "id": held.id(),
        "state": held.state(),
        "holder": held.holder().map(|holder| holder.to_string()),
        "expiry": expiry(held.expiry()),
        "label": held.label(),
        "reserved_ns": held.reserved_since().map(|time| time.0),
        "held_ns": held.held_since().map(|time| time.0),
        "units": units.collect::<Vec<_>>(),
    })
}

fn expiry(expiry: Expiry) -> Value {
    match expiry {
        Expiry::At(time) => json!({"at": time.0}),
        Expiry::Lease(lease) => json!({"lease": lease}),
        _ => json!("never"),
    }
}

pub fn receipt(source: &Source, _: Verb, receipt: Receipt) -> Value {
    with_head(source, json!({"position": receipt.position, "holding": receipt.holding}))
}

pub fn list(source: &Source, ledger: &Ledger) -> Value {
    let boards: Vec<_> = ledger.boards().collect();
    let units = boards.iter().flat_map(|board| board.offers()).map(|offer| {
        let by: Vec<_> = ledger.in_the_way(offer.unit).iter().map(|conflict| conflict.holding).collect();
        json!({
            "unit": offer.unit,
            "memory_bytes": offer.memory,
            "compute_units": offer.compute,
            "profile": offer.profile,
            "by": by,
        })
    });
    let value = json!({
        "position": ledger.position(),
        "history": ledger.history(),
        "holdings": ledger.holdings().map(|held| holding(&held)).collect::<Vec<_>>(),
        "units": units.collect::<Vec<_>>(),
    });
    with_head(source, value)
}

pub fn reconciled(source: &Source, done: &Reconciled) -> Value {
    let lines = done.report.lines.iter().map(|line| {
        let since = match line.finding {
            Finding::HeldAndUnused { since } => since.map(|since| since.0),
            _ => None,
        };
        json!({
            "unit": line.unit,
            "holding": line.holding,
            "owner": line.owner.as_ref().map(ToString::to_string),
            "finding": line.finding.to_string(),
            "since_ns": since,
        })
    });
    let repairs = done.repairs.iter().enumerate().map(|(at, entry)| {
        let came = done.repaired.get(at);
        json!({
            "entry": entry.id,
            "kind": entry.body.kind(),
            "holding": entry.body.holding(),
            "done": came.map(Result::is_ok),
            "refusal": came.and_then(|came| came.as_ref().err()).map(ToString::to_string),
        })
    });
    let value = json!({
        "clean": done.is_clean(),
        "lines": lines.collect::<Vec<_>>(),
        "repairs": repairs.collect::<Vec<_>>(),
    });
    with_head(source, value)
}

pub fn verified(source: &Source, found: &Verified) -> Value {
    let value = json!({
        "whole": true,
        "last": found.extent.last,
        "compacted": found.extent.compacted,
        "snapshot": found.extent.snapshot,
        "records": found.records,
        "compared": found.is_compared,
        "holdings": found.ledger.len(),
    });
    with_head(source, value)
}

pub fn damaged(source: &Source, error: &gpu_store::Error) -> Value {
    with_head(source, json!({"whole": false, "damage": error.to_string()}))
}
