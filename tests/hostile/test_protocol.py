# ruff: noqa: E501 - attacks are written as a student would write them
"""Attacks on the grader's own protocol: the codec, the socket, the warm process, masks, walls and memory.

The student's code shares its process with the sandbox's end of the wire, so it may send whatever it likes. All that
it may reach is its own answer.
"""

from __future__ import annotations

import inspect

import pytest

from .conftest import Case, graded, isolated

pytestmark = [
    pytest.mark.slow,
    isolated,
]
LESSON = "02_metrics"
LOGP, ACC, PORTABILITY, LOC, ES, TOKENS, BALL = (
    "metrics.answer_logprob", "metrics.accuracy", "metrics.portability", "metrics.locality", "metrics.efficacy",
    "metrics.token_accuracy", "finetune.project_linf",
)  # fmt: skip

TOOLS = '''
import gc, json, os, socket, struct, sys, time, threading
def agent():
    """The sandbox's end of the wire, found in the frames below."""
    frame = sys._getframe()
    while frame is not None:
        one = frame.f_locals.get("self")
        if type(one).__name__ == "Agent":
            return one
        frame = frame.f_back
def asked():
    """The number of the question that is being answered."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "serve":
            return frame.f_locals["to"]
        frame = frame.f_back
def say(head, blob=b""):
    """Write a message onto the wire, past everything."""
    body = head if isinstance(head, bytes) else json.dumps(head).encode()
    agent().wire.sock.sendall(struct.pack("!II", len(body), len(blob)) + body + blob)
def nested(depth):
    return b"[" * depth + b"]" * depth
def value(tree, **more):
    return {"op": "value", "to": asked(), "value": tree, "changed": [], "printed": "", "layers": [], **more}
'''


def tool(body: str, name: str = "accuracy", answer: str = "0.123") -> str:
    """A wrong answer that does something with the wire first."""
    lines = "\n".join("    " + line for line in body.strip("\n").splitlines())
    return f"def {name}(*args):\n{lines}\n    return {answer}\n"


def wire(name: str, body: str, **more) -> Case:
    """An attack that exercise 2 carries out when it is called."""
    return Case(name, {ACC: tool(body)}, first=TOOLS, **more)


FRAMES = [
    wire("forged_score", "say(value(0.5, kept=True, earned=2.0, points=2.0, score=2.0, ok=True, verdict={'kept': True}))"),
    wire("forged_ops", """
for op in ("grade", "mark", "score", "result", "ready", "verdict", "end"):
    say({"op": op, "to": asked(), "ask": 1, "scope": 1, "earned": 2.0, "id": "metrics.accuracy", "value": 1.0})
"""),
    wire("answers_to_later_questions", """
for to in range(asked() + 1, asked() + 40):
    say({"op": "value", "to": to, "value": 1.0, "changed": [], "ok": True})
"""),
    wire("reply_arrives_twice", "say(value(0.123))\nsay(value(0.123))"),
    wire("wrong_numbers", "for to in (-1, 0, 10**9, None, True, 1.5, 'x', [], {}):\n    say({**value(1.0), 'to': to})"),
    wire("negative_lengths", "agent().wire.sock.sendall(b'\\xff' * 64)"),
    wire("huge_length", "agent().wire.sock.sendall(struct.pack('!II', 4_000_000_000, 4_000_000_000) + b'{}')"),
    wire("promised_and_not_sent", """
agent().wire.sock.sendall(struct.pack('!II', 60 << 20, 0) + b'{"op": ')
time.sleep(30)
"""),
    wire("no_json", "say(b'\\xff\\xfe{]')"),
    wire("nested_100000_deep", "say(b'{\"op\":\"value\",\"value\":' + nested(100_000) + b'}')"),
    wire("nested_900_deep", """
head = {**value(0.5), "value": "@"}
say(json.dumps(head).encode().replace(b'"@"', nested(900)))
"""),
    wire("nested_900_deep_beside", """
for key in ("printed", "changed", "layers", "to", "ask", "scope"):
    say(json.dumps({**value(0.5), key: "@"}).encode().replace(b'"@"', nested(900)))
"""),
    wire("half_a_message_then_silence", "agent().wire.sock.sendall(b'\\0\\0')\ntime.sleep(30)"),
    wire("the_socket_closed", "agent().wire.sock.shutdown(socket.SHUT_RDWR)"),
    wire("a_second_writer", """
if os.fork() == 0:
    ends = time.monotonic() + 4
    try:
        while time.monotonic() < ends:
            say({"op": "value", "to": asked(), "value": 1.0, "changed": []})
    finally:
        os._exit(0)
"""),
    wire("flood", """
try:
    for _ in range(200_000):
        say({"op": "call", "ask": 1, "scope": 1, "function": 0, "args": {"t": "tuple", "v": []}, "named": {"t": "dict", "v": []}})
except OSError:
    pass
"""),
]  # fmt: skip

TREES = [
    wire("not_numbers", "say(b'{\"op\":\"value\",\"to\":%d,\"value\":NaN}' % asked())"),
    wire("infinities", "say(b'{\"op\":\"value\",\"to\":%d,\"value\":-1e999}' % asked())"),
    wire("thousands_of_digits", "say(b'{\"op\":\"value\",\"to\":%d,\"value\":' % asked() + b'9' * 4300 + b'}')"),
    wire("millions_of_digits", "say(b'{\"op\":\"value\",\"to\":%d,\"value\":' % asked() + b'9' * 2_000_000 + b'}')"),
    wire("int_in_hexadecimal", "say(value({'t': 'int', 'v': 'f' * 1_000_000}))"),
    wire("unknown_kinds", """
for kind in ("pickle", "object", "module", "library", "named", "layer", "partial", "ffn", "activation", None, [], {}):
    say(value({"t": kind, "v": "os.system", "m": "os", "args": [], "named": {}, "class": "Linear", "weights": {}}))
"""),
    wire("records_of_no_form", """
for name in ("Fact", "Stream", "Site", "Codebook", "Measured", "Row", "__class__", "Edit"):
    say(value({"t": "plain", "c": name, "v": {"kept": True, "__class__": 1}}))
"""),
    wire("edits_of_no_model", """
say(value({"t": "edit", "lm": {"t": "lm", "v": 0}, "changes": {}, "rewrite": None}))
say(value({"t": "edit", "lm": 1.0, "changes": {"x": {"t": "tensor", "v": "0"}}, "rewrite": {"t": "function", "v": 0}}))
"""),
    wire("negative_graph_numbers", """
import torch; from safetensors.torch import save
say(value({"t": "tensor", "v": "0", "g": {"number": -1, "from": [-1, 0, 10**9]}}), save({"0": torch.zeros(1)}))
"""),
    wire("millions_of_origins", """
import torch; from safetensors.torch import save
say(value({"t": "tensor", "v": "0", "g": {"number": 0, "from": [-1] * 5_000_000}}), save({"0": torch.zeros(1)}))
"""),
    wire("tensors_that_are_not_there", "say(value({'t': 'tensor', 'v': '7'}))"),
    wire("tensors_too_large", """
head = json.dumps({"0": {"dtype": "F32", "shape": [1 << 40, 1 << 20], "data_offsets": [0, 4]}}).encode()
say(value({"t": "tensor", "v": "0"}), struct.pack("<Q", len(head)) + head + b"\\0" * 4)
"""),
    wire("tensors_of_no_numbers", """
head = json.dumps({"0": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}).encode()
say(value({"t": "tensor", "v": "0", "n": "number"}), struct.pack("<Q", len(head)) + head + b"\\1")
"""),
    wire("complex_tensors", """
import torch; from safetensors.torch import save
say(value({"t": "tensor", "v": "0"}), save({"0": torch.zeros(1, dtype=torch.complex64)}))
"""),
    wire("an_empty_tensor_of_great_shape", """
head = json.dumps({"0": {"dtype": "F32", "shape": [0, 1 << 60], "data_offsets": [0, 0]}}).encode()
say(value({"t": "tensor", "v": "0"}), struct.pack("<Q", len(head)) + head)
"""),
]  # fmt: skip

QUESTIONS = [
    wire("functions_never_handed_out", """
for number in (0, 1, -1, -5, 10**9, "grade", None, True, [0], 1.5):
    try:
        agent().ask({"op": "call", "function": number, "args": {"t": "tuple", "v": []},
                     "named": {"t": "dict", "v": []}, "grad": False})
    except Exception:
        pass
"""),
    wire("answer_is_the_graders_own_function", "say(value({'t': 'function', 'v': -1}))"),
    wire("products_of_nothing", """
say({"op": "vjp", "ask": 1, "scope": 1, "of": 99, "cotangent": 1.0, "grad": True})
agent().wire.receive()
"""),
    wire("products_of_earlier_scopes", """
for scope in (0, 1, 2, -1):
    say({"op": "vjp", "ask": 1, "scope": scope, "of": 0, "cotangent": 1.0, "grad": True})
"""),
    wire("scope_of_4300_digits", """
say(b'{"op":"call","ask":1,"function":0,"args":{"t":"tuple","v":[]},"named":{"t":"dict","v":[]},"scope":' + b"9" * 4300 + b"}")
agent().wire.receive()
"""),
    wire("many_scopes", """
for scope in range(5_000):
    say({"op": "call", "ask": 1, "scope": 1000 * scope, "function": 0, "args": {"t": "tuple", "v": []},
         "named": {"t": "dict", "v": []}})
    agent().wire.receive()
"""),
    wire("questions_for_the_sandbox_sent_back", """
for op in ("run", "kinds", "value of", "student", "layer"):
    say({"op": op, "ask": 1, "scope": 1, "source": "1", "names": ["x"], "name": "x", "layer": 0, "x": 1.0, "values": None})
"""),
    wire("a_late_and_deep_question", """
try:
    time.sleep(60)
except KeyboardInterrupt:
    say(b'{"op": "call", "scope": 1, "ask": ' + nested(940) + b"}")
    time.sleep(60)
"""),
    wire("late_and_never_done", """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
ends = time.monotonic() + 60
while time.monotonic() < ends:
    say({"op": "call", "scope": 1, "ask": 1})
    time.sleep(0.01)
"""),
    wire("raised_with_odd_fields", """
odd = {"kind": {"a": 1}, "message": ["x"] * 1000, "line": "12", "code": "\\ud800" * 99, "traceback": "<script>" * 9999,
       "stub": 1, "changed": ["0", -1, 10**9, True, None, {}], "printed": {"a": "\\ud800"},
       "layers": [1, None, {"hooks": True, "gradients": 3}]}
say({"op": "raised", "to": asked(), **odd})
"""),
    wire("raised_with_surrogates", """
say({"op": "raised", "to": asked(), "kind": "\\ud800<b>", "message": "\\udfff", "line": 10**30, "code": "\\ud800",
     "traceback": "\\ud800\\0\\x1b[31m", "stub": False, "printed": "\\ud800\\0"})
"""),
]  # fmt: skip

SAID = "This function is what the exercise asks for: it is not here while your answer is graded."
CELLS = [
    Case("outputs_of_no_form", {ACC: tool("pass")}, first=TOOLS, after={ACC: """
say({"op": "value", "to": asked(), "value": None, "ok": 7, "outputs": [
    1, None, [], {}, {"output_type": []}, {"output_type": "stream", "name": {}, "text": 5},
    {"output_type": "execute_result", "data": [], "metadata": 1, "execution_count": "x"},
    {"output_type": "error", "ename": 1, "evalue": None, "traceback": "no list"},
    {"output_type": "display_data", "data": {"text/html": ["<script>", 5]}, "metadata": {}},
    {"output_type": "stream", "name": "stdout", "text": "\\ud800\\0"}, "text"]})
"""}),
    Case("outputs_900_deep", {ACC: tool("pass")}, first=TOOLS, after={ACC: """
head = {"op": "value", "to": asked(), "value": None, "ok": True,
        "outputs": [{"output_type": "display_data", "data": {"text/plain": "@"}, "metadata": {}}]}
say(json.dumps(head).encode().replace(b'"@"', nested(900)))
"""}),
    Case("outputs_without_end", {ACC: tool("pass")}, first=TOOLS, after={ACC: """
one = {"output_type": "stream", "name": "stdout", "text": "x" * 1000}
say({"op": "value", "to": asked(), "value": None, "ok": True, "outputs": [one] * 40_000})
"""}),
    Case("kinds_of_no_form", {ACC: "class Odd:\n    pass\nOdd.__name__ = '<b>\\ud800' * 50\naccuracy = Odd()"}),
    Case("agent_taken_over", {ACC: tool("pass")}, first=TOOLS + """
own = agent()
own.kind = lambda name: "function"
own.answer = lambda op, question, packer: (1.0, {"kept": True, "earned": 4.0})
""", lost=(LOGP, PORTABILITY, LOC, ES, TOKENS, BALL)),
    Case("quiz_of_no_form", {ACC: tool("pass")}, first=TOOLS + """
own = agent()
_answer = own.answer
def answer(op, question, packer):
    if op == "value of":
        say(b'{"op":"value","to":%d,"value":{"t":"dict","v":[[{"t":"tuple","v":[1]},{"t":"list","v":[]}],' % question["ask"]
            + b'[{"t":"int","v":"' + b"f" * 4000 + b'"},{"t":"int","v":"' + b"f" * 4000 + b'"}],["next",{"t":"function","v":0}]]}}')
    return _answer(op, question, packer)
own.answer = answer
"""),
]  # fmt: skip

PROBE = """
import ctypes, glob, os, signal, socket, sys
def probe(what, found):
    print(f"PROBE {what}: {'OPEN' if found else 'shut'} {found!r}"[:300])
"""


def code_of(name: str) -> bytes:
    """The reference's bytecode and constants as Python keeps them, one added to every byte: what memory is searched
    for must not be found in the source that searches. Under pytest every function has the wrapper that checks shapes.
    """
    import edu_edit.metrics

    function = inspect.unwrap(getattr(edu_edit.metrics, name))
    return bytes((byte + 1) % 256 for byte in function.__code__.co_code)


SEARCH = """
def in_memory(**shifted):
    # Which of some bytes, given with one added to each, are near this process' objects, freed ones among them.
    import ctypes, gc, os
    libc, table, size = ctypes.CDLL(None), bytes((i + 1) % 256 for i in range(256)), 65_536
    gc.unfreeze()
    near = {id(one) >> 20 for one in gc.get_objects()} | {id(bytes(1 << n)) >> 20 for n in range(6, 20)}
    out, into = os.pipe()
    os.set_blocking(into, False)
    found, before = {}, b""
    for chunk in sorted({one + beside for one in near for beside in (-1, 0, 1)}):
        for place in range(chunk << 20, chunk + 1 << 20, size):
            wrote = libc.write(into, ctypes.c_void_p(place), size)  # says so where there is no memory
            part = os.read(out, size).translate(table) if wrote > 0 else b""
            for name, one in shifted.items():
                if (before[-2000:] + part).find(one) >= 0:
                    found.setdefault(name, hex(place))
            before = part
    os.close(out)
    os.close(into)
    return found
"""


def text_of(text: str) -> bytes:
    return bytes((byte + 1) % 256 for byte in text.encode())


MEMORY = Case("memory", {ES: "efficacy = lambda a, b: 0.123"}, first=f"""{PROBE}{SEARCH}
found = in_memory(
    code={code_of("efficacy")!r}, another={code_of("answer_logprob")!r}, helper={code_of("percent_score")!r},
    source={text_of("_share([new > true for new, true")!r}, check={text_of("def by_hand(logits: Tensor")!r},
)
probe("reference's code", found.get("code"))
probe("another reference's code", found.get("another"))
probe("a search that finds not even what is there", "helper" not in found)
probe("reference's source", found.get("source"))
probe("a check's source", found.get("check"))
""", seconds=60)  # fmt: skip
WALLS = Case("walls", {ACC: tool("pass")}, first=PROBE + """
libc = ctypes.CDLL(None, use_errno=True)
def works(call, *args):
    return getattr(libc, call)(*args) == 0
def tried(function, *args):
    try:
        return function(*args) or True
    except BaseException:
        return False
def target(n):
    try:
        return os.readlink(f"/proc/self/fd/{n}")
    except OSError:
        return "/dev/null"
probe("descriptors", [t for t in map(target, range(256)) if not t.startswith("/dev/null")][1:])
import edu_edit
library = os.path.dirname(edu_edit.__file__)
probe("umount", [one for one in (library, "/library", "/proc", "/home/student") if works("umount2", one.encode(), 2)])
probe("unshare", works("unshare", 0x10000000) or works("unshare", 0x20000))
probe("mount", works("mount", b"tmpfs", b"/home/student", b"tmpfs", 0, None))
probe("chroot", works("chroot", b"/proc/1/root"))
probe("setns", [p for p in glob.glob("/proc/[0-9s]*/ns/*") if tried(lambda: libc.setns(os.open(p, 0), 0) == 0 or 1 / 0)])
probe("ptrace", works("ptrace", 16, os.getppid(), 0, 0))
probe("memory of others", [p for p in glob.glob("/proc/[0-9]*/mem") if p != f"/proc/{os.getpid()}/mem" and tried(open, p, "rb")])
probe("parent", os.getppid())
probe("other processes", [p for p in os.listdir("/proc") if p.isdigit() and int(p) != os.getpid()])
probe("signals", [n for n in range(2, 400) if tried(os.kill, n, 0)])
probe("user", os.getuid() == 0)
probe("capabilities", [l for l in open("/proc/self/status")
                       if l.startswith(("CapInh", "CapPrm", "CapEff", "CapAmb")) and int(l.split()[1], 16)])
import tqdm.std
probe("a lock that all notebooks share", hasattr(tqdm.std.TqdmDefaultWriteLock, "mp_lock"))
probe("network", tried(socket.create_connection, ("127.0.0.1", @PORT@), 1) or tried(socket.create_connection, ("1.1.1.1", 53), 1))
probe("raw sockets", tried(socket.socket, socket.AF_PACKET, socket.SOCK_RAW) or tried(socket.socket, socket.AF_VSOCK, 1))
probe("grader's files", [p for p in ("/root/.ssh", "/tmp/gradebook.db", "/etc/shadow", "/etc/passwd", "/var/lib")
                         if tried(os.listdir, p) or tried(open, p)])
probe("checks", [p for top in sys.path for p in glob.glob(f"{top}/autograder/**", recursive=True) if os.path.isfile(p)][:5])
probe("variables", [k for k in os.environ if "KEY" in k or "TOKEN" in k and k != "TOKENIZERS_PARALLELISM" or "SECRET" in k])
probe("writable", [p for p in ("/usr", "/tmp", "/etc", "/", library, sys.prefix, "/library", "/proc/sys/kernel/hostname", "/sys")
                   if tried(open, os.path.join(p, "x") if os.path.isdir(p) else p, "w")])
""")  # fmt: skip

UNMASKED = Case("masks_undone", {
    ES: """
import ctypes, gc, importlib.util, marshal, types, edu_edit.metrics as m
tried = []
def candidates():
    f = m.efficacy
    yield f
    if tried:
        return
    tried.append(1)
    for attempt in ("__wrapped__", "__code__", "__closure__", "__globals__"):
        yield getattr(f, attempt, None)
    for path in (importlib.util.cache_from_source(m.__file__), m.__cached__ or ""):
        try:
            for code in marshal.loads(open(path, "rb").read()[16:]).co_consts:
                if isinstance(code, types.CodeType) and code.co_name == "efficacy":
                    f.__code__ = code
                    yield f
        except Exception:
            pass
    gc.unfreeze()
    for one in gc.get_referents(*gc.get_objects()):
        if isinstance(one, types.CodeType) and one.co_name == "efficacy" and "logp_new" in one.co_varnames:
            yield types.FunctionType(one, vars(m))
def efficacy(a, b):
    for one in candidates():
        if getattr(one, "__module__", "") == "__main__":
            continue
        try:
            return float(one(a, b))
        except BaseException:
            pass
    return 0.123
""",
    LOGP: """
import sys, edu_edit.metrics as m
agents = [vars(one) for one in sys.modules.values() if "inside" in getattr(one, "__name__", "")]
def answer_logprob(logits, ids, is_answer):
    sys.modules.pop("edu_edit.metrics", None)
    import edu_edit.metrics as again
    try:
        return again.answer_logprob(logits, ids, is_answer)
    except NotImplementedError:
        return logits[:, 0, 0]
""",
})  # fmt: skip

# One notebook, two sandboxes: where an answer asks for another exercise's reference, a second sandbox has that one.
# The first one must not be able to fetch it from there.
ACCOMPLICE = Case("two_sandboxes_talk", {
    ACC: f"def accuracy(answers, target):\n    raise NotImplementedError({SAID!r})",
    LOC: "def locality(after, before):\n    return stolen['locality'](after, before) if stolen else 0.3",
}, first="""
import marshal, os, socket, struct, threading, types
import edu_edit.metrics
stolen = {}
def listen(server):
    while True:
        other = server.accept()[0]
        data = b""
        while part := other.recv(65536):
            data += part
        stolen["locality"] = types.FunctionType(marshal.loads(data), vars(edu_edit.metrics))
for make in (lambda: (socket.AF_UNIX, "\\0accomplice"), lambda: (socket.AF_INET, ("127.0.0.1", 45_454))):
    family, address = make()
    try:
        server = socket.socket(family)
        server.bind(address)
        server.listen()
        threading.Thread(target=listen, args=(server,), daemon=True).start()
    except OSError:
        other = socket.socket(family)
        other.connect(address)
        other.sendall(marshal.dumps(edu_edit.metrics.locality.__code__))
        other.close()
""")  # fmt: skip

OUTSIDE = [
    Case("every_descriptor_written_to", {ACC: tool("""
for name in os.listdir("/proc/self/fd"):
    for word in (b"end", b"interrupt", b"job", b'{"exit": 0, "cpu": -1e9}', b"\\0" * 64):
        try:
            os.write(int(name), word)
        except OSError:
            pass
""")}, first=TOOLS),
    Case("signals", {ACC: tool("""
import signal
for number in (0, -1, 1, os.getppid(), os.getpid() + 1, 2, 3):
    for kind in (signal.SIGTERM, signal.SIGSTOP, signal.SIGUSR1, signal.SIGKILL):
        try:
            os.kill(number, kind) if number != 0 else os.killpg(0, kind)
        except OSError:
            pass
""")}, first=TOOLS),
    Case("results_of_others", {ACC: tool("""
for place in ("@OUT@/results/02_metrics/s000-honest.json", "@OUT@/results/02_metrics/results_of_others.json", "@OUT@/gradebook.db",
              "../out/results/02_metrics/s000-honest.json", "/home/student/../../out/x", "@OUT@/../class/s000-honest/02_metrics.ipynb"):
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        open(place, "w").write('{"student": "results_of_others", "marks": []}')
    except OSError:
        pass
""")}, first=TOOLS, files={
        "out/results/02_metrics/s000-honest.json": b'{"student": "h000", "marks": []}', "gradebook.db": b"", "results.json": b"{}",
        "feedback/h000.html": b"<script>", ".lock": b"",
    }),
    WALLS, MEMORY, UNMASKED, ACCOMPLICE,
    Case("warm_process_poisoned", {ACC: tool("pass")}, first=TOOLS + """
import builtins, edu_edit, torch
edu_edit.metrics.same_answer = lambda a, b: False
builtins.len = len
torch.set_default_dtype(torch.float64); torch.manual_seed(1); torch.set_num_threads(8)
with torch.no_grad():
    for one in gc.get_objects():
        if isinstance(one, torch.nn.Parameter):
            one.zero_()
try:
    os.write(1, b"x"); open("/dev/shm/x", "w").write("x")
except OSError:
    pass
""", lost=(PORTABILITY, LOC)),
]  # fmt: skip

# A problem that hands over a function: what else can be got from the grader through it?
VALUE = "rome.optimise_value"
FISHING = Case(
    "fishing",
    {
        VALUE: """
import torch
def optimise_value(loss_of, v0, steps, lr, clamp):
    end, found = loss_of.end, []
    handed_out = loss_of.number
    for number in [*range(-40, handed_out), *range(handed_out + 1, handed_out + 40), 10**12]:
        for args in ((), (v0,), (v0, v0), (loss_of,), ("metrics.accuracy",)):
            try:
                found.append(end.call(number, args, {}))
            except Exception as error:
                found.append(str(error))
    for odd in ((), (None,), ("bottom",), (loss_of,), (v0, v0), (v0 * float("nan"),), (torch.zeros(1_000_000),), ([v0],), (10**30,)):
        try:
            found.append(loss_of(*odd))
        except Exception as error:
            found.append(str(error))
    for name in ("__closure__", "__globals__", "__self__", "__code__", "__wrapped__", "bottom", "gradient", "functions"):
        found.append(getattr(loss_of, name, None))
        try:
            found.append(end.ask({"op": name, "ask": 1, "grad": True}))
        except Exception as error:
            found.append(str(error))
    for one in found:
        if isinstance(one, torch.Tensor) and one.shape == v0.shape:
            return one
        if callable(one):
            return one(v0)
    return v0 + 0.5
"""
    },
)
CASES = [*FRAMES, *TREES, *QUESTIONS, *CELLS, *OUTSIDE]
OWN_LOSS = {"agent_taken_over", "warm_process_poisoned"}  # what they break of their own is their loss


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return graded(LESSON, CASES, tmp_path_factory, {"cell": 8.0, "notebook": 90.0})


def test_there_are_twenty_or_more():
    assert len(CASES) >= 20


def test_nobody_else_is_harmed(run):
    assert run.harm == [] and run.arrived == 0 and run.rejections == {}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_earns_what_it_earned(run, case):
    got, expected = run.marks(case), case.expected(run.full)
    if case.name in OWN_LOSS:
        assert all(got[id] == 0 for id in case.cells)
    else:
        assert got == expected


def test_functions_that_were_handed_over_give_away_nothing_else(tmp_path_factory):
    run = graded("05_rome", [FISHING], tmp_path_factory, {"cell": 20.0, "notebook": 180.0})
    assert run.harm == [] and run.rejections == {}
    assert run.marks(FISHING)[VALUE] == 0


def printed(run, case):
    """What the probes of a case printed, by their names."""
    texts = [
        str(output.get("text", ""))
        for cell in run.results[case.name].cells
        for output in cell.outputs
        if isinstance(output, dict)
    ]
    lines = [line for text in texts for line in text.splitlines() if line.startswith("PROBE ")]
    return {line[6:].split(":")[0]: line for line in lines}


PROBES = [(case, line.split('"')[1]) for case in (WALLS, MEMORY) for line in case.first.splitlines()
          if line.startswith('probe("')]  # fmt: skip


@pytest.mark.parametrize(("case", "what"), PROBES, ids=[what for _, what in PROBES])
def test_is_shut(run, case, what):
    assert ": shut" in printed(run, case)[what]


def test_a_search_of_the_memory_finds_what_is_there():
    """The probe itself, in this process, where the reference is."""
    space = {}
    exec(SEARCH, space)
    hidden, nowhere = " ".join(["hidden"] * 5), text_of(" ".join(["nowhere"] * 5))
    found = space["in_memory"](code=code_of("efficacy"), text=text_of(hidden), nowhere=nowhere)
    assert set(found) == {"code", "text"} and hidden
