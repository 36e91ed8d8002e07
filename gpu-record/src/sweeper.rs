//! [`ShownSweeper`]: the processes of a recording.

use gpu_core::{Error, ErrorKind, Sweep, SweepRequest, Sweeper};

use crate::shown::Shown;

/// Finds the processes of the moment that is shown.
#[derive(Debug)]
pub(crate) struct ShownSweeper(pub Shown);

impl Sweeper for ShownSweeper {
    fn sweep_into(&self, request: &SweepRequest<'_>, sweep: &mut Sweep) -> Result<(), Error> {
        sweep.clear();
        let moment = self.0.moment();
        let Some(recorded) = &moment.sweep else {
            return Err(Error::new(
                ErrorKind::Io,
                "the recording",
                "no process list could be read at this time",
            ));
        };
        sweep.clone_from(recorded);
        let is_held = |number: &gpu_core::DeviceNumber| request.holders_of.contains(number);
        sweep.processes.retain_mut(|process| {
            let is_named = request.pids.contains(&process.key.pid);
            process.holds.retain(is_held);
            process.clients.retain(|client| request.clients && is_held(&client.node));
            if !request.owners {
                process.owner = Err(gpu_core::Absence::NotYet);
                process.sandbox = None;
            }
            is_named || !process.holds.is_empty()
        });
        Ok(())
    }
}
