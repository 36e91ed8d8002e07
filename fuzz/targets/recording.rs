//! Recordings: frames are read or refused without harm, and what is read can be written and read again
//! as the same. Check sums are put right and contents compressed first, or nothing would come past them.
//! The input is contents in a row, each with its sort and its length in two bytes before it.

#![no_main]

use gpu_core::recorded::{self, Sort, Writer};
use gpu_record::{Head, Item, Moment, Recording, Replay};
use libfuzzer_sys::fuzz_target;
use miniz_oxide::deflate::compress_to_vec;

fn framed(mut data: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    while let [sort, low, high, rest @ ..] = data {
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (content, after) = rest.split_at(len);
        let sort = if sort % 2 == 0 { Sort::Head } else { Sort::Moment };
        recorded::frame(sort, &compress_to_vec(content, 1), &mut file);
        data = after;
    }
    file
}

fn read(bytes: Vec<u8>) -> Vec<Item> {
    Recording::from_reader(std::io::Cursor::new(bytes)).map_while(Result::ok).collect()
}

fn written(head: &Head, moments: &[&Moment]) -> Vec<u8> {
    let (mut writer, mut file, mut content) = (Writer::new(), Vec::new(), Vec::new());
    writer.head(head, &mut content);
    recorded::frame(Sort::Head, &compress_to_vec(&content, 1), &mut file);
    for moment in moments {
        content.clear();
        writer.moment(moment, &mut content).unwrap();
        recorded::frame(Sort::Moment, &compress_to_vec(&content, 1), &mut file);
    }
    file
}

fuzz_target!(|data: &[u8]| {
    // As it is: mostly refused at once.
    read(data.to_vec());
    let file = framed(data);
    let items = read(file.clone());
    let mut head = None;
    let mut moments = Vec::new();
    for item in &items {
        match item {
            Item::Head(new) if head.is_none() => head = Some(new),
            Item::Head(_) => break,
            Item::Moment(moment) => moments.push(&**moment),
            _ => {}
        }
    }
    if let Some(head) = head {
        let again = read(written(head, &moments));
        assert!(matches!(&again[0], Item::Head(again) if again == head));
        assert!(again[1..].iter().zip(&moments).all(|(again, moment)| {
            matches!(again, Item::Moment(again) if **again == **moment)
        }));
        assert_eq!(again.len(), moments.len() + 1);
    }
    if let Ok(mut replay) = Replay::from_reader(std::io::Cursor::new(file)) {
        let host = replay.host();
        loop {
            for backend in host.discoveries.iter().filter_map(|of| of.backend.as_deref()) {
                let mut sample = gpu_core::Sample::new();
                let _ = backend.inventory();
                let _ = backend.sample_into(&gpu_core::Query::everything(), &mut sample);
            }
            if !matches!(replay.next(), Ok(Some(_))) {
                break;
            }
        }
    }
});
