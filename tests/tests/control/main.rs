//! Control: what channels there are, who changed them, and what survives.

mod api;
mod care;
mod events;
mod metrics;
mod operator;
mod prepare;
mod reload;
mod survival;
mod viewers;
