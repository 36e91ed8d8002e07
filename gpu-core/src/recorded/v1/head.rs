//! Heads as words: one row.

use crate::outcome::{LookedFor, Outcome};
use crate::reading::Metric;
use crate::recorded::head::{Head, VendorSeen};
use crate::recorded::words::{Row, Taken};
use crate::stored::Error;
use crate::time::WallTime;

use super::fact::{read_need, write_needs};
use super::inventory::{read_error_kind, write_error_kind};
use super::sample::{read_view, write_view};

pub(crate) fn write_head(to: &mut Row<'_>, head: &Head) {
    let Head { started, boot, pids, simulated, by, redacted, vendors } = head;
    to.num(started.0);
    to.shown(boot);
    write_view(to, *pids);
    to.maybe(simulated.as_ref(), |to, name| to.text(name));
    to.text(by);
    to.num(redacted.pids);
    to.num(redacted.names);
    to.list(vendors, |to, seen| {
        let VendorSeen { vendor, outcome } = seen;
        to.shown(vendor);
        write_outcome(to, outcome);
    });
    // Readings are written in this order, so that a table that grows can be read.
    to.list(Metric::ALL, |to, metric| to.text(metric.name()));
}

/// A head, and the metrics of its readings in their order: `None` for one that is not known here.
pub(crate) fn read_head(from: &mut Taken<'_>) -> Result<(Head, Vec<Option<Metric>>), Error> {
    let mut head = Head::new(WallTime(from.word()?), from.parsed("no boot")?, read_view(from)?);
    head.simulated = from.maybe(Taken::text)?;
    head.by = from.text()?;
    head.redacted.pids = from.flag()?;
    head.redacted.names = from.flag()?;
    head.vendors =
        from.list(|from| Ok(VendorSeen { vendor: from.parsed("no vendor")?, outcome: read_outcome(from)? }))?;
    let metrics = from.list(|from| Ok(from.text()?.parse().ok()))?;
    Ok((head, metrics))
}

fn write_outcome(to: &mut Row<'_>, outcome: &Outcome) {
    match outcome {
        Outcome::Available => to.num(0_u64),
        Outcome::Partial { missing, looked_for } => {
            to.num(1_u64);
            to.text(missing);
            to.list(looked_for, write_looked_for);
        }
        Outcome::NoDriver { looked_for } => {
            to.num(2_u64);
            to.list(looked_for, write_looked_for);
        }
        Outcome::Mismatch { detail } => {
            to.num(3_u64);
            to.text(detail);
        }
        Outcome::NotPermitted { needs, detail } => {
            to.num(4_u64);
            write_needs(to, *needs);
            to.text(detail);
        }
        Outcome::UnsupportedPlatform { why } => {
            to.num(5_u64);
            to.text(why);
        }
        Outcome::Disabled => to.num(6_u64),
        Outcome::Failed(error) => {
            to.num(7_u64);
            write_error_kind(to, error.kind());
            to.text(error.at());
            to.text(error.detail());
        }
    }
}

fn read_outcome(from: &mut Taken<'_>) -> Result<Outcome, Error> {
    Ok(match from.word()? {
        0 => Outcome::Available,
        1 => Outcome::Partial { missing: from.text()?, looked_for: from.list(read_looked_for)? },
        2 => Outcome::NoDriver { looked_for: from.list(read_looked_for)? },
        3 => Outcome::Mismatch { detail: from.text()? },
        4 => Outcome::NotPermitted { needs: read_need(from)?, detail: from.text()? },
        5 => Outcome::UnsupportedPlatform { why: from.lasting()? },
        6 => Outcome::Disabled,
        7 => {
            let kind = read_error_kind(from)?;
            Outcome::Failed(crate::error::Error::new(kind, from.text()?, from.text()?))
        }
        _ => return Err(from.wrong("nothing that comes of looking")),
    })
}

fn write_looked_for(to: &mut Row<'_>, looked_for: &LookedFor) {
    let LookedFor { what, found } = looked_for;
    to.text(what);
    to.text(found);
}

fn read_looked_for(from: &mut Taken<'_>) -> Result<LookedFor, Error> {
    Ok(LookedFor { what: from.text()?, found: from.text()? })
}
