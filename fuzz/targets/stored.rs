//! Records and snapshots of a ledger, statements of a meter: what is read is in the one form, and is taken or refused
//! without harm. The check sum is put right first, or nothing would come past it.

#![no_main]

use gpu_core::ledger::Ledger;
use gpu_core::stored;
use libfuzzer_sys::fuzz_target;

/// CRC-32C, bit by bit.
fn sealed(frame: &[u8]) -> Vec<u8> {
    let summed = &frame[..frame.len() - 4];
    let crc = !summed.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    });
    [summed, &crc.to_le_bytes()].concat()
}

fuzz_target!(|data: &[u8]| {
    let mut ledger = Ledger::new("node-1".parse().unwrap());
    let mut rest = data;
    while let Ok((frame, after)) = stored::split(rest) {
        let frame = sealed(frame);
        if let Ok(record) = stored::decode(&frame) {
            assert!(stored::encode(record.place, &record.entry) == frame);
            if ledger.apply(&record.entry).is_ok() {
                ledger.check().unwrap();
            }
        }
        if let Ok(opened) = stored::decode_snapshot(&frame) {
            assert!(stored::encode_snapshot(&opened) == frame);
            ledger = opened;
        }
        if let Ok(statement) = stored::decode_statement(&frame) {
            statement.check().unwrap();
            assert!(stored::encode_statement(&statement) == frame);
            let mut all = statement.clone();
            // The same time twice: refused, or there is none.
            assert!(all.add(&statement).is_err() || statement.spans.is_empty());
            all.check().unwrap();
        }
        rest = after;
    }
});
