//! The one door between control and the data plane: what workers are told, and what they answer.

use std::sync::Arc;

use common::net::receive::MulticastReceiver;
use tokio::sync::oneshot;

use crate::live::{LiveChannel, LiveViewer, ViewerEnd, ViewerId};
use crate::relay::channel::capture::{Piece, Wanted};
use crate::relay::channel::{ChannelKey, ChannelPlan};
use crate::relay::upload::Upload;
use crate::relay::viewer::Start;

/// What control tells a worker.
#[derive(Debug)]
pub(crate) enum Command {
    Add {
        key: ChannelKey,
        live: Arc<LiveChannel>,
        plan: ChannelPlan,
    },
    Change {
        key: ChannelKey,
        plan: ChannelPlan,
    },
    /// Receive from this socket from now on; none: from nowhere.
    Receive {
        key: ChannelKey,
        receiver: Option<MulticastReceiver>,
        same_stream: bool,
    },
    /// Take what comes through this queue from now on.
    Feed {
        key: ChannelKey,
        upload: Upload,
    },
    Remove {
        key: ChannelKey,
    },
    Watch {
        key: ChannelKey,
        viewer: Arc<LiveViewer>,
        socket: std::net::TcpStream,
        head: Vec<u8>,
        start: Start,
    },
    Kick {
        viewer: ViewerId,
    },
    /// Copy a piece of the history into `buffer`. The answer is dropped when the channel has gone, and
    /// none when what is wanted has left the history.
    Capture {
        key: ChannelKey,
        wanted: Wanted,
        buffer: Vec<u8>,
        answer: oneshot::Sender<Option<Piece>>,
    },
    /// Receive nothing more, send what the history holds, then end.
    Drain,
}

/// What a worker answers.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A socket that is not received from any more. Closing it takes a lock of the kernel's that
    /// others may hold for long: that is for control to wait for.
    Retired(MulticastReceiver),
    ViewerEnded {
        viewer: Arc<LiveViewer>,
        end: ViewerEnd,
    },
    /// No data came: the socket, untouched, for control to answer.
    NoData {
        viewer: Arc<LiveViewer>,
        socket: std::net::TcpStream,
    },
}
