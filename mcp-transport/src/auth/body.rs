//! Response bodies of this module.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// A body that is at hand: at most one piece.
#[derive(Clone, Debug, Default)]
pub struct OnceBody(Option<Bytes>);

impl From<Bytes> for OnceBody {
    fn from(bytes: Bytes) -> Self {
        Self((!bytes.is_empty()).then_some(bytes))
    }
}

impl Body for OnceBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.0.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(length.try_into().unwrap_or(u64::MAX))
    }
}

pin_project! {
    /// The body of a guarded service: the guard's own, or the inner service's.
    #[derive(Debug)]
    pub struct GuardBody<R> {
        #[pin]
        source: Source<R>,
    }
}

pin_project! {
    #[project = SourceProjection]
    #[derive(Debug)]
    enum Source<R> {
        Own { #[pin] body: OnceBody },
        Inner { #[pin] body: R },
    }
}

impl<R> GuardBody<R> {
    pub(super) const fn own(body: OnceBody) -> Self {
        Self { source: Source::Own { body } }
    }

    pub(super) const fn inner(body: R) -> Self {
        Self { source: Source::Inner { body } }
    }
}

/// A text that is at hand: what a layer outside the guard answers with that lets a request not through.
impl<R> From<&'static str> for GuardBody<R> {
    fn from(text: &'static str) -> Self {
        Self::own(Bytes::from_static(text.as_bytes()).into())
    }
}

impl<R: Body<Data = Bytes>> Body for GuardBody<R> {
    type Data = Bytes;
    type Error = R::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, R::Error>>> {
        match self.project().source.project() {
            SourceProjection::Own { body } => body.poll_frame(cx).map_err(|never: Infallible| match never {}),
            SourceProjection::Inner { body } => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Own { body } => body.is_end_stream(),
            Source::Inner { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own { body } => body.size_hint(),
            Source::Inner { body } => body.size_hint(),
        }
    }
}
