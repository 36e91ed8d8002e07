//! [`Name`]: where something of a process lies, without a heap.

/// The way to something below `/proc` or below a process's folder.
pub(super) struct Name {
    /// Room for `fdinfo/`, ten digits, and `/fd`.
    text: [u8; ROOM],
    from: usize,
    to: usize,
}

/// Where the digits end.
const END: usize = 17;
const ROOM: usize = END + 3;

impl Name {
    /// `7`
    pub(super) fn number(mut number: u32) -> Self {
        let (mut text, mut from) = ([b'0'; ROOM], END);
        // Ten digits hold every number.
        for _ in 0..10 {
            from -= 1;
            text[from] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        Self { text, from, to: END }
    }

    /// `fd/7`, below a process's folder.
    pub(super) fn descriptor(number: u32) -> Self {
        let Self { mut text, from, to } = Self::number(number);
        text[from - 3..from].copy_from_slice(b"fd/");
        Self { text, from: from - 3, to }
    }

    /// `fdinfo/7`, below a process's folder.
    pub(super) fn account(number: u32) -> Self {
        const FOLDER: &[u8] = b"fdinfo/";
        let Self { mut text, from, to } = Self::number(number);
        text[from - FOLDER.len()..from].copy_from_slice(FOLDER);
        Self { text, from: from - FOLDER.len(), to }
    }

    /// `7/fd`, the folder of a process's descriptors.
    pub(super) fn descriptors_of(pid: u32) -> Self {
        let Self { mut text, from, to } = Self::number(pid);
        text[to..to + 3].copy_from_slice(b"/fd");
        Self { text, from, to: to + 3 }
    }

    pub(super) fn as_str(&self) -> &str {
        core::str::from_utf8(&self.text[self.from..self.to]).unwrap_or("0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_kernel_writes_them() {
        for number in [0, 7, 10, 32768, 4_194_304, u32::MAX] {
            assert_eq!(Name::number(number).as_str(), number.to_string());
            assert_eq!(Name::descriptor(number).as_str(), format!("fd/{number}"));
            assert_eq!(Name::account(number).as_str(), format!("fdinfo/{number}"));
            assert_eq!(Name::descriptors_of(number).as_str(), format!("{number}/fd"));
        }
    }
}
