//! What the machine does over seconds and minutes.

use proptest::prelude::*;

use super::*;

const TICK: Duration = Duration::from_millis(100);

fn machine_without_faults() -> Machine {
    Machine::new(MachineOptions { first_fault_after: None, ..MachineOptions::default() }, 7)
}

fn run(machine: &mut Machine, seconds: usize) -> Vec<Readings> {
    (0..seconds * 10)
        .map(|_| {
            machine.step(TICK);
            machine.readings().clone()
        })
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_readings_and_another_seed_others() {
    let readings = |seed| run(&mut Machine::new(MachineOptions::default(), seed), 60);
    assert_eq!(readings(1), readings(1));
    assert_ne!(readings(1), readings(2));
}

#[test]
fn a_healthy_machine_at_nominal_speed_vibrates_at_about_two_and_a_half() {
    let all = run(&mut machine_without_faults(), 120);
    let mean = all.iter().map(|reading| f64::from(reading.vibration)).sum::<f64>() / all.len() as f64;
    assert!((2.45..2.55).contains(&mean), "mean {mean}");
    for reading in all {
        assert!((2.1..=2.9).contains(&reading.vibration), "{reading:?}");
        assert!((44.0..46.0).contains(&reading.temperature), "{reading:?}");
        assert_eq!(reading.state, "Running");
    }
}

#[test]
fn speed_follows_the_setpoint_within_a_few_seconds_and_vibration_follows_speed() {
    let mut machine = machine_without_faults();
    machine.set_speed_setpoint(3000);
    machine.step(TICK);
    assert!(machine.readings().speed < 1800.0, "speed must not jump");
    assert_eq!(machine.readings().state, "Accelerating");
    let last = run(&mut machine, 10).pop().unwrap();
    assert!((2990.0..3010.0).contains(&last.speed), "{last:?}");
    assert!(last.vibration > 5.0, "{last:?}");

    machine.set_speed_setpoint(0);
    let last = run(&mut machine, 30).pop().unwrap();
    assert_eq!((last.running, last.state), (false, "Standstill"));
    assert!(last.speed < 0.1 && last.vibration < 0.1, "{last:?}");
}

#[test]
fn a_fault_at_least_doubles_vibration_and_is_repaired() {
    let mut machine = machine_without_faults();
    machine.start_fault();
    let peak = run(&mut machine, 9).iter().map(|reading| reading.vibration).fold(0.0, f32::max);
    assert!((4.5..12.0).contains(&peak), "peak {peak}");
    run(&mut machine, 1);
    assert!(!machine.is_failing());
    assert!(machine.readings().vibration < 3.0);
    run(&mut machine, 600);
    assert!(!machine.is_failing(), "no fault comes by itself");
}

#[test]
fn a_watcher_sees_two_faults_begin_in_the_first_minute() {
    for seed in 0..50 {
        let mut machine = Machine::new(MachineOptions::default(), seed);
        let mut faults = 0;
        for _ in 0..600 {
            let failed_before = machine.is_failing();
            machine.step(TICK);
            faults += usize::from(machine.is_failing() && !failed_before);
        }
        assert!((2..=3).contains(&faults), "seed {seed}: {faults} faults");
    }
}

#[test]
fn parts_are_counted_and_stand_still_with_the_machine() {
    let mut machine = machine_without_faults();
    let minute = run(&mut machine, 60).pop().unwrap().part_counter;
    assert!((119..=121).contains(&minute), "two a second, not {minute} a minute");
    machine.set_speed_setpoint(0);
    let stopped = run(&mut machine, 30).pop().unwrap().part_counter;
    assert_eq!(run(&mut machine, 30).pop().unwrap().part_counter, stopped);
}

#[test]
fn the_alarm_bit_shows_in_the_state() {
    let mut machine = machine_without_faults();
    machine.set_vibration_alarm(true);
    machine.step(TICK);
    assert_eq!(machine.readings().state, "Alarm");
    machine.set_vibration_alarm(false);
    machine.step(TICK);
    assert_eq!(machine.readings().state, "Running");
}

proptest! {
    #[test]
    fn readings_stay_finite_and_in_range_whatever_is_set(
        seed: u64,
        steps in prop::collection::vec((any::<i16>(), any::<bool>(), 0_u64..100_000), 1..50),
    ) {
        let mut machine = Machine::new(MachineOptions::default(), seed);
        for (setpoint, fault, milliseconds) in steps {
            machine.set_speed_setpoint(setpoint);
            if fault {
                machine.start_fault();
            }
            machine.step(Duration::from_millis(milliseconds));
            let readings = machine.readings();
            prop_assert!((0.0..=40.0).contains(&readings.vibration), "{readings:?}");
            prop_assert!((0.0..=3010.0).contains(&readings.speed), "{readings:?}");
            prop_assert!((20.0..=120.0).contains(&readings.temperature), "{readings:?}");
        }
    }
}
