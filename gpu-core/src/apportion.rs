//! [`apportion`]: a whole spread over parts, so that nothing is lost or made.

/// Spreads `total` in proportion to `weights`, in integers: the parts add up to `total` exactly.
///
/// Each part is rounded down, and what is left goes, one each, to those that lost most by it (the
/// largest remainder); among equals, to the first. Without any weight there is nobody to give to,
/// and every part is 0.
///
/// ```
/// use gpu_core::apportion;
/// assert_eq!(apportion(100, &[1, 1, 1]), [34, 33, 33]);
/// assert_eq!(apportion(7, &[0, 5, 5]), [0, 4, 3]);
/// assert_eq!(apportion(7, &[0, 0]), [0, 0]);
/// ```
#[must_use]
pub fn apportion(total: u64, weights: &[u64]) -> Vec<u64> {
    let whole: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    if whole == 0 {
        return vec![0; weights.len()];
    }
    let share = |weight: u64| u128::from(total) * u128::from(weight);
    // A part is never more than the total: weights are at most their sum.
    let part = |weight: u64| u64::try_from(share(weight) / whole).unwrap_or(total);
    let mut parts: Vec<u64> = weights.iter().map(|weight| part(*weight)).collect();
    let given: u64 = parts.iter().sum();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|at| (core::cmp::Reverse(share(weights[*at]) % whole), *at));
    // What rounding left is less than one for each part with a remainder.
    let left = usize::try_from(total - given).unwrap_or(usize::MAX);
    for at in order.into_iter().take(left) {
        parts[at] += 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every total and every three weights up to 12: nothing lost, nobody more than one away from
    /// his due, nobody without weight given anything.
    #[test]
    fn parts_add_up_and_are_fair() {
        for total in 0..=12 {
            for (a, b, c) in (0..13 * 13 * 13).map(|n| (n % 13, n / 13 % 13, n / 169)) {
                let weights = [a, b, c];
                let parts = apportion(total, &weights);
                let whole: u64 = weights.iter().sum();
                assert_eq!(
                    parts.iter().sum::<u64>(),
                    if whole == 0 { 0 } else { total },
                    "{total} {weights:?}"
                );
                for (part, weight) in parts.iter().zip(weights) {
                    assert!(
                        (part * whole).abs_diff(total * weight) < whole.max(1),
                        "{total} {weights:?} {parts:?}"
                    );
                    assert!(weight > 0 || *part == 0, "{total} {weights:?} {parts:?}");
                }
            }
        }
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let parts = apportion(u64::MAX, &[u64::MAX, u64::MAX, 1]);
        assert_eq!(parts.iter().map(|part| u128::from(*part)).sum::<u128>(), u128::from(u64::MAX));
        assert_eq!(apportion(u64::MAX, &[u64::MAX]), [u64::MAX]);
        assert_eq!(apportion(5, &[]), Vec::<u64>::new());
    }
}
