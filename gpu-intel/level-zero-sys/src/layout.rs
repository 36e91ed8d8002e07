//! [`Layout`]: where the fields of a struct lie, to be compared with a C compiler's.

/// Where the fields of a struct lie.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Layout {
    /// The struct's name in the header.
    pub name: &'static str,
    /// The version of the specification that brought it, such as `1.0`.
    pub since: &'static str,
    /// Bytes.
    pub size: usize,
    /// Bytes.
    pub align: usize,
    /// Each field with the bytes before it.
    pub fields: Vec<(&'static str, usize)>,
}

/// Declares structs as in the header, each with its zero value, `new()` where it has an `stype`,
/// and its layout.
macro_rules! structs {
    ($($(#[$doc:meta])* pub struct $name:ident since $since:literal $(stype $stype:literal)? {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    })*) => {
        $(
            $(#[$doc])*
            #[doc = concat!("\n\nSince specification ", $since, ".")]
            #[repr(C)]
            #[derive(Clone, Copy, Debug)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)*
            }

            impl $crate::Zero for $name {
                const ZERO: Self = Self { $($field: <$type as $crate::Zero>::ZERO,)* };
            }

            $(impl $name {
                /// The number that says which struct it is.
                pub const STYPE: u32 = $stype;

                /// Every bit zero but `stype`.
                #[must_use]
                pub const fn new() -> Self {
                    Self { stype: $stype, ..<Self as $crate::Zero>::ZERO }
                }
            }

            impl Default for $name {
                fn default() -> Self {
                    Self::new()
                }
            })?
        )*

        pub(crate) fn layouts() -> Vec<$crate::Layout> {
            vec![$($crate::Layout {
                name: stringify!($name),
                since: $since,
                size: std::mem::size_of::<$name>(),
                align: std::mem::align_of::<$name>(),
                fields: vec![$((stringify!($field), std::mem::offset_of!($name, $field)),)*],
            }),*]
        }
    };
}

pub(crate) use structs;

/// The layout of every struct of this crate, the driver's tables too.
#[must_use]
pub fn layouts() -> Vec<Layout> {
    [
        crate::device::layouts(),
        crate::ecc::layouts(),
        crate::engine::layouts(),
        crate::fabric::layouts(),
        crate::fan::layouts(),
        crate::firmware::layouts(),
        crate::frequency::layouts(),
        crate::memory::layouts(),
        crate::pci::layouts(),
        crate::power::layouts(),
        crate::process::layouts(),
        crate::ras::layouts(),
        crate::temperature::layouts(),
        crate::virtual_function::layouts(),
        crate::ddi::layouts(),
    ]
    .concat()
}
