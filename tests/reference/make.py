"""Writes the reference values for the trends: Mann-Kendall tests, and how probable explanations of series are.

    python3 -m venv venv
    venv/bin/pip install numpy==2.4.6 scipy==1.17.1 pymannkendall==1.4.3
    venv/bin/python make.py > series.json
    venv/bin/python make.py explanations > explanations.json

Every series is a step's durations in seconds (y) at the times of its deployments in weeks (x), in order of start, so x
never falls. The tests are those of pymannkendall. The explanations are computed with whole covariance matrices, where the
server filters.
The seeds are fixed and the numbers are rounded to a millionth, so a second run writes the same series.
"""

import json
import math
import sys

import numpy as np
import pymannkendall
from scipy import optimize, special, stats

SERIES = []
WEEKS = 13.0


def add(name, x, y):
    """Adds a series, with its numbers rounded to a millionth."""
    x = [round(float(value), 6) for value in x]
    y = [round(float(value), 6) for value in y]
    assert len(x) == len(y), name
    assert all(before <= after for before, after in zip(x, x[1:])), name
    assert all(name != series[0] for series in SERIES), name
    SERIES.append((name, x, y))


def even(n):
    """n deployments, equally spaced over the weeks."""
    return np.linspace(0.0, WEEKS, n)


def irregular(rng, n):
    """n deployments at random times."""
    return np.sort(rng.uniform(0.0, WEEKS, n))


def autoregressive(rng, n, weight, scale):
    """AR(1) noise: every value keeps a part of the one before."""
    values = []
    value = 0.0
    for shock in rng.normal(0.0, scale, n):
        value = weight * value + shock
        values.append(value)
    return np.array(values)


def lengths():
    """The shortest series, those around ten points, and a long one."""
    add("two points, rising", [0, 1], [60, 75])
    add("two points, falling", [0, 2.5], [75.5, 60.25])
    add("two points, equal", [0, 1], [60, 60])
    add("three points, rising", [0, 1, 2], [60, 61.5, 64])
    add("three points, a peak", [0, 0.5, 2], [60, 90, 62])
    add("four points, irregular", [0, 0.25, 3, 3.125], [10.5, 12, 11.75, 14])
    add("four points, two equal", [0, 1, 2, 3], [10, 12, 12, 9])
    add("five points, rising", [0, 1, 2, 3, 4], [30, 31, 33, 36, 40])
    add("five points, noise", [0, 0.7, 1.1, 3.9, 4], [30.2, 29.7, 33.1, 28.4, 30.9])
    for n in (6, 7, 8, 9, 10, 11, 12):
        rng = np.random.default_rng(100 + n)
        x = irregular(rng, n)
        add(f"{n} points, slow growth", x, 120 + 2 * x + rng.normal(0, 6, n))
    for n in (9, 10, 11):
        rng = np.random.default_rng(200 + n)
        add(f"{n} points, noise, equal spacing", even(n), rng.normal(120, 10, n))
        add(f"{n} points, whole seconds", even(n), np.round(rng.normal(12, 2, n)))
    rng = np.random.default_rng(400)
    x = irregular(rng, 400)
    add("400 points, growth and noise", x, 300 + 1.5 * x + rng.normal(0, 15, 400))
    add("400 points, no growth, whole seconds", x, np.round(rng.normal(20, 3, 400)))


def shapes():
    """The ways in which a duration changes."""
    rng = np.random.default_rng(1)
    x = irregular(rng, 40)
    add("exact line, rising", even(14), 60 + 2 * even(14))
    add("exact line, falling", even(14), 60 - 2 * even(14))
    add("increasing, irregular", x, 200 + 5 * x + rng.normal(0, 4, 40))
    add("decreasing, irregular", x, 200 - 5 * x + rng.normal(0, 4, 40))
    add("noise, irregular", x, rng.normal(200, 20, 40))
    add("tiny slope, large noise", x, 500 + 0.001 * x + rng.normal(0, 100, 40))
    add("exponential growth", x, 30 * np.exp(0.12 * x) * rng.lognormal(0, 0.05, 40))
    add("exponential growth, no noise", even(20), 2 * np.exp(0.25 * even(20)))
    add("step change, up", x, np.where(x < 6, 100, 160) + rng.normal(0, 3, 40))
    add("step change, down, at the end", x, np.where(x < 12, 100, 40) + rng.normal(0, 3, 40))
    add("step change, no noise", even(21), np.where(even(21) < 6, 100, 160))
    add("saw-tooth, level", even(36), 50 + 5 * (np.arange(36) % 6))
    add("saw-tooth, rising", even(36), 50 + 5 * (np.arange(36) % 6) + even(36))
    add("sorted in reverse", x, np.sort(rng.gamma(3, 40, 40))[::-1])
    add("sorted", x, np.sort(rng.gamma(3, 40, 40)))
    add("AR(1) noise, no trend", x, 150 + autoregressive(rng, 40, 0.7, 8))
    add("AR(1) noise, rising", x, 150 + 3 * x + autoregressive(rng, 40, 0.7, 8))
    add("AR(1) noise, strong", even(120), 150 + autoregressive(rng, 120, 0.95, 4))
    add("half a millisecond, in whole microseconds", x, 0.0005 + 0.00001 * x + rng.normal(0, 0.00005, 40))
    add("whole minutes with microseconds", x, 60 * rng.integers(3, 7, 40) + rng.integers(0, 1000, 40) / 1e6)
    burst = np.sort(np.concatenate([week + rng.uniform(0, 0.05, 6) for week in (0, 1, 5, 13)]))
    add("bursts of deployments, weeks apart", burst, 80 + burst + rng.normal(0, 2, 24))
    seconds_apart = np.cumsum(rng.integers(1, 5, 20)) * 0.000002
    add("deployments seconds apart", seconds_apart, rng.normal(80, 2, 20))


def outliers():
    """One value a thousand times the others."""
    for place, at in (("at the start", 0), ("in the middle", 12), ("at the end", 24)):
        rng = np.random.default_rng(300 + at)
        x = irregular(rng, 25)
        y = 45 + 0.8 * x + rng.normal(0, 1, 25)
        y[at] *= 1000
        add(f"outlier of 1000 times, {place}", x, y)
    y = np.full(15, 45.0)
    y[7] = 45000
    add("outlier of 1000 times among equal values", even(15), y)


def ties_in_y():
    """Durations that are equal: whole seconds, few values, one value."""
    rng = np.random.default_rng(2)
    x = irregular(rng, 50)
    for n in (3, 9, 10, 50):
        add(f"constant, {n} points", x[:n], np.full(n, 17.25))
    add("whole seconds, rising", x, np.round(10 + 0.4 * x + rng.normal(0, 1.5, 50)))
    add("whole seconds, falling", x, np.round(20 - 0.4 * x + rng.normal(0, 1.5, 50)))
    add("whole seconds, falling, no noise", x, np.floor(20 - 0.7 * x))
    add("whole seconds, level", x, np.round(rng.normal(4, 0.8, 50)))
    add("two values, at random", x, rng.choice([3.0, 4.0], 50))
    add("two values, first one then the other", x, np.where(np.arange(50) < 20, 3.0, 4.0))
    add("two values, alternating", even(13), np.where(np.arange(13) % 2 == 0, 3.0, 4.0))
    add("constant but the last", even(12), [8.0] * 11 + [9.0])
    add("constant but the first", even(12), [9.0] + [8.0] * 11)


def ties_in_x():
    """Deployments that started at the same time, of which no slope is taken."""
    rng = np.random.default_rng(3)
    x = irregular(rng, 20)
    x[8] = x[7]
    add("two deployments at the same time", x, 90 + x + rng.normal(0, 3, 20))
    x = np.repeat([0.0, 1.5, 2.0, 6.25, 6.5, 13.0], [3, 1, 4, 2, 5, 3])
    add("groups at the same time, noise", x, rng.normal(90, 5, 18))
    add("groups at the same time, rising", x, 90 + 4 * x + rng.normal(0, 5, 18))
    add("groups at the same time, whole seconds", x, np.round(12 - 0.5 * x + rng.normal(0, 1, 18)))
    add("groups at the same time, sorted in reverse", x, np.sort(rng.normal(90, 5, 18))[::-1])
    add("three points, the first two at the same time", [0, 0, 1], [5, 7, 9])
    add("three points, the last two at the same time", [0, 1, 1], [5, 7, 4])
    add("two times only", [0.0] * 6 + [1.0] * 5, rng.normal(30, 4, 11))
    add("all but the last at the same time", [2.0] * 9 + [3.0], rng.normal(30, 4, 10))
    # Not all values are given for these.
    add("all at the same time", [2.0] * 6, [5, 9, 6, 7, 8, 10])
    add("all at the same time, constant", [2.0] * 6, [5.0] * 6)
    add("groups at the same time, constant", x, np.full(18, 12.0))
    add("pairs at the same time, constant but one", np.repeat(np.arange(5.0), 2), [6.0] * 9 + [7.0])
    add("all but one at the same time, all but one equal", [0, 1, 1, 1, 1], [6, 6, 6, 6, 8])


def ranks():
    """Where the rounding of the ranks of the interval matters.

    The ranks are (slopes +- z * sigma) / 2, rounded, a half to the even number. An exact half needs an odd number of
    slopes and a sigma of zero: either all y are equal, or the ties in x and y together happen to cancel the variance.
    """
    below_half = (10, 21, 38, 55, 74, 156, 245)
    above_half = (19, 24, 27, 35, 39, 76, 209, 233, 234)
    for n in sorted(below_half + above_half):
        rng = np.random.default_rng(1000 + n)
        x = irregular(rng, n)
        side = "below" if n in below_half else "above"
        add(f"upper rank just {side} a half, {n} points", x, 60 + 0.5 * x + rng.normal(0, 8, n))
    for n in (24, 27, 35):
        rng = np.random.default_rng(2000 + n)
        x = irregular(rng, n)
        y = 60 - 0.5 * x + rng.normal(0, 8, n)
        y[n - 1] = y[3]
        add(f"upper rank just below a half by one tie in y, {n} points", x, y)
    rng = np.random.default_rng(2046)
    x = irregular(rng, 46)
    x[30] = x[31]
    add("upper rank just below a half by one tie in x, 46 points", x, 60 + 0.5 * x + rng.normal(0, 8, 46))

    # Sigma is zero: 22 points with 21 at the same time, and y in groups of 9, 8, 3, 1 and 1. Of 21 slopes the ranks
    # are 10.5, which is rounded to 10 and not to 11.
    x = [0.0] * 21 + [1.0]
    add("ranks of exactly 10.5, seen in low", x, [19.0] * 9 + [18.0] + [17.0] * 8 + [15.0] * 3 + [20.0])
    add("ranks of exactly 10.5, seen in high", x, [19.0] * 8 + [18.0] * 3 + [17.0] * 9 + [15.0] + [20.0])
    # Sigma is zero: 26 points with 25 at the same time, and y in groups of 12, 4, 3 and seven single values.
    x = [0.0] * 25 + [1.0]
    y = [29.0] * 4 + [28.0] * 3 + [27.0, 26.0, 25.0, 24.0, 23.0, 22.0] + [21.0] * 12 + [30.0]
    add("ranks of exactly 12.5, seen in low and high", x, y)


def number(value):
    """A float, or None for nan and infinity."""
    value = float(value)
    return value if math.isfinite(value) else None


def values(y):
    """What pymannkendall says of a series."""
    test = pymannkendall.original_test(y)
    return {
        "s": number(test.s),
        "var_s": number(test.var_s),
        "z": number(test.z),
        "p": number(test.p),
        "tau": number(test.Tau),
    }


def written(name, x, y):
    """A series as four lines of JSON: its name, x, y, and the values."""
    members = json.dumps(values(y), allow_nan=False)
    return (
        f'{{"name": {json.dumps(name)},\n'
        f'"x": {json.dumps(x)},\n'
        f'"y": {json.dumps(y)},\n'
        f"{members[1:]}"
    )


# The noises of the server: the shares that wander, and the time scales as shares of the span.
SHARES = (0.15, 0.35, 0.6, 0.85, 0.97)
SCALES = tuple(0.1 / 2**nth for nth in range(5))
INDEPENDENT = 0.9
LEAST_VARIANCE = 1e-6
NEGLIGIBLE = 1e-3


def noises(span):
    """Each noise: its share, its time scale, and how probable it is beforehand."""
    yield 0.0, span, INDEPENDENT
    for share in SHARES:
        for scale in SCALES:
            yield share, span * scale, (1.0 - INDEPENDENT) / (len(SHARES) * len(SCALES))


def squares(inverse, columns, y):
    """The squares that least squares with a covariance leave, the coefficients, and their unscaled covariance."""
    covariance = np.linalg.inv(columns.T @ inverse @ columns)
    coefficients = covariance @ columns.T @ inverse @ y
    rest = y - columns @ coefficients
    return float(rest @ inverse @ rest), coefficients, covariance


def explanation(x, y, jumps, line):
    """The logarithm of the evidence, and the quantiles of the slope, of logarithms y at weeks x."""
    x, y = np.asarray(x), np.asarray(y)
    n = len(x)
    constant = np.ones((n, 1))
    parts = [x] if line else []
    parts += [(np.arange(n) >= at).astype(float) for at in jumps]
    columns = np.column_stack([constant[:, 0], *parts])
    freedom = n - 1 - len(parts)
    logs, slopes = [], []
    for share, scale, prior in noises(x[-1]):
        covariance = share * np.exp(-np.abs(x[:, None] - x[None, :]) / scale) + (1.0 - share) * np.eye(n)
        inverse = np.linalg.inv(covariance)
        whole = squares(inverse, constant, y)[0] + n * LEAST_VARIANCE
        rest, coefficients, unscaled = squares(inverse, columns, y)
        rest = max(rest, 0.0) + n * LEAST_VARIANCE
        log = math.log(prior) - 0.5 * np.linalg.slogdet(covariance)[1] - 0.5 * math.log(inverse.sum())
        log -= 0.5 * len(parts) * math.log(1 + n) + 0.5 * (n - 1) * math.log((whole + n * rest) / (1 + n))
        logs.append(log)
        if line:
            slopes.append((coefficients[1], math.sqrt(rest / freedom * unscaled[1, 1])))
    evidence = special.logsumexp(logs)
    found = {"evidence": float(evidence)}
    if line:
        weights = np.exp(np.asarray(logs) - evidence)
        kept = [(*slope, weight) for slope, weight in zip(slopes, weights) if weight >= NEGLIGIBLE]
        total = sum(weight for _, _, weight in kept)

        def below(value):
            return sum(weight * stats.t.cdf((value - slope) / error, freedom) for slope, error, weight in kept) / total

        low = min(slope - 15 * error for slope, error, _ in kept)
        high = max(slope + 15 * error for slope, error, _ in kept)
        for name, share in (("low", 0.025), ("slope", 0.5), ("high", 0.975)):
            found[name] = float(optimize.brentq(lambda value: below(value) - share, low, high, xtol=1e-13))
    return found


def explanations():
    """Series of logarithms with the explanations that are weighed, one on each line."""
    kinds = {
        "independent": lambda rng, n: rng.normal(0, 0.3, n),
        "autoregressive": lambda rng, n: autoregressive(rng, n, 0.6, 0.2),
        "strongly autoregressive": lambda rng, n: autoregressive(rng, n, 0.95, 0.05),
        "two levels": lambda rng, n: 0.5 * (np.arange(n) // 9 % 2) + rng.normal(0, 0.1, n),
        "hardly any": lambda rng, n: rng.normal(0, 1e-4, n),
    }
    for seed, (kind, noise) in enumerate(kinds.items()):
        for n in (12, 40, 120):
            rng = np.random.default_rng(5000 + 10 * seed + n)
            x = irregular(rng, n)
            x = x - x[0]
            y = 5.7 + 0.03 * x + np.where(np.arange(n) >= n // 3, 0.2, 0.0) + noise(rng, n)
            x = [round(float(value), 6) for value in x]
            y = [round(float(value), 6) for value in y]
            for jumps, line in (([], False), ([], True), ([n // 3], False), ([n // 3, n // 2], True)):
                yield {"name": f"{kind}, {n} points", "x": x, "y": y, "jumps": jumps, "line": line} | explanation(
                    x, y, jumps, line
                )


def main():
    if sys.argv[1:] == ["explanations"]:
        sys.stdout.write("[\n" + ",\n".join(json.dumps(one, allow_nan=False) for one in explanations()) + "\n]\n")
        return
    lengths()
    shapes()
    outliers()
    ties_in_y()
    ties_in_x()
    ranks()
    sys.stdout.write("[\n" + ",\n".join(written(*series) for series in SERIES) + "\n]\n")


if __name__ == "__main__":
    main()
