//! Scoring a row takes no memory from the heap: at 10,000 values a second an allocator is what one pays for.

use crate::plant::{Plant, defaults};
use allocation_counter::measure;
use tagwise_model::{Registry, Time};

#[test]
fn the_counter_counts() {
    let counted = measure(|| drop(std::hint::black_box(vec![1_u8; 100])));
    assert!(counted.count_total > 0);
}

#[test]
fn no_kind_allocates_while_it_observes_explains_or_learns() {
    let registry = Registry::builtin();
    for kind in registry.names() {
        for channels in [1, 8] {
            let mut plant = Plant::new(channels, 3);
            let mut model = defaults(kind).fit(&registry, plant.rows(400)).unwrap();
            let mut state = model.initial_state();
            let mut shares = vec![0.0; channels];
            for second in 0..600_i64 {
                let mut row = plant.row();
                if second % 50 == 0 {
                    row[0] += 100.0;
                }
                let t = Time(second * 1_000_000);
                let counted = measure(|| {
                    let assessment = if second % 2 == 0 {
                        model.observe_explaining(&mut state, &row, t, &mut shares)
                    } else {
                        model.observe(&mut state, &row, t)
                    };
                    if let Ok(assessment) = assessment {
                        model.learn(&state, &assessment, t);
                    }
                });
                assert_eq!(counted.count_total, 0, "{kind}, {channels} channels, row {second}");
            }
        }
    }
}
