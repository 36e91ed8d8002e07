//! The functions, by topic: each under its own name for who loads this in a loader's place, and
//! once more for the tables, since the exported name may be another library's in the program.

pub mod control;
pub mod device;
pub mod fabric;
pub mod sensors;
pub mod virtual_function;

/// Declares functions: each goes through [`call`](crate::gate::call) under its own name.
macro_rules! sysman {
    ($($(#[$doc:meta])* fn $name:ident($first:ident: Handle $(, $arg:ident: $type:ty)* $(,)?) |$state:ident| $body:expr;)*) => {
        $(
            $(#[$doc])*
            pub extern "C" fn $name($first: $crate::handle::Handle $(, $arg: $type)*) -> level_zero_sys::ze_result_t {
                $crate::gate::call(stringify!($name), $first.gpu(), |$state| $body)
            }
        )*

        mod exported {
            use super::*;

            $(
                /// The function of that name.
                #[unsafe(no_mangle)]
                pub extern "C" fn $name($first: $crate::handle::Handle $(, $arg: $type)*) -> level_zero_sys::ze_result_t {
                    super::$name($first $(, $arg)*)
                }
            )*
        }
    };
}

pub(crate) use sysman;
