//! The MQTT link against a real broker (mosquitto) and against one that misbehaves on purpose.

#[cfg(test)]
mod certificates;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod dead_letters;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod misbehaving;
#[cfg(test)]
mod mosquitto;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod scripted_broker;
#[cfg(test)]
mod scripted_wire;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod security;
#[cfg(test)]
mod sni_router;
#[cfg(test)]
mod status;
#[cfg(test)]
mod transport;
#[cfg(test)]
mod versions;
#[cfg(test)]
mod watcher;
