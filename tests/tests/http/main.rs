//! The one port, as players and browsers meet it: watching, who may, and how much at once.

mod access;
mod flags;
mod limits;
mod on_demand;
mod open;
mod playlist;
mod watch;
