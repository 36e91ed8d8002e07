//! What is printed for people.

use std::fmt::Write as _;

use gpu_accounting::ledger::{Holding, HoldingState, Ledger, Offer, Receipt};
use gpu_accounting::{Inventory, UnitId};
use gpu_store::Verified;

use crate::args::{Named, Verb};
use crate::grant::Granted;
use crate::paint::Paint;
use crate::reconcile::Reconciled;
use crate::source::Source;
use crate::table::Table;
use crate::{key_text, visible};

fn head(source: &Source) -> String {
    match &source.simulated {
        Some(what) => format!("SIMULATED {what}: nothing below is hardware\n\n"),
        None => String::new(),
    }
}

pub fn granted(source: &Source, inventory: &Inventory, granted: &Granted) -> String {
    let mut text = head(source);
    let key = key_text(Named { id: granted.key.id, seen: Some(granted.key.seen) });
    let held = granted.ledger.holding(granted.key.holding());
    let units: Vec<UnitId> = held.iter().flat_map(|held| held.units()).map(|held| held.unit).collect();
    let _ = writeln!(text, "key  {key}");
    for unit in &units {
        let _ = writeln!(text, "     {unit}");
    }
    if let Some(held) = &held {
        let _ = writeln!(text, "     {}, expires {}", held.state(), held.expiry());
    }
    match visible::variables(inventory, &units) {
        Ok(variables) => {
            for (name, value) in variables {
                let _ = writeln!(text, "     {name}={value}");
            }
        }
        Err(why) => {
            let _ = writeln!(text, "     no variable shows it to programs: {why}");
        }
    }
    text
}

pub fn receipt(verb: Verb, receipt: Receipt) -> String {
    let what = match verb {
        Verb::Commit => "held",
        Verb::Renew => "renewed",
        _ => "released",
    };
    let holding = receipt.holding.map(|holding| format!("  {holding}")).unwrap_or_default();
    format!("{what}{holding}  entry {}\n", receipt.position)
}

pub fn list(source: &Source, ledger: &Ledger, paint: Paint) -> String {
    let mut text = head(source);
    let _ = writeln!(text, "node {}, {} entries", ledger.node(), ledger.position());
    let mut table =
        Table::new(&["UNIT", ">MEMORY", ">COMPUTE", "PROFILE", "STATE", "HOLDER", "EXPIRES", "HOLDING"]);
    let boards: Vec<_> = ledger.boards().collect();
    for offer in boards.iter().flat_map(|board| board.offers()) {
        let of: Vec<Holding<'_>> = ledger
            .holdings()
            .filter(|held| held.units().any(|unit| whole(unit.unit) == offer.unit))
            .collect();
        if of.is_empty() {
            let state = if !offer.holdable {
                "in parts"
            } else if ledger.in_the_way(offer.unit).is_empty() {
                "free"
            } else {
                "excluded"
            };
            table.row(row(offer, state, None));
        }
        for held in of {
            table.row(row(offer, &held.state().to_string(), Some(&held)));
        }
    }
    for held in ledger.holdings().filter(|held| held.state() == HoldingState::Lost) {
        for unit in held.units().filter(|unit| unit.state == HoldingState::Lost) {
            let gone = Offer::new(unit.unit, unit.incarnation);
            table.row(row(&gone, "lost", Some(&held)));
        }
    }
    for (at, line) in table.lines().into_iter().enumerate() {
        let _ = writeln!(text, "{}", if at == 0 { paint.bold(&line) } else { line });
    }
    text
}

fn row(offer: &Offer, state: &str, held: Option<&Holding<'_>>) -> [String; 8] {
    let dash = || "-".to_owned();
    [
        offer.unit.to_string(),
        offer.memory.map_or_else(dash, |memory| memory.to_string()),
        offer.compute.map_or_else(dash, |compute| compute.to_string()),
        offer.profile.as_deref().unwrap_or("-").to_owned(),
        state.to_owned(),
        held.and_then(|held| held.holder()).map_or_else(dash, |holder| holder.to_string()),
        held.map_or_else(dash, |held| held.expiry().to_string()),
        held.map_or_else(dash, |held| held.id().to_string()),
    ]
}

fn whole(unit: UnitId) -> UnitId {
    match unit {
        UnitId::Share(share) => share.whole(),
        unit => unit,
    }
}

pub fn reconciled(source: &Source, done: &Reconciled) -> String {
    let mut text = head(source);
    let _ = writeln!(text, "node {}, {} entries", done.ledger.node(), done.ledger.position());
    for line in &done.report.lines {
        let holding = line.holding.map(|holding| format!("  ({holding})")).unwrap_or_default();
        let _ = writeln!(text, "{line}{holding}");
    }
    for (at, entry) in done.repairs.iter().enumerate() {
        let what = match done.repaired.get(at) {
            None => "would be repaired by",
            Some(Ok(_)) => "repaired by",
            Some(Err(_)) => "could not be repaired by",
        };
        let holding = entry.body.holding().map(|holding| format!(" of {holding}")).unwrap_or_default();
        let why = match done.repaired.get(at) {
            Some(Err(failure)) => format!(": {failure}"),
            _ => String::new(),
        };
        let _ = writeln!(text, "{what} {}{holding}{why}", entry.body.kind());
    }
    text.push_str(if done.is_clean() { "nothing is left to do\n" } else { "something is left to do\n" });
    text
}

pub fn verified(found: &Verified) -> String {
    let snapshot = found.extent.snapshot.map_or_else(|| "none".to_owned(), |at| format!("at entry {at}"));
    let compared = if found.is_compared { ", which is what the entries before it make" } else { "" };
    format!(
        "whole: {} entries, {} of them read; snapshot {snapshot}{compared}; {} holdings\n",
        found.extent.last,
        found.records,
        found.ledger.len()
    )
}
