//! What a node shows, as text in the form of OpenMetrics or of Prometheus: for an exporter of one's
//! own, or to add to the page of a program that has one.
//!
//! [`Page`] writes a node; [`Tally`] keeps the counters of its owners; [`Text`] writes anything.
//!
//! # Families
//! Three levels, each with names of its own, so that no sum counts anything twice: `hw_*` and `gpu_*`
//! of whole devices (label `hw_id`), `gpu_partition_*` of their parts (`hw_id`, `partition`), and
//! `gpu_owner_*` of containers, jobs and services (`hw_id`, `partition`, `owner_kind`, `owner`, and
//! `container`, `pod`, `namespace` where these are known). A process stands on the smallest unit that
//! its driver names, once; a GPU that three pods share has one series of power, not three. What a GPU
//! *is* (model, serial number, PCI address) stands in `gpu_device_info`, once, to be joined by `hw_id`.
//!
//! What became of a device's time, memory and energy stands in `gpu_account_*`, whose `share`s
//! (attributed, idle, unattributed) add up to the device's total; the owners' counters add up to
//! `attributed`, but for owners that were forgotten ([`Tally`]).
//!
//! With the feature `health`, how well a GPU is stands in `hw_status` (each state a series, 1 for the one
//! that it is in), a partition in `gpu_partition_status`, and what is known against either in `gpu_fault`,
//! where it is, with the driver's number (`code`, such as an Xid) and what is to be done (`action`).
//!
//! A value that is absent has no series, and is counted in `gpu_absent_metrics` by its reason.
//!
//! # Names
//! Where OpenTelemetry's semantic conventions for hardware have a metric, it is theirs, written as
//! Prometheus writes it (dots as underscores, the unit last); beside it what dcgm-exporter calls it.
//!
//! | here | OpenTelemetry | dcgm-exporter |
//! |---|---|---|
//! | `hw_gpu_utilization_ratio{hw_gpu_task="general"}` | `hw.gpu.utilization` | `DCGM_FI_DEV_GPU_UTIL` (percent) |
//! | `hw_gpu_utilization_ratio{hw_gpu_task="encoder"}` | the same | `DCGM_FI_DEV_ENC_UTIL` (percent) |
//! | `hw_gpu_utilization_ratio{hw_gpu_task="decoder"}` | the same | `DCGM_FI_DEV_DEC_UTIL` (percent) |
//! | `gpu_memory_bandwidth_utilization_ratio` | | `DCGM_FI_DEV_MEM_COPY_UTIL` (percent) |
//! | `hw_gpu_memory_usage_bytes` | `hw.gpu.memory.usage` | `DCGM_FI_DEV_FB_USED` (MiB) |
//! | `hw_gpu_memory_limit_bytes` | `hw.gpu.memory.limit` | `DCGM_FI_DEV_FB_TOTAL` (MiB) |
//! | `gpu_memory_reserved_bytes` | | `DCGM_FI_DEV_FB_RESERVED` (MiB) |
//! | `hw_power_watts` | `hw.power` | `DCGM_FI_DEV_POWER_USAGE` |
//! | `hw_energy_joules_total` | `hw.energy` | `DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION` (mJ) |
//! | `gpu_power_limit_watts` | | `DCGM_FI_DEV_POWER_MGMT_LIMIT` |
//! | `hw_temperature_celsius{hw_sensor_location="gpu"}` | `hw.temperature` | `DCGM_FI_DEV_GPU_TEMP` |
//! | `hw_temperature_celsius{hw_sensor_location="memory"}` | the same | `DCGM_FI_DEV_MEMORY_TEMP` |
//! | `hw_temperature_limit_celsius{hw_limit_type="high.degraded"}` | `hw.temperature.limit` | `DCGM_FI_DEV_SLOWDOWN_TEMP` |
//! | `hw_temperature_limit_celsius{hw_limit_type="high.critical"}` | the same | `DCGM_FI_DEV_SHUTDOWN_TEMP` |
//! | `gpu_clock_hertz{clock="sm"}` | | `DCGM_FI_DEV_SM_CLOCK` (MHz) |
//! | `gpu_clock_hertz{clock="memory"}` | | `DCGM_FI_DEV_MEM_CLOCK` (MHz) |
//! | `hw_errors_total{error_type="corrected"}` | `hw.errors` | `DCGM_FI_DEV_ECC_SBE_VOL_TOTAL` |
//! | `hw_errors_total{error_type="uncorrected"}` | the same | `DCGM_FI_DEV_ECC_DBE_VOL_TOTAL` |
//! | `gpu_memory_remapped_rows_total{error_type="corrected"}` | | `DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS` |
//! | `gpu_memory_remapped_rows_total{error_type="uncorrected"}` | | `DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS` |
//! | `gpu_memory_remap_failed` | | `DCGM_FI_DEV_ROW_REMAP_FAILURE` |
//! | `hw_status{hw_type="gpu", hw_state}` | `hw.status` (but for `unknown`) | |
//! | `gpu_fault{fault="xid", code}` | | `DCGM_FI_DEV_XID_ERRORS` (the number of the last as the value) |
//! | `gpu_pcie_replays_total` | | `DCGM_FI_DEV_PCIE_REPLAY_COUNTER` |
//! | `hw_fan_speed_ratio`, `hw_fan_speed_rpm` | `hw.fan.speed_ratio`, `hw.fan.speed` | |
//! | `hw_id`; `gpu_device_info{index, hw_name, hw_model}` | `hw.id`, `hw.name`, `hw.model` | `gpu`, `UUID`, `modelName` on each series |
//! | label `partition`; `gpu_partition_info{profile}` | | labels `GPU_I_ID`, `GPU_I_PROFILE` |
//! | labels `container`, `pod`, `namespace` of `gpu_owner_*` alone | | the same on each series of the device, once a pod |
//!
//! # Limits
//! Hardware bounds the series of devices and partitions; those of owners are bounded by what a
//! [`Tally`] is told. A label's value has at most 256 characters, and names alone of a container's
//! labels are shown, whatever it has.

mod decimal;
mod family;
#[cfg(feature = "health")]
mod health;
mod page;
mod table;
mod tally;
mod text;

pub use decimal::Decimal;
pub use family::{Family, Kind};
pub use page::Page;
pub use tally::Tally;
pub use text::{Format, LabelSet, Text};
