//! Where writers put bytes, and from where they are taken while the writers go on.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{BufMut, Bytes, BytesMut};

#[derive(Clone, Default)]
pub(super) struct Sink(Arc<Mutex<BytesMut>>);

impl Sink {
    /// What has been written since it was last asked.
    pub(super) fn take(&mut self) -> Bytes {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).split().freeze()
    }
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
