//! [`apportion`]: a whole spread over parts, so that nothing is lost or made.

use core::cmp::Reverse;

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
    let mut parts = Vec::with_capacity(weights.len());
    apportion_into(total, weights, &mut parts, &mut Vec::new());
    parts
}

/// The same into lists that are used again: what they held is gone. `rests` is for this alone.
pub(crate) fn apportion_into(
    total: u64,
    weights: &[u64],
    parts: &mut Vec<u64>,
    rests: &mut Vec<(Reverse<u128>, usize)>,
) {
    parts.clear();
    rests.clear();
    let whole: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    if whole == 0 {
        parts.resize(weights.len(), 0);
        return;
    }
    let mut given = 0;
    for (at, weight) in weights.iter().enumerate() {
        let product = u128::from(total) * u128::from(*weight);
        // A part is never more than the total: weights are at most their sum.
        let part = u64::try_from(product / whole).unwrap_or(total);
        let rest = product % whole;
        parts.push(part);
        given += part;
        if rest != 0 {
            rests.push((Reverse(rest), at));
        }
    }
    // What rounding left is less than one for each part with a remainder.
    let left = usize::try_from(total - given).unwrap_or(usize::MAX);
    if left > 0 && left < rests.len() {
        rests.select_nth_unstable(left);
    }
    for (_, at) in rests.iter().take(left) {
        parts[*at] += 1;
    }
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
