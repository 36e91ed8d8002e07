//! The exported functions, by topic.

mod accounting;
mod clocks;
mod control;
mod device;
mod events;
mod gpm;
mod instance;
mod memory;
mod mig;
mod process;
mod sensors;
mod system;
mod topology;

use crate::gate::Named;
use crate::out::{Out, TextIn, TextOut};

impl<T> Named for Out<T> {}
impl Named for TextIn {}
impl Named for TextOut {}
impl Named for u32 {}
impl Named for crate::handle::GpmSample {}

/// Declares exported functions: each goes through [`call`](crate::gate::call) under its own name,
/// with the GPU that its first argument names, if it names one.
macro_rules! nvml {
    ($($(#[$doc:meta])* fn $name:ident($first:ident: $of:ty $(, $arg:ident: $ty:ty)* $(,)?)
        |$state:ident| $body:expr;)*) => {
        $(
            $(#[$doc])*
            #[unsafe(no_mangle)]
            pub extern "C" fn $name($first: $of $(, $arg: $ty)*) -> $crate::abi::Code {
                let gpu = $crate::gate::Named::position(&$first);
                $crate::gate::call(stringify!($name), gpu, |$state: &$crate::state::State| $body)
            }
        )*
    };
}

/// Declares exported functions that change the machine: as `nvml!`, with
/// [`change`](crate::gate::change).
macro_rules! nvml_change {
    ($($(#[$doc:meta])* fn $name:ident($first:ident: $of:ty $(, $arg:ident: $ty:ty)* $(,)?)
        |$state:ident| $body:expr;)*) => {
        $(
            $(#[$doc])*
            #[unsafe(no_mangle)]
            pub extern "C" fn $name($first: $of $(, $arg: $ty)*) -> $crate::abi::Code {
                let gpu = $crate::gate::Named::position(&$first);
                $crate::gate::change(stringify!($name), gpu, |$state: &mut $crate::state::State| $body)
            }
        )*
    };
}

/// Functions whose answer is that there is no such thing on these boards.
macro_rules! unsupported {
    ($($name:ident;)*) => {
        $(
            #[unsafe(no_mangle)]
            pub extern "C" fn $name(device: $crate::handle::Device) -> $crate::abi::Code {
                let gpu = $crate::gate::Named::position(&device);
                $crate::gate::call(stringify!($name), gpu, |_| Err($crate::abi::Code::NOT_SUPPORTED))
            }
        )*
    };
}

pub(crate) use {nvml, nvml_change, unsupported};
