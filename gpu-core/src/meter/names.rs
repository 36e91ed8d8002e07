//! [`Names`]: what people call an owner, as it is kept beside what it is billed.

use crate::labels::{Label, Labels};
use crate::owner::Owner;

/// What people call an owner. None of it identifies: who may start containers chooses it.
///
/// ```
/// use gpu_core::meter::Names;
/// use gpu_core::{Known, Label, LabelSource, Labels};
/// let mut labels = Labels::unsupported("nobody says");
/// labels.namespace = Known::from(Label::new("team-red", LabelSource::OciBundle));
/// assert_eq!(Names::from(&labels).namespace.unwrap().as_str(), "team-red");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Names {
    /// The container's name.
    pub container: Option<Label>,
    /// The image that it was made from.
    pub image: Option<Label>,
    /// Its pod's name.
    pub pod: Option<Label>,
    /// The namespace of the pod.
    pub namespace: Option<Label>,
}

impl From<&Labels> for Names {
    fn from(labels: &Labels) -> Self {
        Self {
            container: labels.container.value().cloned(),
            image: labels.image.value().cloned(),
            pod: labels.pod.value().cloned(),
            namespace: labels.namespace.value().cloned(),
        }
    }
}

impl Names {
    /// Takes over what has changed.
    pub(super) fn take(&mut self, labels: &Labels) {
        let pairs = [
            (&mut self.container, &labels.container),
            (&mut self.image, &labels.image),
            (&mut self.pod, &labels.pod),
            (&mut self.namespace, &labels.namespace),
        ];
        for (mine, theirs) in pairs {
            if mine.as_ref() != theirs.value() {
                *mine = theirs.value().cloned();
            }
        }
    }
}

/// An owner of a statement, and what people call it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Named {
    /// Whose names they are.
    pub owner: Owner,
    /// The names.
    pub names: Names,
}
