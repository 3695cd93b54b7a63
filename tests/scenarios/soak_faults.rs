//! Each fault again and again against each stack, for longer than the short scenarios have time for.

use std::time::Duration;

use anyhow::Result;
use tagwise_tests::Stack;

use crate::{
    fault::Fault,
    fault_stand::{FaultStand, Outcome},
};

const ROUNDS: usize = 3;
/// How long a fault goes on after it has been noticed; with that, less than the servers keep a session.
const A_LONG_WHILE: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes some minutes; run by `cargo xtask soak`"]
async fn soak_of_faults_on_every_stack() -> Result<()> {
    let mut columns = Vec::new();
    for stack in Stack::ALL {
        let Some(mut stand) = FaultStand::set_up(stack).await? else { continue };
        let mut worst: Vec<Outcome> = Vec::new();
        for round in 0..ROUNDS {
            for (number, fault) in Fault::ALL.into_iter().enumerate() {
                let outcome = stand.suffer(fault, A_LONG_WHILE).await?;
                if round == 0 {
                    worst.push(outcome);
                } else {
                    worst[number] = worst[number].or_worse(outcome);
                }
            }
        }
        columns.push((stack, worst));
    }
    print(&columns);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the result")]
fn print(columns: &[(Stack, Vec<Outcome>)]) {
    println!("\nThe worst of {ROUNDS} rounds: seconds until data flowed again, values missing, sessions then");
    print!("{:<26}", "fault");
    for (stack, _) in columns {
        print!("{stack:>16}");
    }
    for (number, fault) in Fault::ALL.into_iter().enumerate() {
        print!("\n{:<26}", fault.name());
        for (_, worst) in columns {
            print!("{:>16}", worst[number].cell());
        }
    }
    println!();
}
