//! What stands for a ledger in a build without them.

use std::path::Path;
use std::sync::Arc;

use gpu_accounting::ledger::{Ledger, NodeName};

/// There is none.
pub enum Book {}

impl Book {
    /// # Errors
    /// Always: this build reads no store.
    pub fn open(file: &Path, _: Option<NodeName>, _: NodeName) -> Result<Self, String> {
        let file = file.display();
        Err(format!(
            "--ledger {file}: this gpu-top was built without the feature `ledger`, which reads stores"
        ))
    }

    pub fn name(&self) -> String {
        match *self {}
    }

    pub fn ledger(&self) -> Arc<Ledger> {
        match *self {}
    }

    pub fn look(&mut self) -> Option<String> {
        match *self {}
    }
}
