//! One way for a type with a canonical text form to go through serde: as that text.

/// Implements `Serialize` by `Display` and `Deserialize` by `FromStr`, behind feature `serde`.
macro_rules! serde_as_text {
    ($type:ty) => {
        #[cfg(feature = "serde")]
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// Implements `Serialize` alone by `Display`, for values that are shown and never read back.
macro_rules! serialize_as_text {
    ($type:ty) => {
        #[cfg(feature = "serde")]
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

pub(crate) use {serde_as_text, serialize_as_text};

/// Serialises anything that prints, as its text.
#[cfg(feature = "serde")]
pub(crate) struct Shown<'a, T: ?Sized>(pub(crate) &'a T);

#[cfg(feature = "serde")]
impl<T: std::fmt::Display + ?Sized> serde::Serialize for Shown<'_, T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}
