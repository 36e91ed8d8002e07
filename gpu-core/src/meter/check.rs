//! What always holds of a statement, and how it is tested.

use core::fmt;

use super::dimension::Dimension;
use super::statement::Statement;
use crate::id::{DeviceId, UnitId};

/// Something that always holds, and does not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Broken {
    /// An account does not make up its total.
    Account {
        /// Whose.
        unit: UnitId,
        /// Of what.
        dimension: Dimension,
    },
    /// The parts on a device, or in a power domain, are not what its accounts say is attributed.
    Parts {
        /// The device, or the domain's leader.
        device: DeviceId,
        /// Of what.
        dimension: Dimension,
    },
    /// Units, parts, spans, names or events are not in order, or there twice.
    Order,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account { unit, dimension } => {
                write!(f, "the account of {dimension} of {unit} does not add up")
            }
            Self::Parts { device, dimension } => {
                write!(f, "the parts of {dimension} on {device} are not what its accounts say")
            }
            Self::Order => f.write_str("what should be in order is not"),
        }
    }
}

impl std::error::Error for Broken {}

impl Statement {
    /// Tests all that always holds: every account adds up; per device (per power domain, of energy)
    /// and dimension the parts are exactly what the accounts say is attributed, and what was given to
    /// holders exactly what stands in standby; all lists are in order.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check(&self) -> Result<(), Broken> {
        self.check_order()?;
        for unit in &self.units {
            for dimension in Dimension::ALL {
                if !unit.account(dimension).adds_up() {
                    return Err(Broken::Account { unit: unit.unit, dimension });
                }
            }
        }
        Dimension::ALL.into_iter().try_for_each(|dimension| self.check_parts(dimension))
    }

    fn check_order(&self) -> Result<(), Broken> {
        let ordered = self.units.windows(2).all(|pair| pair[0].key() < pair[1].key())
            && self.units.iter().all(|of| of.parts.windows(2).all(|pair| pair[0].owner < pair[1].owner))
            && self.names.windows(2).all(|pair| pair[0].owner < pair[1].owner)
            && self.events.is_sorted()
            && self.domains.windows(2).all(|pair| pair[0] < pair[1])
            && self
                .spans
                .windows(2)
                .all(|pair| pair[0] < pair[1] && (pair[0].boot != pair[1].boot || pair[0].to < pair[1].from))
            && self.spans.iter().all(|span| span.from < span.to);
        if ordered { Ok(()) } else { Err(Broken::Order) }
    }

    fn check_parts(&self, dimension: Dimension) -> Result<(), Broken> {
        let whole = |unit: UnitId| match dimension {
            Dimension::Energy => self.energy_of(unit.device()),
            _ => unit.device(),
        };
        let mut devices: Vec<(DeviceId, [u128; 4])> = Vec::new();
        for unit in &self.units {
            let device = whole(unit.unit);
            let at = devices.iter().position(|(known, _)| *known == device).unwrap_or_else(|| {
                devices.push((device, [0; 4]));
                devices.len() - 1
            });
            let [said, parts, said_standby, standby] = &mut devices[at].1;
            let account = unit.account(dimension);
            *said = said.wrapping_add(account.attributed);
            *said_standby = said_standby.wrapping_add(account.standby);
            for part in &unit.parts {
                *parts = parts.wrapping_add(part.get(dimension).value);
                if dimension == Dimension::Energy {
                    *standby = standby.wrapping_add(part.standby);
                }
            }
        }
        let broken = devices.iter().find(|(_, [said, parts, one, other])| said != parts || one != other);
        broken.map_or(Ok(()), |(device, _)| Err(Broken::Parts { device: *device, dimension }))
    }
}
