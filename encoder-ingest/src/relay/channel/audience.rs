//! One viewer of a channel among many: it comes, is served alone, and goes.

use super::{Bench, Channel, Now};
use crate::live::{ViewerEnd, ViewerId};
use crate::relay::viewer::{Pumped, View, Viewer};

impl Channel {
    /// Takes a viewer and serves it at once.
    pub fn watch(&mut self, mut viewer: Viewer, now: Now, bench: &mut Bench<'_>) {
        viewer.arrives(self.recorder.history().head());
        let id = viewer.id();
        let index = self.viewers.partition_point(|other| other.id() < id);
        self.viewers.insert(index, viewer);
        self.serve(index, now, bench);
    }

    /// A viewer's socket has room again, or its client has gone. False when it is not here.
    pub fn viewer_event(
        &mut self,
        id: ViewerId,
        gone: bool,
        now: Now,
        bench: &mut Bench<'_>,
    ) -> bool {
        let Some(index) = self.place_of(id) else {
            return false;
        };
        if gone {
            self.end(index, ViewerEnd::Gone, bench);
            return true;
        }
        self.viewers[index].unblock();
        self.serve(index, now, bench);
        true
    }

    fn place_of(&self, id: ViewerId) -> Option<usize> {
        self.viewers.binary_search_by_key(&id, Viewer::id).ok()
    }

    /// One viewer alone: the others have what there is.
    fn serve(&mut self, index: usize, now: Now, bench: &mut Bench<'_>) {
        let view = View {
            history: self.recorder.history(),
            flowing: self.flowing(now),
            now_ms: now.ms,
        };
        match self.viewers[index].pump(view) {
            Pumped::Done => {}
            Pumped::More => self.behind = true,
            Pumped::Ended(end) => self.end(index, end, bench),
        }
    }

    /// Ends the viewer `id`; false when it is not here.
    pub fn end_viewer(&mut self, id: ViewerId, end: ViewerEnd, bench: &mut Bench<'_>) -> bool {
        let index = self.place_of(id);
        if let Some(index) = index {
            self.end(index, end, bench);
        }
        index.is_some()
    }
}
