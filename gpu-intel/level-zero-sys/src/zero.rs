//! [`Zero`]: values of which every bit is zero, without unsafe code.

use std::ffi::c_void;

/// A type of C of which the value with every bit zero is valid, and that value.
pub trait Zero: Copy {
    /// Every bit is zero.
    const ZERO: Self;
}

macro_rules! numbers {
    ($($number:ty = $zero:literal),*) => {
        $(impl Zero for $number {
            const ZERO: Self = $zero;
        })*
    };
}

numbers!(u8 = 0, i8 = 0, u32 = 0, i32 = 0, u64 = 0, i64 = 0, f64 = 0.0);

impl Zero for *mut c_void {
    const ZERO: Self = std::ptr::null_mut();
}

impl Zero for *const c_void {
    const ZERO: Self = std::ptr::null();
}

impl<T: Zero, const N: usize> Zero for [T; N] {
    const ZERO: Self = [T::ZERO; N];
}
