"""Pickles as Python 2 wrote them, which is how DEAP's are: text and bytes are one thing."""

import io
import pickle


class _Python2(pickle._Pickler):
    dispatch = dict(pickle._Pickler.dispatch)

    def save_bytes(self, value):
        raw = value.encode("latin1") if isinstance(value, str) else value
        if len(raw) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(raw)]) + raw)
        else:
            self.write(pickle.BINSTRING + len(raw).to_bytes(4, "little") + raw)
        self.memoize(value)

    def save_global(self, value, name=None):
        module = value.__module__.replace("numpy._core", "numpy.core")
        self.write(pickle.GLOBAL + f"{module}\n{name or value.__qualname__}\n".encode())
        self.memoize(value)

    dispatch[str] = dispatch[bytes] = save_bytes


def python2(value):
    """The bytes that cPickle.dump(value, protocol=2) of Python 2.7 with numpy 1 would write."""
    file = io.BytesIO()
    _Python2(file, 2).dump(value)
    return file.getvalue()
