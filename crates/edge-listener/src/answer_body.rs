//! The body of an answer on its way out: its bytes are reserved in a [`MemoryBudget`] for as long as they exist, and handed to
//! HTTP in slices that note when the client takes them.
//!
//! An edge makes one of each answer by [`RequestInFlight::answer`]. What is handed out stays reserved while it waits in the
//! buffers of hyper: over HTTP/1 until the kernel takes it, over HTTP/2 also until the client's window has room. Over HTTP/2 a
//! body whose client has no room is not polled at all, so nothing here could time it; the sweeper of the listener does.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::memory_budget::{MemoryBudget, Reservation};
use crate::requests::{Offered, RequestInFlight};

/// The most bytes that are handed out at a time. A client of HTTP/2 makes progress with each, so this divided by the write
/// timeout is the slowest that it may be. Sixteen of them fill hyper's buffer of an HTTP/1 connection.
const SLICE_BYTES: usize = 4 * 1024;

/// What an answer takes beside its bytes: its head, and the stream and the task of HTTP/2 that hold it.
const OVERHEAD_BYTES: usize = 1024;

/// Answers up to this size may take the last eighth of the budget. So orders are still placed and read while large answers use
/// up the rest.
const SMALL_BYTES: usize = 16 * 1024;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pin_project! {
    /// The body of an answer. See [`RequestInFlight::answer`].
    pub struct AnswerBody<B> {
        #[pin]
        body: B,
        request: RequestInFlight,
        // What is reserved for the answer as a whole; `None` for a refusal, which is not counted.
        reservation: Option<Arc<Reservation>>,
        // What each piece of a body of unknown length is reserved in, when it comes.
        budget: Option<Arc<MemoryBudget>>,
        piece: Piece,
        // A piece for which the budget has no room yet.
        waiting: Option<(Bytes, BoxFuture<Reservation>)>,
        // The client has something to take: the body at first, then what follows the last slice.
        offered: Option<Offered>,
    }
}

/// Bytes that the body has made and that are handed out next.
#[derive(Debug, Default)]
struct Piece {
    bytes: Bytes,
    reservation: Option<Arc<Reservation>>,
}

impl RequestInFlight {
    /// The answer of this request, with its bytes reserved in `budget`. If they do not fit, the answer is `overloaded`, which
    /// should be small, because it is not counted.
    ///
    /// A body of known length is reserved as a whole. One of unknown length (a stream) is reserved piece by piece, and waits
    /// while there is no room.
    ///
    /// Over HTTP/2, call it in the task of the stream: in the future that the service returns.
    pub fn answer<B: Body<Data = Bytes>>(
        self,
        answer: Response<B>,
        budget: &Arc<MemoryBudget>,
        overloaded: impl FnOnce() -> Response<B>,
    ) -> Response<AnswerBody<B>> {
        self.watch_answer();
        let exact = answer.body().size_hint().exact();
        let bytes = exact.map_or(0, |exact| usize::try_from(exact).unwrap_or(usize::MAX));
        let rest = if bytes > SMALL_BYTES {
            budget.capacity() / 8
        } else {
            0
        };
        match budget.reserve_leaving(rest, bytes.saturating_add(OVERHEAD_BYTES)) {
            Ok(reservation) => {
                let reservation = Some(Arc::new(reservation));
                let budget = exact.is_none().then(|| Arc::clone(budget));
                answer.map(|body| AnswerBody::new(body, self, reservation, budget))
            }
            Err(_) => overloaded().map(|body| AnswerBody::new(body, self, None, None)),
        }
    }
}

impl<B: Body<Data = Bytes>> AnswerBody<B> {
    fn new(
        body: B,
        request: RequestInFlight,
        reservation: Option<Arc<Reservation>>,
        budget: Option<Arc<MemoryBudget>>,
    ) -> Self {
        let offered = (!body.is_end_stream()).then(|| request.offer());
        Self {
            body,
            request,
            reservation,
            budget,
            piece: Piece::default(),
            waiting: None,
            offered,
        }
    }
}

impl<B: Body<Data = Bytes>> Body for AnswerBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        // HTTP asks because the client has room. What it waits for from here on is not the client's fault.
        *this.offered = None;
        while this.piece.bytes.is_empty() {
            if let Some((bytes, room)) = this.waiting {
                let reservation = Some(Arc::new(ready!(room.as_mut().poll(context))));
                *this.piece = Piece {
                    bytes: std::mem::take(bytes),
                    reservation,
                };
                *this.waiting = None;
                continue;
            }
            let Some(frame) = ready!(this.body.as_mut().poll_frame(context)?) else {
                return Poll::Ready(None);
            };
            let bytes = match frame.into_data() {
                Ok(bytes) => bytes,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            };
            match this.budget {
                Some(budget) => {
                    let room = Arc::clone(budget).reserve_when_free(bytes.len());
                    *this.waiting = Some((bytes, Box::pin(room)));
                }
                None => {
                    *this.piece = Piece {
                        bytes,
                        reservation: this.reservation.clone(),
                    };
                }
            }
        }
        let bytes = &mut this.piece.bytes;
        let slice = Bytes::from_owner(Slice {
            bytes: bytes.split_to(bytes.len().min(SLICE_BYTES)),
            _reservation: this.piece.reservation.clone(),
            _offered: this.request.offer(),
        });
        if !this.piece.bytes.is_empty() {
            *this.offered = Some(this.request.offer());
        } else {
            this.piece.reservation = None;
            if !this.body.is_end_stream() {
                *this.offered = Some(this.request.offer());
            }
        }
        Poll::Ready(Some(Ok(Frame::data(slice))))
    }

    fn is_end_stream(&self) -> bool {
        self.piece.bytes.is_empty() && self.waiting.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.waiting.as_ref().map_or(0, |(bytes, _)| bytes.len());
        let held = u64::try_from(held + self.piece.bytes.len()).unwrap_or(u64::MAX);
        let rest = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(held));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint
    }
}

/// Bytes that were handed out, until they are written or discarded.
struct Slice {
    bytes: Bytes,
    /// Of all bytes that these are a part of: they stay in memory together.
    _reservation: Option<Arc<Reservation>>,
    _offered: Offered,
}

impl AsRef<[u8]> for Slice {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::time::Duration;

    use bytes::Bytes;
    use http::{Response, Version};
    use http_body::{Body, Frame};
    use http_body_util::{BodyExt as _, Full, StreamBody};
    use tokio::time::timeout;

    use super::{AnswerBody, OVERHEAD_BYTES, SLICE_BYTES};
    use crate::memory_budget::MemoryBudget;
    use crate::requests::{RequestInFlight, Requests};
    use crate::ticks::Ticks;

    const TIMEOUT: u32 = 10;

    /// A connection and its clock.
    struct Client {
        ticks: Arc<Ticks>,
        requests: Arc<Requests>,
    }

    impl Client {
        fn new() -> Self {
            let ticks = Arc::new(Ticks::new());
            let requests = Arc::new(Requests::new(Arc::clone(&ticks)));
            Self { ticks, requests }
        }

        fn request(&self) -> RequestInFlight {
            self.requests.begin(Version::HTTP_2)
        }

        /// Lets `ticks` pass; whether an answer is stalled then. It has no task, so that the connection would be cut.
        fn is_stalled_after(&self, ticks: u32) -> bool {
            let mut is_stalled = false;
            for _ in 0..ticks {
                is_stalled |= self.requests.reset_stalled(self.ticks.advance(), TIMEOUT);
            }
            is_stalled
        }
    }

    fn full(bytes: usize) -> Response<Full<Bytes>> {
        Response::new(Full::new(Bytes::from(vec![b'x'; bytes])))
    }

    fn answer(
        client: &Client,
        bytes: usize,
        budget: &Arc<MemoryBudget>,
    ) -> AnswerBody<Full<Bytes>> {
        let answer = client.request().answer(full(bytes), budget, || full(0));
        answer.into_body()
    }

    async fn next<B: Body<Data = Bytes, Error = Infallible> + Unpin>(body: &mut B) -> Bytes {
        let frame = body.frame().await.expect("there is more").unwrap();
        frame.into_data().expect("no trailers")
    }

    #[tokio::test]
    async fn bytes_are_reserved_until_the_last_of_them_is_gone() {
        let budget = Arc::new(MemoryBudget::of(100_000));
        let client = Client::new();
        let mut body = answer(&client, 2 * SLICE_BYTES + 1, &budget);
        let reserved = 2 * SLICE_BYTES + 1 + OVERHEAD_BYTES;
        assert_eq!(budget.reserved(), reserved);
        let slices = [
            next(&mut body).await,
            next(&mut body).await,
            next(&mut body).await,
        ];
        assert_eq!(
            slices.each_ref().map(Bytes::len),
            [SLICE_BYTES, SLICE_BYTES, 1]
        );
        assert!(body.is_end_stream() && body.frame().await.is_none());
        drop(body);
        let [first, second, last] = slices;
        drop((first, last));
        // The second is a part of the same bytes, all of which are still in memory.
        assert_eq!(budget.reserved(), reserved);
        assert!(client.requests.idle_since().is_none());
        drop(second);
        assert_eq!(budget.reserved(), 0);
        assert!(client.requests.idle_since().is_some());
    }

    #[tokio::test]
    async fn an_answer_that_does_not_fit_is_refused_and_small_ones_still_do() {
        let budget = Arc::new(MemoryBudget::of(256 * 1024));
        let client = Client::new();
        let held = answer(&client, 200 * 1024, &budget);
        let refused = client
            .request()
            .answer(full(40 * 1024), &budget, || full(7))
            .into_body();
        assert_eq!(refused.size_hint().exact(), Some(7));
        let small = answer(&client, 16 * 1024, &budget);
        assert_eq!(small.size_hint().exact(), Some(16 * 1024));
        drop(held);
        assert_eq!(
            answer(&client, 40 * 1024, &budget).size_hint().exact(),
            Some(40 * 1024)
        );
    }

    #[tokio::test]
    async fn an_answer_that_is_never_asked_for_is_stalled() {
        let budget = Arc::new(MemoryBudget::of(100_000));
        let client = Client::new();
        let body = answer(&client, 10, &budget);
        assert!(!client.is_stalled_after(TIMEOUT - 1));
        assert!(client.is_stalled_after(1));
        drop(body);
        assert!(!client.is_stalled_after(2 * TIMEOUT));
    }

    #[tokio::test]
    async fn each_slice_that_is_taken_is_progress_and_one_that_is_not_stalls() {
        let budget = Arc::new(MemoryBudget::of(100_000));
        let client = Client::new();
        let mut body = answer(&client, 3 * SLICE_BYTES, &budget);
        for _ in 0..2 {
            let slice = next(&mut body).await;
            assert!(!client.is_stalled_after(TIMEOUT - 1));
            drop(slice);
        }
        let last = next(&mut body).await;
        drop(body);
        assert!(client.is_stalled_after(TIMEOUT));
        drop(last);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_with_nothing_to_say_is_not_stalled() {
        let budget = Arc::new(MemoryBudget::of(100_000));
        let client = Client::new();
        let (say, said) = tokio::sync::mpsc::channel::<Bytes>(1);
        let stream = futures_util::stream::unfold(said, async |mut said| {
            let bytes = said.recv().await?;
            Some((Ok::<_, Infallible>(Frame::data(bytes)), said))
        });
        let response = Response::new(StreamBody::new(Box::pin(stream)));
        let answer = client
            .request()
            .answer(response, &budget, || panic!("the budget is free"));
        let mut body = answer.into_body();
        let quiet = timeout(Duration::from_secs(1), body.frame()).await;
        assert!(quiet.is_err());
        assert!(!client.is_stalled_after(3 * TIMEOUT));
        say.send(Bytes::from_static(b"news")).await.unwrap();
        let news = next(&mut body).await;
        assert_eq!(budget.reserved(), OVERHEAD_BYTES + 4);
        // The client has no room for what may follow.
        drop(news);
        assert_eq!(budget.reserved(), OVERHEAD_BYTES);
        assert!(client.is_stalled_after(TIMEOUT));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_waits_for_room_without_being_stalled() {
        let budget = Arc::new(MemoryBudget::of(OVERHEAD_BYTES + 10));
        let client = Client::new();
        let pieces = ["12345678", "abcdefgh"]
            .map(|text| Ok::<_, Infallible>(Frame::data(Bytes::from_static(text.as_bytes()))));
        let response = Response::new(StreamBody::new(futures_util::stream::iter(pieces)));
        let answer = client
            .request()
            .answer(response, &budget, || panic!("the budget is free"));
        let mut body = answer.into_body();
        let first = next(&mut body).await;
        let wait = Duration::from_secs(1);
        assert!(timeout(wait, body.frame()).await.is_err());
        drop(first);
        let second = timeout(wait, next(&mut body)).await.unwrap();
        assert_eq!(second, "abcdefgh");
    }
}
