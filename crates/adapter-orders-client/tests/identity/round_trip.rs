//! What is encoded decodes to itself, and no bytes make a decoder panic.

use adapter_orders_client::call::Request;
use adapter_orders_client::wire::{decode_call, decode_reply, encode_call, encode_reply};
use application::ports::Deadline;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;
use proto::ordermill::internal::v1;

use crate::any_answer::response;
use crate::any_request::{caller, request};

proptest! {
    #[test]
    fn a_coalesced_call_is_what_was_asked_by_whom(
        id in any::<u64>(),
        calls in (Just(Deadline::now())).prop_flat_map(|now| {
            (Just(now), vec((caller(now), request()), 1..4))
        }),
    ) {
        let (now, calls) = calls;
        let sent = calls.iter().map(|(caller, request)| encode_call(id, caller, request, now));
        let bytes = v1::Calls { calls: sent.collect() }.encode_to_vec();
        let received = v1::Calls::decode(&*bytes).unwrap().calls;
        prop_assert_eq!(received.len(), calls.len());
        for (call, (by, asked)) in received.into_iter().zip(&calls) {
            prop_assert_eq!(call.id, id);
            let (caller, request) = decode_call(call, now).unwrap();
            prop_assert_eq!(&caller.principal, &by.principal);
            prop_assert_eq!(caller.scopes, by.scopes);
            prop_assert_eq!(&caller.trace, &by.trace);
            prop_assert_eq!(caller.deadline, by.deadline);
            prop_assert_eq!(&request, asked);
        }
    }

    #[test]
    fn a_reply_is_what_was_answered(id in any::<u64>(), answer in response()) {
        let bytes = encode_reply(id, &answer).encode_to_vec();
        let received = v1::Reply::decode(&*bytes).unwrap();
        prop_assert_eq!(received.id, id);
        prop_assert_eq!(decode_reply(received).unwrap(), answer);
    }

    #[test]
    fn the_time_left_counts_from_the_arrival(
        skew_ms in 0..100_000_u64,
        caller in caller(Deadline::now()),
    ) {
        let (sent_at, asked) = (Deadline::now(), Request::Counts);
        let arrived_at = sent_at + std::time::Duration::from_millis(skew_ms);
        let call = encode_call(1, &caller, &asked, sent_at);
        let (heard, _) = decode_call(call, arrived_at).unwrap();
        let left = caller.deadline.saturating_duration_since(sent_at);
        prop_assert_eq!(heard.deadline.saturating_duration_since(arrived_at), left);
    }

    #[test]
    fn a_changed_byte_never_makes_a_decoder_panic(
        answer in response(),
        asked in request(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = encode_reply(7, &answer).encode_to_vec();
        let index = at.index(bytes.len());
        bytes[index] = byte;
        let _ = v1::Reply::decode(&*bytes).map(decode_reply);
        let now = Deadline::now();
        let caller = application::Caller::trusted(domain::Trace::default(), now);
        let mut bytes = encode_call(7, &caller, &asked, now).encode_to_vec();
        let index = at.index(bytes.len());
        bytes[index] = byte;
        let _ = v1::Call::decode(&*bytes).map(|call| decode_call(call, now));
    }
}
