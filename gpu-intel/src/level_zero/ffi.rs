//! The library's functions as Rust would have them: lists, values, and answers that are typed.

#![allow(unsafe_code, reason = "a C library is called")]

use std::ffi::c_void;
use std::path::Path;

use level_zero_sys::{
    LoadError, Sysman, Zero, ze_device_properties_t, ze_result_t, zes_device_ext_properties_t,
    zes_device_handle_t, zes_device_properties_t, zes_driver_handle_t, zes_fan_handle_t,
    zes_fan_speed_units_t, zes_ras_handle_t, zes_ras_state_t,
};

/// More of anything than a device has: what garbage may make us ask for.
const MOST: u32 = 4096;

/// How often a list may have grown while it was read.
const MOST_TRIES: usize = 8;

/// Why the library gives no answer that can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// It says so.
    Code(ze_result_t),
    /// It says that a list is this long.
    Length(u32),
    /// It hands out a handle that is none.
    Null,
    /// It says something that cannot be.
    Nonsense,
}

/// A handle, which the specification lets any thread use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Of<T>(T);

// SAFETY: handles are numbers to us; the specification lets several threads call at once.
unsafe impl<T> Send for Of<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Of<T> {}

/// A function that fills in one struct.
pub(crate) type Get<P, T> = Option<unsafe extern "C" fn(P, *mut T) -> ze_result_t>;
/// A function that fills in a list.
pub(crate) type List<P, T> = Option<unsafe extern "C" fn(P, *mut u32, *mut T) -> ze_result_t>;

fn check(code: ze_result_t) -> Result<(), Fault> {
    if code == ze_result_t::SUCCESS { Ok(()) } else { Err(Fault::Code(code)) }
}

/// Asks for the length, then for the list with some room more: it may have grown in between.
fn list<T: Copy>(head: T, mut ask: impl FnMut(*mut u32, *mut T) -> ze_result_t) -> Result<Vec<T>, Fault> {
    let mut room = 0;
    for _ in 0..MOST_TRIES {
        let mut count = 0;
        check(ask(&raw mut count, std::ptr::null_mut()))?;
        if count > MOST {
            return Err(Fault::Length(count));
        }
        room = count.max(room) + 8;
        let mut all = vec![head; room as usize];
        let mut filled = room;
        check(ask(&raw mut filled, all.as_mut_ptr()))?;
        if filled > room {
            return Err(Fault::Length(filled));
        }
        if filled < room {
            all.truncate(filled as usize);
            return Ok(all);
        }
    }
    Err(Fault::Nonsense)
}

/// A library that has been started.
#[derive(Debug)]
pub(crate) struct Library(Sysman);

impl Library {
    /// Loads the library and starts it.
    pub(crate) fn start(path: &Path) -> Result<Result<Self, ze_result_t>, LoadError> {
        let library = Self(Sysman::load(path)?);
        // SAFETY: no flag, as the specification asks.
        let code = unsafe { (library.0.init)(0) };
        Ok(if code == ze_result_t::SUCCESS { Ok(library) } else { Err(code) })
    }

    pub(crate) const fn functions(&self) -> &Sysman {
        &self.0
    }

    pub(crate) fn drivers(&self) -> Result<Vec<Of<zes_driver_handle_t>>, Fault> {
        // SAFETY: `list` gives room for as many as it says, or none.
        let all = list(Zero::ZERO, |count, out| unsafe { (self.0.driver_get)(count, out) })?;
        handles(all, zes_driver_handle_t::is_null)
    }

    pub(crate) fn devices(
        &self,
        driver: Of<zes_driver_handle_t>,
    ) -> Result<Vec<Of<zes_device_handle_t>>, Fault> {
        self.parts(Some(self.0.device_get), driver, zes_device_handle_t::is_null)
    }

    /// The parts of something, each by its handle.
    pub(crate) fn parts<P: Copy, T: Zero>(
        &self,
        function: List<P, T>,
        of: Of<P>,
        is_null: impl Fn(T) -> bool,
    ) -> Result<Vec<Of<T>>, Fault> {
        handles(self.rows(function, of, T::ZERO)?, is_null)
    }

    /// The rows of a list of structs whose heads are set.
    pub(crate) fn rows<P: Copy, T: Copy>(
        &self,
        function: List<P, T>,
        of: Of<P>,
        head: T,
    ) -> Result<Vec<T>, Fault> {
        let function = function.ok_or(Fault::Code(ze_result_t::ERROR_UNSUPPORTED_FEATURE))?;
        // SAFETY: `of` came from this library, which is loaded; `list` gives room for as many as it
        // says, or none.
        list(head, |count, out| unsafe { function(of.0, count, out) })
    }

    /// What a function fills into a struct whose head is set.
    pub(crate) fn get<P: Copy, T: Copy>(&self, function: Get<P, T>, of: Of<P>, head: T) -> Result<T, Fault> {
        let function = function.ok_or(Fault::Code(ze_result_t::ERROR_UNSUPPORTED_FEATURE))?;
        let mut value = head;
        // SAFETY: `of` came from this library, which is loaded; the struct is ours, and its head says
        // what it is and that nothing hangs on it.
        check(unsafe { function(of.0, &raw mut value) })?;
        Ok(value)
    }

    /// Who a device is, with its UUID in Sysman where the library tells it. The validation layer of
    /// loader 1.20.6 refuses to be asked for that.
    pub(crate) fn identity(
        &self,
        device: Of<zes_device_handle_t>,
    ) -> Result<(zes_device_properties_t, Option<[u8; 16]>), Fault> {
        let mut more = zes_device_ext_properties_t::new();
        let mut head = zes_device_properties_t::new();
        head.core.stype = ze_device_properties_t::STYPE;
        head.pNext = (&raw mut more).cast::<c_void>();
        // SAFETY: as for `get`; what hangs on the struct is ours too and lives as long.
        match check(unsafe { (self.0.device_get_properties)(device.0, &raw mut head) }) {
            Ok(()) => Ok((head, Some(more.uuid.id).filter(|id| *id != [0; 16]))),
            Err(_) => {
                head.pNext = std::ptr::null_mut();
                Ok((self.get(Some(self.0.device_get_properties), device, head)?, None))
            }
        }
    }

    /// The errors of a set; they stay as they are.
    pub(crate) fn errors(&self, set: Of<zes_ras_handle_t>) -> Result<zes_ras_state_t, Fault> {
        let function = self.0.ras_get_state.ok_or(Fault::Code(ze_result_t::ERROR_UNSUPPORTED_FEATURE))?;
        let mut state = zes_ras_state_t::new();
        // SAFETY: as for `get`.
        check(unsafe { function(set.0, 0, &raw mut state) })?;
        Ok(state)
    }

    /// Rotations a minute.
    pub(crate) fn rotation(&self, fan: Of<zes_fan_handle_t>) -> Result<i32, Fault> {
        let function = self.0.fan_get_state.ok_or(Fault::Code(ze_result_t::ERROR_UNSUPPORTED_FEATURE))?;
        let mut speed = 0;
        // SAFETY: as for `get`.
        check(unsafe { function(fan.0, zes_fan_speed_units_t::RPM, &raw mut speed) })?;
        Ok(speed)
    }
}

/// Handles of a list, if none of them is null.
fn handles<T: Copy>(all: Vec<T>, is_null: impl Fn(T) -> bool) -> Result<Vec<Of<T>>, Fault> {
    if all.iter().any(|handle| is_null(*handle)) {
        return Err(Fault::Null);
    }
    Ok(all.into_iter().map(Of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list that is asked for its length, and then filled with one more than it said.
    #[test]
    fn a_list_that_grows_is_read_whole() {
        let mut there = 7_u32;
        let ask = |count: *mut u32, out: *mut u32| {
            // SAFETY: `list` hands out a count of its own.
            let room = unsafe { *count };
            if room > 0 {
                there += 9;
                for n in 0..there.min(room) {
                    // SAFETY: below the room that `list` said.
                    unsafe { *out.add(n as usize) = n };
                }
            }
            // SAFETY: as above.
            unsafe { *count = if room == 0 { there } else { there.min(room) } };
            ze_result_t::SUCCESS
        };
        let all = list(0, ask);
        assert_eq!(all, Err(Fault::Nonsense), "one that always grows past the room is given up");
        let steady = list(0, |count, _: *mut u32| {
            // SAFETY: `list` hands out a count of its own.
            unsafe { *count = 3 };
            ze_result_t::SUCCESS
        });
        assert_eq!(steady, Ok(vec![0; 3]));
    }
}
