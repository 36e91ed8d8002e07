//! Enumerations and flags of C as numbers in types of their own.

/// Declares enumerations: a number each, with constants for the values that are known.
macro_rules! numbers {
    ($($(#[$doc:meta])* pub struct $name:ident { $($(#[$value_doc:meta])* $value:ident = $number:expr;)* })*) => {
        $(
            $(#[$doc])*
            #[repr(transparent)]
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
            pub struct $name(pub u32);

            impl $name {
                $($(#[$value_doc])* pub const $value: Self = Self($number);)*
            }

            impl $crate::Zero for $name {
                const ZERO: Self = Self(0);
            }

            impl std::fmt::Debug for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    match *self {
                        $(Self::$value => f.write_str(stringify!($value)),)*
                        Self(other) => write!(f, "{other:#x}"),
                    }
                }
            }
        )*
    };
}

pub(crate) use numbers;
