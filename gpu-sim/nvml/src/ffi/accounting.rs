//! Accounts of processes: what the driver remembers of those that have ended.

use std::ffi::c_uint;

use gpu_sim::Account;

use super::nvml;
use crate::abi::{AccountingStats, Code};
use crate::handle::Device;
use crate::out::{Out, list};
use crate::state::State;

/// Entries that a driver keeps.
const ENTRIES: c_uint = 4000;
/// `NVML_VALUE_NOT_AVAILABLE`.
const NOT_AVAILABLE: c_uint = c_uint::MAX;

/// The accounts of a GPU. There are none under MIG, nor where nobody has switched them on.
fn accounts(state: &State, device: Device) -> Result<Vec<Account>, Code> {
    let view = state.whole(device)?;
    if view.is_cut() {
        return Err(Code::NOT_SUPPORTED);
    }
    if !view.nvidia.accounting {
        return Ok(Vec::new());
    }
    Ok(state.accounts(view.position))
}

fn stats(state: &State, account: &Account) -> AccountingStats {
    let lasted = account.ended.map_or(0, |ended| ended.since(account.began).get());
    AccountingStats {
        gpu: c_uint::try_from(account.busy / 10).unwrap_or(NOT_AVAILABLE),
        memory: NOT_AVAILABLE,
        memory_peak: account.memory_peak.get(),
        // nvml.h: 0 while the process runs.
        time_ms: lasted / 1_000_000,
        start_us: state.wall_us_at(account.began),
        is_running: account.ended.is_none().into(),
        reserved: [0; 5],
    }
}

nvml! {
    fn nvmlDeviceGetAccountingMode(device: Device, mode: Out<c_uint>) |s| {
        let view = s.board(device)?;
        mode.put((view.nvidia.accounting && !view.is_cut()).into())
    };
    fn nvmlDeviceGetAccountingBufferSize(device: Device, size: Out<c_uint>) |s| {
        s.whole(device)?;
        size.put(ENTRIES)
    };
    fn nvmlDeviceGetAccountingPids(device: Device, count: Out<c_uint>, pids: Out<c_uint>) |s| {
        let accounts = accounts(s, device)?;
        let pids_of = accounts.iter().map(|account| account.pid.0.wrapping_add(s.faults.pid_shift));
        list(count, pids, s.growth(count.get()? == 0), pids_of)
    };
    fn nvmlDeviceGetAccountingStats(device: Device, pid: c_uint, out: Out<AccountingStats>) |s| {
        let accounts = accounts(s, device)?;
        let pid = pid.wrapping_sub(s.faults.pid_shift);
        let account = accounts.iter().rev().find(|account| account.pid.0 == pid).ok_or(Code::NOT_FOUND)?;
        out.put(stats(s, account))
    };
}
