//! A journal by reference, in a box or shared is a journal.

use core::time::Duration;
use std::sync::Arc;

use gpu_core::ledger::Position;

use crate::error::Error;
use crate::extent::Extent;
use crate::journal::{Append, Journal, Snapshot};
use crate::limits::Limits;
use crate::stream::Stream;

macro_rules! forward {
    ($type:ty) => {
        // A method that got a default and were forgotten here would hide the inner one's.
        #[deny(clippy::missing_trait_methods)]
        impl<J: Journal + ?Sized> Journal for $type {
            fn limits(&self) -> Limits {
                (**self).limits()
            }

            fn extent(&self, stream: &Stream) -> Result<Extent, Error> {
                (**self).extent(stream)
            }

            fn append(&self, stream: &Stream, after: Position, records: &[&[u8]]) -> Result<Append, Error> {
                (**self).append(stream, after, records)
            }

            fn read(
                &self,
                stream: &Stream,
                after: Position,
                most: usize,
                each: &mut dyn FnMut(Position, &[u8]),
            ) -> Result<Position, Error> {
                (**self).read(stream, after, most, each)
            }

            fn snapshot(&self, stream: &Stream) -> Result<Option<Snapshot>, Error> {
                (**self).snapshot(stream)
            }

            fn put_snapshot(&self, stream: &Stream, snapshot: &Snapshot) -> Result<(), Error> {
                (**self).put_snapshot(stream, snapshot)
            }

            fn compact(&self, stream: &Stream, through: Position) -> Result<(), Error> {
                (**self).compact(stream, through)
            }

            fn wait(&self, stream: &Stream, after: Position, limit: Duration) -> Result<Position, Error> {
                (**self).wait(stream, after, limit)
            }

            fn streams(&self) -> Result<Vec<Stream>, Error> {
                (**self).streams()
            }
        }
    };
}

forward!(&J);
forward!(Box<J>);
forward!(Arc<J>);
