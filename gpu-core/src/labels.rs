//! [`Labels`]: what people call a container.

use core::fmt;

use crate::known::Known;

/// Where a [`Label`] was found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum LabelSource {
    /// Annotations in the container's OCI bundle (`config.json`).
    OciBundle,
    /// Docker's state of the container (`config.v2.json`).
    DockerState,
    /// podman's state of its containers.
    PodmanState,
    /// Kubelet's checkpoint of its device plugins.
    KubeletCheckpoint,
    /// The embedding program says so.
    Embedder,
}

impl LabelSource {
    /// A short constant name, for JSON and labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OciBundle => "oci_bundle",
            Self::DockerState => "docker_state",
            Self::PodmanState => "podman_state",
            Self::KubeletCheckpoint => "kubelet_checkpoint",
            Self::Embedder => "embedder",
        }
    }
}

impl fmt::Display for LabelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that people gave, and where it was found. Who may start containers chooses it.
///
/// At most 256 bytes of it are kept; it prints with everything but printable ASCII escaped.
///
/// ```
/// use gpu_core::{Label, LabelSource};
/// let label = Label::new("train\n7", LabelSource::DockerState);
/// assert_eq!(label.as_str(), "train\n7");
/// assert_eq!(label.to_string(), r"train\n7");
/// assert_eq!(Label::new(&"x".repeat(4096), LabelSource::DockerState).as_str().len(), Label::LONGEST);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Label {
    text: String,
    source: LabelSource,
}

impl Label {
    /// The longest text that is kept, in bytes.
    pub const LONGEST: usize = 256;

    /// The name `text` as `source` has it, cut where it is too long.
    #[must_use]
    pub fn new(text: &str, source: LabelSource) -> Self {
        let mut end = text.len().min(Self::LONGEST);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self { text: text[..end].to_owned(), source }
    }

    /// The name as it was found.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where it was found.
    #[must_use]
    pub const fn source(&self) -> LabelSource {
        self.source
    }
}

/// Prints with everything but printable ASCII escaped.
impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.text.escape_default(), f)
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({})", self.source)
    }
}

/// What people call a container, as far as the machine itself tells. None of it is required, and
/// none of it identifies: that does the [`Container`](crate::Container).
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Labels {
    /// The container's name.
    pub container: Known<Label>,
    /// The image that it was made from.
    pub image: Known<Label>,
    /// Its pod's name.
    pub pod: Known<Label>,
    /// The namespace of the pod.
    pub namespace: Known<Label>,
}

impl Labels {
    /// Labels that are all absent for the same reason.
    #[must_use]
    pub const fn unsupported(why: &'static str) -> Self {
        Self {
            container: Known::unsupported(why),
            image: Known::unsupported(why),
            pod: Known::unsupported(why),
            namespace: Known::unsupported(why),
        }
    }

    /// Takes what `other` knows and this does not.
    pub fn complete(&mut self, other: &Self) {
        let pairs = [
            (&mut self.container, &other.container),
            (&mut self.image, &other.image),
            (&mut self.pod, &other.pod),
            (&mut self.namespace, &other.namespace),
        ];
        for (mine, theirs) in pairs {
            if mine.value().is_none() && theirs.value().is_some() {
                mine.clone_from(theirs);
            }
        }
    }
}
