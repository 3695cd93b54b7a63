//! The MQTT link against a real broker (mosquitto) and against one that misbehaves on purpose.

#[cfg(test)]
mod commands;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod misbehaving;
#[cfg(test)]
mod mosquitto;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod scripted_broker;
#[cfg(test)]
mod security;
#[cfg(test)]
mod status;
#[cfg(test)]
mod watcher;
