//! The physics of the simulated machine: a motor whose bearing fails now and then. Pure and deterministic, knows no server.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The largest speed setpoint the machine takes, in revolutions per minute.
pub(crate) const MAXIMUM_SPEED: i16 = 3000;
/// The speed at which vibration is about 2.5 mm/s, in revolutions per minute.
const NOMINAL_SPEED: f64 = 1500.0;
/// Vibration of a healthy machine at nominal speed, in mm/s (root mean square).
const NOMINAL_VIBRATION: f64 = 2.5;
/// Noise on the vibration at nominal speed never exceeds this, in mm/s.
const VIBRATION_NOISE: f64 = 0.4;
/// Time constant of the motor, in seconds.
const SPEED_INERTIA: f64 = 1.2;
/// Temperature of the hall, in degrees Celsius.
const AMBIENT_TEMPERATURE: f64 = 22.0;
/// How much warmer than the hall a healthy machine gets at nominal speed, in degrees.
const NOMINAL_WARMING: f64 = 23.0;
/// How much warmer the machine gets for each multiple of the healthy vibration, in degrees.
const FAULT_WARMING: f64 = 6.0;
/// Time constant of the housing, in seconds.
const THERMAL_INERTIA: f64 = 20.0;
/// Parts made per second at nominal speed.
const NOMINAL_PART_RATE: f64 = 2.0;
/// Deviation from the setpoint, in revolutions per minute, within which the machine counts as up to speed.
const UP_TO_SPEED: f64 = 15.0;

/// How often the bearing fails and how a fault goes.
///
/// With the defaults the first fault begins after 20 s and the next ones every 18 to 24 s, so a watcher sees two or three
/// in a minute.
#[derive(Debug, Clone, PartialEq)]
pub struct MachineOptions {
    /// The speed setpoint at the start, in revolutions per minute (0 to 3000); the machine starts at that speed.
    pub initial_setpoint: i16,
    /// Running time before the first fault; `None`: the bearing fails only by [`Machine::start_fault`].
    pub first_fault_after: Option<Duration>,
    /// Running time between a repair and the next fault, on average; it varies by a quarter.
    pub time_between_faults: Duration,
    /// How long vibration grows after a fault began.
    pub fault_growth: Duration,
    /// How long vibration stays at its peak (2 to 4 times the healthy value) before the bearing is replaced.
    pub fault_hold: Duration,
}

impl Default for MachineOptions {
    fn default() -> Self {
        Self {
            initial_setpoint: 1500,
            first_fault_after: Some(Duration::from_secs(20)),
            time_between_faults: Duration::from_secs(12),
            fault_growth: Duration::from_secs(5),
            fault_hold: Duration::from_secs(4),
        }
    }
}

/// What the machine's sensors and counters show.
#[derive(Debug, Clone, PartialEq)]
pub struct Readings {
    /// Vibration of the bearing, root mean square, in mm/s; never negative.
    pub vibration: f32,
    /// Temperature of the housing, in degrees Celsius.
    pub temperature: f32,
    /// Speed, in revolutions per minute; never negative.
    pub speed: f32,
    /// Whether the shaft turns.
    pub running: bool,
    /// Parts made since the start; wraps around at the end of its range.
    pub part_counter: u32,
    /// `Standstill`, `Accelerating`, `Decelerating`, `Running` or, while the alarm bit is set, `Alarm`.
    pub state: &'static str,
}

/// Where the bearing is between new and broken. Times are running times in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bearing {
    Healthy { left: f64 },
    Failing { since: f64, peak: f64 },
}

/// The simulated machine. The same seed, options and calls give the same readings.
#[derive(Debug, Clone)]
pub struct Machine {
    options: MachineOptions,
    noise: ChaCha8Rng,
    setpoint: i16,
    vibration_alarm: bool,
    speed: f64,
    temperature: f64,
    parts: f64,
    part_counter: u32,
    bearing: Bearing,
    readings: Readings,
}

impl Machine {
    /// A healthy machine that has been running at its initial setpoint for long.
    pub fn new(options: MachineOptions, seed: u64) -> Self {
        let setpoint = options.initial_setpoint.clamp(0, MAXIMUM_SPEED);
        let speed = f64::from(setpoint);
        let left = options.first_fault_after.map_or(f64::INFINITY, |time| time.as_secs_f64());
        let mut machine = Self {
            options,
            noise: ChaCha8Rng::seed_from_u64(seed),
            setpoint,
            vibration_alarm: false,
            speed,
            temperature: steady_temperature(speed, 1.0),
            parts: 0.0,
            part_counter: 0,
            bearing: Bearing::Healthy { left },
            readings: Readings {
                vibration: 0.0,
                temperature: 0.0,
                speed: 0.0,
                running: false,
                part_counter: 0,
                state: "Standstill",
            },
        };
        machine.readings = machine.measure();
        machine
    }

    /// Lets `dt` pass.
    pub fn step(&mut self, dt: Duration) {
        let seconds = dt.as_secs_f64();
        self.speed = approach(self.speed, f64::from(self.setpoint), seconds, SPEED_INERTIA);
        if self.setpoint == 0 && self.speed < 1.0 {
            self.speed = 0.0;
        }
        if self.is_running() {
            self.wear(seconds);
        }
        let warm = steady_temperature(self.speed, self.fault_factor());
        self.temperature = approach(self.temperature, warm, seconds, THERMAL_INERTIA);
        self.make_parts(seconds);
        self.readings = self.measure();
    }

    /// What the sensors showed at the end of the last step.
    pub fn readings(&self) -> &Readings {
        &self.readings
    }

    /// The speed setpoint, in revolutions per minute.
    pub fn speed_setpoint(&self) -> i16 {
        self.setpoint
    }

    /// Sets the speed to reach, in revolutions per minute; a value beyond 0 to 3000 is brought back into that range.
    pub fn set_speed_setpoint(&mut self, setpoint: i16) {
        self.setpoint = setpoint.clamp(0, MAXIMUM_SPEED);
    }

    /// Sets the alarm bit, which the state then shows; the machine runs on.
    pub fn set_vibration_alarm(&mut self, alarm: bool) {
        self.vibration_alarm = alarm;
    }

    /// Lets the bearing begin to fail now, if it is healthy.
    pub fn start_fault(&mut self) {
        if let Bearing::Healthy { .. } = self.bearing {
            let peak = self.noise.random_range(2.2..4.0);
            self.bearing = Bearing::Failing { since: 0.0, peak };
        }
    }

    /// Replaces the bearing; the next fault, if any, comes in its time.
    pub fn repair(&mut self) {
        let left = if self.options.first_fault_after.is_some() {
            self.options.time_between_faults.as_secs_f64() * self.noise.random_range(0.75..1.25)
        } else {
            f64::INFINITY
        };
        self.bearing = Bearing::Healthy { left };
    }

    /// Whether the bearing is failing, which no sensor shows directly.
    pub fn is_failing(&self) -> bool {
        matches!(self.bearing, Bearing::Failing { .. })
    }

    fn is_running(&self) -> bool {
        self.speed >= 1.0
    }

    /// Moves the bearing through its life by `seconds` of running time.
    fn wear(&mut self, seconds: f64) {
        match &mut self.bearing {
            Bearing::Healthy { left } => {
                *left -= seconds;
                if *left <= 0.0 {
                    self.start_fault();
                }
            }
            Bearing::Failing { since, .. } => {
                *since += seconds;
                if *since > (self.options.fault_growth + self.options.fault_hold).as_secs_f64() {
                    self.repair();
                }
            }
        }
    }

    /// How many times the healthy vibration the bearing makes now: 1 to 4.
    fn fault_factor(&self) -> f64 {
        match self.bearing {
            Bearing::Healthy { .. } => 1.0,
            Bearing::Failing { since, peak } => {
                let growth = self.options.fault_growth.as_secs_f64();
                let grown = if since < growth { since / growth } else { 1.0 };
                // Damage feeds on itself, so vibration grows exponentially.
                peak.powf(grown)
            }
        }
    }

    fn make_parts(&mut self, seconds: f64) {
        self.parts += self.speed / NOMINAL_SPEED * NOMINAL_PART_RATE * seconds;
        let whole = self.parts.floor();
        self.parts -= whole;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole parts of one step are few")]
        let made = whole as u32;
        self.part_counter = self.part_counter.wrapping_add(made);
    }

    #[expect(clippy::cast_possible_truncation, reason = "a PLC's Real has 32 bits")]
    fn measure(&mut self) -> Readings {
        let load = self.speed / NOMINAL_SPEED;
        let healthy = 0.05 + (NOMINAL_VIBRATION - 0.05) * load.powf(1.5) + VIBRATION_NOISE * load * self.noise();
        let speed_noise = if self.is_running() { 1.5 * self.noise() } else { 0.0 };
        Readings {
            vibration: (healthy * self.fault_factor()).max(0.0) as f32,
            temperature: (self.temperature + 0.1 * self.noise()) as f32,
            speed: (self.speed + speed_noise).max(0.0) as f32,
            running: self.is_running(),
            part_counter: self.part_counter,
            state: self.state(),
        }
    }

    fn state(&self) -> &'static str {
        let ahead = f64::from(self.setpoint) - self.speed;
        if self.vibration_alarm {
            "Alarm"
        } else if ahead > UP_TO_SPEED {
            "Accelerating"
        } else if ahead < -UP_TO_SPEED {
            "Decelerating"
        } else if self.is_running() {
            "Running"
        } else {
            "Standstill"
        }
    }

    /// Bell-shaped noise from -1 to 1, with a standard deviation of a third.
    fn noise(&mut self) -> f64 {
        (0..3).map(|_| self.noise.random_range(-1.0..=1.0)).sum::<f64>() / 3.0
    }
}

/// `value` on its way to `target` after `seconds`, with the given time constant.
fn approach(value: f64, target: f64, seconds: f64, time_constant: f64) -> f64 {
    target + (value - target) * (-seconds / time_constant).exp()
}

fn steady_temperature(speed: f64, fault_factor: f64) -> f64 {
    let load = speed / NOMINAL_SPEED;
    AMBIENT_TEMPERATURE + NOMINAL_WARMING * load + FAULT_WARMING * (fault_factor - 1.0) * load
}

#[cfg(test)]
mod tests;
