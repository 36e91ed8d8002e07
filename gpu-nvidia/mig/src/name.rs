//! [`ProfileName`]: `[<c>c.]<g>g.<gb>gb[(+|-)attribute[,attribute]…]`.

use core::fmt;
use core::str::FromStr;

use gpu_core::{Bytes, ParseError};

/// Which sign the attributes of a name have. A name has one sign for all of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Sign {
    With,
    Without,
}

/// The name of a MIG profile: compute slices of the compute instance (where they are fewer than
/// the GPU instance's), compute slices and memory of the GPU instance, and attributes.
///
/// Attributes are a set: two names that list them in another order are equal, and print in the
/// same order.
///
/// ```
/// use gpu_nvidia_mig::ProfileName;
/// let name: ProfileName = "1c.3g.20gb".parse()?;
/// assert_eq!((name.compute_slices(), name.slices(), name.gigabytes()), (1, 3, 20));
/// assert_eq!(name.gpu_instance().to_string(), "3g.20gb");
///
/// let media: ProfileName = "1g.24gb+me.all".parse()?;
/// assert!(media.has("me.all") && !media.has("me") && !media.lacks("me"));
/// let no_media: ProfileName = "1g.24gb-me".parse()?;
/// assert!(no_media.lacks("me"));
/// assert_eq!("3c.3g.20gb".parse::<ProfileName>()?.to_string(), "3g.20gb");
///
/// let refused = "1g.24gb+me-gfx".parse::<ProfileName>().unwrap_err();
/// assert!(refused.to_string().contains("'+' or '-'"), "{refused}");
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProfileName {
    slices: u32,
    gigabytes: u32,
    compute: u32,
    /// Present where there are attributes.
    sign: Option<Sign>,
    /// Sorted.
    attributes: Vec<String>,
}

impl ProfileName {
    /// The name of a GPU instance's profile by its compute slices, its memory and the memory of
    /// its GPU. Attributes cannot be told from these numbers. `None` where no name comes out: no
    /// slices, a GPU without memory of its own, more memory than the GPU has.
    ///
    /// The rule by which NVIDIA's own names come out: the memory as a part of the GPU's, rounded
    /// up to eighths, of the GPU's memory in whole GiB rounded up, rounded to the nearest. Rounding
    /// the instance's own memory up, as other tools do, gives `3g.70gb` here:
    ///
    /// ```
    /// use gpu_core::Bytes;
    /// use gpu_nvidia_mig::ProfileName;
    /// let h200 = Bytes::mib(143_771);
    /// assert_eq!(ProfileName::computed(3, Bytes::mib(71_424), h200).unwrap().to_string(), "3g.71gb");
    /// assert_eq!(ProfileName::computed(3, Bytes::mib(71_424), Bytes(0)), None);
    /// ```
    #[must_use]
    pub fn computed(slices: u32, memory: Bytes, gpu: Bytes) -> Option<Self> {
        let (memory, gpu) = (memory.get() >> 20, gpu.get() >> 20);
        if gpu == 0 || slices == 0 || memory > gpu {
            return None;
        }
        let eighths = memory.checked_mul(8)?.div_ceil(gpu);
        let gigabytes = eighths.checked_mul(gpu.div_ceil(1024))?.checked_add(4)? / 8;
        Some(Self::plain(slices, u32::try_from(gigabytes).ok()?))
    }

    pub(crate) const fn plain(slices: u32, gigabytes: u32) -> Self {
        Self { slices, gigabytes, compute: slices, sign: None, attributes: Vec::new() }
    }

    /// The same attributes on another memory size: aliases differ in nothing else.
    pub(crate) fn sized(&self, gigabytes: u32) -> Self {
        Self { gigabytes, ..self.clone() }
    }

    /// Compute slices of the compute instance.
    #[must_use]
    pub const fn compute_slices(&self) -> u32 {
        self.compute
    }

    /// Compute slices of the GPU instance.
    #[must_use]
    pub const fn slices(&self) -> u32 {
        self.slices
    }

    /// Memory as the name has it, in GB: a label, not an amount.
    #[must_use]
    pub const fn gigabytes(&self) -> u32 {
        self.gigabytes
    }

    /// True where the name has `+attribute`.
    #[must_use]
    pub fn has(&self, attribute: &str) -> bool {
        self.sign == Some(Sign::With) && self.attributes.iter().any(|one| one == attribute)
    }

    /// True where the name has `-attribute`.
    #[must_use]
    pub fn lacks(&self, attribute: &str) -> bool {
        self.sign == Some(Sign::Without) && self.attributes.iter().any(|one| one == attribute)
    }

    /// The attributes, sorted, without their sign.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(String::as_str)
    }

    /// True for a compute instance that does not span its GPU instance.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        self.compute != self.slices
    }

    /// The name of the GPU instance's profile.
    #[must_use]
    pub fn gpu_instance(&self) -> Self {
        Self { compute: self.slices, ..self.clone() }
    }

    /// The name of a compute instance of so many slices in a GPU instance of this profile; `None`
    /// where it has fewer, or none are asked for.
    ///
    /// ```
    /// use gpu_nvidia_mig::ProfileName;
    /// let name: ProfileName = "3g.71gb".parse()?;
    /// assert_eq!(name.compute_instance(1).unwrap().to_string(), "1c.3g.71gb");
    /// assert_eq!(name.compute_instance(4), None);
    /// # Ok::<(), gpu_core::ParseError>(())
    /// ```
    #[must_use]
    pub fn compute_instance(&self, slices: u32) -> Option<Self> {
        (1..=self.slices).contains(&slices).then(|| Self { compute: slices, ..self.clone() })
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_partial() {
            write!(f, "{}c.", self.compute)?;
        }
        write!(f, "{}g.{}gb", self.slices, self.gigabytes)?;
        match self.sign {
            Some(Sign::With) => write!(f, "+{}", self.attributes.join(",")),
            Some(Sign::Without) => write!(f, "-{}", self.attributes.join(",")),
            None => Ok(()),
        }
    }
}

impl FromStr for ProfileName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse(text).map_err(|expected| ParseError::new("MIG profile", text, expected))
    }
}

const FORM: &str = "a name like 3g.40gb, 1c.3g.40gb or 1g.10gb+me";

/// The name, or what was expected instead.
fn parse(text: &str) -> Result<ProfileName, &'static str> {
    let (first, rest) = number(text).ok_or(FORM)?;
    let (compute, slices, rest) = match rest.strip_prefix("c.") {
        Some(rest) => {
            let (slices, rest) = number(rest).ok_or(FORM)?;
            (first, slices, rest)
        }
        None => (first, first, rest),
    };
    let rest = rest.strip_prefix("g.").ok_or(FORM)?;
    let (gigabytes, rest) = number(rest).ok_or(FORM)?;
    let rest = rest.strip_prefix("gb").ok_or(FORM)?;
    if slices == 0 || compute == 0 {
        return Err("at least one slice");
    }
    if compute > slices {
        return Err("at most as many compute slices (c) as the GPU instance has (g)");
    }
    let (sign, attributes) = attributes(rest)?;
    Ok(ProfileName { slices, gigabytes, compute, sign, attributes })
}

/// A decimal number without sign and leading zeros, and what follows it.
fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    digits.parse().ok().map(|number| (number, rest))
}

/// The attributes that follow the memory size. A `-` is looked for here alone.
fn attributes(rest: &str) -> Result<(Option<Sign>, Vec<String>), &'static str> {
    let (sign, list) = match (rest.strip_prefix('+'), rest.strip_prefix('-')) {
        (Some(list), _) => (Sign::With, list),
        (_, Some(list)) => (Sign::Without, list),
        _ if rest.is_empty() => return Ok((None, Vec::new())),
        _ => return Err(FORM),
    };
    if list.contains(['+', '-']) {
        return Err("attributes after one '+' or '-', separated by commas");
    }
    let mut attributes: Vec<String> = list.split(',').map(str::to_owned).collect();
    if !attributes.iter().all(|attribute| is_attribute(attribute)) {
        return Err("attributes of letters, digits and inner dots that begin with a letter");
    }
    attributes.sort_unstable();
    if attributes.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("each attribute once");
    }
    Ok((Some(sign), attributes))
}

fn is_attribute(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && !text.ends_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}

crate::text::serde_as_text!(ProfileName);
