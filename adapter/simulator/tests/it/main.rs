//! The simulator from outside: a real OPC UA client and a real MQTT client against it.

#[cfg(test)]
mod broker;
#[cfg(test)]
mod client;
#[cfg(test)]
mod mqtt;
#[cfg(test)]
mod plc;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod subscription;
#[cfg(test)]
mod write;
