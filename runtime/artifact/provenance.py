"""How an artifact was made, and how it was compared with PyTorch."""

from .format import Struct, Values


class Toolchain(Struct, frozen=True, kw_only=True):
    """Versions of what made the artifact."""

    infc: str
    torch: str
    torch_mlir: str
    iree: str


class Plugin(Struct, frozen=True, kw_only=True):
    """A package of somebody else's that brought a pass: its name, its version, and the sha256 of its code."""

    package: str
    version: str
    digest: str


class Middle(Struct, frozen=True, kw_only=True):
    """What the compiler's middle was asked for.

    `pipeline` is the named pipeline. `quantize` says how matrices are stored as integers (`8`, or `4,group=64`, perhaps
    with `,asymmetric`), `cast` in which type the other matrices and tables are (`bf16`, `f16`); empty where they are as
    PyTorch has them. `tolerance` bounds the error that this may cost, relative to an output's largest value; None where
    nothing is rounded. `passes` are those that ran beside the pipeline's own, in their order and with their options,
    `plugins` the packages that they are of.
    """

    pipeline: str = "default"
    quantize: str = ""
    cast: str = ""
    tolerance: float | None = None
    passes: tuple[str, ...] = ()
    plugins: tuple[Plugin, ...] = ()


class OutputCheck(Struct, frozen=True, kw_only=True):
    """The comparison of one output with PyTorch's, over all trials with one kind of values.

    `max_abs_error` is the largest absolute difference; `max_rel_error` the largest of each trial's difference divided
    by that trial's largest reference magnitude; `tolerance` bounds `max_rel_error`. `not_finite` counts the elements
    that are NaN or infinite, and the same on both sides; they have no error. `reference_error` is there where the
    dtype's own tolerance was not enough: errors are then those against PyTorch in f64, it is PyTorch's own, relative,
    in the model's dtype, and the tolerance is a multiple of it.
    """

    values: Values
    output: str
    max_abs_error: float
    max_rel_error: float
    tolerance: float
    not_finite: int
    reference_error: float | None


class LeftOut(Struct, frozen=True, kw_only=True):
    """A kind of values that was not compared, or not in full, and why."""

    values: Values
    why: str


class VerifyReport(Struct, frozen=True, kw_only=True):
    """How one target was compared with PyTorch.

    `trials` is how many inputs were drawn at random, beside those of the other kinds of values. `sizes` are the sizes
    of the dims that were tried, in their order; empty where no dim is dynamic. Where weights are stored in fewer bits,
    `outputs` has what that costs; `stored` compares the same trials with PyTorch that computes with the weights as they
    are stored, and has what the compiler costs.
    """

    trials: int
    seed: int
    outputs: tuple[OutputCheck, ...]
    left_out: tuple[LeftOut, ...]
    sizes: tuple[dict[str, int], ...] = ()
    stored: tuple[OutputCheck, ...] = ()


class Candidate(Struct, frozen=True, kw_only=True):
    """One way to run a method that the compiler tried: whether it was kept, and if not, why it lost."""

    method: str
    name: str
    kept: bool
    reason: str
