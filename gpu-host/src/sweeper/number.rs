//! [`Number`]: a number as the name of a file, without a heap.

/// A process's or descriptor's number in decimal digits.
pub(super) struct Number {
    digits: [u8; 10],
    from: usize,
}

impl Number {
    pub(super) fn new(mut number: u32) -> Self {
        let (mut digits, mut from) = ([b'0'; 10], 10);
        loop {
            from -= 1;
            digits[from] = b'0' + (number % 10) as u8;
            number /= 10;
            // Ten digits hold every number.
            if number == 0 || from == 0 {
                return Self { digits, from };
            }
        }
    }

    pub(super) fn as_str(&self) -> &str {
        core::str::from_utf8(&self.digits[self.from..]).unwrap_or("0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_kernel_writes_it() {
        for number in [0, 7, 10, 32768, 4_194_304, u32::MAX] {
            assert_eq!(Number::new(number).as_str(), number.to_string());
        }
    }
}
