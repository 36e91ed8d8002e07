//! The exported functions, by topic.

mod control;
mod device;
mod memory;
mod process;
mod sensors;
mod system;
mod topology;

/// Declares exported functions about one device: each goes through [`call`](crate::gate::call)
/// under its own name, and its body sees the device of the index that comes first.
macro_rules! rsmi {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),* $(,)?) |$view:ident| $body:expr;)*) => {
        $(
            $(#[$doc])*
            #[unsafe(no_mangle)]
            pub extern "C" fn $name(index: u32 $(, $arg: $ty)*) -> $crate::abi::Code {
                $crate::gate::call(stringify!($name), Some(index), |state| {
                    let $view = &state.at(index)?;
                    $body
                })
            }
        )*
    };
}

/// Functions whose answer is that these boards or this driver have no such thing.
macro_rules! unsupported {
    ($($name:ident;)*) => {
        $(
            #[unsafe(no_mangle)]
            pub extern "C" fn $name(index: u32) -> $crate::abi::Code {
                $crate::gate::call(stringify!($name), Some(index), |state| {
                    state.at(index).and(Err($crate::abi::Code::NOT_SUPPORTED))
                })
            }
        )*
    };
}

pub(crate) use {rsmi, unsupported};
