"""Route signatures: CPU time of signing and verifying, gas of proving, and the plot docs/figures/route-time.svg.

A CPU time is the best of sixty means, each over enough runs for 20 ms. Measurements alternate: other load on the core
can only make a run slower. The ratio to a single verification is the median of the rounds' ratios. A station's time
includes decoding and checking the state from the station before, and signing the 32-byte message; hashing the step
record to that message (EIP-712, eth-account) takes another 0.3 to 0.6 ms. Baselines in the same run: py_ecc, and one
secp256k1 signature per station by coincurve, which is faster and costs less gas but needs k signatures of 65 bytes
instead of one of 48. BPDMS's figures are as published.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figure import Figure
from bench.gas import deployed_chain
from bench.route_baselines import (
    BPDMS,
    BPDMS_FIRST_S,
    BPDMS_FURTHER_S,
    PY_ECC_STATIONS,
    PyEcc,
    Work,
    digest,
    ecdsa_gas,
    ecdsa_verification,
)
from chromatrace.chain import calls
from chromatrace.chain.client import Chain
from chromatrace.chain.routes import designed_route
from chromatrace.crypto.bls import ORDER, SecretKey, Signature, verify
from chromatrace.crypto.bls import PublicKey as StationKey
from chromatrace.crypto.route import (
    Profile,
    RouteDesign,
    RouteStation,
    SignedState,
    SignedStep,
    begin,
    key_words,
    origin,
    proof_of,
    proofs_of,
    prove_possession,
    sign_step,
    signature_words,
    subject_of,
    verify_state,
)
from chromatrace.crypto.route.state import RouteTrace
from chromatrace.crypto.step import Verifier
from chromatrace.domain.rights import RouteKind

ROOT = Path(__file__).resolve().parent.parent
PLOT = ROOT / "docs" / "figures" / "route-time.svg"
STATIONS = (1, 2, 5, 10, 20, 50)
SIGN_TARGET_MS = {Profile.EVM: 1.5, Profile.PAPER: 3.0}
SIGN_TARGET_SINGLES = {Profile.EVM: 1.5, Profile.PAPER: None}
"""Target for a machine on which pyblst verifies a signature in 1 ms, as a ratio, which is the same on every machine."""
VERIFY_TARGET_MS = {Profile.EVM: 1.2, Profile.PAPER: 2.4}
"""Per station plus one: pyblst's time, and twice that for values of GT, which the paper's link hashes."""
GAS_TARGET, GAS_TARGET_MANY = 540_000, 24_000
STEPS, SUBJECTS = 8, 64
ROUNDS, MEAN_OF_S = 60, 0.02

Progress = Callable[[str], None]


def rounds_ms(works: Mapping[str, Work], progress: Progress) -> dict[str, list[float]]:
    """Return the CPU milliseconds of each work in each of `ROUNDS` rounds.

    The works alternate: a minute of less host capacity affects all of them.
    """
    repetitions: dict[str, int] = {}
    for name, work in works.items():
        work()
        start = time.process_time()
        work()
        repetitions[name] = max(1, int(MEAN_OF_S / max(time.process_time() - start, 1e-6)))
    rounds: dict[str, list[float]] = {name: [] for name in works}
    for number in range(ROUNDS):
        progress(f"signing and verifying, round {number + 1} of {ROUNDS}")
        for name, work in works.items():
            start = time.process_time()
            for _ in range(repetitions[name]):
                work()
            rounds[name].append(1000 * (time.process_time() - start) / repetitions[name])
    return rounds


@dataclass(frozen=True)
class Line:
    """A design with the secret keys of its stations."""

    design: RouteDesign
    secrets: tuple[SecretKey, ...]

    @classmethod
    def of(cls, steps: int, profile: Profile, verifier: Verifier | None = None) -> Line:
        verifier = verifier or Verifier(31337, "0x" + "52" * 20)
        secrets = tuple(SecretKey(1 + int.from_bytes(digest(f"key {n}"), "big") % (ORDER - 1)) for n in range(steps))
        stations = tuple(
            RouteStation(f"station {n}", 1, secret.public_key, prove_possession(secret, 1, verifier))
            for n, secret in enumerate(secrets, 1)
        )
        return cls(RouteDesign(verifier, 1, "pane", 1, stations, profile=profile), secrets)

    def trace(self, subject: bytes) -> RouteTrace:
        trace, state, first = begin(self.design, subject), None, origin(self.design, subject)
        steps = []
        for step, secret in enumerate(self.secrets, 1):
            message = digest(f"record {step} of {subject.hex()}")
            state = sign_step(self.design, state, step, first, message, secret)
            steps.append(SignedStep(message, state))
        return RouteTrace(trace.route, subject, (), tuple(steps))


def decode(state: SignedState) -> Callable[[], SignedState]:
    """Return a function that decodes a state from its bytes, as the next station does."""
    aggregate, signature, signer = state.aggregate.data, state.signature.data, state.signer.data
    return lambda: SignedState(Signature(aggregate), state.link, Signature(signature), StationKey(signer))


def further(profile: Profile) -> Work:
    """Return the signing of one further station, the fifth."""
    line = Line.of(5, profile)
    trace = line.trace(digest("batch"))
    first, read = origin(line.design, trace.subject), decode(trace.steps[3].state)
    return lambda: sign_step(line.design, read(), 5, first, trace.messages[4], line.secrets[4])


def single_verification() -> Work:
    """Return the verification of one signature by pyblst, as a measure of the machine's speed."""
    secret = SecretKey(1 + int.from_bytes(digest("key 0"), "big") % (ORDER - 1))
    signature = secret.sign(digest("message"))
    return lambda: verify(secret.public_key, digest("message"), signature)


def first(profile: Profile) -> Work:
    """Return the signing of the first station."""
    line = Line.of(1, profile)
    start = origin(line.design, digest("batch"))
    return lambda: sign_step(line.design, None, 1, start, digest("record"), line.secrets[0])


def all_signing(profile: Profile, steps: int) -> Work:
    """Return the signing of one subject by all stations."""
    line = Line.of(steps, profile)
    return lambda: line.trace(digest("batch"))


def verification(profile: Profile, steps: int) -> Work:
    """Return the verification of a route of `steps` stations, from the bytes of the last state."""
    line = Line.of(steps, profile)
    trace = line.trace(digest("batch"))
    assert trace.state is not None
    read = decode(trace.state)
    return lambda: verify_state(line.design, trace.subject, trace.messages, read())


def cpu_figures(progress: Progress) -> list[Figure]:
    """Measure the times on this machine."""
    progress("py_ecc signs and verifies")
    py_ecc = PyEcc()
    slow_sign, slow_verify = py_ecc.sign_ms(), {steps: py_ecc.verify_ms(steps) for steps in PY_ECC_STATIONS}
    works = {f"ecdsa {steps}": ecdsa_verification(steps) for steps in (*STATIONS, STEPS)}
    works |= {
        "evm further": further(Profile.EVM),
        "single": single_verification(),
        "paper further": further(Profile.PAPER),
    }
    for profile in Profile:
        works[f"{profile} first"] = first(profile)
        works |= {f"{profile} verify {steps}": verification(profile, steps) for steps in (*STATIONS, STEPS)}
        works |= {f"{profile} all {steps}": all_signing(profile, steps) for steps in STATIONS}
    rounds = rounds_ms(works, progress)
    took = {name: min(times) for name, times in rounds.items()}
    figures = [figure for profile in Profile for figure in signing_figures(profile, rounds, took, slow_sign)]
    figures += [verifying_figure(profile, k, took, slow_verify[1]) for profile in Profile for k in (1, STEPS, 50)]
    progress("plot")
    plot(took, slow_verify)
    return figures


def signing_figures(
    profile: Profile, rounds: Mapping[str, Sequence[float]], took: Mapping[str, float], py_ecc_ms: float
) -> list[Figure]:
    """Return the figures of one station; `took` has the best of `rounds`."""
    route, station_ms = f"route, {profile} link", took[f"{profile} further"]
    name = f"{route}: one further station"
    pairs = zip(rounds[f"{profile} further"], rounds["single"], strict=True)
    singles = statistics.median(further_ms / single_ms for further_ms, single_ms in pairs)
    in_singles, target = f"{name}, in single verifications by pyblst on this machine", SIGN_TARGET_SINGLES[profile]
    first_ms = took[f"{profile} first"]
    return [
        Figure(
            f"{name} signs, including its check",
            station_ms,
            "ms CPU",
            "lower",
            SIGN_TARGET_MS[profile],
            "py_ecc",
            py_ecc_ms,
        ),
        Figure(in_singles, singles, "×", "lower", target),
        Figure(f"{name}, compared with BPDMS", station_ms, "ms CPU", "lower", None, BPDMS, 1000 * BPDMS_FURTHER_S),
        Figure(f"{route}: the first station signs", first_ms, "ms CPU", "lower", None, BPDMS, 1000 * BPDMS_FIRST_S),
    ]


def verifying_figure(profile: Profile, steps: int, took: Mapping[str, float], py_ecc_ms: float) -> Figure:
    """Return the figure of verifying a route; compared with py_ecc for one station only, because py_ecc is slow."""
    baseline = ("py_ecc", py_ecc_ms) if steps == 1 else ("ECDSA x k, coincurve", took[f"ecdsa {steps}"])
    name = f"route, {profile} link: verify {steps} station{'s' if steps > 1 else ''}"
    target = VERIFY_TARGET_MS[profile] * (steps + 1)
    return Figure(name, took[f"{profile} verify {steps}"], "ms CPU", "lower", target, *baseline)


def plot(took: Mapping[str, float], py_ecc: Mapping[int, float]) -> None:
    """Plot time against stations: all stations signing, and one verification."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "chromatrace"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.5, 4.8))

    def line(work: str, style: str, colour: str, label: str) -> None:
        axes.plot(STATIONS, [took[f"{work} {k}"] for k in STATIONS], style, color=colour, label=label)

    for profile, colour in ((Profile.EVM, "tab:blue"), (Profile.PAPER, "tab:orange")):
        line(f"{profile} all", "o-", colour, f"{profile}: sign all")
        line(f"{profile} verify", "s--", colour, f"{profile}: verify")
    line("ecdsa", "^:", "tab:green", "ECDSA x k (coincurve): verify")
    axes.plot(PY_ECC_STATIONS, [py_ecc[k] for k in PY_ECC_STATIONS], "d:", color="tab:red", label="py_ecc: verify")
    published = [1000 * (BPDMS_FIRST_S + BPDMS_FURTHER_S * (k - 1)) for k in STATIONS]
    axes.plot(STATIONS, published, "k-.", label="BPDMS: sign all (published)")
    axes.set(xscale="log", yscale="log", xlabel="stations", ylabel="milliseconds")
    axes.set_xticks(STATIONS, [str(k) for k in STATIONS])
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize="small")
    axes.set_title("Route signature: time against stations")
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(PLOT, metadata={"Date": None})
    pyplot.close(figure)


def gas_figures(progress: Progress) -> list[Figure]:
    """Return the gas on Anvil under Prague rules, the same on every machine."""
    with deployed_chain() as (_, chain):
        progress("stations and route onto the chain")
        verifier = Verifier(chain.manifest.chain_id, chain.manifest.address("RouteVerifier"))
        line = Line.of(STEPS, Profile.EVM, verifier)
        for station in line.design.stations:
            words = key_words(station.key), signature_words(station.possession)
            chain.submit(calls.register_station_key(station.process, *words))
        keys, processes = zip(*((station.key_id, station.process) for station in line.design.stations), strict=True)
        receipt = chain.submit(calls.design_route("pane", RouteKind.PROCESSING, False, keys, processes))
        if designed_route(chain, receipt.event("RouteDesigned").args["route"]) != line.design:
            raise RuntimeError("the chain has another design")
        progress(f"{SUBJECTS} x {STEPS} on the chain")
        route = line.design.route
        single = _gas(chain, calls.prove_route(route, *proof_of(line.design, line.trace(digest("batch")))))
        shared = [line.trace(subject_of(digest("units"), n)) for n in range(SUBJECTS)]
        apart = [line.trace(digest(f"batch {n}")) for n in range(SUBJECTS)]
        many = _gas(chain, calls.prove_routes(route, *proofs_of(line.design, shared)))
        unrelated = _gas(chain, calls.prove_routes(route, *proofs_of(line.design, apart)))
        baseline = ecdsa_gas(chain, STEPS)
    per = SUBJECTS * STEPS
    baseline_name = "ECDSA x k: less gas, k signatures more data"
    return [
        Figure(f"route: gas of proveRoute, {STEPS} steps", single, "gas", "lower", GAS_TARGET, baseline_name, baseline),
        Figure(
            f"route: gas of proveRoutes, {SUBJECTS} units of a batch x {STEPS} steps, per subject and step",
            many / per,
            "gas",
            "lower",
            GAS_TARGET_MANY,
            baseline_name,
            baseline / STEPS,
        ),
        Figure(
            f"route: gas of proveRoutes, {SUBJECTS} unrelated batches x {STEPS} steps, per subject and step",
            unrelated / per,
            "gas",
            "lower",
            None,
            baseline_name,
            baseline / STEPS,
        ),
        Figure(f"route: size of the signature, {STEPS} steps", 48, "bytes", "lower", None, "ECDSA x k", 65 * STEPS),
    ]


def _gas(chain: Chain, call: calls.Call) -> int:
    return chain.submit(call).gas_used or 0


def run(progress: Progress) -> list[Figure]:
    """Return all figures of route signatures."""
    return cpu_figures(progress) + gas_figures(progress)
