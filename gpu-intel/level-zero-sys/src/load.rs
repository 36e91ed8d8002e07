//! [`Sysman`]: the functions of a loader, or of a driver that stands in for one.

#![allow(unsafe_code)] // symbols have no type until somebody gives them one

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use libloading::Library;
use thiserror::Error;

/// The name under which the system's own loader is found.
pub const LOADER: &str = if cfg!(windows) { "ze_loader.dll" } else { "libze_loader.so.1" };

/// Why there are no functions.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// There is no such library, or it cannot be loaded: the system's reason.
    #[error("{}: {detail}", library.display())]
    NotLoaded {
        /// What was asked for.
        library: PathBuf,
        /// What the system said.
        detail: String,
    },
    /// A loader of before specification 1.5 (loader 1.9): it has no `zesInit`.
    #[error("{}: too old, it has no zesInit (loaders have it from 1.9 on)", library.display())]
    TooOld {
        /// What was loaded.
        library: PathBuf,
    },
    /// The library has `zesInit` and not this: it is no loader.
    #[error("{}: no {function} in it", library.display())]
    NoFunction {
        /// What was loaded.
        library: PathBuf,
        /// What is missing.
        function: &'static str,
    },
}

/// Declares the table of functions, each by its name in the library.
macro_rules! functions {
    (
        required { $($(#[$doc:meta])* $field:ident: $name:ident($($type:ty),*);)* }
        optional { $($(#[$odoc:meta])* $ofield:ident: $oname:ident($($otype:ty),*);)* }
    ) => {
        $(
            $(#[$doc])*
            pub type $name = unsafe extern "C" fn($($type),*) -> ze_result_t;
        )*
        $(
            $(#[$odoc])*
            pub type $oname = unsafe extern "C" fn($($otype),*) -> ze_result_t;
        )*

        /// The functions that a library exports; see [`Sysman`](crate::Sysman).
        #[derive(Clone, Copy, Debug)]
        #[non_exhaustive]
        pub struct Functions {
            $($(#[$doc])* pub $field: $name,)*
            $($(#[$odoc])* #[doc = "`None` in a loader that does not have it."] pub $ofield: Option<$oname>,)*
        }

        impl Functions {
            /// The names of all of them, as they are exported.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name),)* $(stringify!($oname),)*];

            /// The functions that `find` finds; the name of the first that is missing and must not be.
            ///
            /// # Safety
            /// What is found under a name must be the specification's function of that name, and
            /// stay there as long as the answer is used.
            #[allow(unsafe_code)] // expanded elsewhere, written here
            pub(crate) unsafe fn find(find: &$crate::load::Find<'_>) -> Result<Self, &'static str> {
                Ok(Self {
                    // SAFETY: the caller's promise: it is the function of that name and type.
                    $($field: unsafe { find.function::<$name>(stringify!($name)) }.ok_or(stringify!($name))?,)*
                    // SAFETY: as above.
                    $($ofield: unsafe { find.function::<$oname>(stringify!($oname)) },)*
                })
            }
        }
    };
}

pub(crate) use functions;

use crate::function::Functions;

/// A library in which functions are looked up by name.
pub(crate) struct Find<'a>(&'a Library);

impl Find<'_> {
    /// The function of that name, if there is one.
    ///
    /// # Safety
    /// It must have the type `T`, a function pointer.
    pub(crate) unsafe fn function<T: Copy>(&self, name: &str) -> Option<T> {
        // SAFETY: the caller's promise about the type; the copy is kept no longer than the library,
        // which `Sysman` holds.
        unsafe { self.0.get::<T>(name.as_bytes()) }.ok().map(|symbol| *symbol)
    }
}

/// The functions of a loader, or of a driver that stands in for one. The library stays loaded as
/// long as this lives; functions must not be called after.
#[derive(Debug)]
pub struct Sysman {
    functions: Functions,
    path: PathBuf,
    _library: Library,
}

impl Sysman {
    /// Loads a library by name ([`LOADER`]) or by path, and looks its functions up. Nothing of it is
    /// called but what the system runs when a library is loaded.
    ///
    /// # Errors
    /// [`LoadError`] says whether there is none, it is too old, or it is no loader.
    pub fn load(library: impl AsRef<OsStr>) -> Result<Self, LoadError> {
        let path = PathBuf::from(library.as_ref());
        // SAFETY: initialisers of the library run. A loader's only set up its own state; which
        // library it is, is the caller's to say.
        let library = unsafe { Library::new(library.as_ref()) }
            .map_err(|error| LoadError::NotLoaded { library: path.clone(), detail: detail(&error) })?;
        let find = Find(&library);
        // SAFETY: a library that exports these names is a Level Zero loader, whose functions have the
        // specification's types. It is kept beside them.
        let functions = match unsafe { Functions::find(&find) } {
            Ok(functions) => functions,
            Err("zesInit") => return Err(LoadError::TooOld { library: path }),
            Err(function) => return Err(LoadError::NoFunction { library: path, function }),
        };
        Ok(Self { functions, path, _library: library })
    }

    /// Under which name or path it was loaded.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// What the system said, without what this library adds to it.
fn detail(error: &libloading::Error) -> String {
    use std::error::Error;
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

impl std::ops::Deref for Sysman {
    type Target = Functions;

    fn deref(&self) -> &Functions {
        &self.functions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let error = Sysman::load("/nonexistent/libze_loader.so.1").unwrap_err();
        assert!(matches!(error, LoadError::NotLoaded { .. }), "{error}");
        assert!(error.to_string().contains("/nonexistent/libze_loader.so.1"), "{error}");
        let error = Sysman::load("").unwrap_err();
        assert!(matches!(error, LoadError::NotLoaded { .. } | LoadError::TooOld { .. }), "{error}");
    }

    /// Any library but a loader: it has no zesInit.
    #[test]
    #[cfg(target_os = "linux")]
    fn another_library_is_no_loader() {
        let error = Sysman::load("libc.so.6").unwrap_err();
        assert!(matches!(error, LoadError::TooOld { .. }), "{error}");
    }
}
