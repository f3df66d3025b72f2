//! What a client answers, and the parts of the multi round-trip requests.

use crate::protocol::{
    CreateTaskResult, DetailedTask, Downgrade, InputRequest, InputRequiredResult, ListRootsResult, Revision,
};

impl Downgrade for ListRootsResult {
    fn downgrade(&mut self, to: Revision) {
        self.meta.downgrade(to);
    }
}

/// The params of the request, which a legacy server sends by itself.
impl Downgrade for InputRequest {
    fn downgrade(&mut self, to: Revision) {
        match self {
            Self::CreateMessage(params) => params.downgrade(to),
            Self::Elicit(params) => params.downgrade(to),
            Self::ListRoots(params) => params.downgrade(to),
            Self::Other { .. } => {}
        }
    }
}

/// Its requests. The result as such has no older shape: the bridge between the eras asks for it.
impl Downgrade for InputRequiredResult {
    fn downgrade(&mut self, to: Revision) {
        for request in self.input_requests.iter_mut().flat_map(|r| r.values_mut()) {
            request.downgrade(to);
        }
        self.meta.downgrade(to);
    }
}

impl Downgrade for DetailedTask {
    fn downgrade(&mut self, to: Revision) {
        for request in self.input_requests.iter_mut().flat_map(|r| r.values_mut()) {
            request.downgrade(to);
        }
        self.meta.downgrade(to);
    }
}

impl Downgrade for CreateTaskResult {
    fn downgrade(&mut self, to: Revision) {
        self.meta.downgrade(to);
    }
}
