//! More memory after an out-of-memory kill.

use arcane_plugin_sdk::{Failure, Quantity};

use crate::config::OutOfMemory;

/// The run needed more memory than it had.
pub fn was_short(settings: &OutOfMemory, failure: &Failure) -> bool {
    failure.is_out_of_memory()
        || failure
            .exit_code
            .is_some_and(|code| settings.exit_codes.contains(&code))
}

/// What a run is given that has `base` at first, after so many restarts for want of memory: never
/// less than `base`, and beyond it no more than the maximum.
pub fn after(settings: &OutOfMemory, base: Quantity, restarts: u32) -> Quantity {
    let mut grown = base;
    for _ in 0..restarts.min(settings.attempts) {
        grown = grown.scaled(100 + settings.grow_percent, 100);
    }
    if restarts > 0 {
        grown = grown.rounded_up_to(Quantity::mebi(1));
    }
    match settings.maximum {
        Some(maximum) => grown.min(maximum).max(base),
        None => grown,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grown(settings: &OutOfMemory, base: &str) -> Vec<String> {
        let base = base.parse().unwrap();
        (0..5)
            .map(|restarts| after(settings, base, restarts).to_string())
            .collect()
    }

    #[test]
    fn each_restart_gives_half_as_much_again_up_to_the_third() {
        let grown = grown(&OutOfMemory::default(), "1Gi");
        assert_eq!(grown, ["1Gi", "1536Mi", "2304Mi", "3456Mi", "3456Mi"]);
    }

    #[test]
    fn growth_ends_at_the_maximum() {
        let settings = OutOfMemory {
            grow_percent: 100,
            maximum: Some("3Gi".parse().unwrap()),
            ..OutOfMemory::default()
        };
        assert_eq!(grown(&settings, "1Gi"), ["1Gi", "2Gi", "3Gi", "3Gi", "3Gi"]);
    }

    #[test]
    fn a_template_that_gives_more_than_the_maximum_keeps_what_it_gives() {
        let settings = OutOfMemory {
            maximum: Some("1Gi".parse().unwrap()),
            ..OutOfMemory::default()
        };
        assert_eq!(grown(&settings, "2Gi"), ["2Gi"; 5]);
    }

    #[test]
    fn a_kill_by_the_kernel_and_a_configured_exit_code_are_want_of_memory() {
        let settings = OutOfMemory {
            exit_codes: vec![3],
            ..OutOfMemory::default()
        };
        let short = |exit_code, container_reason: Option<&str>| {
            let container_reason = container_reason.map(str::to_owned);
            let failure = Failure {
                exit_code,
                container_reason,
                ..Failure::default()
            };
            was_short(&settings, &failure)
        };
        assert!(short(Some(137), Some("OOMKilled")));
        assert!(short(Some(1), Some("OOMKilled")));
        assert!(short(Some(3), Some("Error")));
        assert!(!short(Some(137), Some("Error")));
        assert!(!short(Some(1), None));
        assert!(!short(None, None));
    }

    proptest! {
        #[test]
        fn memory_never_shrinks_and_stays_below_its_maximum(
            mebi in 1..1_000_000_u64,
            maximum in prop::option::of(1..1_000_000_u64),
            grow_percent in 1..=1_000_u32,
            attempts in 0..=5_u32,
            restarts in 0..10_u32,
        ) {
            let base = Quantity::mebi(mebi);
            let maximum = maximum.map(Quantity::mebi);
            let settings = OutOfMemory { attempts, grow_percent, maximum, ..OutOfMemory::default() };
            let before = after(&settings, base, restarts);
            let later = after(&settings, base, restarts + 1);
            prop_assert!(base <= before && before <= later);
            if let Some(maximum) = maximum {
                prop_assert!(later <= maximum.max(base));
            } else if restarts < attempts {
                prop_assert!(before < later);
            }
        }
    }
}
